/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain pod instead of a Sandbox, for clusters without agent-sandbox: the same pod, made by us.
 * Its end is activeDeadlineSeconds, which can't be moved later and stops the pod but leaves the
 * object: what a killed plugin leaves behind is a stopped pod, until somebody deletes it.
 */
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

static int prepare(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_http_request *requests[ASB_SURVEY_MOST];
	const char *paths[ASB_SURVEY_MOST];
	struct asb_survey survey;
	int n, result = -1;

	if (asb_spec_check(&sandbox->options, err) < 0)
		return -1;
	n = asb_survey_init(&survey, &sandbox->options, requests, paths, err);
	if (n >= 0 && asb_sandbox_ask(sandbox, requests, paths, (unsigned)n, err) == 0 &&
	    asb_rights_require(&sandbox->rights, err) == 0)
		result = asb_sandbox_place(sandbox, &survey, err);
	asb_sandbox_drop_questions(sandbox, requests, n < 0 ? 0 : (unsigned)n);
	asb_survey_release(&survey);
	return result;
}

static int create(struct asb_sandbox *sandbox, struct asb_error *err)
{
	const struct asb_spec spec = {
		.name = sandbox->name,
		.instance = sandbox->instance,
		.deadline_ms = asb_sandbox_first_lease_ms(sandbox),
		.placement = sandbox->placement,
	};
	ASB_JSON object = asb_spec_build_pod(&sandbox->options, &spec);

	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_CREATING);
	asb_sandbox_tell_fixed_end(sandbox);
	if (asb_sandbox_post_shim(sandbox, err) < 0)
		return -1;
	return asb_sandbox_post_root(sandbox, &asb_pods, object, err);
}

static int begin(struct asb_sandbox *sandbox, cJSON *made, struct asb_error *err)
{
	if (asb_observer_start_pod(&sandbox->observer, sandbox->http, &sandbox->rights, made, err) <
	    0)
		return -1;
	return asb_sandbox_post_config(sandbox, "v1", "Pod", err);
}

static int step(struct asb_sandbox *sandbox, struct asb_error *err)
{
	return asb_sandbox_step_made(sandbox, begin, err);
}

/* --- one that is there --- */

static int open_pod(struct asb_sandbox *sandbox, struct asb_error *err)
{
	cJSON *pod = sandbox->found_pod;

	sandbox->found_pod = NULL;
	if (asb_observer_start_pod(&sandbox->observer, sandbox->http, &sandbox->rights, pod, err) <
	    0)
		return -1;
	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_SCHEDULING);
	return asb_sandbox_step(sandbox, err);
}

static int step_opened(struct asb_sandbox *sandbox, struct asb_error *err)
{
	(void)sandbox;
	(void)err;
	return 0;
}

const struct asb_kind asb_kind_opened_pod = {
	.noun = "pod",
	.renew = ASB_RIGHTS,
	.purpose = ASB_PURPOSE_OPEN,
	.create = open_pod,
	.step = step_opened,
	.delete = asb_sandbox_leave,
};

const struct asb_kind asb_kind_pod = {
	.noun = "pod",
	.renew = ASB_RIGHTS,
	.purpose = ASB_PURPOSE_POD,
	.prepare = prepare,
	.create = create,
	.step = step,
	.delete = asb_sandbox_delete_created,
};
