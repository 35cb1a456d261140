/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - one list-and-watch, kept alive: the callback sees every state of the objects, in order,
 * whatever happens to the connection.
 *
 * Without a resourceVersion it lists first (each object is reported as ADDED). A watch that ends
 * (timeout, connection loss) continues at the last resourceVersion with backoff, 410 Gone starts
 * over with a list, and what went away meanwhile is reported as DELETED with its last known state
 * (objects that were never reported excepted). Bookmarks only move the resourceVersion. Lines may
 * be cut anywhere. 401, 403, 404 and other refusals that another try can't heal end it.
 */
#ifndef ASB_WATCH_H
#define ASB_WATCH_H

#include "plugin/kube/api.h"

enum asb_watch_event { ASB_WATCH_ADDED, ASB_WATCH_MODIFIED, ASB_WATCH_DELETED };

/* `object` is borrowed for the call. The callback may use the client, but not step or free its
 * watch. */
typedef void asb_watch_fn(void *context, enum asb_watch_event event, const cJSON *object);

struct asb_watch;

/* Watches `path` (a collection, perhaps with a query: "...?labelSelector=x") restricted by
 * `field_selector` ("metadata.name=x", or NULL) from `resource_version` (NULL: list first). */
struct asb_watch *asb_watch_start(struct asb_http *http, const char *path,
				  const char *field_selector, const char *resource_version,
				  asb_watch_fn *callback, void *context, struct asb_error *err);

/* Call after every asb_http_poll: delivers events and restarts what ended. Returns 0, -1 once when
 * the watch has ended for good. */
int asb_watch_step(struct asb_watch *watch, struct asb_error *err);

/* Milliseconds until the watch wants a step even without traffic (backoff), -1: none. For the
 * caller's poll timeout. */
int asb_watch_timeout(const struct asb_watch *watch);

/* Why the last request ended badly while nothing has come since (the watch goes on trying); NULL
 * when all is well. For the message when the caller's own patience ends. */
const struct asb_error *asb_watch_trouble(const struct asb_watch *watch);

void asb_watch_free(struct asb_watch *watch);

/* The pure part, fuzzed and unit-tested: bytes of a watch answer in any cuts -> one call per
 * complete line, without its end, never empty. -1 when `line` has returned anything but 0 or a line
 * passes pending.limit; nothing more may be fed then. */
struct asb_watch_lines {
	struct asb_buffer pending;
};
int asb_watch_lines_feed(struct asb_watch_lines *lines, const char *bytes, size_t n,
			 int (*line)(void *context, const char *text, size_t n), void *context);

#endif
