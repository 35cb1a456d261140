/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locate.h - the pod behind a name: that of a Sandbox, of the Sandbox that a claim has got, or a
 * plain pod of ours; looked for in this order, in one round trip (two for a claim).
 */
#ifndef ASB_LOCATE_H
#define ASB_LOCATE_H

#include "plugin/sandbox/resources.h"

/* `api` NULL: the cluster has no agent-sandbox. The pod, owned by the caller; NULL: err. A Sandbox
 * that may not be read (403) is no obstacle when its pod may be. */
cJSON *asb_locate_pod(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		      const char *name, struct asb_error *err);

#endif
