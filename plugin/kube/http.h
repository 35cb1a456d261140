/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - requests to one API server over one kept connection (the only user of libcurl), and the
 * plugin's poll loop.
 *
 * Requests run side by side (HTTP/2 streams of one connection where the server offers it). A
 * request belongs to its caller, stays where it is from asb_http_start until it is done or
 * cancelled, and is reported by `done`. Nothing runs in the background: bytes move inside
 * asb_http_poll only, which therefore also watches the caller's own descriptors. No redirect is
 * followed: credentials go to the configured server only. Server `Warning:` headers are printed
 * once each on stderr as kubectl does ("Warning: ...").
 *
 * Proxy: proxy.h. A credential plugin is run when a request is started and there is nothing valid
 * of it, which takes as long as it takes. What the server refuses for such credentials (401) is
 * asked once more with new ones, whatever the method: it has done nothing. With a verbosity of 6
 * and more (kubeconfig) requests are told on stderr, without secrets.
 */
#ifndef ASB_HTTP_H
#define ASB_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/buffer.h"
#include "plugin/base/error.h"
#include "plugin/kube/kubeconfig.h"

struct asb_http;

/* Keeps a reference to `kubeconfig` (it must outlive the client). No connection is made yet. */
struct asb_http *asb_http_new(const struct asb_kubeconfig *kubeconfig, struct asb_error *err);
void asb_http_free(struct asb_http *http); /* cancels what still runs */

struct asb_http_request {
	/* set by the caller; borrowed until done */
	const char *method;	  /* "GET" "POST" "PATCH" "DELETE" "PUT" */
	const char *path;	  /* "/api/v1/..." with query, percent-encoded */
	const char *content_type; /* of the body; NULL: application/json */
	const char *body;
	size_t body_length;
	int64_t timeout_ms; /* whole request; 0: none (watch). --request-timeout takes its place
			       where there is no on_data */
	bool quiet;	    /* warnings of the server are not printed */
	/* Called with each piece as it arrives when set, and `response` stays empty then for 2xx
	 * answers (watch). Returns 0, -1 to break off. It runs inside asb_http_poll and must not
	 * call asb_http_*. */
	int (*on_data)(void *context, const char *bytes, size_t n);
	void *context;

	/* the answer, valid once `done` */
	bool done;
	int status;		    /* HTTP status; 0: no whole answer, see `error` */
	struct asb_buffer response; /* body, at most 64 MiB */
	int64_t retry_after_ms;	    /* from Retry-After, 0 when absent */
	struct asb_error
		error;	/* transport failure ("connection refused" ...), worded for the user */
	void *transfer; /* http.c's own */
};

void asb_http_request_init(struct asb_http_request *request, const char *method, const char *path);
void asb_http_request_release(struct asb_http_request *request); /* must not be running */

/* A request that is done may be started again: the answer is emptied first. Connecting takes at
 * most 15 s. */
int asb_http_start(struct asb_http *http, struct asb_http_request *request, struct asb_error *err);
void asb_http_cancel(struct asb_http *http, struct asb_http_request *request);

/*
 * Moves all transfers and waits until one is done or has handed on data, one of the caller's
 * descriptors is ready (revents set) or timeout_ms (-1: for ever) has passed. It may return earlier
 * with none of these: the caller loops. Returns 0, or -1 when polling itself failed. EINTR counts
 * as waking up.
 */
int asb_http_poll(struct asb_http *http, struct pollfd *fds, unsigned n, int timeout_ms,
		  struct asb_error *err);

/* Whether the last asb_http_poll has ended a request or handed on data. */
bool asb_http_progressed(const struct asb_http *http);

/* Runs until all of the n requests are done (those that were not started are left alone). */
int asb_http_wait(struct asb_http *http, struct asb_http_request *const *requests, unsigned n,
		  struct asb_error *err);

/* From now on asb_http_wait ends early, with the requests cancelled and the error "interrupted",
 * when `fd` becomes readable; -1 (as at the start): nothing ends it. asb_http_poll is not
 * concerned. */
void asb_http_set_interrupt(struct asb_http *http, int fd);

/* From now on asb_http_wait calls `turn` after each turn of its loop, to look at requests that are
 * done before others; it must start and cancel none. NULL (as at the start): nothing is called. */
void asb_http_set_turn(struct asb_http *http, void (*turn)(void *context), void *context);

/* Server's clock minus ours in ms, from the last answer's Date header (resolution 1 s); 0 before
 * the first answer. */
int64_t asb_http_clock_offset_ms(const struct asb_http *http);

/* ms since 1970 by the server's clock, as far as it is known. */
int64_t asb_http_now_ms(const struct asb_http *http);

#endif
