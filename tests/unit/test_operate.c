/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent to the API server for one-shot operations, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/operate.h"
#include "plugin/sandbox/resources.h"
#include "tests/unit/fake_server.h"

struct world {
	char log[4096];		/* "DELETE x {body}\n" without GETs */
	const char *conditions; /* of the Sandbox from the second look on */
	const char *version;	/* NULL: v1beta1 */
	int looks, pod_looks;
	bool gone;    /* after the first look */
	bool refused; /* DELETEs are */
	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	char deleted[256];
};

static void not_found(const struct fake_request *request)
{
	fake_answer(request, 404, "",
		    "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"not found\"}");
}

/* Its pod goes after two looks. */
static void answer_pod(struct world *world, const struct fake_request *request)
{
	if (++world->pod_looks > 2)
		not_found(request);
	else
		fake_answer(request, 200, "", "{\"metadata\":{\"name\":\"a\"}}");
}

static void answer_sandbox(struct world *world, const struct fake_request *request)
{
	bool changed = world->looks++ > 0 && world->conditions != NULL;
	ASB_TEXT text = asb_strf("{\"apiVersion\":\"agents.x-k8s.io/"
				 "%s\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"computer\","
				 "\"uid\":\"u-1\",\"resourceVersion\":\"7\"},"
				 "\"status\":{\"conditions\":[%s]}}",
				 world->version != NULL ? world->version : "v1beta1",
				 strrchr(request->path, '/') + 1, changed ? world->conditions : "");

	fake_answer(request, 200, "Date: Mon, 23 Nov 2026 02:00:00 GMT\r\n", text);
}

static bool handle(void *context, const struct fake_request *request)
{
	struct world *world = context;
	const char *name = strrchr(request->path, '/') + 1;
	size_t used = strlen(world->log);

	if (strstr(request->path, "watch=true") != NULL) {
		fake_answer(request, 403, "", "{\"kind\":\"Status\",\"reason\":\"Forbidden\"}");
		return true;
	}
	if (strcmp(request->method, "GET") != 0)
		snprintf(world->log + used, sizeof(world->log) - used, "%s %s %.*s\n",
			 request->method, name, (int)request->body_length, request->body);
	if (strstr(request->path, "/pods/") != NULL)
		answer_pod(world, request);
	else if (strncmp(name, "no", 2) == 0 || (world->gone && world->looks > 0))
		not_found(request);
	else if (world->refused && strcmp(request->method, "DELETE") == 0)
		fake_answer(request, 403, "",
			    "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"m\"}");
	else
		answer_sandbox(world, request);
	return true;
}

static void open_world(struct world *world)
{
	struct asb_error err = ASB_ERROR_INIT;

	fake_start(&world->server, handle, world);
	world->kubeconfig.server = world->server.url;
	world->http = asb_http_new(&world->kubeconfig, &err);
	assert_non_null(world->http);
}

static void close_world(struct world *world)
{
	asb_http_free(world->http);
	fake_stop(&world->server);
}

static void on_deleted(void *context, const cJSON *object)
{
	struct world *world = context;
	size_t used = strlen(world->deleted);

	snprintf(world->deleted + used, sizeof(world->deleted) - used, "%s ",
		 asb_json_string(object, "metadata/name"));
}

/* More than are sent side by side; each with its UID and in the background. */
static void many_are_deleted(void **state)
{
	struct world world = {0};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON objects = asb_json_literal("[]");

	(void)state;
	open_world(&world);
	for (int i = 0; i < 33; i++)
		cJSON_AddItemToArray(objects, asb_json_literal("{\"metadata\":{\"name\":\"x\","
							       "\"namespace\":\"computer\",\"uid\":"
							       "\"u-1\"}}"));
	assert_int_equal(
		asb_operate_delete(world.http, &asb_sandboxes, objects, on_deleted, &world, &err),
		0);
	assert_int_equal(strlen(world.deleted), 66);
	assert_non_null(strstr(world.log, "DELETE x {"));
	assert_non_null(strstr(world.log, "\"propagationPolicy\":\"Background\""));
	assert_non_null(strstr(world.log, "\"preconditions\":{\"uid\":\"u-1\"}"));
	world.refused = true;
	world.deleted[0] = '\0';
	assert_int_equal(
		asb_operate_delete(world.http, &asb_sandboxes, objects, on_deleted, &world, &err),
		-1);
	assert_int_equal(err.http, 403);
	assert_string_equal(world.deleted, "");
	close_world(&world);
}

#define META(name) "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"computer\"}"

static void changes(void **state)
{
	struct world world = {0};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON suspended = NULL;
	ASB_JSON resumed = NULL;
	ASB_TEXT end = NULL;
	ASB_TEXT again = NULL;
	ASB_JSON sandbox = asb_json_literal("{" META("a") "}");
	ASB_JSON none = asb_json_literal("{" META("none") "}");
	ASB_JSON claim = asb_json_literal("{\"kind\":\"SandboxClaim\"," META("c") "}");
	ASB_JSON pod = asb_json_literal("{\"kind\":\"Pod\"," META("p") "}");

	(void)state;
	open_world(&world);
	suspended = asb_operate_suspend(world.http, &asb_api_v1beta1, "computer", "a", &err);
	resumed = asb_operate_resume(world.http, &asb_api_v1beta1, "computer", "a", &err);
	assert_non_null(suspended);
	assert_non_null(resumed);
	assert_string_equal(world.log, "PATCH a {\"spec\":{\"operatingMode\":\"Suspended\"}}\n"
				       "PATCH a {\"spec\":{\"operatingMode\":\"Running\"}}\n");
	world.log[0] = '\0';
	cJSON_Delete(asb_operate_suspend(world.http, &asb_api_v1alpha1, "computer", "a", &err));
	assert_string_equal(world.log, "PATCH a {\"spec\":{\"replicas\":0}}\n");
	/* by the server's clock, whatever ours says */
	world.log[0] = '\0';
	end = asb_operate_extend(world.http, &asb_api_v1beta1, sandbox, 3600 * 1000, &err);
	assert_non_null(end);
	assert_non_null(strstr(end, "2026-11-23T03:00:0"));
	assert_non_null(strstr(world.log, end));
	assert_null(asb_operate_extend(world.http, &asb_api_v1beta1, none, 3600 * 1000, &err));
	assert_int_equal(err.http, 404);
	/* that of a claim stands elsewhere, that of a pod stays */
	world.log[0] = '\0';
	again = asb_operate_extend(world.http, &asb_api_v1beta1, claim, 3600 * 1000, &err);
	assert_non_null(strstr(world.log, "PATCH c {\"spec\":{\"lifecycle\":{\"shutdownTime\":"));
	assert_null(asb_operate_extend(world.http, &asb_api_v1beta1, pod, 3600 * 1000, &err));
	assert_non_null(strstr(err.message, "can't be moved"));
	close_world(&world);
}

#define CONDITION(status, reason) \
	"{\"type\":\"Suspended\",\"status\":\"" status "\",\"reason\":\"" reason "\"}"

static void waiting_for_suspension(void **state)
{
	static const struct {
		struct world world;
		const char *says; /* NULL: it succeeds */
	} cases[] = {
		{{.conditions = CONDITION("True", "PodTerminated")}, NULL},
		{{.conditions = CONDITION("False", "PodTerminating")}, "not suspended after 700ms"},
		{{.conditions = CONDITION("False", "PodNotOwned")}, "can't be suspended"},
		{{.gone = true}, "deleted by somebody"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world = cases[i].world;
		struct asb_error err = ASB_ERROR_INIT;
		ASB_JSON sandbox = NULL;
		int rc;

		open_world(&world);
		sandbox = asb_operate_suspend(world.http, &asb_api_v1beta1, "computer", "a", &err);
		rc = asb_operate_await_suspended(world.http, sandbox, 700, &err);
		assert_int_equal(rc, cases[i].says == NULL ? 0 : -1);
		if (cases[i].says != NULL)
			assert_non_null(strstr(err.message, cases[i].says));
		close_world(&world);
	}
}

/* No status says so there: the pod itself is looked for. */
static void waiting_in_an_old_cluster(void **state)
{
	struct world world = {.version = "v1alpha1"};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON sandbox = NULL;

	(void)state;
	open_world(&world);
	sandbox = asb_operate_suspend(world.http, &asb_api_v1alpha1, "computer", "a", &err);
	assert_non_null(strstr(world.log, "\"replicas\":0"));
	assert_int_equal(asb_operate_await_suspended(world.http, sandbox, 5000, &err), 0);
	assert_int_equal(world.pod_looks, 3);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_deleted),
		cmocka_unit_test(changes),
		cmocka_unit_test(waiting_for_suspension),
		cmocka_unit_test(waiting_in_an_old_cluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
