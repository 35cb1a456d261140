/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/resources.h"

#include "plugin/sandbox/spec.h"

const struct asb_resource asb_sandboxes = {ASB_SANDBOX_GROUP, ASB_SANDBOX_VERSION, "sandboxes"};
