/* SPDX-License-Identifier: Apache-2.0 */
/* resources.h - the kinds of object that agent-sandbox brings, as api.h names kinds. */
#ifndef ASB_RESOURCES_H
#define ASB_RESOURCES_H

#include "plugin/kube/api.h"

extern const struct asb_resource asb_sandboxes;

#endif
