/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail: hostile texts made visible, records put together, the pod found, its log read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/visible.h"
#include "plugin/sandbox/audit_log.h"
#include "plugin/sandbox/locate.h"
#include "plugin/sandbox/pod_log.h"
#include "tests/unit/fake_api.h"

/* --- texts --- */

static void hidden_characters(void **state)
{
	static const struct {
		const char *text, *visible, *word;
	} cases[] = {
		{"ls", "ls", "ls"},
		{"", "", "''"},
		{"a b", "a b", "'a b'"},
		{"it's", "it's", "'it'\\''s'"},
		{"a\nb\tc\rd", "a\\nb\\tc\\rd", "$'a\\nb\\tc\\rd'"},
		{"\x1b[2J", "\\x1b[2J", "$'\\x1b[2J'"},
		{"\x7f", "\\x7f", "$'\\x7f'"},
		{"\xc2\x9b", "\\xc2\\x9b", "$'\\xc2\\x9b'"},		   /* CSI of C1 */
		{"\xe2\x80\xae", "\\xe2\\x80\\xae", "$'\\xe2\\x80\\xae'"}, /* right to left */
		{"\xe2\x81\xa6", "\\xe2\\x81\\xa6", "$'\\xe2\\x81\\xa6'"},
		{"\xe2\x80\x8b", "\\xe2\\x80\\x8b", "$'\\xe2\\x80\\x8b'"}, /* no width */
		{"\xff", "\\xff", "$'\\xff'"},
		{"\xc0\x8a", "\\xc0\\x8a", "$'\\xc0\\x8a'"},		   /* over-long newline */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80", "$'\\xed\\xa0\\x80'"}, /* half a surrogate */
		{"\xe2\x80", "\\xe2\\x80", "$'\\xe2\\x80'"},		   /* cut */
		{"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
		 "'gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80'"},
		{"a\\b", "a\\b", "'a\\b'"},
		{"\\'\n", "\\'\\n", "$'\\\\\\'\\n'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_TEXT visible = asb_visible_text(cases[i].text);
		struct asb_buffer word = ASB_BUFFER_INIT;

		asb_visible_word(&word, cases[i].text);
		assert_string_equal(visible, cases[i].visible);
		assert_string_equal(word.data, cases[i].word);
		asb_buffer_release(&word);
	}
}

static void hidden_in_json(void **state)
{
	ASB_TEXT text =
		asb_visible_json("{\"a\":\"\xc2\x9b\xe2\x80\xae\x7f\xff\\u001b gr\xc3\xbc\"}");

	(void)state;
	assert_string_equal(text, "{\"a\":\"\\u009b\\u202e\\u007f?\\u001b gr\xc3\xbc\"}");
}

/* --- records --- */

static enum asb_audit_line take(struct asb_audit_log *log, const char *line)
{
	return asb_audit_log_take(log, line, strlen(line));
}

#define TIME(seconds) "\"time\":\"2026-11-23T00:00:" seconds ".250Z\""
#define START(seconds, job, what) \
	"{" TIME(seconds) ",\"event\":\"start\",\"job\":\"" job "\"," what "}"
#define END(seconds, job, what) "{" TIME(seconds) ",\"event\":\"end\",\"job\":\"" job "\"," what "}"

static void jobs_are_put_together(void **state)
{
	struct asb_audit_log log = {0};
	const struct asb_audit_job *job;

	(void)state;
	assert_int_equal(take(&log, START("01", "a", "\"argv\":[\"sh\",\"-c\",\"x y\"]")),
			 ASB_AUDIT_NEW);
	assert_int_equal(take(&log, START("02", "b", "\"line\":\"sleep 9\"")), ASB_AUDIT_NEW);
	assert_int_equal(take(&log, END("03", "a",
					"\"code\":3,\"stdout_bytes\":10,\"stderr_bytes\":0,"
					"\"duration_ms\":2000")),
			 ASB_AUDIT_NEW);
	assert_int_equal(log.job_count, 2);
	assert_int_equal(log.record_count, 3);
	job = &log.jobs[0];
	assert_string_equal(job->command, "sh -c 'x y'");
	assert_string_equal(job->status, "exit 3");
	assert_int_equal(job->end_ms - job->start_ms, 2000);
	assert_true(job->duration_ms == 2000 && job->stdout_bytes == 10 && job->stderr_bytes == 0);
	assert_null(log.jobs[1].status);
	assert_true(log.jobs[1].stdout_bytes == -1);
	assert_false(log.records[2].start);
	assert_int_equal(log.records[2].job, 0);
	/* the log is read again */
	assert_int_equal(take(&log, START("01", "a", "\"argv\":[]")), ASB_AUDIT_KNOWN);
	assert_int_equal(take(&log, END("03", "a", "\"code\":3")), ASB_AUDIT_KNOWN);
	assert_int_equal(log.record_count, 3);
	asb_audit_log_release(&log);
}

static void each_end(void **state)
{
	static const struct {
		const char *record, *status, *command;
	} cases[] = {
		{END("01", "a", "\"code\":0"), "exit 0", NULL},
		{END("01", "a", "\"signal\":\"KILL\",\"oom\":true"), "SIGKILL (out of memory)",
		 NULL},
		{END("01", "a", "\"signal\":\"TERM\",\"timed_out\":true"), "SIGTERM (timeout)",
		 NULL},
		{END("01", "a", "\"signal\":\"TERM\",\"shutdown\":true"), "SIGTERM (sandbox ended)",
		 NULL},
		{END("01", "a", "\"signal\":\"64\""), "signal 64", NULL},
		{END("01", "a", "\"signal\":\"X\\u001b[2J\""), "SIGX\\x1b[2J", NULL},
		{"{" TIME("01") ",\"event\":\"failed\",\"job\":\"a\",\"argv\":[\"no\"],\"error\":"
				"\"program not\\nfound\"}",
		 "failed", "no  (program not\\nfound)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_audit_log log = {0};

		assert_int_equal(take(&log, cases[i].record), ASB_AUDIT_NEW);
		assert_string_equal(log.jobs[0].status, cases[i].status);
		assert_int_equal(log.jobs[0].start_ms, -1);
		if (cases[i].command == NULL)
			assert_null(log.jobs[0].command);
		else
			assert_string_equal(log.jobs[0].command, cases[i].command);
		asb_audit_log_release(&log);
	}
}

static void what_is_no_record(void **state)
{
	static const char *const lines[] = {
		"",
		"hello",
		"{",
		"[]",
		"{}",
		"null",
		"{\"event\":\"start\"}",
		START("01", "a", "\"argv\":[\"x\"]") "x", /* and something behind it */
		"{\"time\":\"now\",\"event\":\"start\",\"job\":\"a\"}",
		"{" TIME("01") ",\"event\":\"other\",\"job\":\"a\"}",
		"{" TIME("01") ",\"event\":\"start\",\"job\":1}",
		"{" TIME("01") ",\"event\":1,\"job\":\"a\"}",
	};
	struct asb_audit_log log = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(take(&log, lines[i]), ASB_AUDIT_OTHER);
	assert_int_equal(log.record_count, 0);
	/* members of another type, or none */
	assert_int_equal(take(&log, START("01", "a", "\"argv\":[1,{}],\"line\":2")), ASB_AUDIT_NEW);
	assert_string_equal(log.jobs[0].command, "'' ''");
	assert_int_equal(take(&log, START("01", "b",
					  "\"dropped\":4,\"line\":\"x\",\"truncated\":"
					  "true")),
			 ASB_AUDIT_NEW);
	assert_string_equal(log.jobs[1].command, "x ...");
	assert_int_equal((int)log.dropped, 4);
	assert_int_equal(take(&log, END("02", "b", "\"duration_ms\":1e300,\"stdout_bytes\":-5")),
			 ASB_AUDIT_NEW);
	assert_true(log.jobs[1].duration_ms == -1 && log.jobs[1].stdout_bytes == -1);
	for (unsigned i = 0; i < 100; i++) {
		ASB_TEXT line = asb_strf(START("01", "job-%u", "\"line\":\"x\""), i);

		assert_int_equal(take(&log, line), ASB_AUDIT_NEW);
	}
	assert_string_equal(log.jobs[101].id, "job-99");
	asb_audit_log_release(&log);
}

/* --- finding the pod --- */

#define BASE "/apis/agents.x-k8s.io/v1beta1/namespaces/computer/sandboxes/"
#define CLAIMS "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/computer/sandboxclaims/"
#define PODS "/api/v1/namespaces/computer/pods/"
#define SANDBOX(name, more)                                                                     \
	"{\"kind\":\"Sandbox\",\"metadata\":{\"name\":\"" name "\",\"namespace\":\"computer\"," \
	"\"uid\":\"s\"" more "}"
#define CLAIM "{\"kind\":\"SandboxClaim\",\"metadata\":{\"name\":\"x\",\"namespace\":\"computer\"}"
#define POD(name, owner)                                                                    \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name "\",\"namespace\":\"computer\"," \
	"\"uid\":\"p\",\"ownerReferences\":[{\"uid\":\"" owner "\"}]}}"
#define PLAIN                                                                                    \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\",\"namespace\":\"computer\",\"labels\":{" \
	"\"app.kubernetes.io/managed-by\":\"kubectl-agentsandbox\",\"app.kubernetes.io/"         \
	"component\":"                                                                           \
	"\"sandbox\"}}}"

static void put_all(struct fake_api *api, const char *const *objects)
{
	for (; *objects != NULL; objects += 2)
		fake_put(api, objects[0], objects[1]);
}

static void pods_are_found(void **state)
{
	static const struct {
		const char *objects[8];
		const char *pod, *error;
	} cases[] = {
		{{BASE "x", SANDBOX("x", "}"), PODS "x", POD("x", "s")}, "x", NULL},
		{{BASE "x", SANDBOX("x", ",\"annotations\":{\"agents.x-k8s.io/pod-name\":\"y\"}}"),
		  PODS "y", POD("y", "s")},
		 "y",
		 NULL},
		{{CLAIMS "x", CLAIM ",\"status\":{\"sandbox\":{\"name\":\"w\"}}}", BASE "w",
		  SANDBOX("w", "}"), PODS "w", POD("w", "s")},
		 "w",
		 NULL},
		{{PODS "x", PLAIN}, "x", NULL},
		{{PODS "x", POD("x", "s")}, NULL, "\"x\" not found"},
		{{NULL}, NULL, "\"x\" not found"},
		{{BASE "x", SANDBOX("x", "}"), PODS "x", POD("x", "t")},
		 NULL,
		 "somebody else has made it"},
		{{BASE "x", SANDBOX("x", "}")}, NULL, "has no pod"},
		{{BASE "x", SANDBOX("x", "},\"spec\":{\"operatingMode\":\"Suspended\"}")},
		 NULL,
		 "is suspended: its pod has gone"},
		{{CLAIMS "x", CLAIM "}"}, NULL, "still waits for its warm pool"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_api api = {0};
		struct asb_error err = ASB_ERROR_INIT;
		ASB_JSON pod = NULL;

		fake_api_start(&api);
		put_all(&api, cases[i].objects);
		pod = asb_locate_pod(api.http, &asb_api_v1beta1, "computer", "x", &err);
		if (cases[i].pod != NULL)
			assert_string_equal(asb_json_string(pod, "metadata/name"), cases[i].pod);
		else
			assert_non_null(strstr(err.message, cases[i].error));
		assert_int_equal(asb_failed(&err), cases[i].pod == NULL);
		fake_api_stop(&api);
	}
}

static void a_pod_without_agent_sandbox(void **state)
{
	struct fake_api api = {0};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON pod = NULL;

	(void)state;
	fake_api_start(&api);
	fake_put(&api, PODS "x", PLAIN);
	pod = asb_locate_pod(api.http, NULL, "computer", "x", &err);
	assert_non_null(pod);
	assert_null(asb_locate_pod(api.http, NULL, "computer", "y", &err));
	assert_int_equal(err.http, 404);
	fake_api_stop(&api);
}

static struct asb_http *connect_to(const struct fake_server *server,
				   struct asb_kubeconfig *kubeconfig)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_http *http;

	*kubeconfig = (struct asb_kubeconfig){.server = (char *)(uintptr_t)server->url};
	http = asb_http_new(kubeconfig, &err);
	assert_non_null(http);
	return http;
}

/* --- the log --- */

struct reader {
	struct asb_buffer seen;
	unsigned streams; /* so many are cut before the container has ended */
	char paths[1024];
};

#define RUNNING                                                                             \
	"{\"metadata\":{\"name\":\"x\",\"namespace\":\"computer\",\"uid\":\"u\"},\"spec\":" \
	"{\"containers\":[{\"name\":\"side\"},{\"name\":\"main\"}]},\"status\":{"           \
	"\"containerStatuses\":[{\"name\":\"main\",\"state\":{\"running\":{}}}]}}"
#define ENDED                                                                               \
	"{\"metadata\":{\"name\":\"x\",\"namespace\":\"computer\",\"uid\":\"u\"},\"spec\":" \
	"{\"containers\":[{\"name\":\"main\"}]},\"status\":{\"containerStatuses\":[{"       \
	"\"name\":\"main\",\"state\":{\"terminated\":{}}}]}}"

static bool serve_log(void *context, const struct fake_request *request)
{
	struct reader *reader = context;
	size_t used = strlen(reader->paths);

	if (strstr(request->path, "/log") == NULL) {
		fake_answer(request, 200, "", reader->streams-- > 1 ? RUNNING : ENDED);
		return true;
	}
	snprintf(reader->paths + used, sizeof(reader->paths) - used, "%s\n", request->path);
	fake_answer(request, 200, "", "one\n\ntwo\nhalf");
	return true;
}

static void on_line(void *context, const char *line, size_t n)
{
	struct reader *reader = context;

	asb_buffer_addf(&reader->seen, "<%.*s>", (int)n, line);
}

static int on_rest(void *context)
{
	(void)context;
	return 0;
}

static void lines_and_reconnection(void **state)
{
	struct reader reader = {.seen = ASB_BUFFER_INIT, .streams = 2};
	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON pod = asb_json_literal(RUNNING);
	struct asb_pod_log log = {.pod = pod, .line = on_line, .rest = on_rest, .context = &reader};

	(void)state;
	fake_start(&server, serve_log, &reader);
	log.http = connect_to(&server, &kubeconfig);
	assert_int_equal(asb_pod_log_read(&log, &err), 0);
	assert_string_equal(reader.seen.data, "<one><><two>");
	log.since_ms = 1000;
	asb_buffer_reset(&reader.seen);
	assert_int_equal(asb_pod_log_follow(&log, &err), 0);
	assert_string_equal(reader.seen.data, "<one><><two><one><><two>");
	assert_string_equal(reader.paths,
			    PODS "x/log?container=main\n" PODS
				 "x/log?container=main&follow=true&sinceTime=1970-01-01T00%3A00%3A"
				 "01Z\n" PODS "x/log?container=main&follow=true&sinceTime=1970-01-"
				 "01T00%3A00%3A01Z\n");
	asb_http_free(log.http);
	fake_stop(&server);
	asb_buffer_release(&reader.seen);
}

static bool serve_long_line(void *context, const struct fake_request *request)
{
	ASB_TEXT text = asb_malloc(200003);

	(void)context;
	memset(text, 'x', 200000);
	memcpy(text + 200000, "\n\n", 3);
	fake_answer(request, 200, "", text);
	return true;
}

static bool refuse_log(void *context, const struct fake_request *request)
{
	(void)context;
	fake_fail(request, 403, "Forbidden", "pods/log is forbidden");
	return true;
}

static void long_lines_and_refusals(void **state)
{
	struct reader reader = {.seen = ASB_BUFFER_INIT};
	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON pod = asb_json_literal(ENDED);
	struct asb_pod_log log = {.pod = pod, .line = on_line, .rest = on_rest, .context = &reader};

	(void)state;
	assert_false(asb_pod_log_is_live(pod));
	fake_start(&server, serve_long_line, &reader);
	log.http = connect_to(&server, &kubeconfig);
	assert_int_equal(asb_pod_log_read(&log, &err), 0);
	assert_string_equal(reader.seen.data, "<>"); /* only what follows the long one */
	asb_http_free(log.http);
	fake_stop(&server);

	fake_start(&server, refuse_log, NULL);
	log.http = connect_to(&server, &kubeconfig);
	assert_int_equal(asb_pod_log_read(&log, &err), -1);
	assert_int_equal(err.http, 403);
	asb_error_clear(&err);
	assert_int_equal(asb_pod_log_follow(&log, &err), -1);
	assert_int_equal(err.http, 403);
	asb_http_free(log.http);
	fake_stop(&server);
	asb_buffer_release(&reader.seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hidden_characters),
		cmocka_unit_test(hidden_in_json),
		cmocka_unit_test(jobs_are_put_together),
		cmocka_unit_test(each_end),
		cmocka_unit_test(what_is_no_record),
		cmocka_unit_test(pods_are_found),
		cmocka_unit_test(a_pod_without_agent_sandbox),
		cmocka_unit_test(lines_and_reconnection),
		cmocka_unit_test(long_lines_and_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
