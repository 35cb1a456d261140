/* SPDX-License-Identifier: Apache-2.0 */
/* The three streams: every byte, in order, within credit, to the end and not beyond. */
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <xxhash.h>
#pragma GCC diagnostic pop

#define LARGE (64u << 20)

/* A job with an open stdin. */
static struct job *start_with_stdin(struct client *c, const char *line)
{
	struct description *d = describe();

	describe_text(d, ASB_SPEC_LINE, line);
	describe_number(d, ASB_SPEC_STDIN, 1, 1);
	return job_start(c, d);
}

/* Writes everything, taking frames meanwhile. */
static void write_all(struct client *c, struct job *job, const uint8_t *bytes, size_t n)
{
	long long end = now_ms() + 6 * WAIT_MS;
	size_t at = 0;

	while (at < n && !job->record.present) {
		size_t done = job_write(c, job, bytes + at, n - at);

		at += done;
		if (done == 0)
			(void)client_step(c, 200);
		while (client_step(c, 0))
			;
		assert_false(c->closed);
		assert_true(now_ms() < end);
	}
}

static void large_stdin_comes_back_exactly(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_with_stdin(c, "cat");
	uint8_t *bytes = malloc(LARGE);
	uint64_t x = 88172645463325252u;

	assert_non_null(bytes);
	for (size_t i = 0; i < LARGE; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(bytes + i, &x, 8);
	}
	write_all(c, job, bytes, LARGE);
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_int_equal(job->record.code, 0);
	assert_true(job->output[0].total == LARGE);
	assert_true(job->record.stdout_bytes == LARGE);
	assert_true(job->record.stdin_bytes == LARGE);
	assert_true(job->record.stdout_sum == XXH64(bytes, LARGE, 0));
	assert_memory_equal(job->output[0].bytes, bytes, job->output[0].kept);
	assert_false(job->stdin_stopped);
	free(bytes);
}

static void end_of_stdin_is_in_band(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_with_stdin(c, "cat; echo done");

	/* Before the answer to START, as the protocol allows. */
	assert_int_equal(job_write(c, job, "hello ", 6), 6);
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_string_equal(job->output[0].bytes, "hello done\n");

	job = start_with_stdin(c, "cat; echo empty");
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_string_equal(job->output[0].bytes, "empty\n");
}

static void every_chunk_of_stdin_is_acknowledged(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_with_stdin(c, "cat");
	long long end = now_ms() + WAIT_MS;

	for (int i = 0; i < 20; i++) {
		uint64_t want = job->stdin_sent + 3;

		assert_int_equal(job_write(c, job, "abc", 3), 3);
		while (job->stdin_consumed < want || job->output[0].total < want) {
			(void)client_step(c, 100);
			assert_true(now_ms() < end);
		}
	}
	job_close_stdin(c, job);
	job_wait(c, job);
}

static void a_closed_stdin_is_told(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_with_stdin(c, "exec <&-; echo closed; read x < /dev/null; "
					      "sleep 60");

	/* Nothing was written: the end is noticed all the same. */
	client_until(c, &job->stdin_stopped);
	(void)job_write(c, job, "into the void", 13);
	while (job->output[0].total < 7)
		assert_true(client_step(c, WAIT_MS));
	job_signal(c, job, "KILL");
	job_wait(c, job);
	assert_true(job->record.stdin_bytes == 0);
	assert_string_equal(job->output[0].bytes, "closed\n");
}

static void an_ended_command_takes_no_more_stdin(void **state)
{
	static const uint8_t block[65536];
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_with_stdin(c, "exec true");

	write_all(c, job, block, sizeof(block));
	job_wait(c, job);
	assert_int_equal(job->record.code, 0);
	assert_true(job->stdin_stopped);
}

static void stderr_comes_after_the_end_of_stdout(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = job_line(c, "echo out; exec >&-; sleep 0.3; echo err >&2; exit 9");

	client_until(c, &job->output[0].ended);
	assert_int_equal(job->output[1].total, 0);
	job_wait(c, job);
	assert_int_equal(job->record.code, 9);
	assert_string_equal(job->output[0].bytes, "out\n");
	assert_string_equal(job->output[1].bytes, "err\n");
}

static void a_background_process_does_not_hold_the_end(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	long long before = now_ms();
	struct job *job = run_line(c, "(sleep 60)& echo out; echo err >&2; exit 7");

	assert_int_equal(job->record.code, 7);
	assert_string_equal(job->output[0].bytes, "out\n");
	assert_string_equal(job->output[1].bytes, "err\n");
	assert_true(now_ms() - before >= 195);
	assert_true(now_ms() - before < 5000);
	/* It lives on with the session, and no longer. */
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 1, WAIT_MS));
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 0);
}

static void late_output_of_a_background_process_arrives(void **state)
{
	struct suite *s = *state;
	struct job *job = run_line(&s->client, "(for i in 1 2 3 4 5; do sleep 0.1; echo $i; done; "
					       "sleep 60)& exit 0");

	assert_string_equal(job->output[0].bytes, "1\n2\n3\n4\n5\n");
}

static void a_full_ring_is_not_silence(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;

	/* More than ring and pipe hold, from a process that outlives the command, to a reader that
	 * waits. */
	describe_text(d, ASB_SPEC_LINE, "(head -c 3000000 /dev/zero; sleep 60) & exit 0");
	job = job_start(c, d);
	job->output[0].window = 0;
	client_until(c, &job->started);
	for (long long end = now_ms() + 1000; now_ms() < end;)
		(void)client_step(c, 50);
	assert_false(job->record.present);
	job->output[0].limit = job->output[0].total;
	job_credit(c, job, 0, 1 << 20);
	job_wait(c, job);
	assert_true(job->output[0].total == 3000000);
}

static void nothing_is_sent_beyond_the_limit(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;
	struct job *other;

	describe_text(d, ASB_SPEC_LINE, "yes");
	describe_number(d, ASB_SPEC_STDOUT_LIMIT, 8, 1000);
	job = job_start(c, d);
	job->output[0].limit = 1000; /* the client fails on a byte more */
	job->output[0].window = 0;
	/* Its reader is slow, and that is nobody else's concern: */
	other = run_line(c, "head -c 10000000 /dev/zero");
	assert_true(other->output[0].total == 10000000);
	while (job->output[0].total < 1000)
		assert_true(client_step(c, WAIT_MS));
	assert_int_equal(job->output[0].total, 1000);
	job->output[0].limit = 1000;
	job_credit(c, job, 0, 5000);
	while (job->output[0].total < 100000)
		assert_true(client_step(c, WAIT_MS));
	job_signal(c, job, "KILL");
	job_wait(c, job);
	assert_string_equal(job->record.signal, "KILL");
	assert_true(job->output[0].total == job->record.stdout_bytes);
}

static void the_other_output_flows_while_one_waits(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;

	describe_text(d, ASB_SPEC_LINE, "echo held; head -c 5000000 /dev/zero >&2");
	describe_number(d, ASB_SPEC_STDOUT_LIMIT, 8, 0);
	job = job_start(c, d);
	job->output[0].limit = 0;
	job->output[0].window = 0;
	client_until(c, &job->output[1].ended);
	assert_true(job->output[1].total == 5000000);
	assert_int_equal(job->output[0].total, 0);
	job_credit(c, job, 0, 100);
	job_wait(c, job);
	assert_string_equal(job->output[0].bytes, "held\n");
}

static void a_stopped_output_breaks_the_pipe(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = job_line(c, "exec yes");

	client_until(c, &job->started);
	client_send(c, ASB_STOP, ASB_STDOUT, job->channel, NULL, 0);
	job_wait(c, job);
	assert_string_equal(job->record.signal, "PIPE");
}

static void shared_work_is_shared_fairly(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *jobs[4];
	uint64_t before[4];

	for (int i = 0; i < 4; i++)
		jobs[i] = job_line(c, "exec yes");
	for (int i = 0; i < 4; i++) {
		while (jobs[i]->output[0].total < 1000000)
			assert_true(client_step(c, WAIT_MS));
	}
	for (int i = 0; i < 4; i++)
		before[i] = jobs[i]->output[0].total;
	/* None gets its share only when the others are done, which is never. How even the shares
	 * are is also the scheduler's doing. */
	for (int i = 0; i < 4; i++) {
		while (jobs[i]->output[0].total < before[i] + 4000000) {
			assert_true(client_step(c, WAIT_MS));
			for (int k = 0; k < 4; k++)
				assert_true(jobs[k]->output[0].total < before[k] + 1000000000);
		}
	}
	for (int i = 0; i < 4; i++)
		job_signal(c, jobs[i], "KILL");
	for (int i = 0; i < 4; i++)
		job_wait(c, jobs[i]);
}

int asb_test_streams(void)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(large_stdin_comes_back_exactly),
		SUITE_TEST(end_of_stdin_is_in_band),
		SUITE_TEST(every_chunk_of_stdin_is_acknowledged),
		SUITE_TEST(a_closed_stdin_is_told),
		SUITE_TEST(an_ended_command_takes_no_more_stdin),
		SUITE_TEST(stderr_comes_after_the_end_of_stdout),
		SUITE_TEST(a_background_process_does_not_hold_the_end),
		SUITE_TEST(late_output_of_a_background_process_arrives),
		SUITE_TEST(a_full_ring_is_not_silence),
		SUITE_TEST(nothing_is_sent_beyond_the_limit),
		SUITE_TEST(the_other_output_flows_while_one_waits),
		SUITE_TEST(a_stopped_output_breaks_the_pipe),
		SUITE_TEST(shared_work_is_shared_fairly),
	};

	return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
