/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leftover.h - whether an object of ours has been left behind, and since when. Pure.
 *
 * Each object of ours ends by itself: the controller deletes Sandboxes and claims at their end, the
 * kubelet stops a plain pod, garbage collection takes what is owned. What is past that, or was
 * never reached by it, is left: because a client crashed at the wrong moment, or a controller
 * stands still. What lives is never judged left.
 */
#ifndef ASB_LEFTOVER_H
#define ASB_LEFTOVER_H

#include <stdint.h>

#include "plugin/base/json.h"

/*
 * ms since 1970 from which on it is left, which may lie ahead; -1: never, because it isn't ours, is
 * being deleted, belongs to another object, or has no end. *reason (static) says why.
 */
int64_t asb_leftover_sandbox(const cJSON *sandbox, const char **reason);
int64_t asb_leftover_claim(const cJSON *claim, const char **reason);
int64_t asb_leftover_pod(const cJSON *pod, const char **reason);

/* A template that neither a pool nor a claim of its namespace names. `pools` and `claims` are
 * lists of all there are. */
int64_t asb_leftover_template(const cJSON *template, const cJSON *pools, const cJSON *claims,
			      const char **reason);

/* A ConfigMap that none of its owners is left of, if it ever had one, and that nothing uses:
 * `owners` (members are UIDs) are those that live, `used` (members are names) the ConfigMaps of its
 * namespace that are in use. */
int64_t asb_leftover_configmap(const cJSON *configmap, const cJSON *owners, const cJSON *used,
			       const char **reason);

/* Adds the names of the ConfigMaps that the objects of a list mount: pods, or what holds their
 * template. */
void asb_leftover_add_used(cJSON *used, const cJSON *list);

/* A claim of ours, not being deleted, that will never end by itself: agent-sandbox v0.1.0 knows no
 * end of claims. */
bool asb_leftover_is_endless(const cJSON *claim);

#endif
