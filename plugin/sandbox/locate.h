/* SPDX-License-Identifier: Apache-2.0 */
/* locate.h - the pod behind a name, whatever kind of root (roots.h) has it. */
#ifndef ASB_LOCATE_H
#define ASB_LOCATE_H

#include "plugin/sandbox/resources.h"

/* `api` NULL: the cluster has no agent-sandbox. The pod, owned by the caller; NULL: err. */
cJSON *asb_locate_pod(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		      const char *name, struct asb_error *err);

#endif
