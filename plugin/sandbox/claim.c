/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox from a warm pool: one object, the claim, is made and watched until it names a Sandbox.
 * That and its pod are read side by side, and so early that they are here by then: a warm one runs
 * already, so that nothing else is waited for.
 */
#include "plugin/sandbox/claim_object.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/pool.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

#define INTERVAL_MS 200
#define REQUEST_TIMEOUT_MS 10000

static void stop_reading(struct asb_claim *claim, struct asb_http *http)
{
	if (claim->binding) {
		asb_http_cancel(http, &claim->object);
		asb_http_cancel(http, &claim->pod);
		asb_http_request_release(&claim->object);
		asb_http_request_release(&claim->pod);
	}
	claim->binding = claim->early = claim->seen = claim->runs = false;
	free(claim->object_path);
	free(claim->pod_path);
	free(claim->bound);
	claim->object_path = claim->pod_path = claim->bound = NULL;
}

void asb_claim_release(struct asb_claim *claim, struct asb_http *http)
{
	stop_reading(claim, http);
	asb_source_release(&claim->source);
	cJSON_Delete(claim->newest);
	free(claim->template_name);
	free(claim->pool);
	memset(claim, 0, sizeof(*claim));
}

/* --- before anything is made --- */

/* A claim of v1alpha1 names the template, and the pool besides. */
static int find_template(struct asb_sandbox *sandbox, struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&sandbox->api->pools, sandbox->options.namespace_,
				     sandbox->options.pool, NULL);
	ASB_JSON pool = NULL;

	if (sandbox->api != &asb_api_v1alpha1)
		return 0;
	pool = asb_api_get(sandbox->http, path, err);
	if (pool == NULL)
		return asb_wrap(err, "reading warm pool \"%s\"", sandbox->options.pool);
	sandbox->claim.template_name =
		asb_strdup(asb_json_string(pool, "spec/sandboxTemplateRef/name"));
	if (sandbox->claim.template_name != NULL)
		return 0;
	return asb_fail(err, "warm pool \"%s\" names no template", sandbox->options.pool);
}

static int check_options(const struct asb_sandbox_options *options, struct asb_error *err)
{
	if (options->name != NULL && !asb_is_dns_label(options->name)) {
		asb_fail_usage(err, "--name \"%s\" is no valid name", options->name);
		return asb_hint(err, "use up to 63 lower case letters, digits and '-', "
				     "with a letter or digit at both ends");
	}
	return 0;
}

static int prepare(struct asb_sandbox *sandbox, struct asb_error *err)
{
	const char *const paths[] = {"/apis/" ASB_SANDBOX_GROUP, "/apis/" ASB_EXTENSIONS_GROUP};
	struct asb_http_request group = {0}, extensions = {0};
	struct asb_http_request *const requests[] = {&group, &extensions};
	int result = -1;

	if (check_options(&sandbox->options, err) < 0)
		return -1;
	if (asb_sandbox_ask(sandbox, requests, paths, 2, err) == 0 &&
	    asb_sandbox_judge_group(sandbox, &group, err) == 0 &&
	    asb_sandbox_judge_extensions(&extensions, err) == 0 &&
	    asb_rights_require(&sandbox->rights, err) == 0)
		result = find_template(sandbox, err);
	asb_sandbox_drop_questions(sandbox, requests, 2);
	return result;
}

static int create(struct asb_sandbox *sandbox, struct asb_error *err)
{
	int64_t offset = asb_http_clock_offset_ms(sandbox->http);
	ASB_TEXT end = asb_lease_shutdown_time(asb_sandbox_first_lease_ms(sandbox), offset);
	const struct asb_claim_wish wish = {
		.api = sandbox->api,
		.name = sandbox->name,
		.instance = sandbox->instance,
		.pool = sandbox->options.pool,
		.template_name = sandbox->claim.template_name,
		.shutdown_time = end,
	};
	ASB_JSON object = asb_claim_build(&wish);

	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_CREATING);
	asb_sandbox_tell_fixed_end(sandbox);
	return asb_sandbox_post_root(sandbox, &sandbox->api->claims, object, err);
}

/* --- until it names a Sandbox --- */

static void on_claim(void *context, enum asb_watch_event event, const cJSON *object)
{
	struct asb_sandbox *sandbox = context;
	const char *uid = asb_json_string(object, "metadata/uid");

	if (event == ASB_WATCH_DELETED || uid == NULL || strcmp(uid, sandbox->root.uid) != 0) {
		sandbox->claim.gone = true;
		return;
	}
	cJSON_Delete(sandbox->claim.newest);
	sandbox->claim.newest = cJSON_Duplicate(object, true);
	if (sandbox->claim.newest == NULL)
		asb_out_of_memory();
}

int asb_claim_follow(struct asb_sandbox *sandbox, cJSON *made, struct asb_error *err)
{
	const struct asb_source_target target = {
		.resource = &sandbox->api->claims,
		.namespace_ = sandbox->options.namespace_,
		.name = asb_json_string(made, "metadata/name"),
		.resource_version = asb_json_string(made, "metadata/resourceVersion"),
		.may_watch = asb_rights_allow(&sandbox->rights, ASB_RIGHT_CLAIM_WATCH),
		.may_read = asb_rights_allow(&sandbox->rights, ASB_RIGHT_CLAIM_GET),
		.interval_ms = INTERVAL_MS,
	};

	sandbox->claim.newest = made;
	if (sandbox->root.uid == NULL)
		return asb_fail(err, "the API server's answer to the claim names no UID");
	asb_sandbox_start_lease(sandbox);
	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_SCHEDULING);
	return asb_source_start(&sandbox->claim.source, sandbox->http, &target, on_claim, sandbox,
				err);
}

static int ask(struct asb_sandbox *sandbox, struct asb_http_request *request, const char *path,
	       struct asb_error *err)
{
	asb_http_request_init(request, "GET", path);
	request->timeout_ms = REQUEST_TIMEOUT_MS;
	return asb_http_start(sandbox->http, request, err);
}

/* The pod has the Sandbox's name, but in old clusters; the observer then finds it. */
static int start_reading(struct asb_sandbox *sandbox, const char *name, struct asb_error *err)
{
	struct asb_claim *claim = &sandbox->claim;
	const char *namespace_ = sandbox->options.namespace_;

	claim->object_path = asb_api_path(&sandbox->api->sandboxes, namespace_, name, NULL);
	claim->pod_path = asb_api_path(&asb_pods, namespace_, name, NULL);
	claim->bound = asb_strdup(name);
	claim->binding = true;
	if (ask(sandbox, &claim->object, claim->object_path, err) < 0 ||
	    ask(sandbox, &claim->pod, claim->pod_path, err) < 0)
		return asb_wrap(err, "reading the claimed sandbox");
	return 0;
}

/* --- and from then on --- */

static bool runs(const cJSON *pod)
{
	const cJSON *status = asb_json_find(pod, "status/containerStatuses", "name", ASB_CONTAINER);

	return asb_json_at(status, "state/running") != NULL;
}

/* Before v0.5 the pod keeps the name that it had in the pool, and has not been read yet. */
static bool runs_already(const struct asb_sandbox *sandbox)
{
	const char *name = asb_json_string(sandbox->found, "metadata/name");
	const char *pod = asb_observer_pod_name(sandbox->found);

	if (name != NULL && pod != NULL && strcmp(name, pod) != 0)
		return true;
	return runs(sandbox->found_pod);
}

/* When no Sandbox of the pool is ready, the controller gives one that still starts, or makes one.
 */
static int judge_launch(struct asb_sandbox *sandbox, struct asb_error *err)
{
	const char *pool = sandbox->options.pool;
	bool cold = asb_claim_is_cold(sandbox->claim.newest, sandbox->found);

	if (!cold && runs_already(sandbox))
		return 0;
	if (sandbox->options.cold == ASB_COLD_NEVER) {
		asb_fail(err, "warm pool \"%s\" has no sandbox ready", pool);
		return asb_hint(err,
				"make it larger with `kubectl agentsandbox -n %s pool scale %s N`, "
				"or let one be started with --cold=allow",
				sandbox->options.namespace_, pool);
	}
	asb_sandbox_notice(sandbox, "warm pool \"%s\" has no sandbox ready: one %s", pool,
			   cold ? "is started from its template"
				: "that does not run yet was claimed");
	return 0;
}

static const cJSON *annotation(const cJSON *object, const char *metadata)
{
	ASB_TEXT path = asb_strf("%s/annotations", metadata);

	return asb_json_member(asb_json_at(object, path), ASB_POOL_NAMESPACE_ANNOTATION);
}

/* A pod that runs already can't be told: the user is. */
static void tell_namespace(struct asb_sandbox *sandbox)
{
	const char *wanted = sandbox->options.inner_namespace;
	const char *given = cJSON_GetStringValue(annotation(sandbox->found_pod, "metadata"));

	if (given == NULL)
		given = cJSON_GetStringValue(
			annotation(sandbox->found, "spec/podTemplate/metadata"));
	if (wanted == NULL)
		wanted = "default";
	if (given != NULL && strcmp(given, wanted) != 0)
		asb_sandbox_notice(
			sandbox,
			"kubectl inside works in namespace \"%s\", that of the pool, not "
			"in \"%s\"",
			given, wanted);
}

static int check_shim(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	const cJSON *spec = asb_json_at(sandbox->found_pod, "spec");

	if (spec == NULL)
		spec = asb_json_at(sandbox->found, "spec/podTemplate/spec");
	if (asb_sandbox_check_shim(sandbox, spec, err) == 0)
		return 0;
	asb_wrap(err, "the template of warm pool \"%s\" is not for this plugin",
		 sandbox->options.pool);
	return asb_hint(err, "make a pool with: kubectl agentsandbox -n %s pool create NAME",
			sandbox->options.namespace_);
}

/* Nobody else moves the end of a claim that is ours: it need not be followed any more. */
static int check_claimed(struct asb_sandbox *sandbox, struct asb_error *err)
{
	asb_source_release(&sandbox->claim.source);
	if (judge_launch(sandbox, err) < 0 || check_shim(sandbox, err) < 0)
		return -1;
	tell_namespace(sandbox);
	return 0;
}

static int finish_reading(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_claim *claim = &sandbox->claim;
	struct asb_error ignored = ASB_ERROR_INIT;
	cJSON *found;

	sandbox->found = asb_api_result(&claim->object, err);
	sandbox->found_pod = asb_api_result(&claim->pod, &ignored);
	stop_reading(claim, sandbox->http);
	if (sandbox->found == NULL)
		return asb_wrap(err, "reading the claimed sandbox");
	if ((sandbox->kind->shared ? asb_sandbox_check_opened : check_claimed)(sandbox, err) < 0)
		return -1;
	found = sandbox->found;
	sandbox->found = NULL;
	return asb_observer_start(&sandbox->observer, sandbox->http, &sandbox->rights, found,
				  sandbox->found_pod, err);
}

/* What was asked before the Sandbox was the claim's may have come too early. */
static bool came_too_early(const struct asb_claim *claim)
{
	return claim->early && (claim->object.status != 200 || claim->pod.status != 200);
}

/* Takes note of the answers while the Sandbox is not the claim's yet. */
static void look_ahead(struct asb_claim *claim)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON pod = NULL;

	if (!claim->binding || !claim->pod.done || claim->seen)
		return;
	claim->seen = true;
	pod = asb_api_result(&claim->pod, &ignored);
	claim->runs = runs(pod);
}

/*
 * What will be the claim's is known some 50 ms before it is, and is read at once; should another
 * claim have been quicker, the next one is read. Nothing is run in it before it is the claim's.
 */
static int step_binding(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_claim *claim = &sandbox->claim;
	const char *given = asb_claim_sandbox(claim->newest);
	const char *name = given;
	bool answered = claim->binding && claim->object.done && claim->pod.done;
	struct asb_diagnosis found;

	if (name == NULL && !sandbox->kind->shared)
		name = asb_claim_promised(claim->newest);
	if (claim->binding && (name == NULL || strcmp(name, claim->bound) != 0 ||
			       (given != NULL && answered && came_too_early(claim))))
		stop_reading(claim, sandbox->http);
	if (name != NULL && !claim->binding) {
		claim->early = given == NULL;
		return start_reading(sandbox, name, err);
	}
	if (given != NULL)
		return answered ? finish_reading(sandbox, err) : 0;
	look_ahead(claim);
	asb_claim_diagnose(claim->newest, sandbox->options.pool, &found);
	return asb_sandbox_weigh(sandbox, &found, asb_source_trouble(&claim->source), err);
}

int asb_claim_step(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_claim *claim = &sandbox->claim;

	if (!asb_source_active(&claim->source))
		return 0;
	if (asb_source_step(&claim->source, err) < 0)
		return asb_wrap(err, "following the claim");
	if (claim->gone)
		return asb_fail(err, "sandboxclaim \"%s\" was deleted by somebody", sandbox->name);
	return sandbox->observer.uid != NULL ? 0 : step_binding(sandbox, err);
}

/* The end of claims came with agent-sandbox v0.1.1; what the API server doesn't know it drops. */
static void check_end(struct asb_sandbox *sandbox, const cJSON *made)
{
	if (asb_json_at(made, "spec/lifecycle") != NULL)
		return;
	sandbox->endless = true;
	asb_sandbox_notice(sandbox,
			   "claims of this agent-sandbox have no end: if this program is killed, "
			   "sandbox %s runs on until it is deleted",
			   sandbox->name);
}

static int step(struct asb_sandbox *sandbox, struct asb_error *err)
{
	cJSON *made = NULL;
	int rc = asb_sandbox_step_root(sandbox, &made, err);

	if (rc == 1)
		check_end(sandbox, made);
	if (rc < 0 || (rc == 1 && asb_claim_follow(sandbox, made, err) < 0))
		return -1;
	return asb_claim_step(sandbox, err);
}

static int delete (struct asb_sandbox *sandbox, bool force, struct asb_error *err)
{
	asb_claim_release(&sandbox->claim, sandbox->http);
	return asb_sandbox_delete_created(sandbox, force, err);
}

const struct asb_kind asb_kind_claimed = {
	.noun = "sandboxclaim",
	.end_path = "spec/lifecycle/shutdownTime",
	.renew = ASB_RIGHT_CLAIM_PATCH,
	.purpose = ASB_PURPOSE_CLAIM,
	.prepare = prepare,
	.create = create,
	.step = step,
	.delete = delete,
};
