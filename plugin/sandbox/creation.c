/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Sandbox and, where it is missing, the shim's ConfigMap are sent side by side; the sandbox's
 * own ConfigMap follows at once, as it needs the Sandbox's UID. The pod can't be there before them:
 * it is still to be made, scheduled and mounted, and the kubelet tries a missing ConfigMap again.
 */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/options.h"
#include "plugin/sandbox/inner_config.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/shim_configmap.h"
#include "plugin/sandbox/spec.h"

#define MARGIN_MS 60000
#define HOUR_MS 3600000

int64_t asb_sandbox_first_lease_ms(const struct asb_sandbox *sandbox)
{
	const struct asb_sandbox_options *options = &sandbox->options;

	if (asb_rights_allow(&sandbox->rights, ASB_RIGHT_SANDBOX_PATCH))
		return options->lease_ms;
	if (options->run_timeout_ms > 0)
		return options->ready_timeout_ms + options->run_timeout_ms + MARGIN_MS;
	return options->ready_timeout_ms + HOUR_MS;
}

static int post_shim(struct asb_sandbox *sandbox, struct asb_error *err)
{
	ASB_JSON object = asb_shim_configmap();

	asb_object_init(&sandbox->shim, &asb_configmaps, sandbox->options.namespace_,
			asb_shim_configmap_name());
	return asb_object_post(&sandbox->shim, sandbox->http, object, err);
}

static int post_sandbox(struct asb_sandbox *sandbox, struct asb_error *err)
{
	int64_t offset = asb_http_clock_offset_ms(sandbox->http);
	ASB_TEXT end = asb_lease_shutdown_time(asb_sandbox_first_lease_ms(sandbox), offset);
	struct asb_spec spec = {
		.api_version = sandbox->api->sandbox,
		.name = sandbox->name,
		.instance = sandbox->instance,
		.shutdown_time = end,
		.shim_configmap = asb_shim_configmap_name(),
	};
	ASB_JSON object = asb_spec_build(&sandbox->options, &spec);

	asb_object_init(&sandbox->sandbox, &sandbox->api->sandboxes, sandbox->options.namespace_,
			sandbox->name);
	return asb_object_post(&sandbox->sandbox, sandbox->http, object, err);
}

static int post_config(struct asb_sandbox *sandbox, struct asb_error *err)
{
	const struct asb_owner owner = {sandbox->api->sandbox, "Sandbox", sandbox->name,
					sandbox->sandbox.uid};
	ASB_JSON object =
		asb_inner_config(&owner, sandbox->instance, sandbox->options.inner_namespace);

	asb_object_init(&sandbox->config, &asb_configmaps, sandbox->options.namespace_,
			sandbox->name);
	return asb_object_post(&sandbox->config, sandbox->http, object, err);
}

static void tell_fixed_end(struct asb_sandbox *sandbox)
{
	char length[32];

	if (asb_rights_allow(&sandbox->rights, ASB_RIGHT_SANDBOX_PATCH))
		return;
	asb_sandbox_notice(sandbox,
			   "without the right to patch sandboxes the end is fixed: this sandbox is "
			   "deleted after %s at the latest",
			   asb_duration_format(asb_sandbox_first_lease_ms(sandbox), length));
}

static int create(struct asb_sandbox *sandbox, struct asb_error *err)
{
	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_CREATING);
	tell_fixed_end(sandbox);
	if (!sandbox->shim_present && post_shim(sandbox, err) < 0)
		return -1;
	return post_sandbox(sandbox, err);
}

/* A refusal by an admission plugin is explained as for a pod; the rest is the API server's to word.
 */
static int explain(const struct asb_sandbox *sandbox, const char *what, struct asb_error *err)
{
	static const char *const vague[] = {"forbidden", "pod-invalid", "reconcile-error",
					    "conflict"};
	ASB_JSON like = asb_json_literal("{\"metadata\":{}}");
	struct asb_diagnosis diagnosis;

	asb_json_set_string(like, "metadata/namespace", sandbox->options.namespace_);
	asb_json_set_string(like, "metadata/name", sandbox->name);
	asb_diagnose_refusal(like, err->message, &diagnosis);
	for (size_t i = 0; i < sizeof(vague) / sizeof(vague[0]); i++) {
		if (strcmp(diagnosis.code, vague[i]) == 0)
			return asb_wrap(err, "creating %s", what);
	}
	asb_fail(err, "%s", diagnosis.cause);
	return asb_hint(err, "%s", diagnosis.hint);
}

static int explain_conflict(const struct asb_sandbox *sandbox, const char *kind,
			    struct asb_error *err)
{
	const char *namespace_ = sandbox->options.namespace_;

	asb_fail(err, "%s \"%s\" already exists in namespace \"%s\"", kind, sandbox->name,
		 namespace_);
	return asb_hint(err,
			"use another --name, or none, or delete it: kubectl -n %s delete %s %s",
			namespace_, kind, sandbox->name);
}

/* 409: somebody was quicker, or made it while we could not look. Its name is its content's hash. */
static int step_shim(struct asb_sandbox *sandbox, struct asb_error *err)
{
	ASB_JSON answer = NULL;

	if (asb_object_step(&sandbox->shim, sandbox->http, &answer, err) >= 0)
		return 0;
	if (err->http != 409)
		return explain(sandbox, "the shim's ConfigMap", err);
	asb_error_clear(err);
	return 0;
}

/* After 409. The object, when it is ours: then the first of two tries had succeeded. */
static cJSON *recover(struct asb_sandbox *sandbox, struct asb_object *object, const char *kind,
		      struct asb_error *err)
{
	cJSON *found = NULL;

	if (asb_object_identify(object, sandbox->http, sandbox->instance, &found))
		asb_error_clear(err);
	else
		explain_conflict(sandbox, kind, err);
	return found;
}

static int begin(struct asb_sandbox *sandbox, cJSON *made, struct asb_error *err)
{
	bool renewable = asb_rights_allow(&sandbox->rights, ASB_RIGHT_SANDBOX_PATCH);

	asb_lease_init(&sandbox->lease, sandbox->sandbox.path, asb_sandbox_first_lease_ms(sandbox),
		       renewable, asb_lease_clock_ms());
	sandbox->leased = true;
	if (asb_observer_start(&sandbox->observer, sandbox->http, &sandbox->rights, made, NULL,
			       err) < 0)
		return -1;
	return post_config(sandbox, err);
}

/* 1: it was made now. */
static int step_sandbox(struct asb_sandbox *sandbox, struct asb_error *err)
{
	cJSON *made = NULL;
	int rc = asb_object_step(&sandbox->sandbox, sandbox->http, &made, err);

	if (rc == 0)
		return 0;
	if (rc < 0 && err->http == 409)
		made = recover(sandbox, &sandbox->sandbox, "sandbox", err);
	else if (rc < 0)
		explain(sandbox, "the Sandbox", err);
	if (made == NULL)
		return -1;
	return begin(sandbox, made, err) < 0 ? -1 : 1;
}

static int step_config(struct asb_sandbox *sandbox, struct asb_error *err)
{
	cJSON *made = NULL;

	if (asb_object_step(&sandbox->config, sandbox->http, &made, err) < 0) {
		if (err->http != 409)
			return explain(sandbox, "the sandbox's ConfigMap", err);
		made = recover(sandbox, &sandbox->config, "configmap", err);
	}
	cJSON_Delete(made);
	return asb_failed(err) ? -1 : 0;
}

static int step(struct asb_sandbox *sandbox, struct asb_error *err)
{
	int made;

	if (step_shim(sandbox, err) < 0)
		return -1;
	made = step_sandbox(sandbox, err);
	if (made < 0 || step_config(sandbox, err) < 0)
		return -1;
	if (made == 1)
		asb_sandbox_set_phase(sandbox, ASB_SANDBOX_SCHEDULING);
	return 0;
}

const struct asb_kind asb_kind_made = {
	.purpose = ASB_PURPOSE_MAKE,
	.prepare = asb_sandbox_prepare_made,
	.create = create,
	.step = step,
	.delete = asb_sandbox_delete_made,
};
