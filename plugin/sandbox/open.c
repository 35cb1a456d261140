/* SPDX-License-Identifier: Apache-2.0 */
/* A Sandbox that somebody has made before, to run more commands in: all that decides whether that
 * is possible is known after one round trip. */
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

/* Only what the object itself says settles it before anything was waited for. */
static int check_state(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	static const char *const final[] = {"deleted", "suspended", "expired"};
	struct asb_findings findings = asb_sandbox_findings(sandbox);
	struct asb_diagnosis diagnosis;

	asb_diagnose(&findings, &diagnosis);
	for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
		if (strcmp(diagnosis.code, final[i]) == 0)
			return asb_sandbox_fail(sandbox, &diagnosis, err);
	}
	return 0;
}

/* What runs in a container is said by its command, or else by its image. */
static int fail_other_command(const struct asb_sandbox *sandbox, const cJSON *container,
			      struct asb_error *err)
{
	const char *program = asb_json_string(container, "command/0");

	asb_fail(err,
		 "sandbox \"%s\" was not made for this plugin: its container \"" ASB_CONTAINER
		 "\" runs %s, not " ASB_SHIM_PROGRAM " init",
		 sandbox->name, program != NULL ? program : "what its image says");
	return asb_hint(err, "`kubectl -n %s exec %s -- COMMAND` may do",
			sandbox->options.namespace_, sandbox->name);
}

int asb_sandbox_check_shim(const struct asb_sandbox *sandbox, const cJSON *pod_spec,
			   struct asb_error *err)
{
	const cJSON *container = asb_json_find(pod_spec, "containers", "name", ASB_CONTAINER);
	const char *program = asb_json_string(container, "command/0");
	const char *mode = asb_json_string(container, "command/1");

	if (container == NULL) {
		asb_fail(err,
			 "sandbox \"%s\" was not made for this plugin: its pod has no container "
			 "\"" ASB_CONTAINER "\"",
			 sandbox->name);
		return asb_hint(err, "`kubectl -n %s exec %s -- COMMAND` may do",
				sandbox->options.namespace_, sandbox->name);
	}
	if (program == NULL || strcmp(program, ASB_SHIM_PROGRAM) != 0 || mode == NULL ||
	    strcmp(mode, "init") != 0)
		return fail_other_command(sandbox, container, err);
	if (asb_json_find(container, "volumeMounts", "mountPath", ASB_SHIM_MOUNT) != NULL)
		return 0;
	return asb_fail(err,
			"sandbox \"%s\" was not made for this plugin: nothing is mounted "
			"at " ASB_SHIM_MOUNT,
			sandbox->name);
}

/* The pod that runs counts; before there is one, what it will be made from. */
static int check_pod(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	const cJSON *spec = asb_json_at(sandbox->found_pod, "spec");

	if (spec == NULL)
		spec = asb_json_at(sandbox->found, "spec/podTemplate/spec");
	return asb_sandbox_check_shim(sandbox, spec, err);
}

/* The question was asked in v1beta1, before it was known that the cluster is older. */
static cJSON *read_object(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&sandbox->api->sandboxes, sandbox->options.namespace_,
				     sandbox->name, NULL);

	return asb_api_get(sandbox->http, path, err);
}

static int judge(struct asb_sandbox *sandbox, const struct asb_http_request *object,
		 const struct asb_http_request *pod, struct asb_error *err)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON its = NULL;

	sandbox->found = sandbox->api == &asb_api_v1beta1 ? asb_api_result(object, err)
							  : read_object(sandbox, err);
	if (sandbox->found == NULL && err->http == 404)
		return asb_hint(err,
				"kubectl agentsandbox -n %s list shows the sandboxes there are",
				sandbox->options.namespace_);
	if (sandbox->found == NULL)
		return -1;
	/* A pod of another name, or none, is found by the observer. */
	its = asb_api_result(pod, &ignored);
	if (asb_observer_is_owned(its, asb_json_string(sandbox->found, "metadata/uid"))) {
		sandbox->found_pod = its;
		its = NULL;
	}
	return check_state(sandbox, err) < 0 ? -1 : check_pod(sandbox, err);
}

static int prepare(struct asb_sandbox *sandbox, struct asb_error *err)
{
	const char *namespace_ = sandbox->options.namespace_;
	ASB_TEXT object_path =
		asb_api_path(&asb_api_v1beta1.sandboxes, namespace_, sandbox->name, NULL);
	ASB_TEXT pod_path = asb_api_path(&asb_pods, namespace_, sandbox->name, NULL);
	const char *const paths[] = {"/apis/" ASB_SANDBOX_GROUP, object_path, pod_path};
	struct asb_http_request group = {0}, object = {0}, pod = {0};
	struct asb_http_request *const requests[] = {&group, &object, &pod};
	int result = -1;

	if (object_path == NULL)
		return asb_fail_usage(err, "\"%s\" can't be the name of a sandbox", sandbox->name);
	if (asb_sandbox_ask(sandbox, requests, paths, 3, err) == 0 &&
	    asb_sandbox_judge_group(sandbox, &group, err) == 0 &&
	    asb_rights_require(&sandbox->rights, err) == 0)
		result = judge(sandbox, &object, &pod, err);
	asb_sandbox_drop_questions(sandbox, requests, 3);
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

static int delete (struct asb_sandbox *sandbox, bool force, struct asb_error *err)
{
	(void)force;
	(void)err;
	asb_sandbox_let_go(sandbox);
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
	.delete = delete,
};
