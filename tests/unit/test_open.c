/* SPDX-License-Identifier: Apache-2.0 */
/* A Sandbox that is there already, opened to run commands in: what is asked, what is refused and
 * why, and that its life is prolonged but never shortened and never ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/lease.h"
#include "plugin/sandbox/sandbox.h"
#include "tests/unit/fake_api.h"

#define GROUP "/apis/agents.x-k8s.io"
#define SANDBOX GROUP "/v1beta1/namespaces/computer/sandboxes/box"
#define POD "/api/v1/namespaces/computer/pods/box"

#define CONTAINER                                                           \
	"{\"name\":\"main\",\"command\":[\"/agentsandbox/shim\",\"init\"]," \
	"\"volumeMounts\":[{\"name\":\"shim\",\"mountPath\":\"/agentsandbox\"}]}"
#define SLEEPER "{\"name\":\"main\",\"command\":[\"sleep\",\"infinity\"]}"
#define META(uid) "\"metadata\":{\"name\":\"box\",\"namespace\":\"computer\",\"uid\":\"" uid "\""
#define OBJECT(meta, spec, container)                                             \
	"{\"apiVersion\":\"agents.x-k8s.io/v1beta1\",\"kind\":\"Sandbox\"," META( \
		"s") ",\"resourceVersion\":\"5\"" meta "},\"spec\":{" spec        \
		     "\"podTemplate\":{\"spec\":{\"containers\":[" container      \
		     "]}}},\"status\":{\"conditions\":"                           \
		     "[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":"      \
		     "\"DependenciesNotReady\"}]}}"
#define PODS(container, state)                                                                \
	"{\"kind\":\"Pod\"," META(                                                            \
		"p") ",\"resourceVersion\":\"6\",\"ownerReferences\":["                       \
		     "{\"kind\":\"Sandbox\",\"uid\":\"s\"}]},\"spec\":{\"nodeName\":\"n\","   \
		     "\"containers\":[" container                                             \
		     "]},\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":" \
		     "\"main\",\"state\":{" state "}}]}}"
#define RUNNING "\"running\":{}"

struct world {
	struct fake_api api;
	struct asb_sandbox *sandbox;
	struct asb_error err;
	char notice[512];
	char promised[64]; /* the pod */
};

static void on_notice(void *context, const char *text)
{
	struct world *world = context;

	snprintf(world->notice, sizeof(world->notice), "%s", text);
}

static void on_promised(void *context, const char *pod)
{
	struct world *world = context;

	assert_string_equal(world->promised, "");
	snprintf(world->promised, sizeof(world->promised), "%s", pod);
}

static void open_world(struct world *world, const char *sandbox, const char *pod)
{
	struct asb_sandbox_hooks hooks = {NULL, on_notice, world, on_promised};

	fake_api_start(&world->api);
	fake_put(&world->api, GROUP, "{\"versions\":[{\"version\":\"v1beta1\"}]}");
	if (sandbox != NULL)
		fake_put(&world->api, SANDBOX, sandbox);
	if (pod != NULL)
		fake_put(&world->api, POD, pod);
	world->sandbox = asb_sandbox_open(world->api.http, "computer", "box", &hooks);
}

static void close_world(struct world *world)
{
	struct asb_error err = ASB_ERROR_INIT;

	assert_int_equal(asb_sandbox_delete(world->sandbox, true, &err), 0);
	assert_null(strstr(world->api.log, "DELETE"));
	assert_null(strstr(world->api.log, "POST"));
	asb_sandbox_free(world->sandbox);
	fake_api_stop(&world->api);
}

/* What is there already can be used after one round trip: no step is needed. */
static void at_once(void **state)
{
	struct world world = {0};

	(void)state;
	open_world(&world, OBJECT("", "", CONTAINER), PODS(CONTAINER, RUNNING));
	assert_int_equal(asb_sandbox_prepare(world.sandbox, &world.err), 0);
	assert_int_equal(asb_sandbox_create(world.sandbox, &world.err), 0);
	assert_int_equal(asb_sandbox_phase(world.sandbox), ASB_SANDBOX_RUNNING);
	assert_string_equal(asb_sandbox_pod(world.sandbox), "box");
	assert_string_equal(world.api.log, "");
	close_world(&world);
}

/* A connection is only promised to where it certainly may lead. */
static void promises_its_pod(void **state)
{
	static const struct {
		const char *sandbox, *pod, *promised;
	} cases[] = {
		{OBJECT("", "", CONTAINER), PODS(CONTAINER, RUNNING), "box"},
		{OBJECT("", "", CONTAINER), PODS(CONTAINER, "\"waiting\":{}"), ""},
		{OBJECT("", "", CONTAINER), PODS(SLEEPER, RUNNING), ""},
		{OBJECT("", "", CONTAINER), NULL, ""},
		{NULL, PODS(CONTAINER, RUNNING), ""},
		{OBJECT("", "\"operatingMode\":\"Suspended\",", CONTAINER),
		 PODS(CONTAINER, RUNNING), ""},
		{OBJECT(",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", "", CONTAINER),
		 PODS(CONTAINER, RUNNING), ""},
		{OBJECT(",\"ownerReferences\":[{\"kind\":\"SandboxWarmPool\",\"name\":\"w\","
			"\"controller\":true}]",
			"", CONTAINER),
		 PODS(CONTAINER, RUNNING), ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world = {0};

		open_world(&world, cases[i].sandbox, cases[i].pod);
		asb_sandbox_prepare(world.sandbox, &world.err);
		assert_string_equal(world.promised, cases[i].promised);
		close_world(&world);
	}
}

static int step_until(struct world *world, enum asb_sandbox_phase phase)
{
	int64_t deadline = asb_monotonic_ms() + 10000;

	while (asb_sandbox_phase(world->sandbox) != phase) {
		assert_true(asb_monotonic_ms() < deadline);
		fake_wait(&world->api, asb_sandbox_timeout(world->sandbox));
		if (asb_sandbox_step(world->sandbox, &world->err) < 0)
			return -1;
	}
	return 0;
}

static void it_is_waited_for(void **state)
{
	struct world world = {0};

	(void)state;
	open_world(&world, OBJECT("", "", CONTAINER), NULL);
	assert_int_equal(asb_sandbox_prepare(world.sandbox, &world.err), 0);
	assert_int_equal(asb_sandbox_create(world.sandbox, &world.err), 0);
	assert_int_equal(asb_sandbox_phase(world.sandbox), ASB_SANDBOX_SCHEDULING);
	fake_put(&world.api, POD, PODS(CONTAINER, RUNNING));
	assert_int_equal(step_until(&world, ASB_SANDBOX_RUNNING), 0);
	/* and its end is found while a command runs */
	fake_put(&world.api, POD,
		 PODS(CONTAINER, "\"terminated\":{\"exitCode\":137,\"reason\":\"OOMKilled\"}"));
	assert_int_equal(step_until(&world, ASB_SANDBOX_GONE), -1);
	assert_int_equal(world.err.status, 137);
	close_world(&world);
}

static void what_prepare_refuses(void **state)
{
	static const struct {
		const char *sandbox, *pod, *denied;
		const char *says, *hints;
	} cases[] = {
		{NULL, NULL, NULL, "not found", "agentsandbox -n computer list"},
		{OBJECT("", "\"operatingMode\":\"Suspended\",", CONTAINER), NULL, NULL,
		 "is suspended", "resume box"},
		{OBJECT(",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", "", CONTAINER), NULL,
		 NULL, "is being deleted", ""},
		{OBJECT("", "", SLEEPER), NULL, NULL, "runs sleep, not /agentsandbox/shim",
		 "exec box"},
		{OBJECT("", "", "{\"name\":\"main\"}"), NULL, NULL, "runs what its image says", ""},
		{OBJECT("", "", "{\"name\":\"app\"}"), NULL, NULL, "no container \"main\"", ""},
		{OBJECT("", "", CONTAINER), PODS(SLEEPER, RUNNING), NULL, "runs sleep", ""},
		{OBJECT("", "",
			"{\"name\":\"main\",\"command\":[\"/agentsandbox/shim\",\"init\"]}"),
		 NULL, NULL, "nothing is mounted", ""},
		{OBJECT("", "", CONTAINER), NULL, "get sandboxes", "get sandboxes.agents", "Role"},
		{OBJECT("", "", CONTAINER), NULL, "create pods/exec", "create pods/exec", "Role"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world = {.api.denied = cases[i].denied};

		open_world(&world, cases[i].sandbox, cases[i].pod);
		assert_int_equal(asb_sandbox_prepare(world.sandbox, &world.err), -1);
		assert_int_equal(world.err.status, ASB_STATUS_PLUGIN);
		if (strstr(world.err.message, cases[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", world.err.message, cases[i].says);
		assert_non_null(strstr(world.err.hint, cases[i].hints));
		close_world(&world);
	}
}

/* The first question names v1beta1; the cluster is older than that. */
static void in_an_old_cluster(void **state)
{
	static const char old[] = GROUP "/v1alpha1/namespaces/computer/sandboxes/box";
	struct world world = {0};

	(void)state;
	open_world(&world, NULL, PODS(CONTAINER, RUNNING));
	fake_put(&world.api, GROUP, "{\"versions\":[{\"version\":\"v1alpha1\"}]}");
	fake_put(&world.api, old, OBJECT("", "", CONTAINER));
	assert_int_equal(asb_sandbox_prepare(world.sandbox, &world.err), 0);
	assert_int_equal(asb_sandbox_create(world.sandbox, &world.err), 0);
	assert_int_equal(asb_sandbox_phase(world.sandbox), ASB_SANDBOX_RUNNING);
	close_world(&world);
}

/* Neither the right to create nor to delete, patch or list is needed, nor asked for in vain. */
static void little_rights_suffice(void **state)
{
	static const char *const denied[] = {"create sandboxes", "delete sandboxes",
					     "patch sandboxes", "list pods", "create configmaps"};

	(void)state;
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		struct world world = {.api.denied = denied[i]};

		open_world(&world, OBJECT("", "", CONTAINER), PODS(CONTAINER, RUNNING));
		assert_int_equal(asb_sandbox_prepare(world.sandbox, &world.err), 0);
		assert_int_equal(asb_sandbox_create(world.sandbox, &world.err), 0);
		assert_int_equal(asb_sandbox_phase(world.sandbox), ASB_SANDBOX_RUNNING);
		close_world(&world);
	}
}

/* A Sandbox that ends `seconds` from now. */
static char *ending(int seconds)
{
	ASB_TEXT end = asb_lease_shutdown_time(seconds * 1000, 0);
	struct asb_buffer text = ASB_BUFFER_INIT;

	asb_buffer_addf(&text, OBJECT("", "\"shutdownTime\":\"%s\",", CONTAINER), end);
	return asb_buffer_steal(&text);
}

/* Steps for a moment: long enough for a renewal that is due to be sent and answered. */
static void linger(struct world *world, int ms)
{
	int64_t deadline = asb_monotonic_ms() + ms;

	while (asb_monotonic_ms() < deadline) {
		asb_http_poll(world->api.http, NULL, 0, asb_poll_timeout(deadline), &world->err);
		assert_int_equal(asb_sandbox_step(world->sandbox, &world->err), 0);
	}
}

static void its_life_is_prolonged(void **state)
{
	static const struct {
		int seconds;
		const char *denied;
		bool patched;
	} cases[] = {{30, NULL, true}, {3600, NULL, false}, {30, "patch sandboxes", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world = {.api.denied = cases[i].denied};
		ASB_TEXT object = ending(cases[i].seconds);

		open_world(&world, object, PODS(CONTAINER, RUNNING));
		assert_int_equal(asb_sandbox_prepare(world.sandbox, &world.err), 0);
		assert_int_equal(asb_sandbox_create(world.sandbox, &world.err), 0);
		linger(&world, 300);
		assert_int_equal(strstr(world.api.log, "PATCH") != NULL, cases[i].patched);
		if (cases[i].patched)
			assert_non_null(strstr(world.api.patch, "\"resourceVersion\":\"5\""));
		close_world(&world);
	}
}

static void without_an_end_it_gets_none(void **state)
{
	struct world world = {0};

	(void)state;
	open_world(&world, OBJECT("", "", CONTAINER), PODS(CONTAINER, RUNNING));
	assert_int_equal(asb_sandbox_prepare(world.sandbox, &world.err), 0);
	assert_int_equal(asb_sandbox_create(world.sandbox, &world.err), 0);
	linger(&world, 300);
	assert_string_equal(world.api.log, "");
	close_world(&world);
}

/* Somebody else has moved the end meanwhile: the answer is 409, and what is there then decides. */
static void a_conflict_is_tried_again(void **state)
{
	struct world world = {.api.patch_conflicts = 1};
	ASB_TEXT object = ending(30);
	int64_t deadline = asb_monotonic_ms() + 10000;

	(void)state;
	open_world(&world, object, PODS(CONTAINER, RUNNING));
	assert_int_equal(asb_sandbox_prepare(world.sandbox, &world.err), 0);
	assert_int_equal(asb_sandbox_create(world.sandbox, &world.err), 0);
	while (world.api.patch_conflicts >= 0) {
		assert_true(asb_monotonic_ms() < deadline);
		fake_wait(&world.api, asb_sandbox_timeout(world.sandbox));
		assert_int_equal(asb_sandbox_step(world.sandbox, &world.err), 0);
	}
	assert_string_equal(world.notice, "");
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_once),
		cmocka_unit_test(promises_its_pod),
		cmocka_unit_test(it_is_waited_for),
		cmocka_unit_test(what_prepare_refuses),
		cmocka_unit_test(in_an_old_cluster),
		cmocka_unit_test(little_rights_suffice),
		cmocka_unit_test(its_life_is_prolonged),
		cmocka_unit_test(without_an_end_it_gets_none),
		cmocka_unit_test(a_conflict_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
