/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain pod instead of a Sandbox, for clusters without agent-sandbox: the same pod, made by us.
 * Its end is activeDeadlineSeconds, which can't be moved later and stops the pod but leaves the
 * object: there is no controller to delete it as it would a Sandbox. So whoever makes the next one
 * deletes those of ours that were stopped by their deadline, where the rights allow it.
 */
#include <string.h>

#include "plugin/sandbox/operate.h"
#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

/* --- what is over --- */

static char *failed_pods_path(const struct asb_sandbox *sandbox)
{
	const struct asb_inventory_scope scope = {.namespace_ = sandbox->options.namespace_};
	ASB_TEXT path = asb_roots_path(&asb_api_v1beta1, ASB_ROOT_POD, &scope);

	return path == NULL ? NULL : asb_strf("%s&fieldSelector=status.phase%%3DFailed", path);
}

static void nothing(void *context, const cJSON *object)
{
	(void)context;
	(void)object;
}

/* Whatever goes wrong here is for the next one to do. */
static void sweep(struct asb_sandbox *sandbox, const struct asb_http_request *request)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON list = asb_api_result(request, &ignored);
	cJSON *items = cJSON_GetObjectItemCaseSensitive(list, "items"), *pod, *next;

	for (pod = items == NULL ? NULL : items->child; pod != NULL; pod = next) {
		const char *reason = asb_json_string(pod, "status/reason");

		next = pod->next;
		if (!asb_root_is_plain_pod(pod) || reason == NULL ||
		    strcmp(reason, "DeadlineExceeded") != 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(items, pod));
	}
	if (items != NULL && items->child != NULL)
		asb_operate_delete(sandbox->http, &asb_pods, items, nothing, NULL, &ignored);
}

/* --- one of our own --- */

static int prepare(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_http_request *requests[ASB_SURVEY_MOST + 1];
	const char *paths[ASB_SURVEY_MOST + 1];
	struct asb_http_request failed = {0};
	ASB_TEXT failed_path = failed_pods_path(sandbox);
	struct asb_survey survey;
	int n, result = -1;

	if (asb_spec_check(&sandbox->options, err) < 0)
		return -1;
	n = asb_survey_init(&survey, &sandbox->options, requests, paths, err);
	if (n >= 0) {
		requests[n] = &failed;
		paths[n++] = failed_path;
	}
	if (n >= 0 && asb_sandbox_ask(sandbox, requests, paths, (unsigned)n, err) == 0 &&
	    asb_rights_require(&sandbox->rights, err) == 0)
		result = asb_sandbox_place(sandbox, &survey, err);
	if (result == 0)
		sweep(sandbox, &failed);
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
