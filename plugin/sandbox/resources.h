/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resources.h - the kinds of object that agent-sandbox brings, as api.h names kinds, in the
 * versions that the plugin speaks.
 *
 * v1beta1 is served since v0.5, v1alpha1 up to v0.5. What the plugin writes into a Sandbox has the
 * same names in both; they differ in how one is suspended (operatingMode, replicas) and in what a
 * claim refers to (a pool; a template, and a pool besides).
 */
#ifndef ASB_RESOURCES_H
#define ASB_RESOURCES_H

#include "plugin/kube/api.h"

#define ASB_EXTENSIONS_GROUP "extensions.agents.x-k8s.io"

struct asb_api {
	const char *version;   /* "v1beta1" */
	const char *sandbox;   /* apiVersion of a Sandbox */
	const char *extension; /* and of the other kinds */
	struct asb_resource sandboxes, claims, templates, pools;
};

extern const struct asb_api asb_api_v1beta1, asb_api_v1alpha1;
extern const struct asb_resource asb_sandboxes; /* in v1beta1 */

/* The newest that the plugin knows of those that an APIGroup (GET /apis/<group>) says are served;
 * NULL: none. */
const struct asb_api *asb_api_served(const cJSON *group);

/* That of an object from the API server; v1beta1 when it doesn't say one we know. */
const struct asb_api *asb_api_of(const cJSON *object);

/* Whether a Sandbox of either version is, or is to be, suspended. */
bool asb_is_suspended(const cJSON *sandbox);

#endif
