/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Sandbox of our own. It and, where it is missing, the shim's ConfigMap are sent side by side;
 * the sandbox's own ConfigMap follows at once, as it needs the Sandbox's UID. The pod can't be
 * there before them: it is still to be made, scheduled and mounted, and the kubelet tries a missing
 * ConfigMap again.
 */
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

static int prepare(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_http_request group = {0};
	struct asb_http_request *requests[1 + ASB_SURVEY_MOST] = {&group};
	const char *paths[1 + ASB_SURVEY_MOST] = {"/apis/" ASB_SANDBOX_GROUP};
	struct asb_survey survey;
	int n, result = -1;

	if (asb_spec_check(&sandbox->options, err) < 0)
		return -1;
	n = asb_survey_init(&survey, &sandbox->options, requests + 1, paths + 1, err);
	if (n >= 0 && asb_sandbox_ask(sandbox, requests, paths, 1 + (unsigned)n, err) == 0 &&
	    asb_sandbox_judge_group(sandbox, &group, err) == 0 &&
	    asb_rights_require(&sandbox->rights, err) == 0)
		result = asb_sandbox_place(sandbox, &survey, err);
	asb_sandbox_drop_questions(sandbox, requests, n < 0 ? 0 : 1 + (unsigned)n);
	asb_survey_release(&survey);
	return result;
}

static int create(struct asb_sandbox *sandbox, struct asb_error *err)
{
	int64_t offset = asb_http_clock_offset_ms(sandbox->http);
	ASB_TEXT end = asb_lease_shutdown_time(asb_sandbox_first_lease_ms(sandbox), offset);
	const struct asb_spec spec = {
		.api_version = sandbox->api->sandbox,
		.name = sandbox->name,
		.instance = sandbox->instance,
		.shutdown_time = end,
		.placement = sandbox->placement,
	};
	ASB_JSON object = asb_spec_build(&sandbox->options, &spec);

	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_CREATING);
	asb_sandbox_tell_fixed_end(sandbox);
	if (asb_sandbox_post_shim(sandbox, err) < 0)
		return -1;
	return asb_sandbox_post_root(sandbox, &sandbox->api->sandboxes, object, err);
}

static int begin(struct asb_sandbox *sandbox, cJSON *made, struct asb_error *err)
{
	asb_sandbox_start_lease(sandbox);
	if (asb_observer_start(&sandbox->observer, sandbox->http, &sandbox->rights, made, NULL,
			       err) < 0)
		return -1;
	return asb_sandbox_post_config(sandbox, sandbox->api->sandbox, "Sandbox", err);
}

static int step(struct asb_sandbox *sandbox, struct asb_error *err)
{
	return asb_sandbox_step_made(sandbox, begin, err);
}

const struct asb_kind asb_kind_made = {
	.noun = "sandbox",
	.end_path = "spec/shutdownTime",
	.renew = ASB_RIGHT_SANDBOX_PATCH,
	.purpose = ASB_PURPOSE_MAKE,
	.prepare = prepare,
	.create = create,
	.step = step,
	.delete = asb_sandbox_delete_created,
};
