/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox from a warm pool, and a plain pod: what is made, what is waited for, what ends the
 * wait, and that nothing stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/claim_object.h"
#include "plugin/sandbox/lease.h"
#include "plugin/sandbox/sandbox.h"
#include "plugin/sandbox/shim_configmap.h"
#include "tests/unit/fake_api.h"

#define CORE "/apis/agents.x-k8s.io"
#define EXTENSIONS "/apis/extensions.agents.x-k8s.io"
#define NS "/namespaces/computer/"
#define CLAIM EXTENSIONS "/v1beta1" NS "sandboxclaims/mine"
#define PODS "/api/v1" NS "pods/"
#define MAPS "/api/v1" NS "configmaps/"

#define SHIM                                                                \
	"{\"name\":\"main\",\"command\":[\"/agentsandbox/shim\",\"init\"]," \
	"\"volumeMounts\":[{\"name\":\"shim\",\"mountPath\":\"/agentsandbox\"}]}"
#define SLEEPER "{\"name\":\"main\",\"command\":[\"sleep\",\"infinity\"]}"

struct world {
	struct fake_api api;
	struct asb_sandbox *sandbox;
	struct asb_error err;
	char notice[1024];

	/* how the controller behaves */
	const char *version;   /* that is served; NULL: v1beta1 */
	const char *reason;    /* of Ready=False, instead of giving a Sandbox */
	const char *given;     /* name of the Sandbox */
	const char *promised;  /* the one that is named before, or NULL */
	bool held;	       /* it is not given yet */
	const char *launch;    /* its label, or NULL */
	const char *container; /* of its pod */
	bool without_extensions;
};

/* What the claim's controller writes, once there is a claim. */
static void give(struct world *world, cJSON *claim)
{
	struct fake_api *api = &world->api;
	const char *version = world->version != NULL ? world->version : "v1beta1";
	struct asb_buffer text = ASB_BUFFER_INIT;
	ASB_TEXT object = asb_strf(CORE "/%s" NS "sandboxes/%s", version, world->given);
	ASB_TEXT pod = asb_strf(PODS "%s", world->given);

	asb_json_set_string(claim, "status/sandbox/name", world->given);
	asb_buffer_addf(&text,
			"{\"apiVersion\":\"agents.x-k8s.io/%s\",\"metadata\":{\"name\":\"%s\","
			"\"uid\":\"s\",\"labels\":{\"agents.x-k8s.io/launch-type\":%s}}}",
			version, world->given, world->launch);
	fake_store(api, object, text.data);
	asb_buffer_reset(&text);
	asb_buffer_addf(&text,
			"{\"metadata\":{\"name\":\"%s\",\"uid\":\"p\",\"ownerReferences\":[{"
			"\"uid\":\"s\"}]},\"spec\":{\"nodeName\":\"n\",\"containers\":[%s]},"
			"\"status\":{\"containerStatuses\":[{\"name\":\"main\",\"state\":{"
			"\"running\":{}}}]}}",
			world->given, world->container);
	fake_store(api, pod, text.data);
	asb_buffer_release(&text);
}

static void promise(const struct world *world, cJSON *claim)
{
	cJSON *annotations = cJSON_CreateObject();

	cJSON_AddStringToObject(annotations, "agents.x-k8s.io/sandbox-name", world->promised);
	asb_json_set(claim, "metadata/annotations", annotations);
}

static void controller(struct fake_api *api, const char *method, const char *path)
{
	struct world *world = api->context;
	ASB_TEXT claims = asb_strf(EXTENSIONS "/%s" NS "sandboxclaims/mine",
				   world->version != NULL ? world->version : "v1beta1");
	cJSON *claim = fake_get(api, claims);

	(void)method;
	(void)path;
	if (claim == NULL || asb_json_at(claim, "status") != NULL)
		return;
	if (world->promised != NULL)
		promise(world, claim);
	if (world->held)
		return;
	if (world->reason == NULL) {
		give(world, claim);
	} else {
		cJSON *ready = asb_json_literal("{\"type\":\"Ready\",\"status\":\"False\"}");

		asb_json_set_string(ready, "reason", world->reason);
		asb_json_set_string(ready, "message", "why it is so");
		asb_json_append(claim, "status/conditions", ready);
	}
}

static void on_notice(void *context, const char *text)
{
	struct world *world = context;
	size_t used = strlen(world->notice);

	snprintf(world->notice + used, sizeof(world->notice) - used, "%s\n", text);
}

static void open_world(struct world *world, struct asb_sandbox_options options)
{
	struct asb_sandbox_hooks hooks = {.notice = on_notice, .context = world};
	ASB_TEXT group = asb_strf("{\"versions\":[{\"version\":\"%s\"}]}",
				  world->version != NULL ? world->version : "v1beta1");

	if (world->given == NULL)
		world->given = "pool-abcde";
	if (world->launch == NULL)
		world->launch = "\"warm\"";
	if (world->container == NULL)
		world->container = SHIM;
	world->api.hook = controller;
	world->api.context = world;
	fake_api_start(&world->api);
	fake_put(&world->api, CORE, group);
	if (!world->without_extensions)
		fake_put(&world->api, EXTENSIONS, group);
	options.namespace_ = "computer";
	options.name = "mine";
	options.image = "docker.io/acme/tool:1";
	options.service_account = "normal-user";
	options.ready_timeout_ms = 10000;
	options.lease_ms = 60000;
	world->sandbox = asb_sandbox_new(world->api.http, &options, &hooks);
}

static int start(struct world *world)
{
	int64_t deadline = asb_monotonic_ms() + 20000;

	if (asb_sandbox_prepare(world->sandbox, &world->err) < 0 ||
	    asb_sandbox_create(world->sandbox, &world->err) < 0)
		return -1;
	while (asb_sandbox_phase(world->sandbox) != ASB_SANDBOX_RUNNING) {
		assert_true(asb_monotonic_ms() < deadline);
		if (asb_sandbox_step(world->sandbox, &world->err) < 0)
			return -1;
		fake_wait(&world->api, asb_sandbox_timeout(world->sandbox));
	}
	return 0;
}

/* Whatever became of it, the claim has gone. */
static void close_world(struct world *world)
{
	struct asb_error err = ASB_ERROR_INIT;

	assert_int_equal(asb_sandbox_delete(world->sandbox, true, &err), 0);
	assert_null(fake_get(&world->api, CLAIM));
	asb_sandbox_free(world->sandbox);
	fake_api_stop(&world->api);
}

#define POOL                         \
	(struct asb_sandbox_options) \
	{                            \
		.pool = "pool"       \
	}

static void warm(void **state)
{
	struct world world = {0};
	const cJSON *claim;

	(void)state;
	open_world(&world, POOL);
	assert_int_equal(start(&world), 0);
	assert_string_equal(asb_sandbox_pod(world.sandbox), "pool-abcde");
	assert_string_equal(asb_sandbox_name(world.sandbox), "mine");
	assert_string_equal(asb_sandbox_noun(world.sandbox), "sandboxclaim");
	assert_string_equal(world.notice, "");
	claim = fake_get(&world.api, CLAIM);
	assert_string_equal(asb_json_string(claim, "spec/warmPoolRef/name"), "pool");
	assert_string_equal(asb_json_string(claim, "spec/lifecycle/shutdownPolicy"), "Delete");
	assert_non_null(asb_json_string(claim, "spec/lifecycle/shutdownTime"));
	/* one object was made, and it is the one that is deleted, by its UID */
	assert_string_equal(world.api.log, "POST " EXTENSIONS "/v1beta1/namespaces/computer/"
					   "sandboxclaims\n");
	assert_int_equal(asb_sandbox_delete(world.sandbox, false, &world.err), 0);
	assert_non_null(strstr(world.api.log, "DELETE " CLAIM));
	assert_non_null(strstr(world.api.deletion, "preconditions"));
	close_world(&world);
}

static void cold(void **state)
{
	struct world world = {.given = "mine", .launch = "\"cold\""};

	(void)state;
	open_world(&world, POOL);
	assert_int_equal(start(&world), 0);
	assert_non_null(strstr(world.notice, "warm pool \"pool\" has no sandbox ready"));
	close_world(&world);
}

static void never_cold(void **state)
{
	struct world world = {.given = "mine", .launch = "\"cold\""};
	struct asb_sandbox_options options = POOL;

	(void)state;
	options.cold = ASB_COLD_NEVER;
	open_world(&world, options);
	assert_int_equal(start(&world), -1);
	assert_string_equal(world.err.message, "warm pool \"pool\" has no sandbox ready");
	assert_non_null(strstr(world.err.hint, "--cold=allow"));
	close_world(&world);
}

static void reasons_that_end_it(void **state)
{
	static const struct {
		const char *reason, *says;
	} cases[] = {
		{"WarmPoolNotFound", "there is no warm pool \"pool\" in namespace \"computer\""},
		{"TemplateNotFound", "the template of warm pool \"pool\" does not exist"},
		{"InvalidMetadata", "why it is so"},
		{"EnvVarsInjectionRejected", "why it is so"},
		{"VolumeClaimTemplatesError", "why it is so"},
		{"ClaimExpired", "run out"},
		{"SandboxExpired", "expired"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world = {.reason = cases[i].reason};
		int64_t before = asb_monotonic_ms();

		open_world(&world, POOL);
		assert_int_equal(start(&world), -1);
		assert_true(asb_monotonic_ms() - before < 5000);
		if (strstr(world.err.message, cases[i].says) == NULL)
			fail_msg("%s: \"%s\"", cases[i].reason, world.err.message);
		close_world(&world);
	}
}

static void a_pool_of_somebody_else(void **state)
{
	struct world world = {.container = SLEEPER};

	(void)state;
	open_world(&world, POOL);
	assert_int_equal(start(&world), -1);
	assert_non_null(strstr(world.err.message, "warm pool \"pool\" is not for this plugin"));
	assert_non_null(strstr(world.err.message, "runs sleep"));
	assert_non_null(strstr(world.err.hint, "pool create"));
	close_world(&world);
}

/* Up to v0.4 a claim names the pool's template, which has to be looked up. */
static void in_an_old_cluster(void **state)
{
	struct world world = {.version = "v1alpha1", .launch = "null"};

	(void)state;
	open_world(&world, POOL);
	fake_put(&world.api, EXTENSIONS "/v1alpha1" NS "sandboxwarmpools/pool",
		 "{\"spec\":{\"sandboxTemplateRef\":{\"name\":\"tools\"}}}");
	assert_int_equal(start(&world), 0);
	assert_non_null(strstr(world.api.posted, "\"sandboxTemplateRef\":{\"name\":\"tools\"}"));
	assert_non_null(strstr(world.api.posted, "\"warmpool\":\"pool\""));
	assert_null(strstr(world.api.posted, "warmPoolRef"));
	assert_string_equal(world.notice, "");
	close_world(&world);
}

/* Nothing ends it there when nobody is left to delete it, which is said. */
static void in_the_oldest_cluster(void **state)
{
	struct world world = {.version = "v1alpha1", .launch = "null", .api.unknown = "lifecycle"};

	(void)state;
	open_world(&world, POOL);
	fake_put(&world.api, EXTENSIONS "/v1alpha1" NS "sandboxwarmpools/pool",
		 "{\"spec\":{\"sandboxTemplateRef\":{\"name\":\"tools\"}}}");
	assert_int_equal(start(&world), 0);
	assert_non_null(strstr(world.notice, "claims of this agent-sandbox have no end"));
	assert_null(strstr(world.api.log, "PATCH"));
	close_world(&world);
}

static void nothing_is_made(void **state)
{
	static const struct {
		const char *denied;
		bool without_extensions;
		const char *says;
	} cases[] = {
		{NULL, true, "warm pools of agent-sandbox are not installed"},
		{"create sandboxclaims", false, "create sandboxclaims.extensions.agents.x-k8s.io"},
		{"delete sandboxclaims", false, "delete sandboxclaims"},
		{"get sandboxes", false, "get sandboxes.agents.x-k8s.io"},
		{"create pods/exec", false, "create pods/exec"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world = {.api.denied = cases[i].denied,
				      .without_extensions = cases[i].without_extensions};

		open_world(&world, POOL);
		assert_int_equal(start(&world), -1);
		assert_non_null(strstr(world.err.message, cases[i].says));
		assert_string_equal(world.api.log, "");
		close_world(&world);
	}
}

/* To make Sandboxes or ConfigMaps is no right that a claim needs. */
static void little_rights_suffice(void **state)
{
	static const char *const denied[] = {"create sandboxes", "create configmaps",
					     "patch sandboxes"};

	(void)state;
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		struct world world = {.api.denied = denied[i]};

		open_world(&world, POOL);
		assert_int_equal(start(&world), 0);
		assert_string_equal(world.notice, "");
		close_world(&world);
	}
}

static void what_counts_as_cold(void **state)
{
	static const struct {
		const char *sandbox;
		bool cold;
	} cases[] = {
		{"{\"metadata\":{\"name\":\"a\",\"labels\":{\"agents.x-k8s.io/launch-type\":"
		 "\"cold\"}}}",
		 true},
		{"{\"metadata\":{\"name\":\"a\",\"labels\":{\"agents.x-k8s.io/launch-type\":"
		 "\"warm\"}}}",
		 false},
		{"{\"metadata\":{\"name\":\"a\"}}", true},
		{"{\"metadata\":{\"name\":\"pool-x\"}}", false},
		{"{\"metadata\":{\"name\":\"a\",\"annotations\":{\"agents.x-k8s.io/pod-name\":"
		 "\"pool-x\"}}}",
		 false},
	};
	ASB_JSON claim = asb_json_literal("{\"metadata\":{\"name\":\"a\"}}");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON sandbox = asb_json_literal(cases[i].sandbox);

		assert_int_equal(asb_claim_is_cold(claim, sandbox), cases[i].cold);
	}
}

/* --- a plain pod --- */

/* The kubelet's part. */
static void kubelet(struct fake_api *api, const char *method, const char *path)
{
	cJSON *pod = fake_get(api, PODS "mine");

	(void)method;
	(void)path;
	if (pod == NULL || asb_json_at(pod, "status") != NULL)
		return;
	asb_json_set(pod, "status",
		     asb_json_literal("{\"containerStatuses\":[{\"name\":\"main\",\"state\":{"
				      "\"running\":{}}}]}"));
}

static void plain_pod(void **state)
{
	struct world world = {0};
	struct asb_sandbox_options options = {.mode = ASB_MODE_POD, .run_timeout_ms = 30000};
	const cJSON *pod, *config;
	int64_t deadline;

	(void)state;
	open_world(&world, options);
	world.api.hook = kubelet;
	fake_put(&world.api, CORE, "{}"); /* no agent-sandbox is needed */
	assert_int_equal(start(&world), 0);
	assert_string_equal(asb_sandbox_pod(world.sandbox), "mine");
	assert_string_equal(asb_sandbox_noun(world.sandbox), "pod");
	assert_non_null(strstr(world.notice, "the end of a plain pod is fixed"));
	pod = fake_get(&world.api, PODS "mine");
	assert_int_equal(asb_json_number(pod, "spec/activeDeadlineSeconds", 0), 10 + 30 + 60);
	assert_string_equal(asb_json_string(pod, "spec/containers/0/command/1"), "init");
	deadline = asb_monotonic_ms() + 20000;
	while (fake_get(&world.api, MAPS "mine") == NULL) {
		assert_true(asb_monotonic_ms() < deadline);
		assert_int_equal(asb_sandbox_step(world.sandbox, &world.err), 0);
		fake_wait(&world.api, asb_sandbox_timeout(world.sandbox));
	}
	config = fake_get(&world.api, MAPS "mine");
	assert_string_equal(asb_json_string(config, "metadata/ownerReferences/0/kind"), "Pod");
	assert_string_equal(asb_json_string(config, "metadata/ownerReferences/0/uid"),
			    asb_json_string(pod, "metadata/uid"));
	assert_null(strstr(world.api.log, "sandboxes"));
	assert_int_equal(asb_sandbox_delete(world.sandbox, false, &world.err), 0);
	assert_null(fake_get(&world.api, PODS "mine"));
	assert_null(fake_get(&world.api, MAPS "mine"));
	close_world(&world);
}

/* Nothing but its own reading wakes up who waits for the end of a plain pod. */
static void the_end_of_a_plain_pod(void **state)
{
	struct world world = {0};
	struct asb_sandbox_options options = {.mode = ASB_MODE_POD};
	int64_t deadline = asb_monotonic_ms() + 8000;

	(void)state;
	open_world(&world, options);
	world.api.hook = kubelet;
	assert_int_equal(start(&world), 0);
	pthread_mutex_lock(&world.api.server.turn);
	asb_json_set(fake_get(&world.api, PODS "mine"), "status/containerStatuses",
		     asb_json_literal("[{\"name\":\"main\",\"state\":{\"terminated\":{\"exitCode\":"
				      "137,\"reason\":\"OOMKilled\"}}}]"));
	pthread_mutex_unlock(&world.api.server.turn);
	while (asb_sandbox_step(world.sandbox, &world.err) == 0) {
		fake_wait(&world.api, asb_sandbox_timeout(world.sandbox));
		assert_true(asb_monotonic_ms() < deadline);
	}
	assert_int_equal(world.err.status, 137);
	close_world(&world);
}

static void rights_of_a_plain_pod(void **state)
{
	static const char *const denied[] = {"create pods", "delete pods", "create pods/exec"};
	struct asb_sandbox_options options = {.mode = ASB_MODE_POD};

	(void)state;
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		struct world world = {.api.denied = denied[i]};

		open_world(&world, options);
		assert_int_equal(start(&world), -1);
		assert_non_null(strstr(world.err.message, denied[i]));
		assert_string_equal(world.api.log, "");
		close_world(&world);
	}
}

#define RUNNING_POD                                                                   \
	"{\"metadata\":{\"uid\":\"p\"},\"status\":{\"containerStatuses\":[{\"name\":" \
	"\"main\",\"state\":{\"running\":{}}}]}}"

/* What is to come may be connected to; what counts is what has come, and that may be another. */
static void promised(void **state)
{
	static const char *const names[] = {"pool-abcde", "pool-other"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world world = {.promised = names[i], .held = true};
		int64_t deadline = asb_monotonic_ms() + 20000;

		open_world(&world, (struct asb_sandbox_options){.pool = "tools"});
		assert_int_equal(asb_sandbox_prepare(world.sandbox, &world.err), 0);
		assert_int_equal(asb_sandbox_create(world.sandbox, &world.err), 0);
		fake_put(&world.api, PODS "pool-other", RUNNING_POD);
		if (i == 0)
			fake_put(&world.api, PODS "pool-abcde", RUNNING_POD);
		while (asb_sandbox_promised_pod(world.sandbox) == NULL) {
			assert_true(asb_monotonic_ms() < deadline);
			assert_int_equal(asb_sandbox_step(world.sandbox, &world.err), 0);
			fake_wait(&world.api, asb_sandbox_timeout(world.sandbox));
		}
		assert_string_equal(asb_sandbox_promised_pod(world.sandbox), names[i]);
		assert_null(asb_sandbox_pod(world.sandbox));
		pthread_mutex_lock(&world.api.server.turn);
		world.held = false;
		pthread_mutex_unlock(&world.api.server.turn);
		while (asb_sandbox_phase(world.sandbox) != ASB_SANDBOX_RUNNING) {
			assert_true(asb_monotonic_ms() < deadline);
			assert_int_equal(asb_sandbox_step(world.sandbox, &world.err), 0);
			fake_wait(&world.api, asb_sandbox_timeout(world.sandbox));
		}
		assert_string_equal(asb_sandbox_pod(world.sandbox), "pool-abcde");
		close_world(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warm),
		cmocka_unit_test(promised),
		cmocka_unit_test(cold),
		cmocka_unit_test(never_cold),
		cmocka_unit_test(reasons_that_end_it),
		cmocka_unit_test(a_pool_of_somebody_else),
		cmocka_unit_test(in_an_old_cluster),
		cmocka_unit_test(in_the_oldest_cluster),
		cmocka_unit_test(nothing_is_made),
		cmocka_unit_test(little_rights_suffice),
		cmocka_unit_test(what_counts_as_cold),
		cmocka_unit_test(plain_pod),
		cmocka_unit_test(the_end_of_a_plain_pod),
		cmocka_unit_test(rights_of_a_plain_pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
