/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that can be known before anything is made: one round trip. */
#include <string.h>

#include "plugin/sandbox/resources.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/shim_configmap.h"
#include "plugin/sandbox/spec.h"

#define REQUEST_TIMEOUT_MS 30000
#define INSTALL_HINT                                                                       \
	"kubectl apply --server-side -f https://github.com/kubernetes-sigs/agent-sandbox/" \
	"releases/download/v1.0.2/sandbox-with-extensions.yaml"

struct questions {
	struct asb_http_request group; /* is agent-sandbox there? */
	struct asb_http_request shim;  /* is the shim's ConfigMap there? */
};

/* 404: the API group is unknown. Who may not ask (403) finds out when the Sandbox is made. */
static int judge_group(const struct asb_http_request *request, struct asb_error *err)
{
	ASB_JSON group = NULL;

	if (request->status == 404) {
		asb_fail(err, "agent-sandbox is not installed in this cluster (no API "
			      "group " ASB_SANDBOX_GROUP ")");
		return asb_hint(err, INSTALL_HINT);
	}
	if (request->status == 403)
		return 0;
	group = asb_api_result(request, err);
	if (group == NULL)
		return asb_wrap(err, "looking for the API group " ASB_SANDBOX_GROUP);
	if (asb_json_find(group, "versions", "version", ASB_SANDBOX_VERSION) != NULL)
		return 0;
	asb_fail(err, "the agent-sandbox of this cluster does not serve " ASB_SANDBOX_API_VERSION);
	return asb_hint(err, "it is older than v0.5; v1.0 or later is needed:\n" INSTALL_HINT);
}

/* The name is a hash of the content: another content under it was put there by somebody, and would
 * run in every pod. */
static int judge_shim(struct asb_sandbox *sandbox, const struct asb_http_request *request,
		      struct asb_error *err)
{
	ASB_JSON found = NULL;

	if (request->status == 404 || request->status == 403)
		return 0;
	found = asb_api_result(request, err);
	if (found == NULL)
		return asb_wrap(err, "reading ConfigMap %s", asb_shim_configmap_name());
	if (asb_shim_configmap_same(found)) {
		sandbox->shim_present = true;
		return 0;
	}
	asb_fail(err, "ConfigMap \"%s\" in namespace \"%s\" does not hold the shim of this plugin",
		 asb_shim_configmap_name(), sandbox->options.namespace_);
	return asb_hint(err,
			"somebody has made or changed it; look at it, then: kubectl -n %s delete "
			"configmap %s",
			sandbox->options.namespace_, asb_shim_configmap_name());
}

static int start_question(struct asb_sandbox *sandbox, struct asb_http_request *request,
			  const char *path, struct asb_error *err)
{
	asb_http_request_init(request, "GET", path);
	request->timeout_ms = REQUEST_TIMEOUT_MS;
	return asb_http_start(sandbox->http, request, err);
}

/* The questions about objects travel while the rights are asked for. */
static int ask(struct asb_sandbox *sandbox, struct questions *questions, struct asb_error *err)
{
	struct asb_http_request *both[] = {&questions->group, &questions->shim};

	if (asb_rights_review(&sandbox->rights, sandbox->http, err) < 0 ||
	    asb_http_wait(sandbox->http, both, 2, err) < 0)
		return -1;
	/* A busy server wants to be asked again, at its own pace. */
	if ((questions->group.status == 429 || questions->shim.status == 429) &&
	    asb_api_run(sandbox->http, both, 2, err) < 0)
		return -1;
	if (judge_group(&questions->group, err) < 0 ||
	    asb_rights_require(&sandbox->rights, err) < 0)
		return -1;
	return judge_shim(sandbox, &questions->shim, err);
}

static void drop_question(struct asb_sandbox *sandbox, struct asb_http_request *request)
{
	asb_http_cancel(sandbox->http, request);
	asb_http_request_release(request);
}

static int prepare(struct asb_sandbox *sandbox, struct asb_error *err)
{
	ASB_TEXT shim = asb_api_path(&asb_configmaps, sandbox->options.namespace_,
				     asb_shim_configmap_name(), NULL);
	struct questions questions;
	int result = -1;

	memset(&questions, 0, sizeof(questions));
	if (start_question(sandbox, &questions.group, "/apis/" ASB_SANDBOX_GROUP, err) < 0)
		goto out_group;
	if (start_question(sandbox, &questions.shim, shim, err) == 0)
		result = ask(sandbox, &questions, err);
	drop_question(sandbox, &questions.shim);
out_group:
	drop_question(sandbox, &questions.group);
	return result;
}

int asb_sandbox_prepare(struct asb_sandbox *sandbox, struct asb_error *err)
{
	if (asb_failed(&sandbox->unnamed)) {
		*err = sandbox->unnamed;
		return -1;
	}
	if (asb_spec_check(&sandbox->options, err) < 0)
		return -1;
	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_CHECKING);
	return prepare(sandbox, err);
}
