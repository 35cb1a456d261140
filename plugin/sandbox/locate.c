/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/locate.h"

#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/claim_object.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/observer.h"

#define REQUEST_TIMEOUT_MS 30000

struct search {
	struct asb_http *http;
	const struct asb_api *api;
	const char *namespace_, *name;
	struct asb_http_request sandbox, claim, pod;
	char *sandbox_path, *claim_path, *pod_path;
};

static void start(struct asb_http_request *request, const char *path)
{
	asb_http_request_init(request, "GET", path);
	request->timeout_ms = REQUEST_TIMEOUT_MS;
}

static int ask(struct search *search, struct asb_error *err)
{
	const struct asb_api *api = search->api != NULL ? search->api : &asb_api_v1beta1;
	struct asb_http_request *all[] = {&search->pod, &search->sandbox, &search->claim};

	search->sandbox_path =
		asb_api_path(&api->sandboxes, search->namespace_, search->name, NULL);
	search->claim_path = asb_api_path(&api->claims, search->namespace_, search->name, NULL);
	search->pod_path = asb_api_path(&asb_pods, search->namespace_, search->name, NULL);
	start(&search->sandbox, search->sandbox_path);
	start(&search->claim, search->claim_path);
	start(&search->pod, search->pod_path);
	return asb_api_run(search->http, all, search->api != NULL ? 3 : 1, err);
}

static int fail_missing(const struct search *search, struct asb_error *err)
{
	asb_fail(err, "there is no sandbox \"%s\" in namespace \"%s\"", search->name,
		 search->namespace_);
	err->http = 404;
	return asb_hint(err, "kubectl agentsandbox -n %s list shows the sandboxes there are",
			search->namespace_);
}

static cJSON *fail_without_pod(const struct search *search, const cJSON *sandbox,
			       struct asb_error *err)
{
	const char *name = asb_json_string(sandbox, "metadata/name");

	err->http = 404;
	if (asb_is_suspended(sandbox))
		asb_fail(err, "sandbox \"%s\" is suspended: its pod has gone", name);
	else
		asb_fail(err, "sandbox \"%s\" has no pod", name);
	asb_hint(err, "kubectl agentsandbox -n %s list shows how it is", search->namespace_);
	return NULL;
}

/* The answer that is there already, when the pod has the name that was asked for. */
static cJSON *read_pod(struct search *search, const char *name, struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&asb_pods, search->namespace_, name, NULL);

	if (strcmp(name, search->name) == 0)
		return asb_api_result(&search->pod, err);
	return asb_api_get(search->http, path, err);
}

static cJSON *pod_of(struct search *search, const cJSON *sandbox, struct asb_error *err)
{
	const char *uid = asb_json_string(sandbox, "metadata/uid");
	const char *name = asb_observer_pod_name(sandbox);
	cJSON *pod = name == NULL ? NULL : read_pod(search, name, err);

	if (pod == NULL && (name == NULL || err->http == 404)) {
		asb_error_clear(err);
		return fail_without_pod(search, sandbox, err);
	}
	if (pod == NULL || uid == NULL ||
	    asb_json_find(pod, "metadata/ownerReferences", "uid", uid) != NULL)
		return pod;
	asb_fail(err, "pod \"%s\" is not that of sandbox \"%s\": somebody else has made it", name,
		 asb_json_string(sandbox, "metadata/name"));
	cJSON_Delete(pod);
	return NULL;
}

static cJSON *pod_of_claim(struct search *search, const cJSON *claim, struct asb_error *err)
{
	const char *name = asb_claim_sandbox(claim);
	ASB_TEXT path = NULL;
	ASB_JSON sandbox = NULL;

	if (name == NULL) {
		asb_fail(err, "sandboxclaim \"%s\" has no sandbox yet", search->name);
		return NULL;
	}
	path = asb_api_path(&search->api->sandboxes, search->namespace_, name, NULL);
	sandbox = asb_api_get(search->http, path, err);
	return sandbox == NULL ? NULL : pod_of(search, sandbox, err);
}

static bool is_absent(const struct search *search, const struct asb_http_request *request)
{
	return search->api == NULL || request->status == 404;
}

static cJSON *choose(struct search *search, struct asb_error *err)
{
	struct asb_error unread = ASB_ERROR_INIT;
	ASB_JSON sandbox = NULL;
	ASB_JSON claim = NULL;
	cJSON *pod;

	if (search->sandbox.status == 200)
		sandbox = asb_api_result(&search->sandbox, err);
	if (sandbox != NULL)
		return pod_of(search, sandbox, err);
	if (search->claim.status == 200)
		claim = asb_api_result(&search->claim, err);
	if (claim != NULL)
		return pod_of_claim(search, claim, err);
	pod = asb_api_result(&search->pod, &unread);
	if (asb_inventory_is_ours(pod))
		return pod;
	cJSON_Delete(pod);
	if (!is_absent(search, &search->sandbox))
		asb_api_check(&search->sandbox, err);
	else if (unread.http != 404 && asb_failed(&unread))
		*err = unread;
	else
		fail_missing(search, err);
	return NULL;
}

cJSON *asb_locate_pod(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		      const char *name, struct asb_error *err)
{
	struct search search = {.http = http, .api = api, .namespace_ = namespace_, .name = name};
	cJSON *pod = ask(&search, err) == 0 ? choose(&search, err) : NULL;

	asb_http_request_release(&search.sandbox);
	asb_http_request_release(&search.claim);
	asb_http_request_release(&search.pod);
	asb_free_text(&search.sandbox_path);
	asb_free_text(&search.claim_path);
	asb_free_text(&search.pod_path);
	return pod;
}
