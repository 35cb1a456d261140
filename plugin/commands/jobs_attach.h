/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_attach.h - `exec --detach`. */
#ifndef ASB_JOBS_ATTACH_H
#define ASB_JOBS_ATTACH_H

#include "plugin/commands/run.h"

/* Starts the command of run->plan in the sandbox and leaves it there; its id is printed. As
 * asb_run_converse, from a run that was not opened. */
int asb_exec_detach(struct asb_run *run, const struct asb_context *context, struct asb_error *err);

#endif
