/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operate.h - what is done once to sandboxes that are there (roots.h finds them): deleted,
 * suspended, resumed, given more time.
 *
 * Objects are named by the tree that the API server gave: its metadata say namespace, name and UID.
 * `api` is what the cluster serves (served.h).
 */
#ifndef ASB_OPERATE_H
#define ASB_OPERATE_H

#include "plugin/sandbox/resources.h"

/*
 * Deletes the objects of an array, in the background and only while their UID is the one given
 * there. Each is reported to `deleted` once the API server has accepted it; gone already counts.
 * All are tried; -1 with the error of the first that could not be deleted.
 */
int asb_operate_delete(struct asb_http *http, const struct asb_resource *resource,
		       const cJSON *objects, void (*deleted)(void *context, const cJSON *object),
		       void *context, struct asb_error *err);

/* The pod is to go, or to be made again. Returns the object as stored then (owned by the caller),
 * NULL: err. */
cJSON *asb_operate_suspend(struct asb_http *http, const struct asb_api *api, const char *namespace_,
			   const char *name, struct asb_error *err);
cJSON *asb_operate_resume(struct asb_http *http, const struct asb_api *api, const char *namespace_,
			  const char *name, struct asb_error *err);

/* Waits until the pod of a Sandbox that asb_operate_suspend has returned is gone; -1 when it was
 * deleted, can't be suspended, or timeout_ms has passed. Reads where it may not watch. In
 * v1alpha1 nothing says so: there the pod itself is read. */
int asb_operate_await_suspended(struct asb_http *http, const cJSON *sandbox, int64_t timeout_ms,
				struct asb_error *err);

/* The end of a root (roots.h): ttl_ms from now by the clock of the server that has answered before,
 * also when that is earlier than it was. Returns it (heap), NULL: err. */
char *asb_operate_extend(struct asb_http *http, const struct asb_api *api, const cJSON *root,
			 int64_t ttl_ms, struct asb_error *err);

#endif
