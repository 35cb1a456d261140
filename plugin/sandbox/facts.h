/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts.h - everything that the API server tells about one sandbox, read in parallel and once.
 *
 * What may not be read is left out and named in `notes`; nothing is changed.
 */
#ifndef ASB_FACTS_H
#define ASB_FACTS_H

#include <stdint.h>

#include "plugin/sandbox/resources.h"

struct asb_facts {
	const char *namespace_, *name; /* what was asked for; borrowed */
	cJSON *claim, *sandbox, *pod;  /* owned; NULL: there is none. At least one is there */
	cJSON *pool;		       /* of a claim, or of a Sandbox that waits in it */
	cJSON *events;		       /* array: of all three and of those of their names before */
	cJSON *notes;		       /* array of strings: what could not be read, and why */
	bool sandbox_hidden;	       /* it may be there: it can't be read */
	bool pod_hidden;	       /* the same */
	bool events_hidden;
	int64_t now_ms; /* since 1970, by the server's clock */
};

/*
 * The name is that of a Sandbox, of a SandboxClaim or of a plain pod of ours; a claim's Sandbox and
 * a Sandbox's claim are found, too. A pod that belongs to somebody else is never taken for the
 * sandbox's. -1: there is none ("Error from server (NotFound): ..."), or nothing could be read.
 * Release in any case.
 */
int asb_facts_read(struct asb_facts *facts, struct asb_http *http, const struct asb_api *api,
		   const char *namespace_, const char *name, struct asb_error *err);
void asb_facts_release(struct asb_facts *facts);

#endif
