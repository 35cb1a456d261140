/* SPDX-License-Identifier: Apache-2.0 */
/* leave.c - the end of what was there before us: it is let go, and stays. */
#include "plugin/sandbox/sandbox_internal.h"

int asb_sandbox_leave(struct asb_sandbox *sandbox, bool force, struct asb_error *err)
{
	(void)force;
	(void)err;
	asb_claim_release(&sandbox->claim, sandbox->http);
	asb_sandbox_let_go(sandbox);
	return 0;
}
