/* SPDX-License-Identifier: Apache-2.0 */
/* contents.h - what a namespace holds, of whatever kind the API server knows. */
#ifndef ASB_CONTENTS_H
#define ASB_CONTENTS_H

#include "plugin/kube/api.h"

/*
 * Names of what is in it, as "deployments.apps/x", some of each kind, in an array owned by the
 * caller; NULL when not all of it could be seen. Left out is what the cluster itself puts into
 * every namespace (events, endpoints, the ServiceAccount "default", the ConfigMap
 * kube-root-ca.crt), and what `ignored` says.
 */
cJSON *asb_contents(struct asb_http *http, const char *namespace_,
		    bool (*ignored)(const cJSON *object), struct asb_error *err);

#endif
