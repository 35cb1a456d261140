/* SPDX-License-Identifier: Apache-2.0 */
/* next_step_parts.h - between next_step.c, which chooses, and next_step_text.c, which writes; also
 * for who has chosen already (checkup_pools.c). */
#ifndef ASB_NEXT_STEP_PARTS_H
#define ASB_NEXT_STEP_PARTS_H

#include "plugin/base/buffer.h"
#include "plugin/sandbox/next_step.h"

#define ASB_STEP_PLUGIN "kubectl agentsandbox -n {namespace} "
#define ASB_STEP_KUBECTL "kubectl -n {namespace} "

/* What a step is about; borrowed. */
struct asb_step_object {
	const struct asb_findings *findings;
	const cJSON *claim, *pool;
	const cJSON *pod; /* spec of the pod, or what it is made from */
	const char *namespace_, *name;
};

void asb_step_init(struct asb_step_object *object, const struct asb_findings *findings,
		   const cJSON *claim, const cJSON *pool);

bool asb_step_is_plain_pod(const struct asb_step_object *object);
/* Name of the pool of a claim, or of a Sandbox that waits in it; NULL: none. */
const char *asb_step_pool(const struct asb_step_object *object);

/* Appends a template with {namespace}, {name}, {pod}, {account}, {pool} and {size}, quoted for a
 * shell. */
void asb_step_expand(struct asb_buffer *out, const struct asb_step_object *object,
		     const char *template);

/* The lines that make it anew: with the options it has, but those of `instead` ("--cpu CPU"). What
 * the plugin's options can't make is edited. */
void asb_step_remake(struct asb_buffer *out, const struct asb_step_object *object,
		     const char *instead);
void asb_step_rename(struct asb_buffer *out, const struct asb_step_object *object);
void asb_step_create(struct asb_buffer *out,
		     const struct asb_step_object *object); /* it has gone */
void asb_step_edit(struct asb_buffer *out, const struct asb_step_object *object);

#endif
