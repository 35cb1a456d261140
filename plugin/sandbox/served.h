/* SPDX-License-Identifier: Apache-2.0 */
/* served.h - in which version the cluster speaks of Sandboxes, and whether it does at all. */
#ifndef ASB_SERVED_H
#define ASB_SERVED_H

#include "plugin/sandbox/resources.h"

/* Asks: the newest version that the plugin knows. NULL: agent-sandbox is not installed (err->http
 * is 404), serves no version we know, or nobody answered. Who may not ask (403) gets v1beta1, and
 * finds out when it is used. */
const struct asb_api *asb_served(struct asb_http *http, struct asb_error *err);

#endif
