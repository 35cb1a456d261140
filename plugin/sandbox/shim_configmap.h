/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_configmap.h - the ConfigMap that carries a shim into pods.
 *
 * One per namespace, architecture and version of the shim: it is named by a hash of its content
 * (shim_binary.h), immutable, shared by all sandboxes of the namespace and never deleted by a run
 * (the next one needs it again). Its one key is the architecture ("amd64"); pods mount that under
 * the name "shim".
 */
#ifndef ASB_SHIM_CONFIGMAP_H
#define ASB_SHIM_CONFIGMAP_H

#include "plugin/base/json.h"
#include "plugin/sandbox/shim_binary.h"

/* The whole object, to be sent to the API server. */
cJSON *asb_shim_configmap(const struct asb_shim *shim);

/* Whether `found` holds exactly the shim's bytes, and nothing that a pod of ours would mount
 * besides. */
bool asb_shim_configmap_same(const struct asb_shim *shim, const cJSON *found);

#endif
