/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim_object.h - the SandboxClaim: what is sent, and what its status means. Pure.
 *
 * A claim gets a Sandbox of its pool, or, when none is ready, a new one from the pool's template
 * ("cold"), which then has the claim's own name.
 */
#ifndef ASB_CLAIM_OBJECT_H
#define ASB_CLAIM_OBJECT_H

#include "plugin/sandbox/diagnose.h"
#include "plugin/sandbox/resources.h"

struct asb_claim_wish { /* borrowed */
	const struct asb_api *api;
	const char *name, *instance;
	const char *pool;
	const char *template_name; /* of the pool; v1alpha1 wants it */
	const char *shutdown_time; /* RFC 3339 */
};

cJSON *asb_claim_build(const struct asb_claim_wish *wish);

/* The name of the Sandbox that it has got, NULL: none yet. Borrowed. */
const char *asb_claim_sandbox(const cJSON *claim);

/* The name of the Sandbox that the controller is about to give it, NULL: not known, or not by this
 * version. Borrowed. It may still get another one. */
const char *asb_claim_promised(const cJSON *claim);

/* What a claim without a Sandbox, or whose Sandbox can't be seen, waits for, or why it will never
 * get one. */
void asb_claim_diagnose(const cJSON *claim, const char *pool, struct asb_diagnosis *out);

/* Whether the Sandbox that a claim got was made for it. */
bool asb_claim_is_cold(const cJSON *claim, const cJSON *sandbox);

#endif
