/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_ask.c - the questions to the API server, in as few rounds as their order allows. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/spec.h"

#define PAGE "limit=500"
#define OURS "labelSelector=app.kubernetes.io%2Fmanaged-by%3D" ASB_MANAGED_BY
#define SHIMS "labelSelector=app.kubernetes.io%2Fcomponent%3Dshim"

/* --- one round --- */

static char *path(const char *group, const char *version, const char *plural,
		  const char *namespace_, const char *name)
{
	const struct asb_resource resource = {group, version, plural};

	return asb_api_path(&resource, namespace_, name, NULL);
}

/* Takes ownership of `plain`. */
static char *with_query(char *plain, const char *query)
{
	char *full = plain == NULL ? NULL : asb_strf("%s?%s", plain, query);

	free(plain);
	return full;
}

/* --- the first round --- */

static char *crd(const char *name)
{
	return path("apiextensions.k8s.io", "v1", "customresourcedefinitions", NULL, name);
}

static void questions_about_cluster(const struct asb_exam *exam, char **paths)
{
	const char *class = exam->options->sandbox->runtime_class;

	paths[ASB_Q_VERSION] = asb_strdup("/version");
	paths[ASB_Q_CORE_GROUP] = asb_strdup("/apis/" ASB_SANDBOX_GROUP);
	paths[ASB_Q_EXTENSION_GROUP] = asb_strdup("/apis/" ASB_EXTENSIONS_GROUP);
	paths[ASB_Q_WHOAMI] = path("authentication.k8s.io", "v1", "selfsubjectreviews", NULL, NULL);
	paths[ASB_Q_CRD_SANDBOXES] = crd("sandboxes." ASB_SANDBOX_GROUP);
	paths[ASB_Q_CRD_CLAIMS] = crd("sandboxclaims." ASB_EXTENSIONS_GROUP);
	paths[ASB_Q_CRD_TEMPLATES] = crd("sandboxtemplates." ASB_EXTENSIONS_GROUP);
	paths[ASB_Q_CRD_POOLS] = crd("sandboxwarmpools." ASB_EXTENSIONS_GROUP);
	paths[ASB_Q_DEPLOYMENT] =
		path("apps", "v1", "deployments", ASB_CONTROLLER_NAMESPACE, ASB_CONTROLLER_NAME);
	paths[ASB_Q_STATEFULSET] =
		path("apps", "v1", "statefulsets", ASB_CONTROLLER_NAMESPACE, ASB_CONTROLLER_NAME);
	paths[ASB_Q_DEPLOYMENTS] = with_query(path("apps", "v1", "deployments", NULL, NULL),
					      "labelSelector=app%3D" ASB_CONTROLLER_NAME);
	paths[ASB_Q_NODES] = with_query(path("", "v1", "nodes", NULL, NULL), PAGE);
	paths[ASB_Q_CLASS] =
		class == NULL ? NULL : path("node.k8s.io", "v1", "runtimeclasses", NULL, class);
	paths[ASB_Q_DNS_SERVICE] = path("", "v1", "services", "kube-system", "kube-dns");
	paths[ASB_Q_API_SLICES] =
		with_query(path("discovery.k8s.io", "v1", "endpointslices", "default", NULL),
			   "labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes");
}

static void questions_about_namespace(const struct asb_exam *exam, char **paths)
{
	const char *namespace_ = exam->namespace_;

	paths[ASB_Q_NAMESPACE] = asb_api_path(&asb_namespaces, NULL, namespace_, NULL);
	paths[ASB_Q_ACCOUNT] = path("", "v1", "serviceaccounts", namespace_,
				    exam->options->sandbox->service_account);
	paths[ASB_Q_QUOTAS] = path("", "v1", "resourcequotas", namespace_, NULL);
	paths[ASB_Q_LIMITS] = path("", "v1", "limitranges", namespace_, NULL);
	paths[ASB_Q_POLICIES] =
		path("networking.k8s.io", "v1", "networkpolicies", namespace_, NULL);
	paths[ASB_Q_EVENTS] = with_query(asb_api_path(&asb_events, namespace_, NULL, NULL),
					 "fieldSelector=reason%3DFailedCreatePodSandBox&" PAGE);
	paths[ASB_Q_PODS] =
		with_query(asb_api_path(&asb_pods, namespace_, NULL, NULL), OURS "&" PAGE);
	for (unsigned long i = 0; i < asb_shim_count; i++)
		paths[ASB_Q_SHIM + i] =
			asb_api_path(&asb_configmaps, namespace_, asb_shims[i].configmap, NULL);
	paths[ASB_Q_SHIMS] =
		with_query(asb_api_path(&asb_configmaps, namespace_, NULL, NULL),
			   SHIMS ","
				 "app.kubernetes.io%2Fmanaged-by%3D" ASB_MANAGED_BY "&limit=10");
}

static int ask_first(struct asb_exam *exam, struct asb_http *http, struct asb_error *err)
{
	char *paths[ASB_LATER_QUESTIONS] = {NULL};
	char *bodies[ASB_LATER_QUESTIONS] = {NULL};

	questions_about_cluster(exam, paths);
	questions_about_namespace(exam, paths);
	bodies[ASB_Q_WHOAMI] = asb_strdup(
		"{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}");
	return asb_exam_fetch(http, paths, bodies, exam->answers, ASB_LATER_QUESTIONS, err);
}

/* --- what the first round's answers mean for the second --- */

void asb_exam_find_controller(struct asb_exam *exam)
{
	const cJSON *anywhere = asb_json_at(exam->answers[ASB_Q_DEPLOYMENTS].json, "items/0");

	exam->controller_kind = "deployment";
	exam->controller = exam->answers[ASB_Q_DEPLOYMENT].json;
	if (exam->controller == NULL)
		exam->controller = anywhere;
	if (exam->controller == NULL && exam->answers[ASB_Q_STATEFULSET].json != NULL) {
		exam->controller = exam->answers[ASB_Q_STATEFULSET].json;
		exam->controller_kind = "statefulset";
	}
}

static void questions_about_controller(const struct asb_exam *exam, char **paths)
{
	const char *namespace_ = asb_controller_namespace(exam);
	const cJSON *service = asb_json_at(exam->answers[ASB_Q_CRD_SANDBOXES].json,
					   "spec/conversion/webhook/clientConfig/service");
	const char *name = asb_json_string(service, "name");
	const char *home = asb_json_string(service, "namespace");
	ASB_TEXT slices = NULL;

	paths[ASB_Q_LEASE] =
		path("coordination.k8s.io", "v1", "leases", namespace_, ASB_CONTROLLER_LEASE);
	paths[ASB_Q_CONTROLLER_PODS] =
		with_query(asb_api_path(&asb_pods, namespace_, NULL, NULL),
			   "labelSelector=app%3D" ASB_CONTROLLER_NAME "&" PAGE);
	if (name == NULL || home == NULL) {
		name = ASB_WEBHOOK_SERVICE; /* left by an earlier release? */
		home = namespace_;
	}
	slices = asb_strf("labelSelector=kubernetes.io%%2Fservice-name%%3D%s", name);
	paths[ASB_Q_WEBHOOK_SERVICE] = path("", "v1", "services", home, name);
	paths[ASB_Q_WEBHOOK_SLICES] =
		with_query(path("discovery.k8s.io", "v1", "endpointslices", home, NULL), slices);
}

/* The version that is served besides the one we speak, if there is one. */
static const struct asb_api *other_version(const struct asb_exam *exam)
{
	const cJSON *group = exam->answers[ASB_Q_CORE_GROUP].json;

	if (exam->api == &asb_api_v1beta1 &&
	    asb_json_find(group, "versions", "version", asb_api_v1alpha1.version) != NULL)
		return &asb_api_v1alpha1;
	return NULL;
}

static void questions_about_objects(const struct asb_exam *exam, char **paths)
{
	const struct asb_api *other = other_version(exam);
	const char *namespace_ = exam->namespace_;

	if (exam->answers[ASB_Q_CORE_GROUP].http != 404)
		paths[ASB_Q_SANDBOXES] = with_query(
			asb_api_path(&exam->api->sandboxes, namespace_, NULL, NULL), PAGE);
	if (exam->answers[ASB_Q_EXTENSION_GROUP].http != 404) {
		paths[ASB_Q_POOLS] =
			with_query(asb_api_path(&exam->api->pools, namespace_, NULL, NULL), PAGE);
		paths[ASB_Q_CLAIMS] = with_query(
			asb_api_path(&exam->api->claims, namespace_, NULL, NULL), OURS "&" PAGE);
	}
	if (other != NULL)
		paths[ASB_Q_CONVERTED] = with_query(
			asb_api_path(&other->sandboxes, namespace_, NULL, NULL), "limit=1");
}

/* --- dry runs --- */

/* Where there is no shim for it the nodes' check says so. */
static struct asb_placement placement_of(const struct asb_exam *exam)
{
	const struct asb_placement_facts known = {
		.shims = asb_shims,
		.shim_count = asb_shim_count,
		.runtime_class = exam->answers[ASB_Q_CLASS].json,
		.nodes = exam->answers[ASB_Q_NODES].json,
	};
	struct asb_placement placement;
	struct asb_error ignored = ASB_ERROR_INIT;

	if (asb_placement_choose(exam->options->sandbox, &known, &placement, &ignored) != 0)
		placement = (struct asb_placement){.shim = &asb_shims[0]};
	return placement;
}

static cJSON *sandbox_object(const struct asb_exam *exam)
{
	const struct asb_spec spec = {
		.api_version = exam->api->sandbox,
		.name = "agentsandbox-status",
		.instance = "status",
		.shutdown_time = "2100-01-01T00:00:00Z",
		.placement = placement_of(exam),
	};
	cJSON *object = asb_spec_build(exam->options->sandbox, &spec);

	asb_json_set_string(object, "metadata/namespace", exam->namespace_);
	return object;
}

cJSON *asb_exam_pod_spec(const struct asb_exam *exam)
{
	ASB_JSON object = sandbox_object(exam);
	cJSON *template = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(object, "spec"), "podTemplate");

	return cJSON_DetachItemFromObjectCaseSensitive(template, "spec");
}

static char *pod_body(const struct asb_exam *exam)
{
	ASB_JSON pod = asb_json_literal("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{"
					"\"name\":\"agentsandbox-status\"}}");

	asb_json_set_string(pod, "metadata/namespace", exam->namespace_);
	asb_labels_set(pod, "metadata", "sandbox", "status");
	asb_json_set(pod, "spec", asb_exam_pod_spec(exam));
	return asb_json_print(pod);
}

static void dry_runs(const struct asb_exam *exam, char **paths, char **bodies)
{
	ASB_JSON sandbox = sandbox_object(exam);

	if (asb_rights_allow(&exam->rights, ASB_RIGHT_POD_CREATE)) {
		paths[ASB_Q_DRY_POD] = with_query(
			asb_api_path(&asb_pods, exam->namespace_, NULL, NULL), "dryRun=All");
		bodies[ASB_Q_DRY_POD] = pod_body(exam);
	}
	if (asb_rights_allow(&exam->rights, ASB_RIGHT_SANDBOX_CREATE) &&
	    exam->answers[ASB_Q_CORE_GROUP].http == 200) {
		paths[ASB_Q_DRY_SANDBOX] = with_query(
			asb_api_path(&exam->api->sandboxes, exam->namespace_, NULL, NULL),
			"dryRun=All");
		bodies[ASB_Q_DRY_SANDBOX] = asb_json_print(sandbox);
	}
}

/* What a refusal of the dry run can't be: a right that we lack, an object of that name, a webhook
 * that knows no dry runs, a server in trouble. */
static bool is_refusal(const struct asb_answer *answer)
{
	if (answer->failed == NULL || strstr(answer->failed, "dry run") != NULL ||
	    strstr(answer->failed, "cannot create resource") != NULL)
		return false;
	return answer->http == 400 || answer->http == 403 || answer->http == 404 ||
	       answer->http == 422 || strstr(answer->failed, "failed calling webhook") != NULL;
}

void asb_exam_take_dry_runs(struct asb_exam *exam)
{
	static const enum asb_question runs[] = {ASB_Q_DRY_SANDBOX, ASB_Q_DRY_POD};
	ASB_JSON sandbox = sandbox_object(exam);

	exam->admitted = exam->answers[ASB_Q_DRY_POD].http / 100 == 2;
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		const struct asb_answer *answer = &exam->answers[runs[i]];

		if (exam->refusal.code == NULL && is_refusal(answer)) {
			asb_diagnose_refusal(sandbox, answer->failed, &exam->refusal);
			exam->refusal_text = asb_strdup(answer->failed);
		}
	}
}

/* --- the later rounds --- */

static int ask_later(struct asb_exam *exam, struct asb_http *http, struct asb_error *err)
{
	char *paths[ASB_QUESTIONS] = {NULL};
	char *bodies[ASB_QUESTIONS] = {NULL};

	questions_about_controller(exam, paths);
	if (!asb_exam_plain_pods(exam))
		questions_about_objects(exam, paths);
	dry_runs(exam, paths, bodies);
	return asb_exam_fetch(http, paths + ASB_LATER_QUESTIONS, bodies + ASB_LATER_QUESTIONS,
			      exam->answers + ASB_LATER_QUESTIONS,
			      ASB_QUESTIONS - ASB_LATER_QUESTIONS, err);
}

/* Who may read a template need not be allowed to list them. */
static int ask_templates(struct asb_exam *exam, struct asb_http *http, struct asb_error *err)
{
	char *paths[ASB_EXAM_TEMPLATES] = {NULL};
	const cJSON *pool;
	size_t n = 0;

	cJSON_ArrayForEach(pool, asb_json_member(exam->answers[ASB_Q_POOLS].json, "items"))
	{
		const char *name = asb_json_string(pool, "spec/sandboxTemplateRef/name");

		if (n == ASB_EXAM_TEMPLATES)
			break;
		if (name != NULL)
			paths[n] =
				asb_api_path(&exam->api->templates, exam->namespace_, name, NULL);
		n++;
	}
	return n == 0 ? 0 : asb_exam_fetch(http, paths, NULL, exam->templates, n, err);
}

int asb_exam_ask(struct asb_exam *exam, struct asb_http *http, struct asb_error *err)
{
	const struct asb_api *served;

	if (ask_first(exam, http, err) != 0)
		return -1;
	exam->now_ms = asb_http_now_ms(http);
	if (exam->answers[ASB_Q_VERSION].http == 0 || exam->answers[ASB_Q_CORE_GROUP].http == 401)
		return 0;
	served = asb_api_served(exam->answers[ASB_Q_CORE_GROUP].json);
	if (served != NULL)
		exam->api = served;
	asb_exam_find_controller(exam);
	if (asb_exam_ask_rights(exam, http, err) != 0 || ask_later(exam, http, err) != 0 ||
	    ask_templates(exam, http, err) != 0)
		return -1;
	asb_exam_take_dry_runs(exam);
	return asb_exam_ask_powers(exam, http, err);
}

static void release_answers(struct asb_answer *answers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cJSON_Delete(answers[i].json);
		free(answers[i].failed);
	}
}

void asb_exam_release(struct asb_exam *exam)
{
	release_answers(exam->answers, ASB_QUESTIONS);
	release_answers(exam->templates, ASB_EXAM_TEMPLATES);
	free(exam->rights_failed);
	free(exam->more);
	free(exam->powers);
	free(exam->powers_failed);
	free(exam->refusal_text);
	memset(exam, 0, sizeof(*exam));
}
