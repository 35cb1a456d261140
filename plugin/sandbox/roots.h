/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roots.h - what a user calls "a sandbox", whatever object it is: a Sandbox, a SandboxClaim with
 * the Sandbox that it got from a warm pool, or a plain pod.
 *
 * The root is the object whose end is the end of everything: for a claimed Sandbox the claim, also
 * when the Sandbox's own name was given. Trees have apiVersion and kind, as the API server gives
 * them (asb_roots_list adds them). Plain pods count only when the plugin has made them and nothing
 * else owns them. Who may not ask for claims or pods (403), or has none (404), has only the others.
 */
#ifndef ASB_ROOTS_H
#define ASB_ROOTS_H

#include <stdint.h>

#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/resources.h"

enum asb_root_kind { ASB_ROOT_SANDBOX, ASB_ROOT_CLAIM, ASB_ROOT_POD };
#define ASB_ROOT_KINDS 3

/* By its kind; a Sandbox when it doesn't say. */
enum asb_root_kind asb_root_kind(const cJSON *root);

/* What it is listed under, and what kubectl calls it ("sandboxclaim"). */
const struct asb_resource *asb_root_resource(const struct asb_api *api, enum asb_root_kind kind);
const char *asb_root_noun(enum asb_root_kind kind);

/* Name of its Sandbox, borrowed. NULL: err says why it has none (a plain pod, a claim that waits).
 */
const char *asb_root_sandbox(const cJSON *root, struct asb_error *err);

/* Where the time of its end stands in it. NULL for a pod: err says that it can't be moved. */
const char *asb_root_end_path(const cJSON *root, struct asb_error *err);

/* Whether the object is a pod of ours that stands for a sandbox by itself. */
bool asb_root_is_plain_pod(const cJSON *pod);

/* The name of what controls the object, when that is of this kind; NULL: it is not. Borrowed. */
const char *asb_root_owner(const cJSON *object, const char *kind);

/*
 * What one name means, from the three objects that may have it (each may be NULL). 1: *chosen is
 * one of them. 0: none of them. -1: err: there are two.
 */
int asb_root_choose(const cJSON *claim, const cJSON *sandbox, const cJSON *pod,
		    const cJSON **chosen, struct asb_error *err);

/*
 * The roots of those names, asked for side by side: an array in their order, owned by the caller;
 * NULL: err. Names that there is nothing of are appended to the array `missing` as strings.
 */
cJSON *asb_roots_find(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		      const char *const *names, size_t n, cJSON *missing, struct asb_error *err);

/* That of one name, owned by the caller; NULL: err, which has http 404 when there is none. */
cJSON *asb_roots_get(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		     const char *name, struct asb_error *err);

/* kubectl's words for missing names: "Error from server (NotFound): sandboxes... "x" not found".
 * Returns -1. */
int asb_roots_fail_missing(const cJSON *missing, struct asb_error *err);

/*
 * All that a scope names, in the form of a List: Sandboxes, then claims, then pods; a Sandbox that
 * is a listed claim's is left out. `versions` (may be NULL) gets the resourceVersion of each of the
 * three lists, from which a watch may start, as heap texts; NULL: it can't be listed.
 */
cJSON *asb_roots_list(struct asb_http *http, const struct asb_api *api,
		      const struct asb_inventory_scope *scope, char *versions[ASB_ROOT_KINDS],
		      struct asb_error *err);

/*
 * For the columns of `list` (roots_view.c). `sandbox` is the Sandbox of the root: itself, or that
 * of a claim; NULL when it is unknown or there is none. Texts are borrowed or static, NULL:
 * unknown.
 */
const char *asb_root_status(const cJSON *root, const cJSON *sandbox);
const char *asb_root_image(const cJSON *root, const cJSON *sandbox);
const char *asb_root_pod(const cJSON *root, const cJSON *sandbox);
const char *asb_root_node(const cJSON *root, const cJSON *sandbox);
const cJSON *asb_root_pod_spec(const cJSON *root, const cJSON *sandbox);
int64_t asb_root_end_ms(const cJSON *root); /* since 1970, -1: none */

/* Path of the list or watch of one kind in a scope; heap. */
char *asb_roots_path(const struct asb_api *api, enum asb_root_kind kind,
		     const struct asb_inventory_scope *scope);

#endif
