/* SPDX-License-Identifier: Apache-2.0 */
/* A Sandbox that somebody has made before, to run more commands in: all that decides whether that
 * is possible is known after one round trip. */
#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

/* The questions were asked in v1beta1, before it was known that the cluster is older. NULL: err. */
static cJSON *read_object(const struct asb_sandbox *sandbox, const struct asb_resource *resource,
			  const char *name, struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(resource, sandbox->options.namespace_, name, NULL);

	return asb_api_get(sandbox->http, path, err);
}

static cJSON *take(const struct asb_sandbox *sandbox, const struct asb_http_request *request,
		   const struct asb_resource *resource, struct asb_error *err)
{
	return sandbox->api == &asb_api_v1beta1
		       ? asb_api_result(request, err)
		       : read_object(sandbox, resource, sandbox->name, err);
}

/* What is found under a name: a claim, a Sandbox or a plain pod. */
enum { CLAIM, OBJECT, POD, ANSWERS };

static int check_plain_pod(struct asb_sandbox *sandbox, struct asb_error *err)
{
	sandbox->kind = &asb_kind_opened_pod;
	sandbox->rights.items[ASB_RIGHT_SANDBOX_GET].optional = true;
	if (asb_json_string(sandbox->found_pod, "metadata/deletionTimestamp") != NULL)
		return asb_fail(err, "sandbox \"%s\" is being deleted", sandbox->name);
	return asb_sandbox_check_pod(sandbox, err);
}

/* A Sandbox whose claim may not be seen is taken as it is. */
static int check_sandbox(struct asb_sandbox *sandbox, struct asb_error *err)
{
	const char *owner = asb_root_owner(sandbox->found, "SandboxClaim");
	struct asb_error ignored = ASB_ERROR_INIT;
	cJSON *claim =
		owner == NULL ? NULL : read_object(sandbox, &sandbox->api->claims, owner, &ignored);

	if (claim == NULL)
		return asb_sandbox_check_opened(sandbox, err);
	asb_claim_open(sandbox, claim);
	return 0;
}

/* Takes over what is chosen of the answers, and drops the others. */
static int choose(struct asb_sandbox *sandbox, cJSON *answers[ANSWERS], struct asb_error *err)
{
	const cJSON *chosen = NULL;
	int rc = asb_root_choose(answers[CLAIM], answers[OBJECT], answers[POD], &chosen, err);

	if (rc <= 0)
		return rc;
	if (chosen == answers[CLAIM]) {
		asb_claim_open(sandbox, answers[CLAIM]);
		answers[CLAIM] = NULL;
		return 1;
	}
	/* A Sandbox's pod of another name, or none, is found by the observer. */
	if (chosen == answers[POD] ||
	    asb_observer_is_owned(answers[POD], asb_json_string(answers[OBJECT], "metadata/uid"))) {
		sandbox->found_pod = answers[POD];
		answers[POD] = NULL;
	}
	if (chosen != answers[OBJECT])
		return check_plain_pod(sandbox, err) < 0 ? -1 : 1;
	sandbox->found = answers[OBJECT];
	answers[OBJECT] = NULL;
	return check_sandbox(sandbox, err) < 0 ? -1 : 1;
}

static int judge(struct asb_sandbox *sandbox, const struct asb_http_request *requests[ANSWERS],
		 struct asb_error *err)
{
	const struct asb_api *api = sandbox->api;
	struct asb_error unread = ASB_ERROR_INIT, ignored = ASB_ERROR_INIT;
	cJSON *answers[ANSWERS] = {
		[CLAIM] = take(sandbox, requests[CLAIM], &api->claims, &ignored),
		[OBJECT] = take(sandbox, requests[OBJECT], &api->sandboxes, &unread),
		[POD] = asb_api_result(requests[POD], &ignored),
	};
	int rc = choose(sandbox, answers, err);

	for (int i = 0; i < ANSWERS; i++)
		cJSON_Delete(answers[i]);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	*err = unread;
	if (err->http != 404)
		return -1;
	return asb_hint(err, "kubectl agentsandbox -n %s list shows the sandboxes there are",
			sandbox->options.namespace_);
}

/* What is missing altogether says more than that an object is: agent-sandbox, then rights. */
static int decide(struct asb_sandbox *sandbox, const struct asb_http_request *group,
		  const struct asb_http_request *answers[ANSWERS], struct asb_error *err)
{
	struct asb_error absent = ASB_ERROR_INIT, denied = ASB_ERROR_INIT;
	bool served = asb_sandbox_judge_group(sandbox, group, &absent) == 0;
	int rc = judge(sandbox, answers, err);

	if (!served && sandbox->kind != &asb_kind_opened_pod)
		*err = absent;
	else if (asb_rights_require(&sandbox->rights, &denied) < 0)
		*err = denied;
	else
		return rc;
	return -1;
}

/* --- what is known before the rights are ------------------------------------------------------ */

struct asking {
	struct asb_sandbox *sandbox;
	const struct asb_http_request **answers;
	bool told;
};

static bool is_mine(const cJSON *object)
{
	return object != NULL && !asb_is_suspended(object) &&
	       asb_json_string(object, "metadata/deletionTimestamp") == NULL &&
	       asb_root_owner(object, "SandboxWarmPool") == NULL &&
	       asb_root_owner(object, "SandboxClaim") == NULL;
}

/* A Sandbox that nobody has claimed, and its running pod of the same name: the plain case. */
static bool is_plain(const struct asb_sandbox *sandbox, const cJSON *object, const cJSON *pod)
{
	const cJSON *status = asb_json_find(pod, "status/containerStatuses", "name", ASB_CONTAINER);
	struct asb_error ignored = ASB_ERROR_INIT;

	return is_mine(object) && pod != NULL &&
	       asb_same_text(asb_observer_pod_name(object), sandbox->name) &&
	       asb_observer_is_owned(pod, asb_json_string(object, "metadata/uid")) &&
	       asb_json_string(pod, "metadata/deletionTimestamp") == NULL &&
	       asb_json_at(status, "state/running") != NULL &&
	       asb_sandbox_check_shim(sandbox, asb_json_at(pod, "spec"), &ignored) == 0;
}

static void on_turn(void *context)
{
	struct asking *asking = context;
	const struct asb_http_request **answers = asking->answers;
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON object = NULL;
	ASB_JSON pod = NULL;

	if (asking->told || !answers[CLAIM]->done || !answers[OBJECT]->done || !answers[POD]->done)
		return;
	asking->told = true;
	if (answers[CLAIM]->status != 404)
		return;
	object = asb_api_result(answers[OBJECT], &ignored);
	pod = asb_api_result(answers[POD], &ignored);
	if (is_plain(asking->sandbox, object, pod))
		asking->sandbox->hooks.promised(asking->sandbox->hooks.context,
						asking->sandbox->name);
}

/* --- preparing -------------------------------------------------------------------------------- */

static int prepare(struct asb_sandbox *sandbox, struct asb_error *err)
{
	const struct asb_api *api = &asb_api_v1beta1;
	const char *namespace_ = sandbox->options.namespace_;
	ASB_TEXT claim_path = asb_api_path(&api->claims, namespace_, sandbox->name, NULL);
	ASB_TEXT object_path = asb_api_path(&api->sandboxes, namespace_, sandbox->name, NULL);
	ASB_TEXT pod_path = asb_api_path(&asb_pods, namespace_, sandbox->name, NULL);
	const char *const paths[] = {claim_path, object_path, pod_path, "/apis/" ASB_SANDBOX_GROUP};
	struct asb_http_request claim = {0}, object = {0}, pod = {0}, group = {0};
	struct asb_http_request *const requests[] = {&claim, &object, &pod, &group};
	const struct asb_http_request *answers[] = {&claim, &object, &pod};
	struct asking asking = {sandbox, answers, sandbox->hooks.promised == NULL};
	int asked, result = -1;

	if (object_path == NULL)
		return asb_fail_usage(err, "\"%s\" can't be the name of a sandbox", sandbox->name);
	asb_http_set_turn(sandbox->http, on_turn, &asking);
	asked = asb_sandbox_ask(sandbox, requests, paths, 4, err);
	asb_http_set_turn(sandbox->http, NULL, NULL);
	if (asked == 0)
		result = decide(sandbox, &group, answers, err);
	asb_sandbox_drop_questions(sandbox, requests, 4);
	return result;
}

static int create(struct asb_sandbox *sandbox, struct asb_error *err)
{
	cJSON *found = sandbox->found;

	asb_object_init(&sandbox->root, &sandbox->api->sandboxes, sandbox->options.namespace_,
			sandbox->name);
	asb_sandbox_start_lease(sandbox);
	sandbox->found = NULL;
	if (asb_observer_start(&sandbox->observer, sandbox->http, &sandbox->rights, found,
			       sandbox->found_pod, err) < 0)
		return -1;
	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_SCHEDULING);
	return asb_sandbox_step(sandbox, err); /* it may be there already */
}

static int step(struct asb_sandbox *sandbox, struct asb_error *err)
{
	(void)sandbox;
	(void)err;
	return 0;
}

const struct asb_kind asb_kind_opened = {
	.noun = "sandbox",
	.end_path = "spec/shutdownTime",
	.renew = ASB_RIGHT_SANDBOX_PATCH,
	.purpose = ASB_PURPOSE_OPEN,
	.shared = true,
	.prepare = prepare,
	.create = create,
	.step = step,
	.delete = asb_sandbox_leave,
};
