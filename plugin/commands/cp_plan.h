/* SPDX-License-Identifier: Apache-2.0 */
/* cp_plan.h - what `cp` was asked to do, and whether that can be understood. Pure. */
#ifndef ASB_CP_PLAN_H
#define ASB_CP_PLAN_H

#include "plugin/commands/command.h"

struct asb_cp_plan {
	char *sandbox;	    /* owned */
	bool upload;	    /* into the sandbox */
	const char **paths; /* owned, NULL-ended: what to copy; as typed, without the sandbox */
	size_t count;
	const char *target; /* where to */
	char **names; /* owned, NULL-ended: the names that they arrive under, "" for contents */
	const char **argv; /* owned, NULL-ended: of the job; the first is set by the caller */
};

/*
 * Operands are SRC... DST, where one side is NAME:PATH: a colon behind a name without a slash, as
 * scp has it. An empty PATH is the working directory. Usage errors carry a hint. Release in any
 * case.
 */
int asb_cp_plan_init(struct asb_cp_plan *plan, const struct asb_context *context,
		     const struct asb_operands *operands, bool preserve, struct asb_error *err);
void asb_cp_plan_release(struct asb_cp_plan *plan);

#endif
