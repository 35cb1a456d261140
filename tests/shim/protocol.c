/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol's rules: what is answered, what is ignored, and what ends a connection but never
 * another. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

static void an_unknown_frame_is_answered(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	long long end = now_ms() + WAIT_MS;

	client_send(c, 0x7e, 9, 77, "whatever", 8);
	while (c->unknown == 0) {
		(void)client_step(c, 100);
		assert_true(now_ms() < end);
	}
	assert_int_equal(c->unknown, 0x7e);
	assert_string_equal(run_text(c, "echo next"), "next\n");
}

static void frames_for_unknown_channels_are_ignored(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	uint8_t payload[16] = {0};

	client_send(c, ASB_DATA, ASB_STDIN, 900, payload, 16);
	client_send(c, ASB_CREDIT, ASB_STDOUT, 900, payload, 16);
	client_send(c, ASB_EOF, ASB_STDIN, 900, payload, 8);
	client_send(c, ASB_STOP, ASB_STDERR, 900, NULL, 0);
	client_send(c, ASB_SIGNAL, 0, 900, "\0\0\0\1TERM", 8);
	client_send(c, ASB_ACK, 0, 900, NULL, 0);
	client_send(c, ASB_UNKNOWN, 0, 0, payload, 1);
	client_send(c, ASB_PONG, 0, 0, NULL, 0);
	assert_string_equal(run_text(c, "echo next"), "next\n");
}

static void pings_come_back_in_any_number(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	uint8_t bytes[64] = "ping";
	long long end = now_ms() + WAIT_MS;

	for (int i = 0; i < 20000; i++) {
		client_send(c, ASB_PING, 0, 0, bytes, sizeof(bytes));
		/* Answers are bounded: whoever asks this much has to listen as well. */
		while (i % 64 == 0 && client_step(c, 0))
			;
	}
	while (c->pongs < 20000) {
		(void)client_step(c, 100);
		assert_true(now_ms() < end);
	}
}

/* One of these ends the connection it comes on, with ERROR; the other connection goes on. */
static void expect_broken(struct suite *s, void (*send)(struct client *))
{
	client_open(&s->other, &s->box, 0);
	send(&s->other);
	client_until_closed(&s->other);
	assert_int_equal(s->other.error, ASB_ERROR_PROTOCOL);
	client_close(&s->other);
}

static void too_long(struct client *c)
{
	static const uint8_t frame[8] = {ASB_PING, 0, 0xff, 0xf9, 0, 0, 0, 0};

	client_send_raw(c, frame, sizeof(frame));
}

static void too_short(struct client *c)
{
	client_send(c, ASB_START, 0, 1, "short", 5);
}

static void long_ping(struct client *c)
{
	uint8_t bytes[65] = {0};

	client_send(c, ASB_PING, 0, 0, bytes, sizeof(bytes));
}

static void second_hello(struct client *c)
{
	client_hello(c, 0, 1);
}

static void data_on_stdout(struct client *c)
{
	uint8_t payload[9] = {0};

	client_send(c, ASB_DATA, ASB_STDOUT, 1, payload, sizeof(payload));
}

static void data_without_bytes(struct client *c)
{
	uint8_t payload[8] = {0};

	client_send(c, ASB_DATA, ASB_STDIN, 1, payload, sizeof(payload));
}

static void job_on_channel_0(struct client *c)
{
	uint8_t payload[20] = {0};

	client_send(c, ASB_START, 0, 0, payload, sizeof(payload));
}

static void our_own_frame(struct client *c)
{
	client_send(c, ASB_EXIT, 0, 1, NULL, 0);
}

static void interrupted_description(struct client *c)
{
	client_send(c, ASB_SPEC, 0, 1, NULL, 0);
	client_send(c, ASB_SPEC, 0, 2, NULL, 0);
}

static struct job *cat(struct client *c)
{
	struct description *d = describe();

	describe_arg(d, "cat");
	describe_number(d, ASB_SPEC_STDIN, 1, 1);
	return job_start(c, d);
}

static void data_beyond_the_limit(struct client *c)
{
	struct description *d = describe();
	struct job *job;

	/* It never reads, so that the limit stays where it is. */
	describe_arg(d, "sleep");
	describe_arg(d, "600");
	describe_number(d, ASB_SPEC_STDIN, 1, 1);
	job = job_start(c, d);
	client_until(c, &job->started);
	job->stdin_limit += 1 << 20;
	for (int i = 0; i < 8; i++) {
		static const uint8_t block[ASB_DATA_MAX];

		(void)job_write(c, job, block, sizeof(block));
	}
}

static void data_with_a_gap(struct client *c)
{
	struct job *job = cat(c);

	job->stdin_sent = 1;
	(void)job_write(c, job, "x", 1);
}

static void an_end_elsewhere(struct client *c)
{
	struct job *job = cat(c);

	job->stdin_sent = 5;
	job_close_stdin(c, job);
}

static void data_after_the_end(struct client *c)
{
	struct job *job = cat(c);

	job_close_stdin(c, job);
	(void)job_write(c, job, "x", 1);
}

static void credit_for_unsent_bytes(struct client *c)
{
	struct job *job = cat(c);
	uint8_t payload[16];

	asb_put64(payload, 1000);
	asb_put64(payload + 8, 1000);
	client_send(c, ASB_CREDIT, ASB_STDOUT, job->channel, payload, sizeof(payload));
}

static void a_reused_channel(struct client *c)
{
	(void)cat(c);
	c->next_channel--;
	c->serial += 1u << 20; /* the job id is made from it */
	(void)cat(c);
}

static void malformed_frames_end_one_connection(void **state)
{
	static void (*const sends[])(struct client *) = {too_long,
							 too_short,
							 long_ping,
							 second_hello,
							 data_on_stdout,
							 data_without_bytes,
							 job_on_channel_0,
							 our_own_frame,
							 data_with_a_gap,
							 interrupted_description,
							 data_after_the_end,
							 an_end_elsewhere,
							 a_reused_channel,
							 credit_for_unsent_bytes,
							 data_beyond_the_limit};
	struct suite *s = *state;
	struct job *job = job_line(&s->client, "sleep 600");

	client_until(&s->client, &job->started);
	for (size_t i = 0; i < sizeof(sends) / sizeof(sends[0]); i++)
		expect_broken(s, sends[i]);
	assert_string_equal(run_text(&s->client, "echo still here"), "still here\n");
	assert_false(job->record.present);
}

static void hello_comes_first_and_is_checked(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->other;

	client_connect(c, &s->box);
	client_send(c, ASB_PING, 0, 0, NULL, 0);
	client_until_closed(c);
	assert_int_equal(c->error, ASB_ERROR_PROTOCOL);
	client_close(c);

	client_connect(c, &s->box);
	client_send(c, ASB_HELLO, 0, 0, "HTTP", 4);
	client_until_closed(c);
	assert_int_equal(c->error, ASB_ERROR_PROTOCOL);
	client_close(c);

	client_connect(c, &s->box);
	client_hello(c, 0, 2);
	client_until_closed(c);
	assert_int_equal(c->error, ASB_ERROR_VERSION);
	client_close(c);
}

static void the_client_need_not_wait_for_hello(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->other;
	struct job *job;

	client_connect(c, &s->box);
	client_hello(c, 0, 1);
	job = cat(c);
	assert_int_equal(job_write(c, job, "early", 5), 5);
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_true(c->hello);
	assert_string_equal(job->output[0].bytes, "early");
	assert_memory_equal(c->instance, s->client.instance, ASB_ID_LEN);
	client_close(c);
}

static void a_second_start_runs_nothing(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;
	char variable[64];
	char look[128];

	snprintf(variable, sizeof(variable), "FILE=/tmp/asb-test-twice.%d", (int)getpid());
	snprintf(look, sizeof(look), "%s; cat $FILE; rm $FILE", variable);
	describe_text(d, ASB_SPEC_LINE, "echo ran >>$FILE; read x; exit 3");
	describe_text(d, ASB_SPEC_ENV, variable);
	describe_number(d, ASB_SPEC_STDIN, 1, 1);
	c->no_ack = true;
	job = job_start(c, d);
	client_until(c, &job->started);
	job_start_again(c, job, job->channel, d);
	while (job->starts < 2)
		assert_true(client_step(c, WAIT_MS));
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_int_equal(job->record.code, 3);
	/* Known until it is acknowledged, also after its end. */
	memset(&job->record, 0, sizeof(job->record));
	job_start_again(c, job, job->channel, d);
	job_wait(c, job);
	assert_int_equal(job->exits, 2);
	assert_int_equal(job->record.code, 3);
	client_send(c, ASB_ACK, 0, job->channel, NULL, 0);
	c->no_ack = false;
	assert_string_equal(run_text(c, look), "ran\n");
}

static void a_known_id_on_another_channel_is_refused(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *first = cat(c);
	struct job *second;
	struct description *d = describe();

	describe_arg(d, "true");
	second = job_start(c, d); /* only to have its channel known to the client */
	job_wait(c, second);
	second->record.present = false;
	job_start_again(c, first, second->channel, d);
	job_wait(c, second);
	assert_int_equal(second->failed, ASB_FAILED_BAD_SPEC);
	job_close_stdin(c, first);
	job_wait(c, first);
	assert_int_equal(first->record.code, 0);
}

static void frames_may_come_in_pieces(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	uint8_t frame[ASB_FRAME_HEADER + 4];

	asb_frame_header(frame, ASB_PING, 0, 0, 4);
	memcpy(frame + ASB_FRAME_HEADER, "ping", 4);
	for (int i = 1; i <= 50; i++) {
		for (size_t at = 0; at < sizeof(frame); at++)
			client_send_raw(c, frame + at, 1);
		while (c->pongs < i)
			assert_true(client_step(c, WAIT_MS));
	}
}

static void repeated_data_is_dropped(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = cat(c);

	(void)job_write(c, job, "abcdef", 6);
	job->stdin_sent = 2;
	(void)job_write(c, job, "cd", 2);
	job->stdin_sent = 4;
	(void)job_write(c, job, "efgh", 4);
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_string_equal(job->output[0].bytes, "abcdefgh");
}

int asb_test_protocol(void)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(an_unknown_frame_is_answered),
		SUITE_TEST(frames_for_unknown_channels_are_ignored),
		SUITE_TEST(pings_come_back_in_any_number),
		SUITE_TEST(malformed_frames_end_one_connection),
		SUITE_TEST(hello_comes_first_and_is_checked),
		SUITE_TEST(the_client_need_not_wait_for_hello),
		SUITE_TEST(a_second_start_runs_nothing),
		SUITE_TEST(a_known_id_on_another_channel_is_refused),
		SUITE_TEST(frames_may_come_in_pieces),
		SUITE_TEST(repeated_data_is_dropped),
	};

	return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
