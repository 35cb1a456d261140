/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay.h - a Sandbox object of the user's own, and what the plugin needs of one, become one.
 * Pure.
 *
 * The user's fields win, down to single members of objects. Lists of named things (containers,
 * volumes, variables, mounts) are joined by their names; other lists, resources and volumes are the
 * user's as a whole. Ours stay: name, the labels of labels.h, the end of its life and that it runs;
 * what the API server has written into an object that was read from it is left out. What would keep
 * the shim from being the first process of the container "main" is refused.
 */
#ifndef ASB_OVERLAY_H
#define ASB_OVERLAY_H

#include "plugin/base/json.h"

/* 0, or -1 with a usage error that names the field. The container is called "main", or there is
 * none: then it is ours alone. */
int asb_overlay_check(const cJSON *own, struct asb_error *err);

/* Puts what asb_overlay_check has passed over our Sandbox (spec.h). */
void asb_overlay_apply(cJSON *sandbox, const cJSON *own);

#endif
