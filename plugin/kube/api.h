/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - one object in, one object out, and errors worded as kubectl words them.
 *
 * Paths are built by asb_api_path: group "" is the core group. Names are percent-encoded and never
 * empty, so that a DELETE can't address a collection.
 */
#ifndef ASB_API_H
#define ASB_API_H

#include "plugin/base/json.h"
#include "plugin/kube/http.h"

/* A kind of object: group "agents.x-k8s.io", version "v1beta1", plural "sandboxes". */
struct asb_resource {
	const char *group;
	const char *version;
	const char *plural;
};

extern const struct asb_resource asb_pods, asb_configmaps, asb_events, asb_namespaces;

/* "/apis/<group>/<version>/namespaces/<ns>/<plural>[/<name>][/<subresource>]", heap. namespace_
 * NULL: cluster scope. NULL when a name that is given can't stand in a path: "", ".", ".."; the
 * calls below refuse a NULL path. */
char *asb_api_path(const struct asb_resource *resource, const char *namespace_, const char *name,
		   const char *subresource);

/*
 * Runs n requests side by side until all are done. The server's "later, please" is obeyed: 429, and
 * 503 to a GET, are asked again after Retry-After (at most 10 s, without it 0.2 s and more), three
 * times in all. Returns -1 only when they could not be asked; then none of them runs any more.
 */
int asb_api_run(struct asb_http *http, struct asb_http_request *const *requests, unsigned n,
		struct asb_error *err);

/* Synchronous calls (asb_api_run), 30 s each unless said otherwise. The returned tree is owned by
 * the caller; NULL on any failure. */
cJSON *asb_api_get(struct asb_http *http, const char *path, struct asb_error *err);
cJSON *asb_api_create(struct asb_http *http, const char *path, const cJSON *object,
		      struct asb_error *err);
cJSON *asb_api_merge_patch(struct asb_http *http, const char *path, const cJSON *patch,
			   struct asb_error *err);
/* Server-side apply: `path` names the object, and in its query the fieldManager. */
cJSON *asb_api_apply(struct asb_http *http, const char *path, const cJSON *object,
		     struct asb_error *err);
/* `uid` (or NULL) is sent as precondition, propagation "Background"/"Foreground"/NULL. An object
 * that is already gone, or that another one has replaced since (uid), is success. */
int asb_api_delete(struct asb_http *http, const char *path, const char *uid,
		   const char *propagation, struct asb_error *err);
/* The same with DeleteOptions of the caller's (borrowed; the server heeds none in the query then);
 * gone or replaced is an error here. */
int asb_api_delete_with(struct asb_http *http, const char *path, const cJSON *options,
			struct asb_error *err);

/*
 * Fills err from a finished request that is not 2xx: "Error from server (Forbidden): pods is
 * forbidden: ..." (message of the Status), err->http and err->reason set; or its transport error.
 * Returns -1; 0 when the request succeeded.
 */
int asb_api_check(const struct asb_http_request *request, struct asb_error *err);

/* The body as a tree when the request is 2xx, else NULL with err filled as asb_api_check does. */
cJSON *asb_api_result(const struct asb_http_request *request, struct asb_error *err);

#endif
