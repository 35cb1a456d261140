/* SPDX-License-Identifier: Apache-2.0 */
/* The command `session` without descriptors: lines in, a shim that is played, lines out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/digest.h"
#include "plugin/base/utf8.h"
#include "plugin/commands/session_event.h"
#include "plugin/commands/session_tasks.h"
#include "tests/unit/session_fake.h"

/* --- characters and digits -------------------------------------------------------------------- */

static void test_characters(void **state)
{
	static const struct {
		const char *bytes;
		size_t n, whole;
		bool valid;
	} cases[] = {
		{"", 0, 0, true},
		{"abc", 3, 3, true},
		{"a\xc3\xa9", 3, 3, true},
		{"a\xc3", 2, 1, false},
		{"\xe2\x82", 2, 0, false},
		{"x\xf0\x9f\x98", 4, 1, false},
		{"\xf0\x9f\x98\x80", 4, 4, true},
		{"\xff", 1, 1, false},		   /* begins nothing */
		{"\x80\x80\x80\x80", 4, 4, false}, /* continues nothing */
		{"\xc0\x80", 2, 2, false},	   /* over-long */
		{"\xed\xa0\x80", 3, 3, false},	   /* a surrogate */
		{"\xf4\x90\x80\x80", 4, 4, false}, /* above the last */
		{"\xfc\x80\x80\x80", 4, 4, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(asb_utf8_whole(cases[i].bytes, cases[i].n), cases[i].whole);
		assert_int_equal(asb_utf8_valid(cases[i].bytes, cases[i].n), cases[i].valid);
	}
}

static void test_base64_there_and_back(void **state)
{
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n < sizeof(bytes); n++) {
		struct asb_buffer text = ASB_BUFFER_INIT;
		struct asb_buffer back = ASB_BUFFER_INIT;

		asb_base64_encode(bytes, n, &text);
		assert_int_equal(text.length, (n + 2) / 3 * 4);
		assert_int_equal(asb_base64_decode(text.data, &back), 0);
		assert_int_equal(back.length, n);
		assert_memory_equal(back.data, bytes, n);
		asb_buffer_release(&text);
		asb_buffer_release(&back);
	}
}

/* --- lines that are understood, and that are not ---------------------------------------------- */

static void test_requests(void **state)
{
	static const char line[] =
		"{\"id\":\"a\",\"argv\":[\"ls\",\"-l\"],\"env\":{\"A\":\"1\",\"B\":\"\"},"
		"\"cwd\":\"/tmp\",\"stdinBase64\":\"AAE=\",\"timeout\":1.5}";
	struct asb_request request;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(asb_request_init(&request, line, strlen(line), &err), 0);
	assert_int_equal(request.kind, ASB_REQUEST_START);
	assert_string_equal(request.id, "\"a\"");
	assert_string_equal(request.job.argv[1], "-l");
	assert_null(request.job.argv[2]);
	assert_string_equal(request.job.env[0], "A=1");
	assert_string_equal(request.job.env[1], "B=");
	assert_null(request.job.env[2]);
	assert_string_equal(request.job.cwd, "/tmp");
	assert_int_equal(request.job.timeout_ms, 1500);
	assert_true(request.job.has_stdin);
	assert_false(request.input_open);
	assert_int_equal(request.input.length, 2);
	asb_request_release(&request);
}

static void test_what_can_not_be_followed(void **state)
{
	static const char *const cases[][2] = {
		{"[]", "not a JSON object"},
		{"{", "not valid JSON"},
		{"{\"line\":\"x\"}", "\"id\" is missing"},
		{"{\"id\":1.5,\"line\":\"x\"}", "\"id\" is not a string or an integer"},
		{"{\"id\":1,\"line\":\"x\",\"argv\":[\"x\"]}", "exclude each other"},
		{"{\"id\":1,\"line\":\"\"}", "\"line\" is empty"},
		{"{\"id\":1,\"argv\":[]}", "\"argv\" is not an array of strings"},
		{"{\"id\":1,\"argv\":[1]}", "\"argv\" is not an array of strings"},
		{"{\"id\":1,\"argv\":[\"\"]}", "is empty"},
		{"{\"id\":1,\"line\":\"x\",\"timout\":\"1s\"}", "takes no member \"timout\""},
		{"{\"id\":1,\"line\":\"x\",\"line\":\"y\"}", "\"line\" is there twice"},
		{"{\"id\":1,\"line\":\"x\",\"timeout\":\"soon\"}", "\"timeout\" is not a duration"},
		{"{\"id\":1,\"line\":\"x\",\"timeout\":-1}", "\"timeout\" is not a duration"},
		{"{\"id\":1,\"line\":\"x\",\"cwd\":\"here\"}", "\"cwd\" is not absolute"},
		{"{\"id\":1,\"line\":\"x\",\"env\":{\"A=\":\"1\"}}", "the name of a variable"},
		{"{\"id\":1,\"line\":\"x\",\"env\":{\"A\":1}}", "an object of strings"},
		{"{\"id\":1,\"line\":\"x\",\"stdin\":\"\\u0000\"}", "stdinBase64"},
		{"{\"id\":1,\"line\":\"x\",\"stdin\":\"a\",\"stdinBase64\":\"\"}", "exclude"},
		{"{\"id\":1,\"line\":\"x\",\"stdinBase64\":\"?\"}", "is not base64"},
		{"{\"id\":1,\"line\":\"x\",\"stdin\":\"\xff\"}", "not valid UTF-8"},
		{"{\"id\":1,\"signal\":\"NOW\"}", "the name of a signal"},
		{"{\"id\":1,\"signal\":9}", "\"signal\" is not a string"},
		{"{\"id\":1}", "nothing to do"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_request request;
		struct asb_error err = ASB_ERROR_INIT;

		assert_int_equal(asb_request_init(&request, cases[i][0], strlen(cases[i][0]), &err),
				 -1);
		if (strstr(err.message, cases[i][1]) == NULL)
			fail_msg("%s: %s", cases[i][0], err.message);
		asb_request_release(&request);
	}
}

static void test_backslashes_before_a_nul(void **state)
{
	static const char line[] = "{\"id\":1,\"line\":\"printf '\\\\u0000'\"}";
	struct asb_request request;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(asb_request_init(&request, line, strlen(line), &err), 0);
	assert_string_equal(request.job.line, "printf '\\u0000'");
	asb_request_release(&request);
}

/* --- a whole session -------------------------------------------------------------------------- */

struct scene {
	struct fake fake;
	struct talk talk;
	struct asb_buffer out;
	struct asb_tasks *tasks;
	uint64_t line;
};

static void scene_open(struct scene *scene)
{
	*scene = (struct scene){.out = ASB_BUFFER_INIT};
	fake_open(&scene->fake);
	add_hello(&scene->talk);
	say(&scene->fake, &scene->talk);
	scene->tasks = asb_tasks_new(scene->fake.session, &scene->out);
}

static void scene_close(struct scene *scene)
{
	asb_tasks_free(scene->tasks);
	asb_buffer_release(&scene->out);
	fake_close(&scene->fake);
}

static void ask(struct scene *scene, const char *line)
{
	asb_tasks_line(scene->tasks, ++scene->line, line, strlen(line));
	asb_tasks_step(scene->tasks);
	pump(&scene->fake);
}

static void answer(struct scene *scene)
{
	say(&scene->fake, &scene->talk);
	asb_tasks_step(scene->tasks);
	pump(&scene->fake);
}

/* What has been told since the last time is just that. */
static void told(struct scene *scene, const char *lines)
{
	assert_string_equal(scene->out.data, lines);
	asb_buffer_reset(&scene->out);
}

static void told_of(struct scene *scene, const char *part)
{
	if (strstr(scene->out.data, part) == NULL)
		fail_msg("no %s in: %s", part, scene->out.data);
}

static void test_from_start_to_exit(void **state)
{
	const struct ending ending = {.code = 7, .out = "out\xe2\x82\xac", .err = "\xff"};
	struct scene scene;

	(void)state;
	scene_open(&scene);
	ask(&scene, "{\"id\":\"a\",\"line\":\"x\"}");
	told(&scene, "");
	add_started(&scene.talk, 1);
	add_data(&scene.talk, ASB_STDOUT, 1, 0, "out\xe2\x82", 5);
	answer(&scene);
	told(&scene, "{\"id\":\"a\",\"event\":\"started\",\"pid\":42}\n"
		     "{\"id\":\"a\",\"event\":\"stdout\",\"offset\":0,\"text\":\"out\"}\n");
	add_data(&scene.talk, ASB_STDOUT, 1, 5, "\xac", 1);
	add_data(&scene.talk, ASB_STDERR, 1, 0, "\xff", 1);
	answer(&scene);
	told(&scene, "{\"id\":\"a\",\"event\":\"stdout\",\"offset\":3,\"text\":\"\xe2\x82\xac\"}\n"
		     "{\"id\":\"a\",\"event\":\"stderr\",\"offset\":0,\"base64\":\"/w==\"}\n");
	add_exit(&scene.talk, 1, &ending);
	answer(&scene);
	told_of(&scene, "{\"id\":\"a\",\"event\":\"exit\",\"exitCode\":7,\"signal\":null,");
	assert_true(asb_tasks_idle(scene.tasks));
	scene_close(&scene);
}

/* A character that never comes to its end is no character. */
static void test_half_a_character_at_the_end(void **state)
{
	const struct ending ending = {.code = 0, .out = "\xe2\x82", .err = ""};
	struct scene scene;

	(void)state;
	scene_open(&scene);
	ask(&scene, "{\"id\":1,\"line\":\"x\"}");
	add_started(&scene.talk, 1);
	add_data(&scene.talk, ASB_STDOUT, 1, 0, "\xe2\x82", 2);
	answer(&scene);
	told(&scene, "{\"id\":1,\"event\":\"started\",\"pid\":42}\n");
	add_exit(&scene.talk, 1, &ending);
	answer(&scene);
	told_of(&scene, "{\"id\":1,\"event\":\"stdout\",\"offset\":0,\"base64\":\"4oI=\"}\n");
	told_of(&scene, "\"exitCode\":0");
	scene_close(&scene);
}

static void add_failed(struct talk *talk, uint32_t channel, enum asb_failed_code code)
{
	uint8_t payload[6] = {0};

	asb_put16(payload, (uint16_t)code);
	add_frame(talk, ASB_FAILED, 0, channel, payload, sizeof(payload));
}

/* How often the shim has heard that. */
static int heard_of(const struct scene *scene, const char *text)
{
	const char *at = scene->fake.heard.data;
	size_t left = scene->fake.heard.length;
	int n = 0;

	for (;;) {
		const char *found = memmem(at, left, text, strlen(text));

		if (found == NULL)
			return n;
		left -= (size_t)(found + 1 - at);
		at = found + 1;
		n++;
	}
}

static void test_a_sandbox_without_room_is_asked_again(void **state)
{
	const struct ending ending = {.code = 0, .out = "", .err = ""};
	struct scene scene;

	(void)state;
	scene_open(&scene);
	ask(&scene, "{\"id\":1,\"line\":\"x\"}");
	ask(&scene, "{\"id\":2,\"line\":\"x\",\"stdin\":\"again\"}");
	ask(&scene, "{\"id\":3,\"line\":\"x\"}");
	add_started(&scene.talk, 1);
	add_failed(&scene.talk, 2, ASB_FAILED_BUSY);
	add_failed(&scene.talk, 3, ASB_FAILED_BUSY);
	answer(&scene);
	told(&scene, "{\"id\":1,\"event\":\"started\",\"pid\":42}\n");
	assert_true(asb_tasks_timeout(scene.tasks) >= 0);
	add_exit(&scene.talk, 1, &ending);
	answer(&scene);
	told_of(&scene, "{\"id\":1,\"event\":\"exit\"");
	asb_buffer_reset(&scene.out);
	add_started(&scene.talk, 4); /* the older of the two, on a new channel */
	answer(&scene);
	told_of(&scene, "{\"id\":2,\"event\":\"started\"");
	assert_int_equal(heard_of(&scene, "again"), 2); /* its stdin with it */
	assert_false(asb_tasks_idle(scene.tasks));
	scene_close(&scene);
}

static void test_lines_about_commands(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	ask(&scene, "{\"id\":\"a\",\"line\":\"x\"}");
	ask(&scene, "{\"id\":\"a\",\"line\":\"y\"}");
	told(&scene, "{\"id\":\"a\",\"event\":\"error\",\"line\":2,\"message\":\"a command with "
		     "this id has not ended yet\"}\n");
	ask(&scene, "{\"id\":\"b\",\"signal\":\"INT\"}");
	told_of(&scene, "\"line\":3,\"message\":\"there is no command with this id");
	ask(&scene, "{\"id\":\"a\",\"stdin\":\"more\"}");
	told_of(&scene, "\"line\":4,\"message\":\"the stdin of this command is empty");
	ask(&scene, "  \r");
	ask(&scene, "{\"id\":\"c\",\"line\":\"x\",\"stdinOpen\":true}");
	ask(&scene, "{\"id\":\"c\",\"stdin\":\"more\",\"stdinOpen\":false}");
	ask(&scene, "{\"id\":\"c\",\"stdin\":\"too late\"}");
	told_of(&scene, "\"line\":8,\"message\":\"the stdin of this command has been closed\"");
	scene_close(&scene);
}

static void test_a_lost_session_fails_what_has_not_ended(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	ask(&scene, "{\"id\":1,\"line\":\"x\"}");
	add_started(&scene.talk, 1);
	add_data(&scene.talk, ASB_STDOUT, 1, 0, "half", 4);
	say(&scene.fake, &scene.talk);
	asb_tasks_line(scene.tasks, 2, "{\"id\":2,\"line\":\"x\"}", 19);
	asb_tasks_lost(scene.tasks, "gone");
	asb_tasks_step(scene.tasks);
	told_of(&scene, "{\"id\":1,\"event\":\"stdout\",\"offset\":0,\"text\":\"half\"}\n");
	told_of(&scene, "{\"id\":1,\"event\":\"failed\",\"exitCode\":125,\"started\":true,"
			"\"message\":\"gone\"}\n");
	told_of(&scene, "{\"id\":2,\"event\":\"failed\",\"exitCode\":125,\"started\":false,"
			"\"message\":\"gone\"}\n");
	assert_true(asb_tasks_idle(scene.tasks));
	scene_close(&scene);
}

static void test_the_line_has_an_end(void **state)
{
	struct scene scene;
	char line[64];
	int i;

	(void)state;
	scene_open(&scene);
	for (i = 0; i < ASB_TASKS_RUNNING + ASB_TASKS_WAITING + 1; i++) {
		if (!asb_tasks_take_more(scene.tasks))
			break;
		snprintf(line, sizeof(line), "{\"id\":%d,\"line\":\"x\"}", i);
		ask(&scene, line);
	}
	assert_int_equal(i, ASB_TASKS_RUNNING + ASB_TASKS_WAITING);
	asb_tasks_lost(scene.tasks, "gone");
	asb_tasks_step(scene.tasks);
	assert_true(asb_tasks_idle(scene.tasks));
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_base64_there_and_back),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_what_can_not_be_followed),
		cmocka_unit_test(test_backslashes_before_a_nul),
		cmocka_unit_test(test_from_start_to_exit),
		cmocka_unit_test(test_half_a_character_at_the_end),
		cmocka_unit_test(test_a_sandbox_without_room_is_asked_again),
		cmocka_unit_test(test_lines_about_commands),
		cmocka_unit_test(test_a_lost_session_fails_what_has_not_ended),
		cmocka_unit_test(test_the_line_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
