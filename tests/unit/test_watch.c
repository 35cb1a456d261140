/* SPDX-License-Identifier: Apache-2.0 */
/* Watching: lines however they are cut, and every state reported once whatever happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "plugin/base/clock.h"
#include "plugin/kube/watch.h"
#include "tests/unit/fake_server.h"

/* ---- lines ---- */

static int add_line(void *context, const char *text, size_t n)
{
	struct asb_buffer *out = context;

	asb_buffer_addf(out, "[%.*s]", (int)n, text);
	return n == 4 && memcmp(text, "stop", 4) == 0 ? 1 : 0;
}

#define TEXT "{\"a\":1}\n\n{\"b\":\"x y\"}\r\n\r\nlong line here\nrest"
#define LINES "[{\"a\":1}][{\"b\":\"x y\"}][long line here]"

static void lines_may_be_cut_anywhere(void **state)
{
	size_t n = strlen(TEXT);

	(void)state;
	for (size_t a = 0; a <= n; a++) {
		for (size_t b = a; b <= n; b++) {
			struct asb_watch_lines lines = {ASB_BUFFER_INIT};
			struct asb_buffer out = ASB_BUFFER_INIT;

			assert_int_equal(asb_watch_lines_feed(&lines, TEXT, a, add_line, &out), 0);
			assert_int_equal(
				asb_watch_lines_feed(&lines, TEXT + a, b - a, add_line, &out), 0);
			assert_int_equal(
				asb_watch_lines_feed(&lines, TEXT + b, n - b, add_line, &out), 0);
			assert_string_equal(out.data, LINES);
			assert_string_equal(lines.pending.data, "rest");
			asb_buffer_release(&out);
			asb_buffer_release(&lines.pending);
		}
	}
}

static void a_line_can_stop_the_feeding(void **state)
{
	struct asb_watch_lines lines = {ASB_BUFFER_INIT};
	struct asb_buffer out = ASB_BUFFER_INIT;

	(void)state;
	assert_int_equal(asb_watch_lines_feed(&lines, "a\nst", 4, add_line, &out), 0);
	assert_int_equal(asb_watch_lines_feed(&lines, "op\nb\n", 5, add_line, &out), -1);
	assert_string_equal(out.data, "[a][stop]");
	asb_buffer_release(&out);
	asb_buffer_release(&lines.pending);
}

static void a_line_has_an_end(void **state)
{
	struct asb_watch_lines lines = {ASB_BUFFER_INIT};
	struct asb_buffer out = ASB_BUFFER_INIT;

	(void)state;
	lines.pending.limit = 5;
	assert_int_equal(asb_watch_lines_feed(&lines, "12345", 5, add_line, &out), 0);
	assert_int_equal(asb_watch_lines_feed(&lines, "6", 1, add_line, &out), -1);
	asb_buffer_release(&out);
	asb_buffer_release(&lines.pending);
}

/* ---- with a server ---- */

#define META(uid, version) "\"metadata\":{\"uid\":\"" uid "\",\"resourceVersion\":\"" version "\"}"
#define OBJECT(uid, version) "{" META(uid, version) "}"
#define LIST(version, items) \
	"{\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define EVENT(type, uid, version) "{\"type\":\"" type "\",\"object\":" OBJECT(uid, version) "}\n"
#define EXPIRED "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}\n"

/* What the server does for each request in turn; behind the last one it sends a head and then
 * nothing. */
struct step {
	int status;
	const char *body;
	bool cut; /* the connection ends before the answer does */
};

struct world {
	const struct step *steps;
	unsigned step_count;
	struct asb_buffer paths; /* asked, one a line */
	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	struct asb_watch *watch;
	struct asb_error err;
	struct asb_buffer events; /* "+a/1 ~a/2 -a/3 " */
	bool nested;		  /* the callback makes requests too */
};

static bool play(void *context, const struct fake_request *request)
{
	static const char open_end[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct world *world = context;
	const struct step *step;

	if (strcmp(request->path, "/nested") == 0) {
		fake_answer(request, 200, "", "{}");
		return true;
	}
	asb_buffer_addf(&world->paths, "%s\n", request->path);
	if (world->step_count == 0) {
		fake_write(request->fd, open_end, sizeof(open_end) - 1);
		return true;
	}
	step = world->steps++;
	world->step_count--;
	if (step->cut) {
		ASB_TEXT text = asb_strf("HTTP/1.1 %d X\r\nContent-Length: 99999\r\n\r\n%s",
					 step->status, step->body);

		fake_write(request->fd, text, strlen(text));
		return false;
	}
	fake_answer(request, step->status, "", step->body);
	return true;
}

static void note(void *context, enum asb_watch_event event, const cJSON *object)
{
	struct world *world = context;
	const char *uid = asb_json_string(object, "metadata/uid");
	const char *version = asb_json_string(object, "metadata/resourceVersion");

	asb_buffer_addf(&world->events, "%c%s/%s ", "+~-"[event], uid == NULL ? "?" : uid,
			version == NULL ? "?" : version);
	if (world->nested) {
		ASB_JSON got = asb_api_get(world->http, "/nested", &world->err);

		assert_non_null(got);
	}
}

static struct world *open_world(const struct step *steps, unsigned count, const char *version)
{
	struct world *world = asb_calloc(1, sizeof(*world));

	world->steps = steps;
	world->step_count = count;
	asb_buffer_init(&world->paths);
	asb_buffer_init(&world->events);
	fake_start(&world->server, play, world);
	world->kubeconfig.server = world->server.url;
	world->http = asb_http_new(&world->kubeconfig, &world->err);
	assert_non_null(world->http);
	world->watch = asb_watch_start(world->http, "/w", "metadata.name=x", version, note, world,
				       &world->err);
	assert_non_null(world->watch);
	return world;
}

static void close_world(struct world *world)
{
	asb_watch_free(world->watch);
	asb_http_free(world->http);
	fake_stop(&world->server);
	asb_buffer_release(&world->paths);
	asb_buffer_release(&world->events);
	free(world);
}

static int turn(struct world *world)
{
	int timeout = asb_nearer_timeout(asb_watch_timeout(world->watch), 20);

	assert_int_equal(asb_http_poll(world->http, NULL, 0, timeout, &world->err), 0);
	return asb_watch_step(world->watch, &world->err);
}

/* Turns until the server has been asked n times (nested ones don't count) and the answers to all
 * but the last were taken. */
static void run_until_asked(struct world *world, unsigned n)
{
	int64_t deadline = asb_monotonic_ms() + 20000;
	unsigned asked = 0;

	while (asked < n) {
		assert_true(asb_monotonic_ms() < deadline);
		assert_int_equal(turn(world), 0);
		asked = 0;
		pthread_mutex_lock(&world->server.turn);
		for (const char *p = world->paths.data; *p != '\0'; p++)
			asked += *p == '\n';
		pthread_mutex_unlock(&world->server.turn);
	}
}

#define COUNT(steps) (sizeof(steps) / sizeof((steps)[0]))
#define SELECTOR "/w?fieldSelector=metadata.name%3Dx"
#define WATCH_FROM(version) \
	SELECTOR            \
	"&watch=true&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=" version "\n"

static void a_list_comes_first_and_then_what_follows(void **state)
{
	static const struct step steps[] = {
		{200, LIST("10", OBJECT("a", "3") "," OBJECT("b", "9")), false},
		{200, EVENT("MODIFIED", "a", "11") EVENT("DELETED", "b", "12"), false},
	};
	struct world *world = open_world(steps, COUNT(steps), NULL);

	(void)state;
	run_until_asked(world, 3);
	assert_string_equal(world->events.data, "+a/3 +b/9 ~a/11 -b/12 ");
	assert_string_equal(world->paths.data, SELECTOR "\n" WATCH_FROM("10") WATCH_FROM("12"));
	assert_null(asb_watch_trouble(world->watch));
	close_world(world);
}

static void a_version_needs_no_list(void **state)
{
	static const struct step steps[] = {{200, EVENT("ADDED", "a", "6"), false}};
	struct world *world = open_world(steps, COUNT(steps), "5");

	(void)state;
	run_until_asked(world, 2);
	assert_string_equal(world->events.data, "+a/6 ");
	assert_string_equal(world->paths.data, WATCH_FROM("5") WATCH_FROM("6"));
	close_world(world);
}

static void a_lost_connection_goes_on_where_it_was(void **state)
{
	static const struct step steps[] = {
		{200, EVENT("ADDED", "a", "6") "{\"type\":\"MODIFIED\",\"obj", true},
		{500, "", false},
		{200, EVENT("MODIFIED", "a", "7"), true},
	};
	struct world *world = open_world(steps, COUNT(steps), "5");

	(void)state;
	run_until_asked(world, 4);
	assert_string_equal(world->events.data, "+a/6 ~a/7 ");
	assert_string_equal(world->paths.data,
			    WATCH_FROM("5") WATCH_FROM("6") WATCH_FROM("6") WATCH_FROM("7"));
	close_world(world);
}

static void a_bookmark_moves_the_version_only(void **state)
{
	static const struct step steps[] = {
		{200, EVENT("BOOKMARK", "", "60") EVENT("FUTURE", "", "61"), false}};
	struct world *world = open_world(steps, COUNT(steps), "5");

	(void)state;
	run_until_asked(world, 2);
	assert_string_equal(world->events.data, "");
	assert_string_equal(world->paths.data, WATCH_FROM("5") WATCH_FROM("61"));
	close_world(world);
}

static void what_happened_unseen_is_told_after_a_new_list(void **state)
{
	static const struct step steps[] = {
		{200, LIST("10", OBJECT("a", "1") "," OBJECT("b", "2") "," OBJECT("c", "3")),
		 false},
		{200, EVENT("ADDED", "d", "11") EXPIRED EVENT("ADDED", "no", "99"), false},
		{200, LIST("20", OBJECT("b", "2") "," OBJECT("c", "15") "," OBJECT("e", "16")),
		 false},
	};
	struct world *world = open_world(steps, COUNT(steps), NULL);

	(void)state;
	run_until_asked(world, 4);
	assert_string_equal(world->events.data, "+a/1 +b/2 +c/3 +d/11 -a/1 -d/11 ~c/15 +e/16 ");
	assert_string_equal(world->paths.data,
			    SELECTOR "\n" WATCH_FROM("10") SELECTOR "\n" WATCH_FROM("20"));
	close_world(world);
}

static void a_refused_version_leads_to_a_list(void **state)
{
	static const struct step steps[] = {
		{410, "{\"kind\":\"Status\",\"message\":\"too old\",\"reason\":\"Expired\"}",
		 false},
		{200, LIST("20", OBJECT("b", "2")), false},
	};
	struct world *world = open_world(steps, COUNT(steps), "5");

	(void)state;
	run_until_asked(world, 3);
	assert_string_equal(world->events.data, "+b/2 ");
	assert_string_equal(world->paths.data, WATCH_FROM("5") SELECTOR "\n" WATCH_FROM("20"));
	close_world(world);
}

static void nonsense_ends_one_answer_and_not_the_watch(void **state)
{
	static const struct step steps[] = {
		{200, EVENT("ADDED", "a", "6") "nonsense\n" EVENT("ADDED", "b", "7"), false},
		{200, EVENT("MODIFIED", "a", "8"), false},
	};
	struct world *world = open_world(steps, COUNT(steps), "5");

	(void)state;
	run_until_asked(world, 3);
	assert_string_equal(world->events.data, "+a/6 ~a/8 ");
	assert_string_equal(world->paths.data, WATCH_FROM("5") WATCH_FROM("6") WATCH_FROM("8"));
	close_world(world);
}

static void what_can_not_heal_ends_it_once(void **state)
{
	static const int statuses[] = {400, 401, 403, 404};

	(void)state;
	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct step step = {
			statuses[i],
			"{\"kind\":\"Status\",\"message\":\"no\",\"reason\":\"Forbidden\"}", false};
		struct world *world = open_world(&step, 1, i % 2 == 0 ? "5" : NULL);
		int64_t deadline = asb_monotonic_ms() + 20000;
		int rc = 0;

		while (rc == 0 && asb_monotonic_ms() < deadline)
			rc = turn(world);
		assert_int_equal(rc, -1);
		assert_int_equal(world->err.http, statuses[i]);
		assert_int_equal(asb_watch_step(world->watch, &world->err), 0);
		assert_int_equal(asb_watch_timeout(world->watch), -1);
		close_world(world);
	}
}

static void trouble_can_be_asked_for(void **state)
{
	static const struct step steps[] = {
		{503, "not now", false},
		{200, EVENT("ADDED", "a", "6"), false},
	};
	struct world *world = open_world(steps, COUNT(steps), "5");
	int64_t deadline = asb_monotonic_ms() + 20000;

	(void)state;
	while (asb_watch_trouble(world->watch) == NULL && asb_monotonic_ms() < deadline)
		assert_int_equal(turn(world), 0);
	assert_non_null(asb_watch_trouble(world->watch));
	assert_string_equal(asb_watch_trouble(world->watch)->message,
			    "Error from server (ServiceUnavailable): not now");
	assert_true(asb_watch_timeout(world->watch) >= 0);
	run_until_asked(world, 3);
	assert_null(asb_watch_trouble(world->watch));
	close_world(world);
}

static void the_callback_may_use_the_client(void **state)
{
	static const struct step steps[] = {
		{200, LIST("10", OBJECT("a", "3") "," OBJECT("b", "4")), false},
		{200, EVENT("MODIFIED", "a", "11") EVENT("DELETED", "b", "12"), false},
	};
	struct world *world = open_world(steps, COUNT(steps), NULL);

	(void)state;
	world->nested = true;
	run_until_asked(world, 3);
	assert_string_equal(world->events.data, "+a/3 +b/4 ~a/11 -b/12 ");
	close_world(world);
}

static void a_list_without_a_version_is_asked_for_slowly(void **state)
{
	static const struct step steps[] = {{200, "{}", false}, {200, "{}", false}};
	struct world *world = open_world(steps, COUNT(steps), NULL);
	int64_t start = asb_monotonic_ms();

	(void)state;
	run_until_asked(world, 3);
	assert_true(asb_monotonic_ms() - start >= 100 + 200 - 2);
	assert_string_equal(world->events.data, "");
	close_world(world);
}

static void a_path_must_be_one(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig kubeconfig = {.server = (char[]){"http://127.0.0.1:1"}};
	struct asb_http *http = asb_http_new(&kubeconfig, &err);

	(void)state;
	assert_null(asb_watch_start(http, NULL, NULL, NULL, note, NULL, &err));
	assert_true(asb_failed(&err));
	asb_watch_free(NULL);
	asb_http_free(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_may_be_cut_anywhere),
		cmocka_unit_test(a_line_can_stop_the_feeding),
		cmocka_unit_test(a_line_has_an_end),
		cmocka_unit_test(a_list_comes_first_and_then_what_follows),
		cmocka_unit_test(a_version_needs_no_list),
		cmocka_unit_test(a_lost_connection_goes_on_where_it_was),
		cmocka_unit_test(a_bookmark_moves_the_version_only),
		cmocka_unit_test(what_happened_unseen_is_told_after_a_new_list),
		cmocka_unit_test(a_refused_version_leads_to_a_list),
		cmocka_unit_test(nonsense_ends_one_answer_and_not_the_watch),
		cmocka_unit_test(what_can_not_heal_ends_it_once),
		cmocka_unit_test(trouble_can_be_asked_for),
		cmocka_unit_test(the_callback_may_use_the_client),
		cmocka_unit_test(a_list_without_a_version_is_asked_for_slowly),
		cmocka_unit_test(a_path_must_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
