/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inner_config.h - the kubeconfig of the kubectl inside, as a ConfigMap of the sandbox's own.
 *
 * It holds no secret: it names the files of the pod's ServiceAccount and gives kubectl a default
 * namespace. Owned by the Sandbox or pod (by UID, without blockOwnerDeletion, which would need a
 * right on sandboxes/finalizers), so that garbage collection removes it whatever becomes of us.
 */
#ifndef ASB_INNER_CONFIG_H
#define ASB_INNER_CONFIG_H

#include "plugin/base/json.h"

#define ASB_INNER_CONFIG_KEY "config"

/* What the ConfigMap belongs to, and is named after. Borrowed. */
struct asb_owner {
	const char *api_version, *kind, *name, *uid;
};

cJSON *asb_inner_config(const struct asb_owner *owner, const char *instance,
			const char *inner_namespace);

#endif
