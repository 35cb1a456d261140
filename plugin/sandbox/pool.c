/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/pool.h"

#include <string.h>

#include "plugin/kube/access.h"
#include "plugin/sandbox/inner_config.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/overlay.h"
#include "plugin/sandbox/pool_autoscaler.h"
#include "plugin/sandbox/shim_configmap.h"
#include "plugin/sandbox/spec.h"

#define MOST_REPLICAS 1000
#define REQUEST_TIMEOUT_MS 30000
#define LONGEST_NAME 57 /* sandboxes of a pool are named after it, with '-' and five characters */

/* --- the objects --- */

static int check_most(const struct asb_pool_options *options, struct asb_error *err)
{
	if (options->most < options->size || options->most > MOST_REPLICAS) {
		asb_fail_usage(err, "a pool of %lld can't have %lld at most",
			       (long long)options->size, (long long)options->most);
		return asb_hint(err, "the most is between the size and 1000");
	}
	if (options->size > 0)
		return 0;
	asb_fail_usage(err, "a pool of 0 can't grow by itself");
	return asb_hint(err, "an autoscaler needs at least 1: --size 1");
}

int asb_pool_check(const struct asb_pool_options *options, struct asb_error *err)
{
	if (!asb_is_dns_label(options->name) || strlen(options->name) > LONGEST_NAME) {
		asb_fail_usage(err, "\"%s\" can't be the name of a pool", options->name);
		return asb_hint(err, "use up to 57 lower case letters, digits and '-', with a "
				     "letter or digit at both ends");
	}
	if (options->size < 0 || options->size > MOST_REPLICAS) {
		asb_fail_usage(err, "%lld is no size of a pool", (long long)options->size);
		return asb_hint(err, "say how many sandboxes are to be kept ready, 0 to 1000");
	}
	if (options->most != 0 && check_most(options, err) < 0)
		return -1;
	return asb_spec_check(&options->sandbox, err);
}

static const char *inner_namespace(const struct asb_pool_options *options)
{
	const char *namespace_ = options->sandbox.inner_namespace;

	return namespace_ != NULL ? namespace_ : "default";
}

cJSON *asb_pool_template(const struct asb_pool_options *options,
			 const struct asb_placement *placement, const struct asb_api *api)
{
	const struct asb_spec spec = {.name = options->name, .placement = *placement};
	cJSON *object = asb_json_literal("{\"kind\":\"SandboxTemplate\",\"metadata\":{},\"spec\":{"
					 "\"networkPolicyManagement\":\"Unmanaged\"}}");
	cJSON *template = asb_spec_template(&options->sandbox, &spec);

	asb_json_set_string(object, "apiVersion", api->extension);
	asb_json_set_string(object, "metadata/name", options->name);
	asb_labels_set(object, "metadata", "pool", NULL);
	asb_json_set_string(template, "metadata/annotations/" ASB_POOL_NAMESPACE_ANNOTATION,
			    inner_namespace(options));
	asb_json_set_string(template, "spec/dnsPolicy", "ClusterFirst");
	asb_json_set(object, "spec/podTemplate", template);
	if (options->sandbox.base != NULL)
		asb_overlay_apply(object, options->sandbox.base);
	return object;
}

cJSON *asb_pool_object(const struct asb_pool_options *options, const struct asb_api *api)
{
	cJSON *object = asb_json_literal("{\"kind\":\"SandboxWarmPool\",\"metadata\":{}}");

	asb_json_set_string(object, "apiVersion", api->extension);
	asb_json_set_string(object, "metadata/name", options->name);
	asb_labels_set(object, "metadata", "pool", NULL);
	asb_json_set_number(object, "spec/replicas", (double)options->size);
	if (options->update_strategy != NULL)
		asb_json_set(object, "spec/updateStrategy",
			     cJSON_Duplicate(options->update_strategy, true));
	asb_json_set_string(object, "spec/sandboxTemplateRef/name", options->name);
	return object;
}

/* --- rights --- */

/* Who may not ask finds out when it is used. */
static int tolerate_silence(struct asb_error *err)
{
	if (err->http != 403)
		return -1;
	asb_error_clear(err);
	return 0;
}

static int require(struct asb_http *http, struct asb_access *rights, size_t n,
		   const char *namespace_, struct asb_error *err)
{
	for (size_t i = 0; i < n; i++)
		rights[i].namespace_ = namespace_;
	if (asb_access_review(http, rights, n, err) < 0)
		return tolerate_silence(err);
	return asb_access_require(rights, n, namespace_, err);
}

/* --- operations --- */

static int explain(const char *what, const char *name, const char *namespace_,
		   struct asb_error *err)
{
	if (err->http == 409) {
		asb_fail(err, "%s \"%s\" already exists in namespace \"%s\"", what, name,
			 namespace_);
		return asb_hint(err,
				"use another name, or delete it with: kubectl agentsandbox -n "
				"%s pool delete %s",
				namespace_, name);
	}
	return asb_wrap(err, "creating the %s", what);
}

static cJSON *create_one(struct asb_http *http, const struct asb_resource *resource,
			 const char *namespace_, cJSON *object, struct asb_error *err)
{
	ASB_TEXT collection = asb_api_path(resource, namespace_, NULL, NULL);
	/* The earliest releases would warn of networkPolicyManagement: they make no NetworkPolicy.
	 */
	bool old = strcmp(resource->version, asb_api_v1alpha1.version) == 0;
	ASB_TEXT path = asb_strf("%s%s", collection, old ? "?fieldValidation=Ignore" : "");
	cJSON *made = asb_api_create(http, path, object, err);

	cJSON_Delete(object);
	return made;
}

/* It is named by its content, and shared: there already is fine, if it is what we would have made.
 */
static int create_shim(struct asb_http *http, const char *namespace_, const struct asb_shim *shim,
		       struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&asb_configmaps, namespace_, shim->configmap, NULL);
	ASB_JSON made =
		create_one(http, &asb_configmaps, namespace_, asb_shim_configmap(shim), err);
	ASB_JSON found = NULL;
	struct asb_error unread = ASB_ERROR_INIT;

	if (made != NULL)
		return 0;
	if (err->http != 409)
		return asb_wrap(err, "creating the shim's ConfigMap");
	asb_error_clear(err);
	found = asb_api_get(http, path, &unread);
	if (found == NULL || asb_shim_configmap_same(shim, found))
		return 0;
	return asb_fail(
		err, "ConfigMap \"%s\" in namespace \"%s\" does not hold the shim of this plugin",
		shim->configmap, namespace_);
}

/* Where the pods are to go. */
static int place(struct asb_http *http, const struct asb_pool_options *options,
		 struct asb_placement *placement, struct asb_error *err)
{
	struct asb_http_request *requests[ASB_SURVEY_MOST];
	const char *paths[ASB_SURVEY_MOST];
	struct asb_survey survey;
	int rc = -1, n = asb_survey_init(&survey, &options->sandbox, requests, paths, err);

	for (int i = 0; i < n; i++) {
		asb_http_request_init(requests[i], "GET", paths[i]);
		requests[i]->timeout_ms = REQUEST_TIMEOUT_MS;
	}
	if (n >= 0 && asb_api_run(http, requests, (unsigned)n, err) == 0)
		rc = asb_survey_conclude(&survey, placement, err);
	for (int i = 0; i < n; i++)
		asb_http_request_release(requests[i]);
	asb_survey_release(&survey);
	return rc;
}

/* A pool that can't get its autoscaler goes again. */
static int create_autoscaler(struct asb_http *http, const struct asb_api *api,
			     const struct asb_pool_options *options, const cJSON *pool,
			     struct asb_error *err)
{
	const char *namespace_ = options->sandbox.namespace_;
	ASB_TEXT path = asb_api_path(&api->pools, namespace_, options->name, NULL);
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON made = create_one(http, &asb_autoscalers, namespace_,
				   asb_autoscaler_object(pool, options->most), err);

	if (made != NULL)
		return 0;
	asb_api_delete(http, path, asb_json_string(pool, "metadata/uid"), "Background", &ignored);
	return explain("horizontalpodautoscaler", options->name, namespace_, err);
}

/* What hangs on the template: its kubeconfig, which garbage collection takes along, and the pool.
 */
static int create_rest(struct asb_http *http, const struct asb_api *api,
		       const struct asb_pool_options *options, const cJSON *template,
		       struct asb_error *err)
{
	const char *namespace_ = options->sandbox.namespace_;
	const struct asb_owner owner = {api->extension, "SandboxTemplate", options->name,
					asb_json_string(template, "metadata/uid")};
	ASB_JSON config = create_one(http, &asb_configmaps, namespace_,
				     asb_inner_config(&owner, NULL, inner_namespace(options)), err);
	ASB_JSON pool = NULL;

	if (config == NULL)
		return explain("configmap", options->name, namespace_, err);
	pool = create_one(http, &api->pools, namespace_, asb_pool_object(options, api), err);
	if (pool == NULL)
		return explain("sandboxwarmpool", options->name, namespace_, err);
	return options->most == 0 ? 0 : create_autoscaler(http, api, options, pool, err);
}

int asb_pool_create(struct asb_http *http, const struct asb_api *api,
		    const struct asb_pool_options *options, struct asb_error *err)
{
	struct asb_access rights[] = {
		{.group = ASB_EXTENSIONS_GROUP, .resource = "sandboxtemplates", .verb = "create"},
		{.group = ASB_EXTENSIONS_GROUP, .resource = "sandboxtemplates", .verb = "delete"},
		{.group = ASB_EXTENSIONS_GROUP, .resource = "sandboxwarmpools", .verb = "create"},
		{.group = "", .resource = "configmaps", .verb = "create"},
		{.group = asb_autoscalers.group,
		 .resource = asb_autoscalers.plural,
		 .verb = "create",
		 .optional = options->most == 0},
	};
	const char *namespace_ = options->sandbox.namespace_;
	ASB_TEXT path = asb_api_path(&api->templates, namespace_, options->name, NULL);
	struct asb_error ignored = ASB_ERROR_INIT;
	struct asb_placement placement;
	ASB_JSON template = NULL;

	if (asb_pool_check(options, err) < 0 ||
	    require(http, rights, sizeof(rights) / sizeof(rights[0]), namespace_, err) < 0 ||
	    place(http, options, &placement, err) < 0 ||
	    create_shim(http, namespace_, placement.shim, err) < 0)
		return -1;
	template = create_one(http, &api->templates, namespace_,
			      asb_pool_template(options, &placement, api), err);
	if (template == NULL)
		return explain("sandboxtemplate", options->name, namespace_, err);
	if (create_rest(http, api, options, template, err) == 0)
		return 0;
	asb_api_delete(http, path, asb_json_string(template, "metadata/uid"), "Background",
		       &ignored);
	return -1;
}

static int hint_list(const char *namespace_, struct asb_error *err)
{
	if (err->http == 404)
		asb_hint(err, "kubectl agentsandbox -n %s pool list shows the pools there are",
			 namespace_);
	return -1;
}

cJSON *asb_pool_list(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		     struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&api->pools, namespace_, NULL, NULL);

	return asb_inventory_list(http, path, err);
}

cJSON *asb_pool_get(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		    const char *name, struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&api->pools, namespace_, name, NULL);
	cJSON *pool = asb_api_get(http, path, err);

	if (pool == NULL)
		hint_list(namespace_, err);
	return pool;
}

/* An autoscaler would take back what is below its lower end. */
static int scale_autoscaler(struct asb_http *http, const char *namespace_, const char *name,
			    int64_t size, struct asb_error *err)
{
	ASB_JSON autoscaler = asb_autoscaler_get(http, namespace_, name, err);

	if (autoscaler == NULL)
		return asb_failed(err) ? -1 : 0;
	return asb_autoscaler_raise(http, autoscaler, size, err);
}

int asb_pool_scale(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		   const char *name, int64_t size, struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&api->pools, namespace_, name, NULL);
	ASB_JSON patch = asb_json_literal("{}");
	ASB_JSON answer = NULL;

	if (size < 0 || size > MOST_REPLICAS)
		return asb_fail_usage(err, "%lld is no size of a pool, 0 to 1000", (long long)size);
	if (scale_autoscaler(http, namespace_, name, size, err) < 0)
		return -1;
	asb_json_set_number(patch, "spec/replicas", (double)size);
	answer = asb_api_merge_patch(http, path, patch, err);
	return answer != NULL ? 0 : hint_list(namespace_, err);
}

/* The template of the pool's name, unless it is somebody else's. */
static int delete_template(struct asb_http *http, const char *path, struct asb_error *err)
{
	struct asb_error unread = ASB_ERROR_INIT;
	ASB_JSON template = asb_api_get(http, path, &unread);

	if (template == NULL && unread.http == 404)
		return 0;
	if (template == NULL) {
		*err = unread;
		return asb_wrap(err, "deleting the pool's template");
	}
	if (!asb_inventory_is_ours(template))
		return 0;
	return asb_api_delete(http, path, asb_json_string(template, "metadata/uid"), "Background",
			      err);
}

int asb_pool_delete(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		    const char *name, struct asb_error *err)
{
	ASB_TEXT pool_path = asb_api_path(&api->pools, namespace_, name, NULL);
	ASB_TEXT template_path = asb_api_path(&api->templates, namespace_, name, NULL);
	ASB_JSON pool = asb_pool_get(http, api, namespace_, name, err);

	if (pool == NULL || asb_api_delete(http, pool_path, asb_json_string(pool, "metadata/uid"),
					   "Background", err) < 0)
		return -1;
	return asb_inventory_is_ours(pool) ? delete_template(http, template_path, err) : 0;
}
