/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - warm pools for the plugin: a SandboxTemplate and a SandboxWarmPool of one name, so that
 * sandboxes run before anybody asks for one (`run --pool`).
 *
 * The template is the pod of spec.h, with the ServiceAccount's token and the cluster's DNS, which
 * the controller would take away from pods of templates that don't ask for them. It has no
 * NetworkPolicy of the controller's (networkPolicyManagement Unmanaged): that of the default would
 * cut the API server off; who wants walls adds a NetworkPolicy to the namespace.
 *
 * The kubeconfig of a pool's pods is one ConfigMap, owned by the template. A pod that runs already
 * can't be told another namespace, so the default namespace of kubectl inside is fixed when the
 * pool is made; it stands in an annotation of the pods, so that a claim from elsewhere is told.
 */
#ifndef ASB_POOL_H
#define ASB_POOL_H

#include "plugin/sandbox/placement.h"
#include "plugin/sandbox/resources.h"
#include "plugin/sandbox/sandbox.h"

/* Of the pods of a pool: its inner namespace. */
#define ASB_POOL_NAMESPACE_ANNOTATION "agentsandbox-namespace"

struct asb_pool_options { /* borrowed */
	const char *name;
	int64_t size; /* how many are kept ready */
	int64_t most; /* and at most, by an autoscaler (pool_autoscaler.h); 0: there is none */
	/* namespace_, inner_namespace, image ... of the pods; no name, no times. `base` is a
	 * template of the user's own, with spec/podTemplate as in a Sandbox. */
	struct asb_sandbox_options sandbox;
	const cJSON *update_strategy; /* of the pool, as it is; NULL: none */
};

/* 0, or -1 with a usage error: what is wrong whatever the cluster says. */
int asb_pool_check(const struct asb_pool_options *options, struct asb_error *err);

/* The objects. Pure. */
cJSON *asb_pool_template(const struct asb_pool_options *options,
			 const struct asb_placement *placement, const struct asb_api *api);
cJSON *asb_pool_object(const struct asb_pool_options *options, const struct asb_api *api);

/* Synchronous. Rights are checked before anything is made, and what was made is deleted again when
 * the rest fails. */
int asb_pool_create(struct asb_http *http, const struct asb_api *api,
		    const struct asb_pool_options *options, struct asb_error *err);

/* All SandboxWarmPools of the namespace, whoever made them: a List. */
cJSON *asb_pool_list(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		     struct asb_error *err);
cJSON *asb_pool_get(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		    const char *name, struct asb_error *err);
/* The pool's size, and the lower end of its autoscaler if it has one. */
int asb_pool_scale(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		   const char *name, int64_t size, struct asb_error *err);

/* The pool and, when it is ours, the template of its name; sandboxes that were claimed stay. */
int asb_pool_delete(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		    const char *name, struct asb_error *err);

#endif
