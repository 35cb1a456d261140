/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_autoscaler.h - the HorizontalPodAutoscaler (autoscaling/v2) of a warm pool: it moves the
 * pool's replicas, through its scale subresource, between the pool's size and the most.
 *
 * The only thing that tells how much a pool is used is the controller's counter
 * agent_sandbox_claim_creation_total (waiting sandboxes use no CPU, and claimed ones no longer
 * belong to the pool). It is an external metric: somebody must scrape the controller and serve the
 * counter's rate as external.metrics.k8s.io, such as Prometheus and its adapter. Without that the
 * pool stays at its size. The target is one waiting sandbox for each claim in ten seconds, an
 * amount of the pool's own (AverageValue): claims don't become fewer when the pool grows, so that a
 * ratio would always end at the most.
 *
 * It has the pool's name, and is owned by it: garbage collection takes it along.
 */
#ifndef ASB_POOL_AUTOSCALER_H
#define ASB_POOL_AUTOSCALER_H

#include <stdint.h>

#include "plugin/sandbox/resources.h"

#define ASB_POOL_METRIC "agent_sandbox_claim_creation_total"

extern const struct asb_resource asb_autoscalers;

/* The object for a pool as the API server has stored it. Pure. */
cJSON *asb_autoscaler_object(const cJSON *pool, int64_t most);

/* That of a pool: NULL when it has none, or it may not be seen (err stays unset), or with err. */
cJSON *asb_autoscaler_get(struct asb_http *http, const char *namespace_, const char *name,
			  struct asb_error *err);

/* How it is: "2 to 6, active" or "2 to 6, not active: REASON: MESSAGE", heap. Pure. */
char *asb_autoscaler_describe(const cJSON *autoscaler);

/* Moves its lower end to `least`; a usage error when that is above its upper one, or 0. */
int asb_autoscaler_raise(struct asb_http *http, const cJSON *autoscaler, int64_t least,
			 struct asb_error *err);

/* Whether the cluster serves external metrics at all; true when that can't be found out. */
bool asb_autoscaler_fed(struct asb_http *http);

#endif
