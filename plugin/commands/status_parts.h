/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_parts.h - between the files of `status`: without a name it examines the installation
 * (status.c, sandbox/checkup.h), with one it explains that sandbox (status_sandbox.c).
 *
 * Exit status of both: 0 when all is well, 1 when there is a problem, 125 when that can't be found
 * out. What is found goes to stdout; stderr has only what kept us from finding out.
 */
#ifndef ASB_STATUS_PARTS_H
#define ASB_STATUS_PARTS_H

#include "plugin/commands/command.h"

/*
 * `status NAME`. The name is one that an object can have, the context has settings
 * (asb_cluster_open may be called); with `json` one object is printed instead of text. Returns the
 * exit status or -1 as struct asb_command's run does.
 */
int asb_status_sandbox(const struct asb_context *context, const char *name, bool json,
		       struct asb_error *err);

#endif
