/* SPDX-License-Identifier: Apache-2.0 */
/* Requests against a server of our own: what is sent, what comes back, and what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "plugin/base/clock.h"
#include "plugin/kube/http.h"
#include "plugin/kube/warning.h"
#include "tests/unit/fake_server.h"

struct world {
	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
};

static void open_world(struct world *world, fake_handler *handler, void *context)
{
	struct asb_error err = ASB_ERROR_INIT;

	memset(&world->kubeconfig, 0, sizeof(world->kubeconfig));
	fake_start(&world->server, handler, context);
	world->kubeconfig.server = world->server.url;
	world->http = asb_http_new(&world->kubeconfig, &err);
	assert_non_null(world->http);
}

static void close_world(struct world *world)
{
	asb_http_free(world->http);
	fake_stop(&world->server);
}

static void run(struct world *world, struct asb_http_request *request)
{
	struct asb_error err = ASB_ERROR_INIT;

	assert_int_equal(asb_http_start(world->http, request, &err), 0);
	assert_int_equal(asb_http_wait(world->http, &request, 1, &err), 0);
	assert_true(request->done);
	assert_null(request->transfer);
}

/* Answers with what was asked, line by line. */
static bool echo(void *context, const struct fake_request *request)
{
	static const char *const names[] = {"Accept",	     "Accept-Encoding", "Authorization",
					    "Content-Type",  "User-Agent",	"Expect",
					    "Content-Length"};
	struct asb_buffer text = ASB_BUFFER_INIT;

	(void)context;
	asb_buffer_addf(&text, "%s %s\n", request->method, request->path);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ASB_TEXT value = fake_header(request, names[i]);

		asb_buffer_addf(&text, "%s=%s\n", names[i], value == NULL ? "(none)" : value);
	}
	asb_buffer_add(&text, request->body, request->body_length);
	fake_answer(request, 201, "", text.data);
	asb_buffer_release(&text);
	return true;
}

static void a_request_is_sent_as_described(void **state)
{
	struct world world;
	struct asb_http_request request;

	(void)state;
	open_world(&world, echo, NULL);
	world.kubeconfig.token = (char[]){"tok"};
	asb_http_request_init(&request, "PATCH", "/a/%2e%2e/../b?x=1%20");
	request.content_type = "application/merge-patch+json";
	request.body = "{\"a\":1}";
	request.body_length = 7;
	run(&world, &request);
	assert_int_equal(request.status, 201);
	assert_string_equal(request.response.data,
			    "PATCH /a/%2e%2e/../b?x=1%20\nAccept=application/json\n"
			    "Accept-Encoding=gzip\nAuthorization=Bearer tok\n"
			    "Content-Type=application/merge-patch+json\n"
			    "User-Agent=kubectl-agentsandbox/" ASB_VERSION "\nExpect=(none)\n"
			    "Content-Length=7\n{\"a\":1}");
	asb_http_request_release(&request);
	close_world(&world);
}

static void a_get_and_a_delete_carry_no_body_by_themselves(void **state)
{
	struct world world;
	struct asb_http_request request;

	(void)state;
	open_world(&world, echo, NULL);
	asb_http_request_init(&request, "GET", "/x");
	run(&world, &request);
	assert_int_equal(strncmp(request.response.data, "GET /x\n", 7), 0);
	assert_non_null(strstr(request.response.data, "Authorization=(none)\n"));
	assert_non_null(strstr(request.response.data, "Content-Type=(none)\n"));
	assert_non_null(strstr(request.response.data, "Content-Length=(none)\n"));
	request.method = "DELETE";
	run(&world, &request); /* again, with the same structure */
	assert_int_equal(strncmp(request.response.data, "DELETE /x\n", 10), 0);
	asb_http_request_release(&request);
	assert_int_equal(fake_connections(&world.server), 1);
	close_world(&world);
}

static void a_password_is_sent_as_basic(void **state)
{
	struct world world;
	struct asb_http_request request;

	(void)state;
	open_world(&world, echo, NULL);
	world.kubeconfig.username = (char[]){"joe"};
	world.kubeconfig.password = (char[]){"pw"};
	asb_http_request_init(&request, "GET", "/");
	run(&world, &request);
	assert_non_null(strstr(request.response.data, "Authorization=Basic am9lOnB3\n"));
	asb_http_request_release(&request);
	close_world(&world);
}

static void many_requests_run_side_by_side(void **state)
{
	struct world world;
	struct asb_http_request requests[10], *list[10];
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, echo, NULL);
	for (int i = 0; i < 10; i++) {
		ASB_TEXT body = asb_strf("%d", i);

		asb_http_request_init(&requests[i], "POST", "/many");
		requests[i].body = memcpy(asb_malloc(2), body, 2);
		requests[i].body_length = 1;
		list[i] = &requests[i];
		assert_int_equal(asb_http_start(world.http, list[i], &err), 0);
	}
	assert_int_equal(asb_http_wait(world.http, list, 10, &err), 0);
	for (int i = 0; i < 10; i++) {
		struct asb_buffer *response = &requests[i].response;

		assert_int_equal(requests[i].status, 201);
		assert_int_equal(response->data[response->length - 1], '0' + i);
		free((void *)(uintptr_t)requests[i].body);
		asb_http_request_release(&requests[i]);
	}
	close_world(&world);
}

static bool redirect(void *context, const struct fake_request *request)
{
	(void)context;
	fake_answer(request, 302, "Location: /elsewhere\r\n", "");
	return true;
}

static void a_redirect_is_an_answer(void **state)
{
	struct world world;
	struct asb_http_request request;

	(void)state;
	open_world(&world, redirect, NULL);
	asb_http_request_init(&request, "GET", "/");
	run(&world, &request);
	assert_int_equal(request.status, 302);
	assert_int_equal(world.server.request_count, 1);
	asb_http_request_release(&request);
	close_world(&world);
}

static bool cut_off(void *context, const struct fake_request *request)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":";

	(void)context;
	fake_write(request->fd, text, sizeof(text) - 1);
	return false;
}

static void half_an_answer_is_none(void **state)
{
	struct world world;
	struct asb_http_request request;

	(void)state;
	open_world(&world, cut_off, NULL);
	asb_http_request_init(&request, "GET", "/");
	run(&world, &request);
	assert_int_equal(request.status, 0);
	assert_int_equal(request.response.length, 0);
	assert_non_null(strstr(request.error.message, "connection to http://127.0.0.1:"));
	assert_non_null(strstr(request.error.message, " lost: "));
	asb_http_request_release(&request);
	close_world(&world);
}

static bool never(void *context, const struct fake_request *request)
{
	char byte;

	(void)context;
	/* Until the client hangs up. */
	return recv(request->fd, &byte, 1, 0) > 0;
}

static void silence_is_a_timeout(void **state)
{
	struct world world;
	struct asb_http_request request;

	(void)state;
	open_world(&world, never, NULL);
	asb_http_request_init(&request, "GET", "/");
	request.timeout_ms = 100;
	run(&world, &request);
	assert_int_equal(request.status, 0);
	assert_non_null(strstr(request.error.message, "no answer from http://127.0.0.1:"));
	assert_non_null(strstr(request.error.message, " within 100ms"));
	asb_http_request_release(&request);
	close_world(&world);
}

static void nobody_there_is_told(void **state)
{
	struct world world;
	struct asb_http_request request;

	(void)state;
	open_world(&world, echo, NULL);
	world.kubeconfig.cluster = (char[]){"mine"};
	fake_stop(&world.server);
	asb_http_request_init(&request, "GET", "/");
	run(&world, &request);
	assert_int_equal(request.status, 0);
	assert_non_null(strstr(request.error.message, "cannot connect to http://127.0.0.1:"));
	assert_non_null(strstr(request.error.message, ": connection refused"));
	assert_non_null(strstr(request.error.hint, "cluster \"mine\""));
	asb_http_request_release(&request);
	asb_http_free(world.http);
}

/* A label of 64 letters: no resolver has to be asked. */
#define NO_NAME "a234567890123456789012345678901234567890123456789012345678901234.invalid"

static void an_unknown_name_is_told(void **state)
{
	struct asb_kubeconfig kubeconfig = {.server = (char[]){"https://" NO_NAME}};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_http *http = asb_http_new(&kubeconfig, &err);
	struct asb_http_request request, *list = &request;

	(void)state;
	assert_non_null(http);
	asb_http_request_init(&request, "GET", "/");
	assert_int_equal(asb_http_start(http, &request, &err), 0);
	assert_int_equal(asb_http_wait(http, &list, 1, &err), 0);
	assert_string_equal(request.error.message,
			    "cannot connect to https://" NO_NAME ": name not resolved");
	asb_http_request_release(&request);
	asb_http_free(http);
}

static void plain_http_where_tls_is_wanted_is_told(void **state)
{
	struct world world;
	struct asb_http_request request;
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT url = NULL;

	(void)state;
	open_world(&world, echo, NULL);
	asb_http_free(world.http);
	url = asb_strf("https%s", world.server.url + 4);
	world.kubeconfig.server = url;
	world.http = asb_http_new(&world.kubeconfig, &err);
	asb_http_request_init(&request, "GET", "/");
	/* The server waits for the end of a head that never comes: TLS has no such end. */
	request.timeout_ms = 200;
	run(&world, &request);
	assert_int_equal(request.status, 0);
	assert_true(asb_failed(&request.error));
	asb_http_request_release(&request);
	close_world(&world);
}

struct pieces {
	struct asb_buffer text;
	unsigned calls, most;
};

static int take_piece(void *context, const char *bytes, size_t n)
{
	struct pieces *pieces = context;

	asb_buffer_add(&pieces->text, bytes, n);
	pieces->calls++;
	return pieces->calls >= pieces->most ? -1 : 0;
}

/* Two chunks, the second one when the test says so (it writes a byte into the pipe). */
static bool chunks(void *context, const struct fake_request *request)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "5\r\nfirst\r\n";
	ASB_TEXT encoding = fake_header(request, "Accept-Encoding");
	int *pipe_end = context;
	char byte;

	fake_write(request->fd, head, sizeof(head) - 1);
	if (encoding != NULL || read(*pipe_end, &byte, 1) != 1)
		return false;
	fake_write(request->fd, "6\r\nsecond\r\n0\r\n\r\n", 16);
	return true;
}

static void pieces_are_handed_on_as_they_arrive(void **state)
{
	struct world world;
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_http_request request;
	struct pieces pieces = {ASB_BUFFER_INIT, 0, 10};
	int64_t deadline = asb_monotonic_ms() + 10000;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_world(&world, chunks, &ends[0]);
	asb_http_request_init(&request, "GET", "/");
	request.on_data = take_piece;
	request.context = &pieces;
	assert_int_equal(asb_http_start(world.http, &request, &err), 0);
	while (pieces.calls == 0 && asb_monotonic_ms() < deadline)
		assert_int_equal(asb_http_poll(world.http, NULL, 0, 1000, &err), 0);
	assert_string_equal(pieces.text.data, "first");
	assert_false(request.done);
	assert_int_equal(write(ends[1], "x", 1), 1);
	while (!request.done && asb_monotonic_ms() < deadline)
		assert_int_equal(asb_http_poll(world.http, NULL, 0, 1000, &err), 0);
	assert_int_equal(request.status, 200);
	assert_string_equal(pieces.text.data, "firstsecond");
	assert_int_equal(request.response.length, 0);
	asb_http_request_release(&request);
	asb_buffer_release(&pieces.text);
	close_world(&world);
	close(ends[0]);
	close(ends[1]);
}

static void the_reader_can_break_off(void **state)
{
	struct world world;
	struct asb_http_request request;
	struct pieces pieces = {ASB_BUFFER_INIT, 0, 1};

	(void)state;
	open_world(&world, echo, NULL);
	asb_http_request_init(&request, "GET", "/");
	request.on_data = take_piece;
	request.context = &pieces;
	run(&world, &request);
	assert_int_equal(request.status, 0);
	assert_non_null(strstr(request.error.message, "was not read to its end"));
	asb_http_request_release(&request);
	asb_buffer_release(&pieces.text);
	close_world(&world);
}

static bool refuse(void *context, const struct fake_request *request)
{
	(void)context;
	fake_answer(request, 410, "Retry-After: 3\r\n", "gone");
	return true;
}

static void a_refusal_goes_to_the_response_even_of_a_watch(void **state)
{
	struct world world;
	struct asb_http_request request;
	struct pieces pieces = {ASB_BUFFER_INIT, 0, 1};

	(void)state;
	open_world(&world, refuse, NULL);
	asb_http_request_init(&request, "GET", "/");
	request.on_data = take_piece;
	request.context = &pieces;
	run(&world, &request);
	assert_int_equal(request.status, 410);
	assert_int_equal(pieces.calls, 0);
	assert_string_equal(request.response.data, "gone");
	assert_true(request.retry_after_ms == 3000);
	asb_http_request_release(&request);
	close_world(&world);
}

static void a_cancelled_request_can_be_made_again(void **state)
{
	struct world world;
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_http_request request;

	(void)state;
	open_world(&world, echo, NULL);
	asb_http_request_init(&request, "GET", "/");
	assert_int_equal(asb_http_start(world.http, &request, &err), 0);
	assert_int_equal(asb_http_poll(world.http, NULL, 0, 0, &err), 0);
	asb_http_cancel(world.http, &request);
	assert_null(request.transfer);
	asb_http_cancel(world.http, &request); /* harmless */
	run(&world, &request);
	assert_int_equal(request.status, 201);
	asb_http_request_release(&request);
	close_world(&world);
}

static void the_client_can_go_before_its_requests(void **state)
{
	struct world world;
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_http_request request;

	(void)state;
	open_world(&world, never, NULL);
	asb_http_request_init(&request, "GET", "/");
	assert_int_equal(asb_http_start(world.http, &request, &err), 0);
	assert_int_equal(asb_http_poll(world.http, NULL, 0, 10, &err), 0);
	close_world(&world);
	assert_false(request.done);
	asb_http_request_release(&request);
}

static void other_descriptors_wake_up_too(void **state)
{
	struct world world;
	struct asb_error err = ASB_ERROR_INIT;
	struct pollfd fds[3];
	int64_t start;
	int ends[2];

	(void)state;
	open_world(&world, echo, NULL);
	assert_int_equal(pipe(ends), 0);
	fds[0] = (struct pollfd){.fd = ends[0], .events = POLLIN, .revents = 77};
	fds[1] = (struct pollfd){.fd = ends[1], .events = POLLOUT};
	fds[2] = (struct pollfd){.fd = -1, .events = POLLIN, .revents = 77};
	assert_int_equal(asb_http_poll(world.http, fds, 3, 10000, &err), 0);
	assert_int_equal(fds[0].revents, 0);
	assert_int_equal(fds[1].revents, POLLOUT);
	assert_int_equal(fds[2].revents, 0);

	start = asb_monotonic_ms();
	assert_int_equal(asb_http_poll(world.http, fds, 1, 30, &err), 0);
	assert_true(asb_monotonic_ms() - start >= 29);
	close(ends[1]); /* a hang-up without data */
	assert_int_equal(asb_http_poll(world.http, fds, 1, 10000, &err), 0);
	assert_true(fds[0].revents & POLLHUP);
	close(ends[0]);
	close_world(&world);
}

static bool with_headers(void *context, const struct fake_request *request)
{
	fake_answer(request, 200, context, "{}");
	return true;
}

/* What is written on stderr while the request runs. */
static char *stderr_of(struct world *world, unsigned times)
{
	struct asb_http_request request;
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	char text[4096];
	size_t n;

	assert_non_null(file);
	assert_true(saved >= 0);
	asb_http_request_init(&request, "GET", "/");
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	for (unsigned i = 0; i < times; i++)
		run(world, &request);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	asb_http_request_release(&request);
	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return asb_strdup(text);
}

static void warnings_are_printed_once(void **state)
{
	struct world world;
	ASB_TEXT text = NULL;
	char headers[] = "Warning: 299 - \"old \\\"api\\\"\"\r\n"
			 "Warning: 299 - \"second\", 299 - \"third\" \"Mon\"\r\n";

	(void)state;
	open_world(&world, with_headers, headers);
	text = stderr_of(&world, 3);
	assert_string_equal(text, "Warning: old \"api\"\nWarning: second\nWarning: third\n");
	close_world(&world);
}

static void warnings_are_taken_apart(void **state)
{
	static const struct {
		const char *value, *texts; /* each text followed by '|' */
	} cases[] = {
		{"299 - \"a\"", "a|"},
		{"299 - \"a\", 199 - \"b\", 299 agent:1 \"c\\\\d\" \"date\" ,299 - \"\"",
		 "a|c\\d||"},
		{"199 - \"b\"", ""},
		{"", ""},
		{"299", ""},
		{"299 -", ""},
		{"299 - a", ""},
		{"299 - \"a", ""},
		{"299 - \"a\\", ""},
		{"299 - \"a\x1b[2J\"", ""},
		{"299 - \"a\" x", ""},
		{"299 - \"a\" \"x", ""},
		{"2999 - \"a\"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_buffer text = ASB_BUFFER_INIT, all = ASB_BUFFER_INIT;
		const char *value = cases[i].value;

		while (asb_warning_next(&value, &text))
			asb_buffer_addf(&all, "%s|", text.data);
		if (strcmp(all.data, cases[i].texts) != 0)
			fail_msg("\"%s\" gave \"%s\"", cases[i].value, all.data);
		asb_buffer_release(&text);
		asb_buffer_release(&all);
	}
}

static void the_servers_clock_is_noticed(void **state)
{
	struct world world;
	struct asb_http_request request;
	char headers[80];
	time_t ahead = time(NULL) + 3600;
	struct tm utc;
	int64_t offset;

	(void)state;
	strftime(headers, sizeof(headers), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
		 gmtime_r(&ahead, &utc));
	open_world(&world, with_headers, headers);
	assert_true(asb_http_clock_offset_ms(world.http) == 0);
	asb_http_request_init(&request, "GET", "/");
	run(&world, &request);
	offset = asb_http_clock_offset_ms(world.http);
	assert_true(offset > 3590000 && offset <= 3601000);
	asb_http_request_release(&request);
	close_world(&world);
}

static void a_path_must_be_one(void **state)
{
	struct world world;
	struct asb_http_request request;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, echo, NULL);
	asb_http_request_init(&request, "DELETE", NULL);
	assert_int_equal(asb_http_start(world.http, &request, &err), -1);
	request.path = "no-slash";
	assert_int_equal(asb_http_start(world.http, &request, &err), -1);
	assert_null(request.transfer);
	asb_http_request_release(&request);
	close_world(&world);
}

static void the_environments_proxy_is_not_for_loopback(void **state)
{
	struct world world;
	struct asb_http_request request;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("HTTP_PROXY", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	open_world(&world, echo, NULL);
	asb_http_request_init(&request, "GET", "/direct");
	run(&world, &request);
	assert_int_equal(request.status, 201);
	asb_http_request_release(&request);
	close_world(&world);
	unsetenv("http_proxy");
	unsetenv("HTTP_PROXY");
	unsetenv("ALL_PROXY");
}

static void the_clusters_proxy_is_always_asked(void **state)
{
	struct world world;
	struct asb_http_request request;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	setenv("NO_PROXY", "*", 1);
	open_world(&world, echo, NULL);
	asb_http_free(world.http);
	world.kubeconfig.proxy_url = world.server.url; /* our server plays the proxy */
	world.kubeconfig.server = (char[]){"http://asb-test.invalid:1"};
	world.http = asb_http_new(&world.kubeconfig, &err);
	asb_http_request_init(&request, "GET", "/through");
	run(&world, &request);
	assert_int_equal(request.status, 201);
	assert_non_null(strstr(request.response.data, "GET http://asb-test.invalid:1/through\n"));
	asb_http_request_release(&request);
	close_world(&world);
	unsetenv("NO_PROXY");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_sent_as_described),
		cmocka_unit_test(a_get_and_a_delete_carry_no_body_by_themselves),
		cmocka_unit_test(a_password_is_sent_as_basic),
		cmocka_unit_test(many_requests_run_side_by_side),
		cmocka_unit_test(a_redirect_is_an_answer),
		cmocka_unit_test(half_an_answer_is_none),
		cmocka_unit_test(silence_is_a_timeout),
		cmocka_unit_test(nobody_there_is_told),
		cmocka_unit_test(an_unknown_name_is_told),
		cmocka_unit_test(plain_http_where_tls_is_wanted_is_told),
		cmocka_unit_test(pieces_are_handed_on_as_they_arrive),
		cmocka_unit_test(the_reader_can_break_off),
		cmocka_unit_test(a_refusal_goes_to_the_response_even_of_a_watch),
		cmocka_unit_test(a_cancelled_request_can_be_made_again),
		cmocka_unit_test(the_client_can_go_before_its_requests),
		cmocka_unit_test(other_descriptors_wake_up_too),
		cmocka_unit_test(warnings_are_printed_once),
		cmocka_unit_test(warnings_are_taken_apart),
		cmocka_unit_test(the_servers_clock_is_noticed),
		cmocka_unit_test(a_path_must_be_one),
		cmocka_unit_test(the_environments_proxy_is_not_for_loopback),
		cmocka_unit_test(the_clusters_proxy_is_always_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
