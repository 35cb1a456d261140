/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the shim protocol against a fake shim: jobs with a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/session_fake.h"

static const struct asb_job_spec TERMINAL = {.argv = ECHO, .tty = true, .rows = 30, .columns = 100};

static void add_greeting(struct talk *talk, bool terminals, bool resumed)
{
	uint8_t payload[128] = ASB_HELLO_MAGIC;
	size_t at = ASB_HELLO_MAGIC_LEN;

	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_VERSION, 2, 1);
	asb_attr_put(payload, sizeof(payload), &at, ASB_HELLO_FEATURE, ASB_FEATURE_RESUME, 6);
	if (terminals)
		asb_attr_put(payload, sizeof(payload), &at, ASB_HELLO_FEATURE, ASB_FEATURE_PTY, 3);
	if (resumed)
		asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_RESUMED, 1, 1);
	add_frame(talk, ASB_HELLO, 0, 0, payload, at);
}

static void assert_size(struct fake *fake, unsigned rows, unsigned columns)
{
	struct asb_frame frame = find_frame(fake, ASB_RESIZE);

	assert_int_equal(frame.channel, 1);
	assert_int_equal(frame.length, 4);
	assert_int_equal(asb_get16(frame.payload), rows);
	assert_int_equal(asb_get16(frame.payload + 2), columns);
}

static uint64_t described(const struct asb_frame *frame, uint16_t tag)
{
	struct asb_attr attr;
	size_t at = 0;

	while (asb_attr_next(frame->payload, frame->length, &at, &attr) == 1) {
		if (attr.tag == tag)
			return asb_attr_uint(&attr, 0);
	}
	return 0;
}

static void a_job_with_a_terminal_waits_for_the_greeting(void **state)
{
	struct talk talk = {.n = 0};
	struct asb_frame frame;
	struct asb_job *job;
	struct fake fake;

	(void)state;
	fake_open(&fake);
	job = start(&fake, &TERMINAL);
	pump(&fake);
	assert_true(next_frame(&fake, &frame));
	assert_int_equal(frame.type, ASB_HELLO);
	assert_true(silent(&fake));
	assert_int_equal(asb_job_stdin_room(job), 0);
	asb_job_signal(job, "INT");
	asb_job_resize(job, 31, 101);
	assert_true(silent(&fake));

	add_greeting(&talk, true, false);
	say(&fake, &talk);
	frame = find_frame(&fake, ASB_SPEC);
	assert_int_equal(described(&frame, ASB_SPEC_PTY), 1);
	assert_int_equal(described(&frame, ASB_SPEC_SIZE), 30 << 16 | 100);
	find_frame(&fake, ASB_START);
	assert_size(&fake, 31, 101);
	assert_true(asb_job_stdin_room(job) > 0);
	asb_job_resize(job, 50, 132);
	pump(&fake);
	assert_size(&fake, 50, 132);
	fake_close(&fake);
}

static void a_shim_without_terminals_gets_no_such_job(void **state)
{
	struct talk talk = {.n = 0};
	struct asb_job *job;
	struct fake fake;

	(void)state;
	fake_open(&fake);
	job = start(&fake, &TERMINAL);
	pump(&fake);
	asb_buffer_reset(&fake.heard);
	add_greeting(&talk, false, false);
	say(&fake, &talk);
	assert_true(silent(&fake));
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_REFUSED);
	assert_int_equal(asb_job_exit_status(asb_job_view(job)), ASB_STATUS_PLUGIN);
	assert_non_null(strstr(asb_job_view(job)->failed_text, "no terminals"));
	fake_close(&fake);
}

static void one_that_was_given_up_is_never_sent(void **state)
{
	struct talk talk = {.n = 0};
	struct fake fake;

	(void)state;
	fake_open(&fake);
	asb_job_free(start(&fake, &TERMINAL));
	pump(&fake);
	asb_buffer_reset(&fake.heard);
	add_greeting(&talk, true, false);
	say(&fake, &talk);
	assert_true(silent(&fake));
	fake_close(&fake);
}

static void the_size_is_said_again_after_a_resume(void **state)
{
	struct talk talk = {.n = 0};
	struct asb_job *job;
	struct fake fake;
	int pair[2];

	(void)state;
	fake_open(&fake);
	asb_session_outlive(fake.session);
	job = start(&fake, &TERMINAL);
	add_greeting(&talk, true, false);
	add_started(&talk, 1);
	say(&fake, &talk);
	asb_job_resize(job, 40, 120);
	pump(&fake);
	close(fake.fd);
	fake.fd = -1;
	pump(&fake);
	assert_non_null(asb_session_lost(fake.session));
	asb_job_resize(job, 41, 121);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	close(fake.other);
	fake.fd = pair[0];
	fake.other = pair[1];
	asb_buffer_reset(&fake.heard);
	asb_session_resume(fake.session, fake.other);
	pump(&fake);
	find_frame(&fake, ASB_HELLO);
	assert_size(&fake, 41, 121);
	add_greeting(&talk, true, true);
	say(&fake, &talk);
	assert_true(silent(&fake));
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_RUNNING);
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_with_a_terminal_waits_for_the_greeting),
		cmocka_unit_test(a_shim_without_terminals_gets_no_such_job),
		cmocka_unit_test(one_that_was_given_up_is_never_sent),
		cmocka_unit_test(the_size_is_said_again_after_a_resume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
