/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox that somebody has claimed from a warm pool before. Its claim is what ends it, so the
 * lease is the claim's, which is followed all the time: others may move its end too.
 */
#include "plugin/sandbox/next_step.h"
#include "plugin/sandbox/sandbox_internal.h"

void asb_claim_open(struct asb_sandbox *sandbox, cJSON *claim)
{
	const char *pool = asb_claim_pool(claim);

	sandbox->kind = &asb_kind_opened_claim;
	sandbox->claim.newest = claim;
	sandbox->claim.pool = asb_strdup(pool != NULL ? pool : "");
	sandbox->options.pool = sandbox->claim.pool;
}

static int create(struct asb_sandbox *sandbox, struct asb_error *err)
{
	cJSON *claim = sandbox->claim.newest;

	asb_object_init(&sandbox->root, &sandbox->api->claims, sandbox->options.namespace_,
			asb_json_string(claim, "metadata/name"));
	sandbox->root.uid = asb_strdup(asb_json_string(claim, "metadata/uid"));
	return asb_claim_follow(sandbox, claim, err);
}

const struct asb_kind asb_kind_opened_claim = {
	.noun = "sandboxclaim",
	.end_path = "spec/lifecycle/shutdownTime",
	.renew = ASB_RIGHT_CLAIM_PATCH,
	.purpose = ASB_PURPOSE_OPEN,
	.shared = true,
	.create = create,
	.step = asb_claim_step,
	.delete = asb_sandbox_leave,
};
