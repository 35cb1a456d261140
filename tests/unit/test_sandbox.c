/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Sandbox from wish to deletion, against an API server of the test's own: what is sent in which
 * order, and that nothing stays behind whatever the server does. Without the right to watch, so
 * that every state is a plain GET.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/clock.h"
#include "plugin/base/json.h"
#include "plugin/sandbox/inner_config.h"
#include "plugin/sandbox/sandbox.h"
#include "plugin/sandbox/shim_configmap.h"
#include "tests/unit/fake_server.h"

#define OURS "0000-ours"
#define THEIRS "0000-theirs"

struct world {
	/* how the server behaves */
	const char *denied; /* "verb resource" that SSARs deny besides watch, or NULL */
	bool not_installed, foreign_shim, shim_there;
	bool name_taken;       /* a Sandbox of somebody else has the name */
	int lose_sandbox;      /* so often: takes the Sandbox's POST, then breaks the connection */
	bool refuse_sandbox;   /* breaks the connection before taking it */
	int delete_failures;   /* so many DELETEs are answered with 503 */
	const char *container; /* JSON of the container's state, NULL: no status yet */
	const char *ready;     /* message of Ready=False ReconcilerError, NULL: none */
	const char *pod_owner; /* NULL: ours */
	bool blinded;	       /* GETs are forbidden from now on */

	/* what there is */
	cJSON *sandbox, *config, *shim;
	char log[8192]; /* "POST sandboxes\n" ... without reviews and GETs */
	char deletion[256];

	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	struct asb_sandbox *run;
	char notice[1024];
	char name[64];
};

static void note(struct world *world, const char *method, const char *what)
{
	size_t used = strlen(world->log);

	snprintf(world->log + used, sizeof(world->log) - used, "%s %s\n", method, what);
}

static void fail_answer(const struct fake_request *request, int status, const char *reason,
			const char *message)
{
	ASB_JSON answer = asb_json_literal("{\"kind\":\"Status\",\"status\":\"Failure\"}");
	ASB_TEXT text = NULL;

	asb_json_set_string(answer, "reason", reason);
	asb_json_set_string(answer, "message", message);
	asb_json_set_number(answer, "code", status);
	text = asb_json_print(answer);
	fake_answer(request, status, "Content-Type: application/json\r\n", text);
}

static void answer_json(const struct fake_request *request, int status, const cJSON *json)
{
	ASB_TEXT text = asb_json_print(json);

	fake_answer(request, status, "Content-Type: application/json\r\n", text);
}

static cJSON *body_of(const struct fake_request *request)
{
	struct asb_error err = ASB_ERROR_INIT;

	return asb_json_parse(request->body, request->body_length, &err);
}

static void answer_review(struct world *world, const struct fake_request *request)
{
	ASB_JSON review = body_of(request);
	const char *verb = asb_json_string(review, "spec/resourceAttributes/verb");
	const char *resource = asb_json_string(review, "spec/resourceAttributes/resource");
	const char *sub = asb_json_string(review, "spec/resourceAttributes/subresource");
	ASB_TEXT right = asb_strf("%s %s%s%s", verb, resource, sub != NULL ? "/" : "",
				  sub != NULL ? sub : "");
	bool allowed = strcmp(verb, "watch") != 0 &&
		       (world->denied == NULL || strcmp(world->denied, right) != 0);

	asb_json_set_bool(review, "status/allowed", allowed);
	answer_json(request, 201, review);
}

static cJSON *stored(const cJSON *object, const char *uid)
{
	cJSON *copy = cJSON_Duplicate(object, true);

	asb_json_set_string(copy, "metadata/uid", uid);
	asb_json_set_string(copy, "metadata/namespace", "computer");
	asb_json_set_string(copy, "metadata/resourceVersion", "7");
	return copy;
}

/* False: the connection is to be broken. */
static bool post_sandbox(struct world *world, const struct fake_request *request)
{
	ASB_JSON object = body_of(request);

	if (world->refuse_sandbox)
		return false;
	if (world->name_taken || world->sandbox != NULL) {
		if (world->lose_sandbox-- > 0)
			return false;
		fail_answer(request, 409, "AlreadyExists", "sandboxes \"x\" already exists");
		return true;
	}
	world->sandbox = stored(object, OURS);
	if (world->lose_sandbox-- > 0)
		return false;
	answer_json(request, 201, world->sandbox);
	return true;
}

static bool handle_post(struct world *world, const struct fake_request *request)
{
	ASB_JSON object = body_of(request);
	const char *kind = asb_json_string(object, "kind");

	if (strstr(request->path, "selfsubjectaccessreviews") != NULL) {
		answer_review(world, request);
		return true;
	}
	if (strstr(request->path, "selfsubjectrulesreviews") != NULL) {
		fake_answer(request, 201, "", "{\"status\":{\"incomplete\":true}}");
		return true;
	}
	if (strcmp(kind, "Sandbox") == 0) {
		note(world, "POST", "sandbox");
		return post_sandbox(world, request);
	}
	if (strncmp(asb_json_string(object, "metadata/name"), "agentsandbox-shim-", 18) == 0) {
		note(world, "POST", "shim");
		world->shim = stored(object, "s");
		answer_json(request, 201, world->shim);
	} else {
		note(world, "POST", "config");
		world->config = stored(object, "c");
		answer_json(request, 201, world->config);
	}
	return true;
}

static cJSON *pod_of(const struct world *world)
{
	cJSON *pod = asb_json_literal("{\"kind\":\"Pod\",\"metadata\":{\"uid\":\"p\"},\"spec\":{"
				      "\"nodeName\":\"node-1\",\"containers\":[{\"name\":\"main\","
				      "\"resources\":{\"limits\":{\"memory\":\"64Mi\"}}}]},"
				      "\"status\":{\"phase\":\"Running\"}}");
	cJSON *owner = asb_json_literal("{\"kind\":\"Sandbox\"}");
	cJSON *status = asb_json_literal("{\"name\":\"main\"}");

	asb_json_set_string(owner, "uid", world->pod_owner != NULL ? world->pod_owner : OURS);
	asb_json_append(pod, "metadata/ownerReferences", owner);
	if (world->container != NULL)
		asb_json_set(status, "state", asb_json_literal(world->container));
	asb_json_append(pod, "status/containerStatuses", status);
	return pod;
}

static void get_sandbox(struct world *world, const struct fake_request *request)
{
	ASB_JSON answer = NULL;
	cJSON *condition;

	if (world->name_taken) {
		answer = asb_json_literal("{\"kind\":\"Sandbox\",\"metadata\":{\"uid\":\"" THEIRS
					  "\"}}");
		answer_json(request, 200, answer);
		return;
	}
	if (world->sandbox == NULL) {
		fail_answer(request, 404, "NotFound", "sandboxes not found");
		return;
	}
	answer = cJSON_Duplicate(world->sandbox, true);
	condition = asb_json_literal("{\"type\":\"Ready\",\"status\":\"False\"}");
	asb_json_set_string(condition, "reason",
			    world->ready != NULL ? "ReconcilerError" : "DependenciesNotReady");
	asb_json_set_string(condition, "message", world->ready);
	asb_json_append(answer, "status/conditions", condition);
	answer_json(request, 200, answer);
}

static void get_shim(struct world *world, const struct fake_request *request)
{
	ASB_JSON object = NULL;

	if (!world->foreign_shim && !world->shim_there) {
		fail_answer(request, 404, "NotFound", "configmaps not found");
		return;
	}
	object = asb_shim_configmap(&asb_shims[0]);
	if (world->foreign_shim)
		asb_json_set_string(object, "binaryData/amd64", "AAAA");
	answer_json(request, 200, object);
}

static void handle_get(struct world *world, const struct fake_request *request)
{
	ASB_JSON answer = NULL;

	if (world->blinded) {
		fail_answer(request, 403, "Forbidden", "forbidden from now on");
	} else if (strcmp(request->path, "/apis/agents.x-k8s.io") == 0 && world->not_installed) {
		fail_answer(request, 404, "NotFound", "the server could not find it");
	} else if (strcmp(request->path, "/apis/agents.x-k8s.io") == 0) {
		answer = asb_json_literal("{\"versions\":[{\"version\":\"v1beta1\"}]}");
		answer_json(request, 200, answer);
	} else if (strstr(request->path, "/configmaps/agentsandbox-shim-") != NULL) {
		get_shim(world, request);
	} else if (strstr(request->path, "/sandboxes/") != NULL) {
		get_sandbox(world, request);
	} else if (strstr(request->path, "/pods/") != NULL && world->sandbox != NULL &&
		   world->ready == NULL) {
		answer = pod_of(world);
		answer_json(request, 200, answer);
	} else if (strstr(request->path, "/events?") != NULL) {
		fake_answer(request, 200, "", "{\"items\":[]}");
	} else {
		fail_answer(request, 404, "NotFound", "not found");
	}
}

static void handle_delete(struct world *world, const struct fake_request *request)
{
	bool sandbox = strstr(request->path, "/sandboxes/") != NULL;
	cJSON **object = sandbox ? &world->sandbox : &world->config;
	ASB_JSON options = body_of(request);
	const char *uid = asb_json_string(options, "preconditions/uid");

	note(world, "DELETE", sandbox ? "sandbox" : "config");
	if (sandbox)
		snprintf(world->deletion, sizeof(world->deletion), "%.*s",
			 (int)request->body_length, request->body);
	if (world->delete_failures > 0) {
		world->delete_failures--;
		fail_answer(request, 503, "ServiceUnavailable", "later");
	} else if (*object == NULL) {
		fail_answer(request, 404, "NotFound", "not found");
	} else if (uid != NULL && strcmp(uid, asb_json_string(*object, "metadata/uid")) != 0) {
		fail_answer(request, 409, "Conflict", "uid");
	} else {
		cJSON_Delete(*object);
		*object = NULL;
		fake_answer(request, 200, "", "{\"kind\":\"Status\",\"status\":\"Success\"}");
	}
}

static bool handle(void *context, const struct fake_request *request)
{
	struct world *world = context;

	if (strcmp(request->method, "POST") == 0)
		return handle_post(world, request);
	if (strcmp(request->method, "DELETE") == 0)
		handle_delete(world, request);
	else if (strcmp(request->method, "PATCH") == 0) {
		note(world, "PATCH", "sandbox");
		fake_answer(request, 200, "", "{}");
	} else
		handle_get(world, request);
	return true;
}

static void on_notice(void *context, const char *text)
{
	struct world *world = context;

	snprintf(world->notice, sizeof(world->notice), "%s", text);
}

static void open_world(struct world *world, const char *name, int64_t ready_timeout_ms, bool keep)
{
	struct asb_sandbox_hooks hooks = {.notice = on_notice, .context = world};
	struct asb_sandbox_options options = {
		.namespace_ = "computer",
		.name = name,
		.image = "docker.io/acme/tool:1",
		.service_account = "normal-user",
		.ready_timeout_ms = ready_timeout_ms,
		.lease_ms = 60000,
		.keep = keep,
	};
	struct asb_error err = ASB_ERROR_INIT;

	fake_start(&world->server, handle, world);
	world->kubeconfig.server = world->server.url;
	world->http = asb_http_new(&world->kubeconfig, &err);
	assert_non_null(world->http);
	world->run = asb_sandbox_new(world->http, &options, &hooks);
	snprintf(world->name, sizeof(world->name), "%s", asb_sandbox_name(world->run));
}

static void close_world(struct world *world)
{
	asb_sandbox_free(world->run);
	asb_http_free(world->http);
	fake_stop(&world->server);
	cJSON_Delete(world->sandbox);
	cJSON_Delete(world->config);
	cJSON_Delete(world->shim);
}

/* Until RUNNING, and until both of the run's objects have arrived: unlike a real pod, ours does not
 * wait for its ConfigMap. -1 when it fails. */
static int wait_running(struct world *world, struct asb_error *err)
{
	int64_t deadline = asb_monotonic_ms() + 20000;

	for (;;) {
		assert_true(asb_monotonic_ms() < deadline);
		if (asb_sandbox_step(world->run, err) < 0)
			return -1;
		if (asb_sandbox_phase(world->run) == ASB_SANDBOX_RUNNING && world->config != NULL)
			return 0;
		if (asb_http_poll(world->http, NULL, 0, asb_sandbox_timeout(world->run), err) < 0)
			return -1;
	}
}

static int start(struct world *world, struct asb_error *err)
{
	if (asb_sandbox_prepare(world->run, err) < 0 || asb_sandbox_create(world->run, err) < 0)
		return -1;
	return wait_running(world, err);
}

#define RUNNING "{\"running\":{}}"
#define WORLD_INIT                   \
	{                            \
		.container = RUNNING \
	}

static void whole_life(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, NULL, 20000, false);
	assert_null(asb_sandbox_pod(world.run));
	assert_int_equal(start(&world, &err), 0);
	assert_string_equal(asb_sandbox_pod(world.run), world.name);
	assert_string_equal(asb_sandbox_connect_argv(world.run)[1], "connect");
	assert_string_equal(asb_json_string(world.config, "metadata/ownerReferences/0/uid"), OURS);
	assert_string_equal(asb_json_string(world.sandbox, "metadata/name"), world.name);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0); /* twice is fine */
	assert_non_null(world.shim);
	assert_null(world.sandbox);
	assert_null(world.config);
	assert_non_null(strstr(world.deletion, "\"uid\":\"" OURS "\""));
	assert_non_null(strstr(world.deletion, "Background"));
	assert_int_equal(asb_sandbox_phase(world.run), ASB_SANDBOX_GONE);
	assert_string_equal(world.notice, "");
	close_world(&world);
}

static void the_shim_is_shared(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	world.shim_there = true;
	open_world(&world, NULL, 20000, false);
	assert_int_equal(start(&world, &err), 0);
	assert_null(strstr(world.log, "POST shim"));
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	close_world(&world);
}

/* One table: what makes prepare fail, and that it has made nothing. */
static void nothing_is_made(void **state)
{
	static const struct {
		struct world world;
		const char *says, *hints;
	} cases[] = {
		{{.not_installed = true}, "not installed", "sandbox-with-extensions.yaml"},
		{{.foreign_shim = true}, "agentsandbox-shim-", "delete configmap"},
		{{.denied = "create pods/exec"}, "create pods/exec", "kind: Role"},
		{{.denied = "create sandboxes"}, "create sandboxes.agents.x-k8s.io", "kind: Role"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world = cases[i].world;
		struct asb_error err = ASB_ERROR_INIT;

		open_world(&world, NULL, 20000, false);
		assert_int_equal(asb_sandbox_prepare(world.run, &err), -1);
		assert_int_equal(err.status, 125);
		assert_non_null(strstr(err.message, cases[i].says));
		assert_non_null(strstr(err.hint, cases[i].hints));
		asb_error_clear(&err);
		assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
		assert_string_equal(world.log, "");
		close_world(&world);
	}
}

/* The Sandbox is made, but the answer gets lost: it is deleted all the same. */
static void the_answer_gets_lost(void **state)
{
	static const char *const names[] = {NULL, "mine"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world world = WORLD_INIT;
		struct asb_error err = ASB_ERROR_INIT;

		world.lose_sandbox = 1000;
		open_world(&world, names[i], 20000, false);
		assert_int_equal(start(&world, &err), -1);
		assert_non_null(world.sandbox);
		asb_error_clear(&err);
		assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
		assert_null(world.sandbox);
		close_world(&world);
	}
}

/* libcurl sends a request again when a connection that was in use before dies: the second one finds
 * what the first one has made, and that is ours. */
static void the_answer_comes_the_second_time(void **state)
{
	static const char *const names[] = {NULL, "mine"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world world = WORLD_INIT;
		struct asb_error err = ASB_ERROR_INIT;
		int rc;

		world.lose_sandbox = 1;
		open_world(&world, names[i], 20000, false);
		rc = start(&world, &err);
		/* without a second try it fails, and that is as good */
		if (strstr(world.log, "POST sandbox\nPOST sandbox\n") != NULL)
			assert_int_equal(rc, 0);
		assert_non_null(world.sandbox);
		asb_error_clear(&err);
		assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
		assert_null(world.sandbox);
		assert_null(world.config);
		close_world(&world);
	}
}

/* The connection breaks before the server has taken it: there is nothing, and that is no error. */
static void the_question_gets_lost(void **state)
{
	static const char *const names[] = {NULL, "mine"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world world = WORLD_INIT;
		struct asb_error err = ASB_ERROR_INIT;

		world.refuse_sandbox = true;
		open_world(&world, names[i], 20000, false);
		assert_int_equal(start(&world, &err), -1);
		assert_int_equal(err.status, 125);
		asb_error_clear(&err);
		assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
		assert_null(world.sandbox);
		close_world(&world);
	}
}

/* The same, but under that name there is somebody else's: it stays. */
static void somebody_elses_stays(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	world.lose_sandbox = 1000;
	world.name_taken = true;
	open_world(&world, "mine", 20000, false);
	assert_int_equal(start(&world, &err), -1);
	asb_error_clear(&err);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	assert_null(strstr(world.log, "DELETE"));
	close_world(&world);
}

static void the_name_is_taken(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	world.name_taken = true;
	open_world(&world, "mine", 20000, false);
	assert_int_equal(start(&world, &err), -1);
	assert_non_null(strstr(err.message, "already exists"));
	assert_non_null(strstr(err.hint, "another name"));
	asb_error_clear(&err);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	assert_null(strstr(world.log, "DELETE"));
	close_world(&world);
}

/* Interrupted while the POST is on its way. */
static void deleted_at_once(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, "mine", 20000, false);
	assert_int_equal(asb_sandbox_prepare(world.run, &err), 0);
	assert_int_equal(asb_sandbox_create(world.run, &err), 0);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	assert_null(world.sandbox);
	close_world(&world);
}

static void a_deletion_is_tried_again(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, NULL, 20000, false);
	assert_int_equal(start(&world, &err), 0);
	world.delete_failures = 3;
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	assert_null(world.sandbox);
	assert_null(world.config);
	close_world(&world);
}

static void a_deletion_that_fails_is_told(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, NULL, 20000, false);
	assert_int_equal(start(&world, &err), 0);
	world.delete_failures = 1000;
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), -1);
	assert_non_null(strstr(err.message, world.name));
	assert_non_null(strstr(err.hint, "delete sandbox"));
	close_world(&world);
}

static void kept(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, NULL, 20000, true);
	assert_int_equal(start(&world, &err), 0);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	assert_non_null(world.sandbox);
	assert_non_null(strstr(world.log, "PATCH sandbox"));
	assert_non_null(strstr(world.notice, "kept until"));
	assert_int_equal(asb_sandbox_delete(world.run, true, &err), 0);
	assert_null(world.sandbox);
	close_world(&world);
}

/* Without patch the end is fixed at the start, late enough, and the user is told. */
static void fixed_end(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	struct tm tm = {0};

	(void)state;
	world.denied = "patch sandboxes";
	open_world(&world, NULL, 20000, false);
	assert_int_equal(start(&world, &err), 0);
	assert_non_null(strptime(asb_json_string(world.sandbox, "spec/shutdownTime"),
				 "%Y-%m-%dT%H:%M:%SZ", &tm));
	assert_true(timegm(&tm) >= time(NULL) + 3600);
	assert_non_null(strstr(world.notice, "patch sandboxes"));
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	close_world(&world);
}

static void a_failure_ends_the_wait(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	int64_t before;

	(void)state;
	world.container = "{\"waiting\":{\"reason\":\"InvalidImageName\",\"message\":\"bad\"}}";
	open_world(&world, NULL, 20000, false);
	before = asb_monotonic_ms();
	assert_int_equal(start(&world, &err), -1);
	assert_true(asb_monotonic_ms() - before < 5000);
	assert_non_null(strstr(err.message, "no valid image name"));
	assert_non_null(strstr(err.hint, "NAME"));
	asb_error_clear(&err);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	assert_null(world.sandbox);
	close_world(&world);
}

/* What may heal is told at once, waited for, and the end of the wait says what it waited for. */
static void a_wait_with_a_reason(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	world.container = "{\"waiting\":{\"reason\":\"ErrImagePull\",\"message\":\"dial tcp: "
			  "lookup r.test: no such host\"}}";
	open_world(&world, NULL, 2000, false);
	assert_int_equal(start(&world, &err), -1);
	assert_non_null(strstr(world.notice, "no such host"));
	assert_non_null(strstr(err.message, "not ready after 2s"));
	assert_non_null(strstr(err.message, "no such host"));
	asb_error_clear(&err);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	close_world(&world);
}

/* A refusal that could be a moment's state counts after two seconds. */
static void a_refusal_that_lasts(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	int64_t before;

	(void)state;
	world.ready = "Error seen: pods \"x\" is forbidden: exceeded quota: q, requested: pods=1";
	open_world(&world, NULL, 20000, false);
	before = asb_monotonic_ms();
	assert_int_equal(start(&world, &err), -1);
	assert_in_range(asb_monotonic_ms() - before, 2000, 8000);
	assert_non_null(strstr(err.message, "exceeded quota"));
	asb_error_clear(&err);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	close_world(&world);
}

/* A running pod that isn't the Sandbox's is none: nothing may be executed in it. */
static void a_foreign_pod_is_none(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	world.pod_owner = THEIRS;
	open_world(&world, NULL, 1500, false);
	assert_int_equal(start(&world, &err), -1);
	assert_non_null(strstr(err.message, "has not made the pod yet"));
	asb_error_clear(&err);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	close_world(&world);
}

static int run_on(struct world *world, struct asb_error *err)
{
	int64_t deadline = asb_monotonic_ms() + 20000;

	while (asb_monotonic_ms() < deadline) {
		if (asb_sandbox_step(world->run, err) < 0)
			return -1;
		asb_http_poll(world->http, NULL, 0, asb_sandbox_timeout(world->run), err);
	}
	return 0;
}

static void out_of_memory_while_running(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, NULL, 20000, false);
	assert_int_equal(start(&world, &err), 0);
	world.container = "{\"terminated\":{\"exitCode\":137,\"reason\":\"OOMKilled\"}}";
	assert_int_equal(run_on(&world, &err), -1);
	assert_int_equal(err.status, 137);
	assert_non_null(strstr(err.message, "64Mi"));
	asb_error_clear(&err);
	assert_int_equal(asb_sandbox_post_mortem(world.run, &err), 137);
	assert_int_equal(err.status, 137);
	asb_error_clear(&err);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	close_world(&world);
}

static void deleted_by_somebody(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, NULL, 20000, false);
	assert_int_equal(start(&world, &err), 0);
	world.name_taken = true; /* and made anew, with another UID */
	assert_int_equal(run_on(&world, &err), -1);
	assert_int_equal(err.status, 125);
	assert_non_null(strstr(err.message, "deleted"));
	close_world(&world);
}

/* A command that runs is not given up because its pod can't be looked at any more. */
static void nobody_lets_us_look(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	int64_t deadline;

	(void)state;
	open_world(&world, NULL, 20000, false);
	assert_int_equal(start(&world, &err), 0);
	world.blinded = true;
	deadline = asb_monotonic_ms() + 10000;
	while (world.notice[0] == '\0') {
		assert_true(asb_monotonic_ms() < deadline);
		assert_int_equal(asb_sandbox_step(world.run, &err), 0);
		asb_http_poll(world.http, NULL, 0, asb_sandbox_timeout(world.run), &err);
	}
	assert_non_null(strstr(world.notice, "forbidden from now on"));
	assert_int_equal(asb_sandbox_step(world.run, &err), 0);
	assert_string_equal(asb_sandbox_pod(world.run), world.name);
	assert_int_equal(asb_sandbox_delete(world.run, false, &err), 0);
	assert_null(world.sandbox);
	close_world(&world);
}

/* A lost stream and a container that still runs: 125, within the bound, and it says so. */
static void post_mortem_of_the_living(void **state)
{
	struct world world = WORLD_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	int64_t before;

	(void)state;
	open_world(&world, NULL, 20000, false);
	assert_int_equal(start(&world, &err), 0);
	before = asb_monotonic_ms();
	assert_int_equal(asb_sandbox_post_mortem(world.run, &err), 125);
	assert_true(asb_monotonic_ms() - before <= 5500);
	assert_int_equal(err.status, 125);
	assert_non_null(strstr(err.message, "no exit status was received"));
	asb_error_clear(&err);
	cJSON_Delete(world.sandbox);
	world.sandbox = NULL; /* now even the pod has gone */
	assert_int_equal(asb_sandbox_post_mortem(world.run, &err), 125);
	assert_non_null(strstr(err.message, "deleted"));
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_life),
		cmocka_unit_test(the_shim_is_shared),
		cmocka_unit_test(nothing_is_made),
		cmocka_unit_test(the_answer_gets_lost),
		cmocka_unit_test(the_answer_comes_the_second_time),
		cmocka_unit_test(the_question_gets_lost),
		cmocka_unit_test(somebody_elses_stays),
		cmocka_unit_test(the_name_is_taken),
		cmocka_unit_test(deleted_at_once),
		cmocka_unit_test(a_deletion_is_tried_again),
		cmocka_unit_test(a_deletion_that_fails_is_told),
		cmocka_unit_test(kept),
		cmocka_unit_test(fixed_end),
		cmocka_unit_test(a_failure_ends_the_wait),
		cmocka_unit_test(a_wait_with_a_reason),
		cmocka_unit_test(a_refusal_that_lasts),
		cmocka_unit_test(a_foreign_pod_is_none),
		cmocka_unit_test(out_of_memory_while_running),
		cmocka_unit_test(deleted_by_somebody),
		cmocka_unit_test(nobody_lets_us_look),
		cmocka_unit_test(post_mortem_of_the_living),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
