/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_configmap.h - the ConfigMap that carries the shim into pods.
 *
 * One per namespace and version of the shim: it is named by a hash of its content, immutable,
 * shared by all sandboxes of the namespace and never deleted by a run (the next one needs it
 * again). One key per architecture of a node, named like `uname`'s Go name ("amd64"); pods mount
 * the one they need under the name "shim". Today it holds amd64 only, even when the plugin has more
 * (shim_binary.h); a second key changes the hash.
 */
#ifndef ASB_SHIM_CONFIGMAP_H
#define ASB_SHIM_CONFIGMAP_H

#include "plugin/base/json.h"

/* Value of the node label kubernetes.io/arch that pods are put on: the first of asb_shims, and key
 * of its bytes. */
#define ASB_SHIM_ARCH "amd64"

/* "agentsandbox-shim-<first 12 hex digits of the content's sha256>" */
const char *asb_shim_configmap_name(void);

/* The whole object, to be sent to the API server. */
cJSON *asb_shim_configmap(void);

/* Whether `found` holds exactly our bytes, and nothing that a pod of ours would mount besides. */
bool asb_shim_configmap_same(const cJSON *found);

#endif
