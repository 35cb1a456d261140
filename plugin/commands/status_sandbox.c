/* SPDX-License-Identifier: Apache-2.0 */
/* status_sandbox.c - `status NAME`: what is the matter with one sandbox. */
#include "plugin/commands/status_parts.h"

int asb_status_sandbox(const struct asb_context *context, const char *name, bool json,
		       struct asb_error *err)
{
	(void)context;
	(void)json;
	return asb_fail(err, "the status of one sandbox (\"%s\") can't be told yet", name);
}
