/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h - the sandbox lives as long as we say so: spec.shutdownTime lies a lease ahead and is
 * moved on while we are there.
 *
 * Renewed when a third of it has passed; a renewal that fails is tried again soon (1 s, doubling,
 * at most a sixth of the lease), so that several tries fit in before the end. Times in this
 * interface are those of asb_lease_clock_ms, which goes on while the machine sleeps: a laptop that
 * wakes up renews at once. shutdownTime itself follows the server's clock.
 */
#ifndef ASB_LEASE_H
#define ASB_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/json.h"
#include "plugin/kube/http.h"

struct asb_lease {
	const char *end_path; /* where the end stands in the object; "spec/shutdownTime" unless set
				 after asb_lease_init; static storage */
	int64_t length_ms;
	bool renewable;	   /* false: nothing is ever due */
	int64_t due_ms;	   /* time of the next renewal */
	int64_t end_ms;	   /* when the cluster ends the sandbox */
	int64_t asked_ms;  /* when the renewal under way was sent */
	char *version;	   /* resourceVersion of what was observed; NULL: the lease is ours alone */
	unsigned failures; /* in a row */

	/* the request under way */
	char *path;
	char *body;
	bool running;
	struct asb_http_request request;
};

int64_t asb_lease_clock_ms(void);

/* shutdownTime for a lease that starts now: RFC 3339 in UTC, rounded up to whole seconds, heap.
 * `offset_ms`: asb_http_clock_offset_ms. */
char *asb_lease_shutdown_time(int64_t length_ms, int64_t offset_ms);

/* ms since 1970 as RFC 3339, heap. Pure. */
char *asb_lease_rfc3339(int64_t ms);

/* `now`: when the sandbox was created with a shutdownTime of that length. path: of the Sandbox
 * (copied). */
void asb_lease_init(struct asb_lease *lease, const char *path, int64_t length_ms, bool renewable,
		    int64_t now);
/*
 * For a lease that others move too: `object` is the newest known state of the Sandbox. From then on
 * it is renewed when less than two thirds of a length are left of its own shutdownTime, and names
 * the resourceVersion that was seen, so that a later end set by somebody else meanwhile is never
 * taken back (the server answers 409, and it is tried again). Without a shutdownTime nothing is
 * due. `offset_ms`: asb_http_clock_offset_ms.
 */
void asb_lease_observe(struct asb_lease *lease, const cJSON *object, int64_t offset_ms,
		       int64_t now);

/* Cancels a renewal under way. */
void asb_lease_release(struct asb_lease *lease, struct asb_http *http);

/* The schedule; pure. */
bool asb_lease_due(const struct asb_lease *lease, int64_t now);
void asb_lease_asked(struct asb_lease *lease, int64_t now);
void asb_lease_granted(struct asb_lease *lease);
void asb_lease_failed(struct asb_lease *lease, int64_t now);
/* For poll(2): until something is due, -1: never. */
int asb_lease_timeout(const struct asb_lease *lease, int64_t now);

/* Starts or finishes a renewal; never waits. -1 when one has failed: err says why, and the next try
 * is planned unless err->http is 404 (the sandbox is gone). A 403 is tried again, too: an API
 * server that has just started may not know yet who is allowed what. */
int asb_lease_step(struct asb_lease *lease, struct asb_http *http, struct asb_error *err);

#endif
