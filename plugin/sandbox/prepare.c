/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that can be known before anything is made: one round trip. */
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/shim_configmap.h"
#include "plugin/sandbox/spec.h"

#define REQUEST_TIMEOUT_MS 30000
#define INSTALL_HINT                                                                       \
	"kubectl apply --server-side -f https://github.com/kubernetes-sigs/agent-sandbox/" \
	"releases/download/v1.0.2/sandbox-with-extensions.yaml"

/* None of the versions that are served is one of ours: a later release than any that was known. */
static int fail_versions(const cJSON *group, struct asb_error *err)
{
	struct asb_buffer served = ASB_BUFFER_INIT;
	const cJSON *version;

	cJSON_ArrayForEach(version, asb_json_member(group, "versions"))
	{
		const char *name = asb_json_string(version, "version");

		asb_buffer_addf(&served, "%s%s", served.length == 0 ? "" : ", ",
				name != NULL ? name : "?");
	}
	asb_fail(err,
		 "the agent-sandbox of this cluster serves " ASB_SANDBOX_GROUP
		 " as %s; this plugin speaks v1beta1 and v1alpha1",
		 served.length == 0 ? "nothing" : served.data);
	asb_buffer_release(&served);
	return asb_hint(err, "a later version of the plugin may know it: kubectl krew upgrade");
}

int asb_sandbox_fail_absent(struct asb_error *err)
{
	asb_fail(err, "agent-sandbox is not installed in this cluster (no API "
		      "group " ASB_SANDBOX_GROUP ")");
	err->http = 404;
	return asb_hint(err, INSTALL_HINT);
}

/* 404: the API group is unknown. Who may not ask (403) finds out when the Sandbox is made. */
int asb_sandbox_judge_group(struct asb_sandbox *sandbox, const struct asb_http_request *request,
			    struct asb_error *err)
{
	const struct asb_api *api;
	ASB_JSON group = NULL;

	if (request->status == 404)
		return asb_sandbox_fail_absent(err);
	if (request->status == 403)
		return 0;
	group = asb_api_result(request, err);
	if (group == NULL)
		return asb_wrap(err, "looking for the API group " ASB_SANDBOX_GROUP);
	if (!cJSON_IsArray(asb_json_member(group, "versions")))
		return asb_fail(err, "the server's answer about the API group " ASB_SANDBOX_GROUP
				     " is no APIGroup");
	api = asb_api_served(group);
	if (api == NULL)
		return fail_versions(group, err);
	sandbox->api = api;
	return 0;
}

/* Both groups are of one release: the version is known. */
int asb_sandbox_judge_extensions(const struct asb_http_request *request, struct asb_error *err)
{
	if (request->status != 404)
		return request->status == 403 ? 0 : asb_api_check(request, err);
	asb_fail(err, "the warm pools of agent-sandbox are not installed in this cluster (no API "
		      "group " ASB_EXTENSIONS_GROUP ")");
	return asb_hint(err, INSTALL_HINT);
}

/* The name is a hash of the content: another content under it was put there by somebody, and would
 * run in every pod. */
static int judge_shim(struct asb_sandbox *sandbox, const struct asb_http_request *request,
		      struct asb_error *err)
{
	const struct asb_shim *shim = sandbox->placement.shim;
	ASB_JSON found = NULL;

	if (request->status == 404 || request->status == 403)
		return 0;
	found = asb_api_result(request, err);
	if (found == NULL)
		return asb_wrap(err, "reading ConfigMap %s", shim->configmap);
	if (asb_shim_configmap_same(shim, found)) {
		sandbox->shim_present = true;
		return 0;
	}
	asb_fail(err, "ConfigMap \"%s\" in namespace \"%s\" does not hold the shim of this plugin",
		 shim->configmap, sandbox->options.namespace_);
	return asb_hint(err,
			"somebody has made or changed it; look at it, then: kubectl -n %s delete "
			"configmap %s",
			sandbox->options.namespace_, shim->configmap);
}

int asb_sandbox_place(struct asb_sandbox *sandbox, const struct asb_survey *survey,
		      struct asb_error *err)
{
	if (asb_survey_conclude(survey, &sandbox->placement, err) < 0)
		return -1;
	return judge_shim(sandbox, asb_survey_configmap(survey, &sandbox->placement), err);
}

static int start_questions(struct asb_sandbox *sandbox, struct asb_http_request *const *requests,
			   const char *const *paths, unsigned n, struct asb_error *err)
{
	for (unsigned i = 0; i < n; i++) {
		asb_http_request_init(requests[i], "GET", paths[i]);
		requests[i]->timeout_ms = REQUEST_TIMEOUT_MS;
		if (asb_http_start(sandbox->http, requests[i], err) < 0)
			return -1;
	}
	return 0;
}

static bool is_busy(struct asb_http_request *const *requests, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (requests[i]->status == 429)
			return true;
	}
	return false;
}

int asb_sandbox_ask(struct asb_sandbox *sandbox, struct asb_http_request *const *requests,
		    const char *const *paths, unsigned n, struct asb_error *err)
{
	if (start_questions(sandbox, requests, paths, n, err) < 0 ||
	    asb_rights_review(&sandbox->rights, sandbox->http, err) < 0 ||
	    asb_http_wait(sandbox->http, requests, n, err) < 0)
		return -1;
	/* A busy server wants to be asked again, at its own pace. */
	return is_busy(requests, n) ? asb_api_run(sandbox->http, requests, n, err) : 0;
}

void asb_sandbox_drop_questions(struct asb_sandbox *sandbox,
				struct asb_http_request *const *requests, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		asb_http_cancel(sandbox->http, requests[i]);
		asb_http_request_release(requests[i]);
	}
}

int asb_sandbox_prepare(struct asb_sandbox *sandbox, struct asb_error *err)
{
	if (asb_failed(&sandbox->unnamed)) {
		*err = sandbox->unnamed;
		return -1;
	}
	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_CHECKING);
	return sandbox->kind->prepare(sandbox, err);
}
