/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory.h - which sandboxes there are, and in a word how each of them is.
 *
 * Ours are those with the label app.kubernetes.io/managed-by (labels.h): nothing here tells an
 * object of another program from one of ours in any other way.
 */
#ifndef ASB_INVENTORY_H
#define ASB_INVENTORY_H

#include "plugin/kube/api.h"

/* Which ones. Borrowed. */
struct asb_inventory_scope {
	const char *namespace_; /* NULL: all namespaces */
	const char *selector;	/* further label selector of the user's, or NULL */
	bool foreign;		/* also those that the plugin has not made */
};

/* Path of a collection with the labelSelector of the scope; heap. Also right for a watch. */
char *asb_inventory_path(const struct asb_resource *resource,
			 const struct asb_inventory_scope *scope);

/* The whole list at that path as the API server has it, in pages of 500 put together: a List whose
 * metadata.resourceVersion a watch may start from. NULL: err. */
cJSON *asb_inventory_list(struct asb_http *http, const char *path, struct asb_error *err);

/* One word for the STATUS column: "Running", "Starting", "Suspended", "Failed" ... Static. */
const char *asb_inventory_status(const cJSON *sandbox);

/* Image of the container "main", else of the first. Borrowed from the object; NULL: it doesn't say.
 */
const char *asb_inventory_image(const cJSON *sandbox);

/* Whether the plugin has made this object. */
bool asb_inventory_is_ours(const cJSON *object);

#endif
