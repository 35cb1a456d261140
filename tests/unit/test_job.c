/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the shim protocol against a fake shim: jobs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/session_fake.h"

/* --- describing a job ------------------------------------------------------------------------- */

/* Collects SPEC frames up to START and returns the description's length. */
static size_t heard_spec(struct fake *fake, uint8_t *out, size_t cap)
{
	struct asb_frame frame;
	size_t n = 0;

	for (;;) {
		assert_true(next_frame(fake, &frame));
		if (frame.type == ASB_HELLO)
			continue;
		assert_int_equal(frame.channel, 1);
		if (frame.type != ASB_SPEC)
			break;
		assert_true(n + frame.length <= cap);
		memcpy(out + n, frame.payload, frame.length);
		n += frame.length;
	}
	assert_int_equal(frame.type, ASB_START);
	assert_int_equal(frame.length, ASB_ID_LEN + 4);
	assert_int_equal(asb_get32(frame.payload + ASB_ID_LEN), n);
	return n;
}

static void describes_a_job(void **state)
{
	static const char *const env[] = {"A=1", "B=two words", NULL};
	static const struct asb_job_spec spec = {
		.argv = ECHO, .env = env, .cwd = "/work", .has_stdin = true, .timeout_ms = 1500};
	struct {
		uint16_t tag;
		const char *value;
	} texts[] = {{ASB_SPEC_ARG, "echo"},
		     {ASB_SPEC_ARG, "hi"},
		     {ASB_SPEC_ENV, "A=1"},
		     {ASB_SPEC_ENV, "B=two words"},
		     {ASB_SPEC_CWD, "/work"}};
	uint8_t bytes[1024];
	struct fake fake;
	struct asb_attr attr;
	size_t n;
	size_t at = 0;

	(void)state;
	fake_open(&fake);
	start(&fake, &spec);
	pump(&fake);
	n = heard_spec(&fake, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(asb_attr_next(bytes, n, &at, &attr), 1);
		assert_int_equal(attr.tag, texts[i].tag);
		assert_int_equal(attr.length, strlen(texts[i].value));
		assert_memory_equal(attr.value, texts[i].value, attr.length);
	}
	while (asb_attr_next(bytes, n, &at, &attr) == 1) {
		if (attr.tag == ASB_SPEC_STDIN)
			assert_int_equal(asb_attr_uint(&attr, 9), 1);
		else if (attr.tag == ASB_SPEC_TIMEOUT_MS)
			assert_int_equal(asb_attr_uint(&attr, 0), 1500);
		else
			assert_int_equal(asb_attr_uint(&attr, 0), ASB_SESSION_WINDOW);
	}
	fake_close(&fake);
}

static void splits_a_large_description(void **state)
{
	static uint8_t bytes[ASB_SPEC_MAX];
	char *line = asb_malloc(200001);
	struct asb_job_spec spec = {.line = line};
	struct fake fake;
	struct asb_attr attr;
	size_t at = 0;

	(void)state;
	memset(line, 'x', 200000);
	line[200000] = '\0';
	fake_open(&fake);
	start(&fake, &spec);
	pump(&fake);
	heard_spec(&fake, bytes, sizeof(bytes));
	assert_int_equal(asb_attr_next(bytes, sizeof(bytes), &at, &attr), 1);
	assert_int_equal(attr.tag, ASB_SPEC_LINE);
	assert_int_equal(attr.length, 200000);
	free(line);
	fake_close(&fake);
}

static void refuses_too_large_a_description(void **state)
{
	char *line = asb_malloc(ASB_SPEC_MAX + 1);
	struct asb_job_spec spec = {.line = line};
	struct fake fake;

	(void)state;
	memset(line, 'x', ASB_SPEC_MAX);
	line[ASB_SPEC_MAX] = '\0';
	fake_open(&fake);
	assert_null(asb_job_start(fake.session, &spec, &fake.err));
	assert_int_equal(fake.err.status, ASB_STATUS_USAGE);
	free(line);
	fake_close(&fake);
}

/* --- the life of a job ------------------------------------------------------------------------ */

static void runs_a_job(void **state)
{
	static const struct ending ending = {.code = 3, .out = "hello\n", .err = "oops\n"};
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_job *job = open_with_job(&fake, &SIMPLE);
	const struct asb_job_view *view = asb_job_view(job);
	uint64_t sent;
	uint64_t received;

	(void)state;
	assert_int_equal(view->state, ASB_JOB_RUNNING);
	assert_int_equal(view->pid, 42);
	assert_false(view->stdin_open);
	assert_int_equal(view->first_byte_ms, 0);
	add_data(&talk, ASB_STDOUT, 1, 0, "hel", 3);
	add_data(&talk, ASB_STDERR, 1, 0, "oops\n", 5);
	add_data(&talk, ASB_STDOUT, 1, 3, "lo\n", 3);
	add_eof(&talk, ASB_STDOUT, 1, 6);
	say(&fake, &talk);
	assert_true(view->eof[ASB_STDOUT]);
	assert_false(view->eof[ASB_STDERR]);
	assert_int_not_equal(view->first_byte_ms, 0);
	assert_text(job, ASB_STDOUT, "hello\n");
	assert_text(job, ASB_STDERR, "oops\n");
	add_eof(&talk, ASB_STDERR, 1, 5);
	add_exit(&talk, 1, &ending);
	say(&fake, &talk);
	assert_int_equal(view->state, ASB_JOB_ENDED);
	assert_int_equal(view->record.code, 3);
	assert_int_equal(view->record.duration_ns, 123456789);
	assert_int_equal(view->received[ASB_STDOUT], 6);
	assert_int_equal(asb_job_exit_status(view), 3);
	assert_int_equal(find_frame(&fake, ASB_ACK).channel, 1);
	/* The output outlives the job, in pieces of any size. */
	asb_job_consumed(job, ASB_STDOUT, 2);
	assert_text(job, ASB_STDOUT, "llo\n");
	asb_job_consumed(job, ASB_STDOUT, 4);
	assert_int_equal(asb_job_pending(job, ASB_STDOUT), 0);
	asb_session_traffic(fake.session, &sent, &received);
	assert_true(sent > 0 && received > 0);
	fake_close(&fake);
}

static void believes_only_a_matching_record(void **state)
{
	static const struct {
		struct ending ending;
		const char *words;
	} cases[] = {
		{{.code = 0, .out = "hallo", .err = ""}, "stdout was damaged"},
		{{.code = 0, .out = "hello!", .err = ""}, "5 of 6 bytes"},
		{{.code = 0, .out = "hell", .err = ""}, "5 of 4 bytes"},
		{{.code = 0, .out = "hello", .err = "x"}, "stderr is incomplete"},
		{{.code = -1, .signal = 0, .out = "hello", .err = ""}, "record is incomplete"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		struct talk talk = {.n = 0};
		struct asb_job *job = open_with_job(&fake, &SIMPLE);
		const struct asb_job_view *view = asb_job_view(job);

		add_data(&talk, ASB_STDOUT, 1, 0, "hello", 5);
		add_exit(&talk, 1, &cases[i].ending);
		say(&fake, &talk);
		assert_int_equal(fake.rc, 0); /* the session itself goes on */
		assert_int_equal(view->state, ASB_JOB_LOST);
		assert_non_null(strstr(view->error->message, "no exit status was received"));
		assert_non_null(strstr(view->error->message, cases[i].words));
		assert_int_equal(asb_job_exit_status(view), 125);
		find_frame(&fake, ASB_ACK);
		fake_close(&fake);
	}
}

/* A record without one of its parts says nothing. */
static void believes_only_a_whole_record(void **state)
{
	static const struct ending ending = {.code = 0, .out = "", .err = ""};
	uint8_t whole[256];
	size_t n = exit_payload(whole, sizeof(whole), &ending);
	size_t at = 0;
	struct asb_attr attr;
	int incomplete = 0;

	(void)state;
	for (size_t begin = 0; asb_attr_next(whole, n, &at, &attr) == 1; begin = at) {
		struct fake fake;
		struct talk talk = {.n = 0};
		uint8_t payload[256];
		const struct asb_job_view *view = asb_job_view(open_with_job(&fake, &SIMPLE));

		memcpy(payload, whole, begin);
		memcpy(payload + begin, whole + at, n - at);
		add_frame(&talk, ASB_EXIT, 0, 1, payload, n - (at - begin));
		say(&fake, &talk);
		incomplete += view->state == ASB_JOB_LOST;
		fake_close(&fake);
	}
	assert_int_equal(incomplete, 5); /* all but the duration */
}

static void says_why_a_job_was_refused(void **state)
{
	static const struct {
		enum asb_failed_code code;
		int status;
	} cases[] = {{ASB_FAILED_NOT_FOUND, 127},
		     {ASB_FAILED_NO_SHELL, 127},
		     {ASB_FAILED_NOT_EXECUTABLE, 126},
		     {ASB_FAILED_CWD, 125},
		     {ASB_FAILED_BUSY, 125}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		struct talk talk = {.n = 0};
		uint8_t payload[32] = {0};
		const struct asb_job_view *view;

		fake_open(&fake);
		view = asb_job_view(start(&fake, &SIMPLE));
		asb_put16(payload, (uint16_t)cases[i].code);
		asb_put32(payload + 2, ENOENT);
		memcpy(payload + 6, "no \x1b such", 9);
		add_hello(&talk);
		add_frame(&talk, ASB_FAILED, 0, 1, payload, 15);
		say(&fake, &talk);
		assert_int_equal(view->state, ASB_JOB_REFUSED);
		assert_int_equal(view->failed, cases[i].code);
		assert_int_equal(view->failed_errno, ENOENT);
		assert_string_equal(view->failed_text, "no ? such");
		assert_int_equal(asb_job_exit_status(view), cases[i].status);
		fake_close(&fake);
	}
}

static void maps_exit_records(void **state)
{
	static const struct {
		struct asb_exit_record record;
		int status;
	} cases[] = {
		{{.code = 0}, 0},
		{{.code = 255}, 255},
		{{.code = -1, .signal = 9}, 137},
		{{.code = 0, .timed_out = true}, 124},
		{{.code = -1, .signal = 15, .timed_out = true}, 124},
		{{.code = -1, .signal = 15, .shutdown = true}, 143},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_job_view view = {.state = ASB_JOB_ENDED, .record = cases[i].record};

		assert_int_equal(asb_job_exit_status(&view), cases[i].status);
		view.state = ASB_JOB_LOST;
		assert_int_equal(asb_job_exit_status(&view), 125);
		view.state = ASB_JOB_RUNNING;
		assert_int_equal(asb_job_exit_status(&view), 125);
	}
}

/* --- output and its window -------------------------------------------------------------------- */

static void gives_credit_by_quarters(void **state)
{
	struct fake fake;
	struct asb_job *job = open_with_job(&fake, &SIMPLE);
	struct asb_frame frame;

	(void)state;
	say_output(&fake, 0, ASB_SESSION_WINDOW);
	assert_int_equal(fake.rc, 0);
	assert_int_equal(asb_job_pending(job, ASB_STDOUT), ASB_SESSION_WINDOW);
	asb_job_consumed(job, ASB_STDOUT, ASB_SESSION_WINDOW / 4 - 1);
	assert_true(silent(&fake));
	asb_job_consumed(job, ASB_STDOUT, 1);
	pump(&fake);
	frame = find_frame(&fake, ASB_CREDIT);
	assert_int_equal(frame.flags, ASB_STDOUT);
	assert_int_equal(asb_get64(frame.payload), ASB_SESSION_WINDOW / 4);
	assert_int_equal(asb_get64(frame.payload + 8), ASB_SESSION_WINDOW / 4 * 5);
	say_output(&fake, ASB_SESSION_WINDOW, ASB_SESSION_WINDOW / 4);
	assert_int_equal(fake.rc, 0);
	/* One byte more than allowed. */
	say_output(&fake, ASB_SESSION_WINDOW / 4 * 5, 1);
	assert_failed(&fake, "broken frame");
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_LOST);
	fake_close(&fake);
}

static void refuses_broken_streams(void **state)
{
	static const struct {
		uint8_t type, flags;
		const char *payload;
		size_t n;
	} cases[] = {
		{ASB_DATA, 1, "\0\0\0\0\0\0\0\4x", 9}, /* a gap */
		{ASB_DATA, 1, "\0\0\0\0\0\0\0\2x", 9}, /* again */
		{ASB_DATA, 1, "\0\0\0\0\0\0\0\3", 8},  /* nothing */
		{ASB_DATA, 0, "\0\0\0\0\0\0\0\0x", 9}, /* stdin */
		{ASB_DATA, 3, "\0\0\0\0\0\0\0\0x", 9}, /* no stream */
		{ASB_DATA, 255, "\0\0\0\0\0\0\0\0x", 9},
		{ASB_DATA, 2, "\xff\xff\xff\xff\xff\xff\xff\xffx", 9},
		{ASB_EOF, 1, "\0\0\0\0\0\0\0\2", 8}, /* too early */
		{ASB_EOF, 1, "\0\0\0\0\0\0\0\4", 8}, /* too late */
		{ASB_EOF, 0, "\0\0\0\0\0\0\0\0", 8},
		{ASB_EOF, 1, "\0\0\0\0\0\0\3", 7},
		{ASB_CREDIT, 0, "\0\0\0\0\0\0\0\1\0\0\0\0\0\1\0\0", 16}, /* of what we never sent */
		{ASB_CREDIT, 1, "\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0", 16},
		{ASB_STOP, 1, "", 0},
		{ASB_STARTED, 0, "\0\0\0", 3},
		{ASB_FAILED, 0, "\0\0\0\0\0", 5},
		{ASB_EXIT, 0, "\0\1\0\0\0\4\0", 7}, /* ends inside an attribute */
		{ASB_HELLO, 0, "ASBP", 4},	    /* on the wrong channel: ignored */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		struct talk talk = {.n = 0};
		struct asb_job *job = open_with_job(&fake, &SIMPLE);

		add_data(&talk, ASB_STDOUT, 1, 0, "abc", 3);
		add_frame(&talk, cases[i].type, cases[i].flags, 1, cases[i].payload, cases[i].n);
		say(&fake, &talk);
		if (cases[i].type == ASB_HELLO) {
			assert_int_equal(fake.rc, 0);
		} else {
			assert_failed(&fake, "broken frame");
			assert_int_equal(asb_job_view(job)->state, ASB_JOB_LOST);
		}
		fake_close(&fake);
	}
}

static void refuses_data_after_eof(void **state)
{
	struct fake fake;
	struct talk talk = {.n = 0};

	(void)state;
	open_with_job(&fake, &SIMPLE);
	add_eof(&talk, ASB_STDOUT, 1, 0);
	add_data(&talk, ASB_STDOUT, 1, 0, "x", 1);
	say(&fake, &talk);
	assert_failed(&fake, "broken frame");
	fake_close(&fake);
}

static void discards_without_standing_still(void **state)
{
	/* More is in the record than arrived: nobody minds. */
	static const struct ending ending = {.code = -1, .signal = 13, .out = "xyz", .err = ""};
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_job *job = open_with_job(&fake, &SIMPLE);
	struct asb_frame frame;

	(void)state;
	say_output(&fake, 0, 1000);
	asb_job_discard(job, ASB_STDOUT);
	asb_job_discard(job, ASB_STDOUT);
	assert_int_equal(asb_job_pending(job, ASB_STDOUT), 0);
	pump(&fake);
	assert_true(next_frame(&fake, &frame));
	assert_int_equal(frame.type, ASB_STOP);
	assert_int_equal(frame.flags, ASB_STDOUT);
	assert_false(next_frame(&fake, &frame));
	say_output(&fake, 1000, ASB_SESSION_WINDOW - 1000);
	assert_int_equal(asb_job_pending(job, ASB_STDOUT), 0);
	assert_int_equal(asb_job_view(job)->received[ASB_STDOUT], ASB_SESSION_WINDOW);
	find_frame(&fake, ASB_CREDIT);
	say_output(&fake, ASB_SESSION_WINDOW, 1000);
	add_eof(&talk, ASB_STDOUT, 1, 99);
	add_exit(&talk, 1, &ending);
	say(&fake, &talk);
	assert_int_equal(fake.rc, 0);
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_ENDED);
	assert_int_equal(asb_job_exit_status(asb_job_view(job)), 141);
	fake_close(&fake);
}

/* --- stdin ------------------------------------------------------------------------------------ */

static void sends_stdin_within_its_credit(void **state)
{
	static uint8_t bytes[ASB_STDIN_LIMIT + 100];
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_job *job;
	struct asb_frame frame;
	uint8_t credit[16];
	uint64_t offset = 0;

	(void)state;
	fake_open(&fake);
	job = start(&fake, &WITH_STDIN);
	/* Before the shim has said a word. */
	assert_true(asb_job_view(job)->stdin_open);
	assert_int_equal(asb_job_stdin_room(job), ASB_STDIN_LIMIT);
	asb_job_write(job, bytes, ASB_STDIN_LIMIT);
	assert_int_equal(asb_job_stdin_room(job), 0);
	pump(&fake);
	find_frame(&fake, ASB_START);
	while (next_frame(&fake, &frame)) {
		assert_int_equal(frame.type, ASB_DATA);
		assert_int_equal(frame.flags, ASB_STDIN);
		assert_int_equal(asb_get64(frame.payload), offset);
		offset += frame.length - ASB_DATA_HEADER;
	}
	assert_int_equal(offset, ASB_STDIN_LIMIT);
	asb_put64(credit, 100);
	asb_put64(credit + 8, ASB_STDIN_LIMIT + 100);
	add_hello(&talk);
	add_frame(&talk, ASB_CREDIT, ASB_STDIN, 1, credit, sizeof(credit));
	say(&fake, &talk);
	assert_int_equal(asb_job_stdin_room(job), 100);
	/* A limit never falls. */
	asb_put64(credit + 8, 1);
	add_frame(&talk, ASB_CREDIT, ASB_STDIN, 1, credit, sizeof(credit));
	say(&fake, &talk);
	assert_int_equal(asb_job_stdin_room(job), 100);
	asb_job_write(job, bytes, 60);
	asb_job_close_stdin(job);
	asb_job_close_stdin(job);
	pump(&fake);
	assert_true(next_frame(&fake, &frame));
	assert_int_equal(frame.length, ASB_DATA_HEADER + 60);
	assert_true(next_frame(&fake, &frame));
	assert_int_equal(frame.type, ASB_EOF);
	assert_int_equal(asb_get64(frame.payload), ASB_STDIN_LIMIT + 60);
	assert_false(next_frame(&fake, &frame));
	assert_int_equal(asb_job_stdin_room(job), 0);
	fake_close(&fake);
}

static void stops_stdin_that_nobody_reads(void **state)
{
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_job *job = open_with_job(&fake, &WITH_STDIN);

	(void)state;
	asb_job_write(job, "sent", 4);
	pump(&fake);
	find_frame(&fake, ASB_DATA);
	add_frame(&talk, ASB_STOP, ASB_STDIN, 1, NULL, 0);
	/* The shim goes on counting what it drops. */
	add_frame(&talk, ASB_CREDIT, ASB_STDIN, 1, "\0\0\0\0\0\0\0\4\0\0\0\0\0\4\0\4", 16);
	say(&fake, &talk);
	assert_int_equal(fake.rc, 0);
	assert_false(asb_job_view(job)->stdin_open);
	assert_int_equal(asb_job_stdin_room(job), 0);
	asb_job_write(job, "late", 4);
	asb_job_close_stdin(job);
	assert_true(silent(&fake));
	fake_close(&fake);
}

static void closes_the_door_while_the_queue_is_full(void **state)
{
	static uint8_t bytes[ASB_STDIN_LIMIT];
	struct asb_job *jobs[16];
	struct fake fake;
	size_t queued;

	(void)state;
	fake_open(&fake);
	for (int i = 0; i < 16; i++)
		jobs[i] = start(&fake, &WITH_STDIN);
	for (int i = 0; i < 16; i++)
		asb_job_write(jobs[i], bytes, asb_job_stdin_room(jobs[i]));
	queued = fake.session->out.length;
	assert_true(queued >= ASB_SESSION_QUEUE && queued < ASB_SESSION_QUEUE + 1024);
	assert_int_equal(asb_job_stdin_room(jobs[15]), 0);
	pump(&fake);
	assert_int_equal(fake.session->out.length, 0);
	assert_int_equal(asb_job_stdin_room(jobs[15]), ASB_STDIN_LIMIT);
	fake_close(&fake);
}

static void sends_signals_by_name(void **state)
{
	static const struct ending ending = {.code = -1, .signal = 2, .out = "", .err = ""};
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_job *job = open_with_job(&fake, &SIMPLE);
	struct asb_frame frame;

	(void)state;
	asb_job_signal(job, "INT");
	pump(&fake);
	frame = find_frame(&fake, ASB_SIGNAL);
	assert_int_equal(frame.channel, 1);
	assert_int_equal(frame.length, 7);
	assert_memory_equal(frame.payload, "\0\0\0\1INT", 7);
	asb_buffer_reset(&fake.heard);
	asb_job_signal(job, "TERM");
	pump(&fake);
	frame = find_frame(&fake, ASB_SIGNAL);
	assert_int_equal(frame.length, 8);
	assert_memory_equal(frame.payload, "\0\0\0\2TERM", 8);
	add_exit(&talk, 1, &ending);
	say(&fake, &talk);
	assert_int_equal(asb_job_exit_status(asb_job_view(job)), 130);
	asb_buffer_reset(&fake.heard);
	asb_job_signal(job, "INT");
	assert_true(silent(&fake));
	fake_close(&fake);
}

/* --- many jobs -------------------------------------------------------------------------------- */

#define MANY 256u

static void interleaves_many_jobs(void **state)
{
	struct asb_job *jobs[MANY];
	struct fake fake;
	char bytes[64];
	uint32_t random = 1;

	(void)state;
	fake_open(&fake);
	for (unsigned i = 0; i < MANY; i++)
		jobs[i] = start(&fake, &SIMPLE);
	{
		struct talk talk = {.n = 0};

		add_hello(&talk);
		say(&fake, &talk);
	}
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned k = 0; k < MANY; k++) {
			unsigned i = (k * 97 + round) % MANY;
			struct talk talk = {.n = 0};

			snprintf(bytes, sizeof(bytes), "%3u.%u ", i, round);
			add_data(&talk, ASB_STDOUT, i + 1, round * 6, bytes, 6);
			say_bytes(&fake, talk.bytes, talk.n);
			random = random * 1664525 + 1013904223;
			if ((random >> 28) == 0)
				pump(&fake);
		}
	}
	for (unsigned i = MANY; i-- > 0;) {
		char whole[128] = "";
		struct ending ending = {.code = (int)i % 256, .out = whole, .err = ""};
		struct talk talk = {.n = 0};

		for (unsigned round = 0; round < 8; round++)
			snprintf(whole + round * 6, sizeof(whole) - round * 6, "%3u.%u ", i, round);
		add_exit(&talk, i + 1, &ending);
		say(&fake, &talk);
		assert_int_equal(fake.rc, 0);
		assert_int_equal(asb_job_view(jobs[i])->state, ASB_JOB_ENDED);
		assert_int_equal(asb_job_exit_status(asb_job_view(jobs[i])), i % 256);
		assert_text(jobs[i], ASB_STDOUT, whole);
		if (i % 2 == 0)
			asb_job_free(jobs[i]);
	}
	assert_int_equal(fake.session->job_count, MANY / 2);
	fake_close(&fake);
}

static void forgets_jobs(void **state)
{
	static const struct ending ending = {.code = -1, .signal = 9, .out = "xxx", .err = ""};
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_job *job = open_with_job(&fake, &SIMPLE);
	struct asb_frame frame;

	(void)state;
	asb_job_free(NULL);
	asb_job_free(job);
	pump(&fake);
	frame = find_frame(&fake, ASB_SIGNAL);
	assert_memory_equal(frame.payload, "\0\0\0\1KILL", 8);
	assert_int_equal(fake.session->job_count, 1); /* until it has ended */
	add_data(&talk, ASB_STDOUT, 1, 0, "x", 1);
	add_exit(&talk, 1, &ending);
	say(&fake, &talk);
	assert_int_equal(fake.rc, 0);
	assert_int_equal(fake.session->job_count, 0);
	find_frame(&fake, ASB_ACK);
	/* And one whose session is lost. */
	asb_job_free(start(&fake, &SIMPLE));
	assert_int_equal(fake.session->job_count, 1);
	close(fake.fd);
	fake.fd = -1;
	pump(&fake);
	assert_int_equal(fake.session->job_count, 0);
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes_a_job),
		cmocka_unit_test(splits_a_large_description),
		cmocka_unit_test(refuses_too_large_a_description),
		cmocka_unit_test(runs_a_job),
		cmocka_unit_test(believes_only_a_matching_record),
		cmocka_unit_test(believes_only_a_whole_record),
		cmocka_unit_test(says_why_a_job_was_refused),
		cmocka_unit_test(maps_exit_records),
		cmocka_unit_test(gives_credit_by_quarters),
		cmocka_unit_test(refuses_broken_streams),
		cmocka_unit_test(refuses_data_after_eof),
		cmocka_unit_test(discards_without_standing_still),
		cmocka_unit_test(sends_stdin_within_its_credit),
		cmocka_unit_test(stops_stdin_that_nobody_reads),
		cmocka_unit_test(closes_the_door_while_the_queue_is_full),
		cmocka_unit_test(sends_signals_by_name),
		cmocka_unit_test(interleaves_many_jobs),
		cmocka_unit_test(forgets_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
