/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observer.h - the newest that is known of a Sandbox, its pod and the pod's events.
 *
 * Watches all three where the rights allow it; else the pod is read whenever the Sandbox changes
 * and twice a second, events once a second. Events are followed only until the container runs.
 */
#ifndef ASB_OBSERVER_H
#define ASB_OBSERVER_H

#include "plugin/sandbox/diagnose.h"
#include "plugin/sandbox/rights.h"
#include "plugin/sandbox/source.h"

struct asb_observer {
	struct asb_http *http;
	const struct asb_rights *rights;
	char *namespace_;
	char *pod_name; /* the Sandbox's, unless its annotation names another */
	char *uid;	/* of the Sandbox, or of the plain pod */
	bool plain;	/* there is no Sandbox */

	cJSON *sandbox;	   /* owned trees */
	cJSON *pod;	   /* NULL: none seen, or gone */
	cJSON *former_pod; /* last state of one that has gone; NULL: none */
	cJSON *events;	   /* array */
	bool sandbox_gone; /* or the plain pod */
	bool pod_gone;	   /* there was one */

	struct asb_source sandbox_source, pod_source, event_source;
	bool events_visible;
};

/* `sandbox`: the answer to its creation, or to a GET; taken over. `pod`: what is known of its pod
 * (borrowed), or NULL. `rights` is borrowed. After an error only asb_observer_release may be
 * called. */
int asb_observer_start(struct asb_observer *observer, struct asb_http *http,
		       const struct asb_rights *rights, cJSON *sandbox, const cJSON *pod,
		       struct asb_error *err);

/* The same for a plain pod without a Sandbox: `pod`, the answer to its creation, is taken over. In
 * the findings a Sandbox stands for it that says nothing. */
int asb_observer_start_pod(struct asb_observer *observer, struct asb_http *http,
			   const struct asb_rights *rights, cJSON *pod, struct asb_error *err);

/* The name of a Sandbox's pod: the Sandbox's own, unless its annotation names another. Borrowed. */
const char *asb_observer_pod_name(const cJSON *sandbox);

/* Whether what has that UID owns the object. */
bool asb_observer_is_owned(const cJSON *object, const char *uid);

/* After every asb_http_poll. -1: the Sandbox or the pod can't be seen any more. */
int asb_observer_step(struct asb_observer *observer, struct asb_error *err);
/* Why what is known may be old, NULL: it is not. Borrowed until the next step. */
const struct asb_error *asb_observer_trouble(const struct asb_observer *observer);
int asb_observer_timeout(const struct asb_observer *observer);

/* Borrowed until the next step. */
struct asb_findings asb_observer_findings(const struct asb_observer *observer);

/* An all-zero observer is fine. */
void asb_observer_release(struct asb_observer *observer);

#endif
