/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the shim protocol against a fake shim: the connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/session_fake.h"

/* --- greeting --------------------------------------------------------------------------------- */

static void greets_first(void **state)
{
	struct fake fake;
	struct asb_frame frame;
	struct asb_attr attr;
	size_t at = ASB_HELLO_MAGIC_LEN;
	uint32_t seen = 0;

	(void)state;
	fake_open(&fake);
	assert_int_equal(asb_session_events(fake.session), POLLIN | POLLOUT);
	pump(&fake);
	assert_true(next_frame(&fake, &frame));
	assert_int_equal(frame.type, ASB_HELLO);
	assert_int_equal(frame.channel, 0);
	assert_memory_equal(frame.payload, ASB_HELLO_MAGIC, ASB_HELLO_MAGIC_LEN);
	while (asb_attr_next(frame.payload, frame.length, &at, &attr) == 1) {
		seen |= 1u << attr.tag;
		if (attr.tag == ASB_HELLO_VERSION_MAX)
			assert_int_equal(asb_attr_uint(&attr, 0), 1);
		if (attr.tag == ASB_HELLO_SESSION)
			assert_int_equal(attr.length, ASB_ID_LEN);
	}
	assert_int_equal(seen, 1u << ASB_HELLO_VERSION_MIN | 1u << ASB_HELLO_VERSION_MAX |
				       1u << ASB_HELLO_PROGRAM | 1u << ASB_HELLO_SESSION |
				       1u << ASB_HELLO_FEATURE);
	assert_false(asb_session_ready(fake.session));
	assert_string_equal(asb_session_shim(fake.session), "");
	fake_close(&fake);
}

static void takes_the_answer_byte_by_byte(void **state)
{
	struct fake fake;
	struct talk talk = {.n = 0};

	(void)state;
	fake_open(&fake);
	add_hello(&talk);
	for (size_t i = 0; i < talk.n; i++) {
		assert_false(asb_session_ready(fake.session));
		say_bytes(&fake, talk.bytes + i, 1);
		pump(&fake);
		assert_int_equal(fake.rc, 0);
	}
	assert_true(asb_session_ready(fake.session));
	assert_string_equal(asb_session_shim(fake.session), "fake/1");
	fake_close(&fake);
}

static void quotes_what_is_no_shim(void **state)
{
	struct fake fake;
	static const char words[] = "exec failed:\x1b[31m no such file\n";

	(void)state;
	fake_open(&fake);
	say_bytes(&fake, words, sizeof(words) - 1);
	pump(&fake);
	assert_failed(&fake, "\"exec failed:?[31m no such file\"");
	fake_close(&fake);
}

static void refuses_other_greetings(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *words;
	} cases[] = {
		{"\x01\x00\xff\xff", 4, "not the shim"}, /* length beyond a frame */
		{"\x01\x00\x00\x04\x00\x00\x00\x00"
		 "ASBQ",
		 12, "not the shim"},
		{"\x01\x00\x00\x04\x00\x00\x00\x01", 8, "not the shim"}, /* not channel 0 */
		{"\x02", 1, "not the shim"},				 /* PING before HELLO */
		{"\x01\x00\x00\x04\x00\x00\x00\x00"
		 "ASBP",
		 12, "protocol version 0"},
		{"\x01\x00\x00\x05\x00\x00\x00\x00"
		 "ASBP\x00",
		 13, "malformed"},
		{"\x01\x00\x00\x0c\x00\x00\x00\x00"
		 "ASBP\x00\x03\x00\x00\x00\x02\x00\x02",
		 20, "protocol version 2"},
		{"\x04\x00\x00\x06\x00\x00\x00\x00\x00\x03"
		 "busy",
		 14, "busy (error 3)"},
		{"\x04\x00\x00\x01\x00\x00\x00\x00\x00", 9, "malformed error"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;

		fake_open(&fake);
		say_bytes(&fake, cases[i].bytes, cases[i].n);
		pump(&fake);
		assert_failed(&fake, cases[i].words);
		fake_close(&fake);
	}
}

static void ends_before_the_greeting(void **state)
{
	struct fake fake;

	(void)state;
	fake_open(&fake);
	close(fake.fd);
	fake.fd = -1;
	pump(&fake);
	assert_failed(&fake, "before the shim answered");
	fake_close(&fake);
}

/* --- the connection --------------------------------------------------------------------------- */

/* Whatever the byte after which the connection is cut: no job ends without its whole record. */
static void never_ends_well_when_cut(void **state)
{
	static const struct ending ending = {.code = 0, .out = "hello", .err = ""};
	struct talk talk = {.n = 0};

	(void)state;
	add_hello(&talk);
	add_started(&talk, 1);
	add_data(&talk, ASB_STDOUT, 1, 0, "hello", 5);
	add_eof(&talk, ASB_STDOUT, 1, 5);
	add_eof(&talk, ASB_STDERR, 1, 0);
	add_exit(&talk, 1, &ending);
	for (size_t cut = 0; cut <= talk.n; cut++) {
		struct fake fake;
		struct asb_job *job;
		const struct asb_job_view *view;

		fake_open(&fake);
		job = start(&fake, &SIMPLE);
		view = asb_job_view(job);
		say_bytes(&fake, talk.bytes, cut);
		close(fake.fd);
		fake.fd = -1;
		pump(&fake);
		assert_int_equal(fake.rc, -1);
		if (cut == talk.n) {
			assert_int_equal(view->state, ASB_JOB_ENDED);
		} else {
			assert_int_equal(view->state, ASB_JOB_LOST);
			assert_int_equal(asb_job_exit_status(view), 125);
			assert_non_null(strstr(view->error->message, "no exit status"));
			assert_non_null(strstr(fake.err.message, "no exit status"));
		}
		assert_null(asb_job_start(fake.session, &SIMPLE, &fake.err));
		fake_close(&fake);
	}
}

static void keeps_output_of_a_lost_connection(void **state)
{
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_job *job = open_with_job(&fake, &SIMPLE);

	(void)state;
	add_data(&talk, ASB_STDOUT, 1, 0, "so far", 6);
	say(&fake, &talk);
	close(fake.fd);
	fake.fd = -1;
	pump(&fake);
	assert_text(job, ASB_STDOUT, "so far");
	asb_job_consumed(job, ASB_STDOUT, 6);
	assert_int_equal(asb_job_pending(job, ASB_STDOUT), 0);
	fake_close(&fake);
}

/* Writing fails first, but the exit record is already there. */
static void reads_on_when_writing_fails(void **state)
{
	static const struct ending ending = {.code = 7, .out = "", .err = ""};
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_job *job = open_with_job(&fake, &WITH_STDIN);

	(void)state;
	add_exit(&talk, 1, &ending);
	say_bytes(&fake, talk.bytes, talk.n);
	close(fake.fd);
	fake.fd = -1;
	asb_job_write(job, "data", 4);
	assert_int_equal(asb_session_step(fake.session, POLLOUT, &fake.err), 0);
	pump(&fake);
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_ENDED);
	assert_int_equal(asb_job_exit_status(asb_job_view(job)), 7);
	fake_close(&fake);
}

static void answers_pings_and_the_unknown(void **state)
{
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_frame frame;

	(void)state;
	open_with_job(&fake, &SIMPLE);
	add_frame(&talk, ASB_PING, 0, 0, "abc", 3);
	add_frame(&talk, 0x77, 0, 5, "future", 6);
	add_frame(&talk, ASB_SPEC, 0, 5, "", 0); /* no frame of a shim */
	add_data(&talk, ASB_STDOUT, 99, 12345, "late", 4);
	add_frame(&talk, ASB_PONG, 0, 0, NULL, 0);
	add_frame(&talk, ASB_UNKNOWN, 0, 0, "\x17", 1);
	say(&fake, &talk);
	assert_int_equal(fake.rc, 0);
	assert_true(next_frame(&fake, &frame));
	assert_int_equal(frame.type, ASB_PONG);
	assert_memory_equal(frame.payload, "abc", 3);
	assert_true(next_frame(&fake, &frame));
	assert_int_equal(frame.type, ASB_UNKNOWN);
	assert_int_equal(frame.payload[0], 0x77);
	assert_true(next_frame(&fake, &frame));
	assert_int_equal(frame.payload[0], ASB_SPEC);
	assert_false(next_frame(&fake, &frame));
	add_hello(&talk);
	say(&fake, &talk);
	assert_failed(&fake, "greeted twice");
	fake_close(&fake);
}

static void bounds_its_answers(void **state)
{
	static const uint8_t ping[ASB_PING_MAX];
	struct fake fake;
	struct talk talk = {.n = 0};

	(void)state;
	open_with_job(&fake, &SIMPLE);
	for (int i = 0; i < 400; i++) { /* 2.9 MB of PONG if all were answered */
		while (talk.n < 100 * (ASB_FRAME_HEADER + ASB_PING_MAX))
			add_frame(&talk, ASB_PING, 0, 0, ping, sizeof(ping));
		while (talk.n > 0) {
			ssize_t n = send(fake.fd, talk.bytes, talk.n, MSG_NOSIGNAL);

			if (n > 0) {
				memmove(talk.bytes, talk.bytes + n, talk.n - (size_t)n);
				talk.n -= (size_t)n;
			}
			assert_int_equal(asb_session_step(fake.session, POLLIN, &fake.err), 0);
		}
	}
	assert_true(fake.session->out.length > (1u << 20) - 4096);
	assert_true(fake.session->out.length < (1u << 20) + 4096);
	fake_close(&fake);
}

static void says_bye(void **state)
{
	struct fake fake;
	struct talk talk = {.n = 0};
	struct asb_job *job = open_with_job(&fake, &SIMPLE);

	(void)state;
	asb_session_bye(fake.session);
	asb_session_bye(fake.session);
	pump(&fake);
	find_frame(&fake, ASB_BYE);
	assert_true(silent(&fake));
	assert_false(asb_session_over(fake.session));
	assert_null(asb_job_start(fake.session, &SIMPLE, &fake.err));
	add_frame(&talk, ASB_BYE, 0, 0, NULL, 0);
	say(&fake, &talk);
	assert_true(asb_session_over(fake.session));
	assert_int_equal(fake.rc, 0);
	/* A job that was cut off by it is lost all the same. */
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_LOST);
	close(fake.fd);
	fake.fd = -1;
	assert_int_equal(asb_session_step(fake.session, POLLIN | POLLHUP, &fake.err), 0);
	assert_int_equal(asb_session_events(fake.session), 0);
	fake_close(&fake);
}

/* The shim's last word and the end at once, while there is still something to send. */
static void is_over_with_a_full_queue(void **state)
{
	static uint8_t bytes[ASB_STDIN_LIMIT];
	struct fake fake;
	struct talk talk = {.n = 0};

	(void)state;
	open_with_job(&fake, &SIMPLE);
	for (int i = 0; i < 10; i++)
		asb_job_write(start(&fake, &WITH_STDIN), bytes, sizeof(bytes));
	assert_int_equal(asb_session_step(fake.session, POLLOUT, &fake.err), 0);
	assert_true(fake.session->out.length > 0);
	add_frame(&talk, ASB_BYE, 0, 0, NULL, 0);
	say_bytes(&fake, talk.bytes, talk.n);
	shutdown(fake.fd, SHUT_WR);
	assert_int_equal(asb_session_step(fake.session, POLLIN, &fake.err), 0);
	assert_false(asb_session_over(fake.session));
	assert_int_equal(asb_session_step(fake.session, POLLIN | POLLHUP, &fake.err), 0);
	assert_true(asb_session_over(fake.session));
	fake_close(&fake);
}

/* --- heartbeat -------------------------------------------------------------------------------- */

static int64_t fake_now;

static int64_t fake_clock(void)
{
	return fake_now;
}

static void open_with_clock(struct fake *fake)
{
	struct talk talk = {.n = 0};

	fake_open(fake);
	fake_now = 1000;
	fake->session->now_ms = fake_clock;
	fake->session->last_sent = fake->session->last_received = fake_now;
	add_hello(&talk);
	say(fake, &talk);
	asb_buffer_reset(&fake->heard);
}

static void pings_in_silence(void **state)
{
	struct fake fake;
	struct talk talk = {.n = 0};

	(void)state;
	open_with_clock(&fake);
	assert_int_equal(asb_session_timeout(fake.session), ASB_SESSION_LISTEN_MS);
	fake_now += ASB_SESSION_LISTEN_MS - 1;
	assert_true(silent(&fake));
	assert_int_equal(asb_session_timeout(fake.session), 1);
	fake_now++;
	pump(&fake);
	find_frame(&fake, ASB_PING);
	assert_true(silent(&fake));
	/* An answer, and the next one is due an interval later. */
	add_frame(&talk, ASB_PONG, 0, 0, NULL, 0);
	say(&fake, &talk);
	assert_int_equal(asb_session_timeout(fake.session), ASB_SESSION_LISTEN_MS);
	fake_now += 10 * ASB_SILENCE_MS;
	pump(&fake);
	assert_int_equal(fake.rc, 0); /* we were stopped, the shim was not asked */
	find_frame(&fake, ASB_PING);
	fake_close(&fake);
}

/* A shim that talks all the time hears from us, too. */
static void pings_a_shim_that_only_hears_nothing(void **state)
{
	struct fake fake;
	struct talk talk = {.n = 0};
	int64_t begin;

	(void)state;
	open_with_clock(&fake);
	begin = fake_now;
	while (fake.heard.length == 0 && fake_now - begin < ASB_SILENCE_MS) {
		fake_now += ASB_SESSION_LISTEN_MS / 5;
		add_frame(&talk, ASB_PONG, 0, 0, NULL, 0);
		say(&fake, &talk);
	}
	find_frame(&fake, ASB_PING);
	assert_int_equal(fake_now - begin, ASB_PING_INTERVAL_MS);
	fake_close(&fake);
}

/* How long it takes until a shim that says nothing is given up. */
static int64_t patience_of(struct fake *fake)
{
	struct asb_job *job = start(fake, &SIMPLE);
	int64_t begin = fake_now;

	pump(fake);
	while (fake->rc == 0 && fake_now - begin < 10 * ASB_SILENCE_MS) {
		fake_now += asb_session_timeout(fake->session);
		pump(fake);
	}
	assert_failed(fake, "nothing was heard");
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_LOST);
	return fake_now - begin;
}

static void gives_a_silent_shim_up(void **state)
{
	struct fake fake;

	(void)state;
	open_with_clock(&fake);
	assert_int_equal(patience_of(&fake), ASB_SESSION_LOST_MS);
	fake_close(&fake);
}

static void waits_longer_for_the_greeting(void **state)
{
	struct fake fake;

	(void)state;
	fake_open(&fake);
	fake_now = 1000;
	fake.session->now_ms = fake_clock;
	fake.session->last_sent = fake.session->last_received = fake_now;
	assert_int_equal(patience_of(&fake), ASB_SILENCE_MS);
	fake_close(&fake);
}

static void hears_what_came_late(void **state)
{
	struct fake fake;
	struct talk talk = {.n = 0};

	(void)state;
	open_with_clock(&fake);
	fake_now += ASB_PING_INTERVAL_MS;
	pump(&fake);
	fake_now += ASB_SILENCE_MS;
	add_frame(&talk, ASB_PONG, 0, 0, NULL, 0);
	say_bytes(&fake, talk.bytes, talk.n);
	/* Not even told that there is something to read. */
	assert_int_equal(asb_session_step(fake.session, 0, &fake.err), 0);
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greets_first),
		cmocka_unit_test(takes_the_answer_byte_by_byte),
		cmocka_unit_test(quotes_what_is_no_shim),
		cmocka_unit_test(refuses_other_greetings),
		cmocka_unit_test(ends_before_the_greeting),
		cmocka_unit_test(never_ends_well_when_cut),
		cmocka_unit_test(keeps_output_of_a_lost_connection),
		cmocka_unit_test(reads_on_when_writing_fails),
		cmocka_unit_test(answers_pings_and_the_unknown),
		cmocka_unit_test(bounds_its_answers),
		cmocka_unit_test(says_bye),
		cmocka_unit_test(is_over_with_a_full_queue),
		cmocka_unit_test(pings_in_silence),
		cmocka_unit_test(pings_a_shim_that_only_hears_nothing),
		cmocka_unit_test(gives_a_silent_shim_up),
		cmocka_unit_test(waits_longer_for_the_greeting),
		cmocka_unit_test(hears_what_came_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
