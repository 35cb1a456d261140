/* SPDX-License-Identifier: Apache-2.0 */
/* The API: paths, the words of refusals, asking again, deleting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "plugin/base/clock.h"
#include "plugin/kube/api.h"
#include "tests/unit/fake_server.h"

static const struct asb_resource sandboxes = {"agents.x-k8s.io", "v1beta1", "sandboxes"};

static void assert_path(char *path, const char *wanted)
{
	if (wanted == NULL)
		assert_null(path);
	else
		assert_string_equal(path, wanted);
	free(path);
}

static void paths_are_built_from_their_parts(void **state)
{
	(void)state;
	assert_path(asb_api_path(&asb_pods, "ns", NULL, NULL), "/api/v1/namespaces/ns/pods");
	assert_path(asb_api_path(&asb_pods, "ns", "a", "exec"),
		    "/api/v1/namespaces/ns/pods/a/exec");
	assert_path(asb_api_path(&asb_namespaces, NULL, "x", NULL), "/api/v1/namespaces/x");
	assert_path(asb_api_path(&sandboxes, "ns", "a/b?c", NULL),
		    "/apis/agents.x-k8s.io/v1beta1/namespaces/ns/sandboxes/a%2Fb%3Fc");
}

static void a_name_can_not_become_another_path(void **state)
{
	(void)state;
	assert_path(asb_api_path(&sandboxes, "ns", "", NULL), NULL);
	assert_path(asb_api_path(&sandboxes, "ns", ".", NULL), NULL);
	assert_path(asb_api_path(&sandboxes, "ns", "..", NULL), NULL);
	assert_path(asb_api_path(&sandboxes, "", "a", NULL), NULL);
	assert_path(asb_api_path(&sandboxes, "ns", "a", ""), NULL);
	assert_path(asb_api_path(&sandboxes, "ns", "...", NULL),
		    "/apis/agents.x-k8s.io/v1beta1/namespaces/ns/sandboxes/...");
}

struct answer {
	int status;
	const char *body, *message, *reason;
};

static const struct answer answers[] = {
	{403,
	 "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"pods is forbidden: User x\","
	 "\"reason\":\"Forbidden\",\"code\":403}",
	 "Error from server (Forbidden): pods is forbidden: User x", "Forbidden"},
	{409, "{\"kind\":\"Status\",\"message\":\"it exists\",\"reason\":\"AlreadyExists\"}",
	 "Error from server (AlreadyExists): it exists", "AlreadyExists"},
	{500, "{\"kind\":\"Status\",\"message\":\"boom\"}", "Error from server: boom", ""},
	{500, "{\"kind\":\"Status\",\"message\":\"boom\",\"reason\":\"Unknown\"}",
	 "Error from server: boom", ""},
	{400, "{\"kind\":\"Status\"}", "Error from server: no explanation", ""},
	{401, "{\"kind\":\"Status\",\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\"}",
	 "You must be logged in to the server (Unauthorized)", "Unauthorized"},
	{502, "<html>\x1b[2Jbad\ngateway</html>", "Error from server: <html>?[2Jbad gateway</html>",
	 ""},
	{503, "no backend", "Error from server (ServiceUnavailable): no backend",
	 "ServiceUnavailable"},
	{404, "", "Error from server (NotFound): HTTP status 404 without an explanation",
	 "NotFound"},
	{404, "{\"kind\":\"Pod\"}", "Error from server (NotFound): {\"kind\":\"Pod\"}", "NotFound"},
	{302, "", "the server answered with a redirect (HTTP status 302)", ""},
	{101, "", "Error from server: HTTP status 101 without an explanation", ""},
};

static void refusals_are_worded_as_kubectl_words_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct asb_error err = ASB_ERROR_INIT;
		struct asb_http_request request;

		asb_http_request_init(&request, "GET", "/x");
		request.done = true;
		request.status = answers[i].status;
		asb_buffer_addstr(&request.response, answers[i].body);
		assert_int_equal(asb_api_check(&request, &err), -1);
		assert_string_equal(err.message, answers[i].message);
		assert_string_equal(err.reason, answers[i].reason);
		assert_int_equal(err.http, answers[i].status);
		assert_int_equal(err.status, ASB_STATUS_PLUGIN);
		assert_null(asb_api_result(&request, &err));
		asb_http_request_release(&request);
	}
}

static void no_answer_is_its_transport_error(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_http_request request;

	(void)state;
	asb_http_request_init(&request, "GET", "/x");
	assert_int_equal(asb_api_check(&request, &err), -1);
	assert_string_equal(err.message, "the request was not made");
	asb_fail(&request.error, "cannot connect");
	assert_int_equal(asb_api_check(&request, &err), -1);
	assert_string_equal(err.message, "cannot connect");
	assert_int_equal(err.http, 0);
	asb_http_request_release(&request);
}

static void an_answer_that_is_not_json_is_an_error(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_http_request request;

	(void)state;
	asb_http_request_init(&request, "GET", "/x");
	request.status = 200;
	asb_buffer_addstr(&request.response, "<html>");
	assert_int_equal(asb_api_check(&request, &err), 0);
	assert_null(asb_api_result(&request, &err));
	assert_non_null(strstr(err.message, "the server's answer to GET /x: not valid JSON"));
	asb_http_request_release(&request);
}

/* ---- with a server ---- */

struct script {
	int status[8]; /* of the requests in order; then 200 */
	const char *headers, *body;
	struct asb_buffer log;
};

static bool play(void *context, const struct fake_request *request)
{
	struct script *script = context;
	int status = request->number < 8 ? script->status[request->number] : 0;

	asb_buffer_addf(&script->log, "%s %s %.*s\n", request->method, request->path,
			(int)request->body_length, request->body);
	if (status == 0)
		fake_answer(request, 200, "", "{\"kind\":\"Fine\"}");
	else
		fake_answer(request, status, script->headers == NULL ? "" : script->headers,
			    script->body == NULL ? "" : script->body);
	return true;
}

struct world {
	struct script script;
	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	struct asb_error err;
};

static struct world *open_world(struct script script)
{
	struct world *world = asb_calloc(1, sizeof(*world));

	world->script = script;
	asb_buffer_init(&world->script.log);
	fake_start(&world->server, play, &world->script);
	world->kubeconfig.server = world->server.url;
	world->http = asb_http_new(&world->kubeconfig, &world->err);
	assert_non_null(world->http);
	return world;
}

static void close_world(struct world *world)
{
	asb_http_free(world->http);
	fake_stop(&world->server);
	asb_buffer_release(&world->script.log);
	free(world);
}

static void calls_send_and_return_objects(void **state)
{
	struct world *world = open_world((struct script){.status = {0}});
	ASB_JSON object = asb_json_literal("{\"a\":1}");
	ASB_JSON got = asb_api_get(world->http, "/g", &world->err);
	ASB_JSON created = asb_api_create(world->http, "/c", object, &world->err);
	ASB_JSON patched = asb_api_merge_patch(world->http, "/p", object, &world->err);

	(void)state;
	assert_string_equal(asb_json_string(got, "kind"), "Fine");
	assert_string_equal(asb_json_string(created, "kind"), "Fine");
	assert_string_equal(asb_json_string(patched, "kind"), "Fine");
	assert_string_equal(world->script.log.data,
			    "GET /g \nPOST /c {\"a\":1}\nPATCH /p {\"a\":1}\n");
	assert_int_equal(fake_connections(&world->server), 1);
	close_world(world);
}

static void a_busy_server_is_asked_again(void **state)
{
	struct world *world = open_world((struct script){.status = {503, 429}});
	int64_t start = asb_monotonic_ms();
	ASB_JSON got = asb_api_get(world->http, "/g", &world->err);

	(void)state;
	assert_non_null(got);
	assert_string_equal(world->script.log.data, "GET /g \nGET /g \nGET /g \n");
	assert_true(asb_monotonic_ms() - start >= 200 + 400 - 2);
	close_world(world);
}

static void three_times_are_enough(void **state)
{
	struct world *world =
		open_world((struct script){.status = {429, 429, 429, 429}, .body = "later"});
	ASB_JSON got = asb_api_get(world->http, "/g", &world->err);

	(void)state;
	assert_null(got);
	assert_int_equal(world->server.request_count, 3);
	assert_string_equal(world->err.message, "Error from server (TooManyRequests): later");
	close_world(world);
}

static void the_server_says_how_long_to_wait(void **state)
{
	struct world *world =
		open_world((struct script){.status = {429}, .headers = "Retry-After: 1\r\n"});
	int64_t start = asb_monotonic_ms();
	ASB_JSON object = asb_json_literal("{}");
	ASB_JSON got = asb_api_create(world->http, "/c", object, &world->err);

	(void)state;
	assert_non_null(got);
	assert_int_equal(world->server.request_count, 2);
	assert_true(asb_monotonic_ms() - start >= 999);
	close_world(world);
}

static void a_create_that_may_have_happened_is_not_repeated(void **state)
{
	struct world *world = open_world((struct script){.status = {503}});
	ASB_JSON object = asb_json_literal("{}");

	(void)state;
	assert_null(asb_api_create(world->http, "/c", object, &world->err));
	assert_int_equal(world->server.request_count, 1);
	assert_int_equal(world->err.http, 503);
	close_world(world);
}

static void only_what_was_put_off_is_repeated(void **state)
{
	struct world *world = open_world((struct script){.status = {0, 429}});
	struct asb_http_request requests[2], *list[2] = {&requests[0], &requests[1]};

	(void)state;
	asb_http_request_init(&requests[0], "GET", "/a");
	asb_http_request_init(&requests[1], "GET", "/b");
	assert_int_equal(asb_api_run(world->http, list, 2, &world->err), 0);
	assert_int_equal(requests[0].status, 200);
	assert_int_equal(requests[1].status, 200);
	assert_int_equal(world->server.request_count, 3);
	asb_http_request_release(&requests[0]);
	asb_http_request_release(&requests[1]);
	close_world(world);
}

static void a_delete_says_what_it_means(void **state)
{
	struct world *world = open_world((struct script){.status = {0}});

	(void)state;
	assert_int_equal(asb_api_delete(world->http, "/x", "u-1", "Background", &world->err), 0);
	assert_int_equal(asb_api_delete(world->http, "/x", NULL, NULL, &world->err), 0);
	assert_string_equal(
		world->script.log.data,
		"DELETE /x {\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
		"\"propagationPolicy\":\"Background\",\"preconditions\":{\"uid\":\"u-1\"}}\n"
		"DELETE /x {\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\"}\n");
	close_world(world);
}

static void what_is_gone_is_deleted(void **state)
{
	struct world *world = open_world((struct script){
		.status = {404, 409, 409, 409, 403},
		.body = "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"the UID in the "
			"precondition (a) does not match the UID in record (b)\"}"});

	(void)state;
	assert_int_equal(asb_api_delete(world->http, "/x", NULL, NULL, &world->err), 0);
	assert_false(asb_failed(&world->err));
	assert_int_equal(asb_api_delete(world->http, "/x", "a", NULL, &world->err), 0);
	assert_false(asb_failed(&world->err));
	assert_int_equal(asb_api_delete(world->http, "/x", NULL, NULL, &world->err), -1);
	world->script.body = "{\"kind\":\"Status\",\"message\":\"object was modified\"}";
	assert_int_equal(asb_api_delete(world->http, "/x", "a", NULL, &world->err), -1);
	assert_int_equal(asb_api_delete(world->http, "/x", "a", NULL, &world->err), -1);
	assert_int_equal(asb_api_delete(world->http, NULL, "a", NULL, &world->err), -1);
	assert_int_equal(world->server.request_count, 5);
	close_world(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_built_from_their_parts),
		cmocka_unit_test(a_name_can_not_become_another_path),
		cmocka_unit_test(refusals_are_worded_as_kubectl_words_them),
		cmocka_unit_test(no_answer_is_its_transport_error),
		cmocka_unit_test(an_answer_that_is_not_json_is_an_error),
		cmocka_unit_test(calls_send_and_return_objects),
		cmocka_unit_test(a_busy_server_is_asked_again),
		cmocka_unit_test(three_times_are_enough),
		cmocka_unit_test(the_server_says_how_long_to_wait),
		cmocka_unit_test(a_create_that_may_have_happened_is_not_repeated),
		cmocka_unit_test(only_what_was_put_off_is_repeated),
		cmocka_unit_test(a_delete_says_what_it_means),
		cmocka_unit_test(what_is_gone_is_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
