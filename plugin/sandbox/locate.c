/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/locate.h"

#include "plugin/base/buffer.h"
#include "plugin/sandbox/observer.h"
#include "plugin/sandbox/roots.h"

static cJSON *fail_without_pod(const cJSON *sandbox, struct asb_error *err)
{
	const char *name = asb_json_string(sandbox, "metadata/name");

	asb_error_clear(err);
	if (asb_is_suspended(sandbox))
		asb_fail(err, "sandbox \"%s\" is suspended: its pod has gone", name);
	else
		asb_fail(err, "sandbox \"%s\" has no pod", name);
	err->http = 404;
	asb_hint(err, "kubectl agentsandbox -n %s list shows how it is",
		 asb_json_string(sandbox, "metadata/namespace"));
	return NULL;
}

static cJSON *pod_of(struct asb_http *http, const cJSON *sandbox, struct asb_error *err)
{
	const char *uid = asb_json_string(sandbox, "metadata/uid");
	const char *name = asb_observer_pod_name(sandbox);
	ASB_TEXT path =
		asb_api_path(&asb_pods, asb_json_string(sandbox, "metadata/namespace"), name, NULL);
	cJSON *pod = asb_api_get(http, path, err);

	if (pod == NULL && err->http == 404)
		return fail_without_pod(sandbox, err);
	if (pod == NULL || uid == NULL ||
	    asb_json_find(pod, "metadata/ownerReferences", "uid", uid) != NULL)
		return pod;
	asb_fail(err, "pod \"%s\" is not that of sandbox \"%s\": somebody else has made it", name,
		 asb_json_string(sandbox, "metadata/name"));
	cJSON_Delete(pod);
	return NULL;
}

static cJSON *pod_of_claim(struct asb_http *http, const struct asb_api *api, const cJSON *claim,
			   struct asb_error *err)
{
	const char *namespace_ = asb_json_string(claim, "metadata/namespace");
	const char *name = asb_root_sandbox(claim, err);
	ASB_TEXT path = NULL;
	ASB_JSON sandbox = NULL;

	if (name == NULL)
		return NULL;
	path = asb_api_path(&api->sandboxes, namespace_, name, NULL);
	sandbox = asb_api_get(http, path, err);
	return sandbox == NULL ? NULL : pod_of(http, sandbox, err);
}

cJSON *asb_locate_pod(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		      const char *name, struct asb_error *err)
{
	const struct asb_api *spoken = api != NULL ? api : &asb_api_v1beta1;
	cJSON *root = asb_roots_get(http, spoken, namespace_, name, err);
	cJSON *pod = NULL;

	if (root == NULL && err->http == 404)
		asb_hint(err, "kubectl agentsandbox -n %s list shows the sandboxes there are",
			 namespace_);
	if (root == NULL)
		return NULL;
	switch (asb_root_kind(root)) {
	case ASB_ROOT_POD:
		return root;
	case ASB_ROOT_CLAIM:
		pod = pod_of_claim(http, spoken, root, err);
		break;
	case ASB_ROOT_SANDBOX:
		pod = pod_of(http, root, err);
		break;
	}
	cJSON_Delete(root);
	return pod;
}
