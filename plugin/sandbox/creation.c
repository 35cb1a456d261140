/* SPDX-License-Identifier: Apache-2.0 */
/* Objects on their way into the cluster: what all kinds of sandboxes share. */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/options.h"
#include "plugin/sandbox/inner_config.h"
#include "plugin/sandbox/next_step.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/shim_configmap.h"

#define MARGIN_MS 60000
#define HOUR_MS 3600000

bool asb_sandbox_renewable(const struct asb_sandbox *sandbox)
{
	enum asb_right right = sandbox->kind->renew;

	return sandbox->options.ttl_ms == 0 && !sandbox->endless && right != ASB_RIGHTS &&
	       asb_rights_allow(&sandbox->rights, right);
}

int64_t asb_sandbox_first_lease_ms(const struct asb_sandbox *sandbox)
{
	const struct asb_sandbox_options *options = &sandbox->options;

	if (options->ttl_ms > 0)
		return options->ttl_ms;
	if (asb_sandbox_renewable(sandbox))
		return options->lease_ms;
	if (options->run_timeout_ms > 0)
		return options->ready_timeout_ms + options->run_timeout_ms + MARGIN_MS;
	return options->ready_timeout_ms + HOUR_MS;
}

void asb_sandbox_tell_fixed_end(struct asb_sandbox *sandbox)
{
	char length[32];

	if (asb_sandbox_renewable(sandbox) || sandbox->options.ttl_ms > 0)
		return;
	asb_duration_format(asb_sandbox_first_lease_ms(sandbox), length);
	if (sandbox->kind->renew == ASB_RIGHTS)
		asb_sandbox_notice(sandbox,
				   "the end of a plain pod is fixed: this one is stopped after %s "
				   "at the latest",
				   length);
	else
		asb_sandbox_notice(sandbox,
				   "without the right to patch %ses the end is fixed: this sandbox "
				   "is deleted after %s at the latest",
				   sandbox->kind->noun, length);
}

int asb_sandbox_post_shim(struct asb_sandbox *sandbox, struct asb_error *err)
{
	ASB_JSON object = NULL;

	if (sandbox->shim_present)
		return 0;
	object = asb_shim_configmap(sandbox->placement.shim);
	asb_object_init(&sandbox->shim, &asb_configmaps, sandbox->options.namespace_,
			sandbox->placement.shim->configmap);
	return asb_object_post(&sandbox->shim, sandbox->http, object, err);
}

/* Early releases lack some fields (shutdownPolicy, of claims lifecycle and warmpool) and warn of
 * each with every object: what is missing then is said in docs/versions.md. Who has written the
 * object wants to be told. */
static void spare_warnings(struct asb_sandbox *sandbox)
{
	char *collection = sandbox->root.collection;

	if (sandbox->api != &asb_api_v1alpha1 || sandbox->options.base != NULL)
		return;
	sandbox->root.collection = asb_strf("%s?fieldValidation=Ignore", collection);
	free(collection);
}

int asb_sandbox_post_root(struct asb_sandbox *sandbox, const struct asb_resource *resource,
			  const cJSON *object, struct asb_error *err)
{
	asb_object_init(&sandbox->root, resource, sandbox->options.namespace_, sandbox->name);
	spare_warnings(sandbox);
	return asb_object_post(&sandbox->root, sandbox->http, object, err);
}

int asb_sandbox_post_config(struct asb_sandbox *sandbox, const char *api_version, const char *kind,
			    struct asb_error *err)
{
	const struct asb_owner owner = {api_version, kind, sandbox->name, sandbox->root.uid};
	ASB_JSON object =
		asb_inner_config(&owner, sandbox->instance, sandbox->options.inner_namespace);

	asb_object_init(&sandbox->config, &asb_configmaps, sandbox->options.namespace_,
			sandbox->name);
	return asb_object_post(&sandbox->config, sandbox->http, object, err);
}

void asb_sandbox_start_lease(struct asb_sandbox *sandbox)
{
	asb_lease_init(&sandbox->lease, sandbox->root.path, asb_sandbox_first_lease_ms(sandbox),
		       asb_sandbox_renewable(sandbox), asb_lease_clock_ms());
	sandbox->lease.end_path = sandbox->kind->end_path;
	sandbox->leased = true;
}

/* What an explanation speaks of. */
static cJSON *describe(const struct asb_sandbox *sandbox)
{
	cJSON *like = asb_json_literal("{}");
	cJSON *pod = asb_json_literal("{\"nodeSelector\":{}}");

	asb_json_set_string(like, "metadata/namespace", sandbox->options.namespace_);
	asb_json_set_string(like, "metadata/name", sandbox->name);
	asb_json_set_string(pod, "runtimeClassName", sandbox->options.runtime_class);
	asb_json_set_string(pod, "serviceAccountName", sandbox->options.service_account);
	if (sandbox->placement.shim != NULL)
		cJSON_AddStringToObject(cJSON_GetObjectItemCaseSensitive(pod, "nodeSelector"),
					ASB_ARCH_LABEL, sandbox->placement.shim->arch);
	asb_json_set(like, "spec/podTemplate/spec", pod);
	return like;
}

/* A refusal by an admission plugin is explained as for a pod; the rest is the API server's to word.
 */
static int explain(const struct asb_sandbox *sandbox, const char *what, struct asb_error *err)
{
	static const char *const vague[] = {"forbidden", "pod-invalid", "reconcile-error",
					    "conflict"};
	ASB_JSON like = describe(sandbox);
	struct asb_diagnosis diagnosis;

	/* No Status: the path is unknown. For some seconds after the CRD has gone, discovery does
	 * not know. */
	if (err->http == 404 && strstr(err->message, "404 page not found") != NULL) {
		asb_error_clear(err);
		return asb_sandbox_fail_absent(err);
	}
	asb_diagnose_refusal(like, err->message, &diagnosis);
	for (size_t i = 0; i < sizeof(vague) / sizeof(vague[0]); i++) {
		if (strcmp(diagnosis.code, vague[i]) == 0)
			return asb_wrap(err, "creating the %s", what);
	}
	asb_fail(err, "%s", diagnosis.cause);
	return asb_hint(err, "%s", diagnosis.hint);
}

/* How the Sandbox is that has the name, when nothing can be run in it; with what is to be done. */
static bool explain_namesake(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON found = asb_api_get(sandbox->http, sandbox->root.path, &ignored);
	const struct asb_findings findings = {
		.sandbox = found,
		.now_ms = asb_http_now_ms(sandbox->http),
	};
	struct asb_diagnosis diagnosis;
	ASB_TEXT step = NULL;

	if (found == NULL || !asb_diagnose_life(&findings, &diagnosis))
		return false;
	step = asb_next_step(&findings, NULL, NULL, &diagnosis);
	asb_fail(err, "sandbox \"%s\" already exists in namespace \"%s\": %s", sandbox->name,
		 sandbox->options.namespace_, diagnosis.cause);
	asb_hint(err, "%s", step);
	return true;
}

static int explain_conflict(const struct asb_sandbox *sandbox, const char *noun,
			    struct asb_error *err)
{
	const char *namespace_ = sandbox->options.namespace_;

	if (strcmp(noun, "sandbox") == 0 && explain_namesake(sandbox, err))
		return -1;
	asb_fail(err, "%s \"%s\" already exists in namespace \"%s\"", noun, sandbox->name,
		 namespace_);
	return asb_hint(err, "use another name, or none, or delete it: kubectl -n %s delete %s %s",
			namespace_, noun, sandbox->name);
}

/* 409: somebody was quicker, or made it while we could not look. Its name is its content's hash. */
int asb_sandbox_step_shim(struct asb_sandbox *sandbox, struct asb_error *err)
{
	ASB_JSON answer = NULL;

	if (asb_object_step(&sandbox->shim, sandbox->http, &answer, err) >= 0)
		return 0;
	if (err->http != 409)
		return explain(sandbox, "shim's ConfigMap", err);
	asb_error_clear(err);
	return 0;
}

/* After 409. The object, when it is ours: then the first of two tries had succeeded. */
static cJSON *recover(struct asb_sandbox *sandbox, struct asb_object *object, const char *noun,
		      struct asb_error *err)
{
	cJSON *found = NULL;

	if (asb_object_identify(object, sandbox->http, sandbox->instance, &found))
		asb_error_clear(err);
	else
		explain_conflict(sandbox, noun, err);
	return found;
}

int asb_sandbox_step_root(struct asb_sandbox *sandbox, cJSON **made, struct asb_error *err)
{
	int rc = asb_object_step(&sandbox->root, sandbox->http, made, err);

	if (rc >= 0)
		return rc;
	if (err->http == 409)
		*made = recover(sandbox, &sandbox->root, sandbox->kind->noun, err);
	else
		explain(sandbox, sandbox->kind->noun, err);
	return *made != NULL ? 1 : -1;
}

int asb_sandbox_step_config(struct asb_sandbox *sandbox, struct asb_error *err)
{
	cJSON *made = NULL;

	if (asb_object_step(&sandbox->config, sandbox->http, &made, err) < 0) {
		if (err->http != 409)
			return explain(sandbox, "sandbox's ConfigMap", err);
		made = recover(sandbox, &sandbox->config, "configmap", err);
	}
	cJSON_Delete(made);
	return asb_failed(err) ? -1 : 0;
}

int asb_sandbox_step_made(struct asb_sandbox *sandbox, asb_sandbox_begin_fn *begin,
			  struct asb_error *err)
{
	cJSON *made = NULL;
	int rc;

	if (asb_sandbox_step_shim(sandbox, err) < 0)
		return -1;
	rc = asb_sandbox_step_root(sandbox, &made, err);
	if (rc < 0 || (rc == 1 && begin(sandbox, made, err) < 0) ||
	    asb_sandbox_step_config(sandbox, err) < 0)
		return -1;
	if (rc == 1)
		asb_sandbox_set_phase(sandbox, ASB_SANDBOX_SCHEDULING);
	return 0;
}
