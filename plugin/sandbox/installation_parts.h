/* SPDX-License-Identifier: Apache-2.0 */
/* installation_parts.h - what installation.c and removal.c share. Nobody else includes it, but for
 * their tests. */
#ifndef ASB_INSTALLATION_PARTS_H
#define ASB_INSTALLATION_PARTS_H

#include "plugin/sandbox/installation.h"

#define ASB_PART_OF_LABEL "app.kubernetes.io/part-of"

struct asb_installation_kind {
	const char *kind;
	struct asb_resource resource;
	bool namespaced;
};

/* Ends the program for a kind that isn't among the manifests: that is a bug. */
const struct asb_installation_kind *asb_installation_kind(const cJSON *object);

char *asb_installation_path(const cJSON *object); /* heap */

bool asb_installation_is_part(const cJSON *object); /* carries the label */

#endif
