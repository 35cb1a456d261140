/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that belong to the sandbox: started and left, listed, waited for, read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

#include "shim/limits.h"

/* Starts a line and leaves it. */
static struct job *leave(struct client *c, const char *line, struct description *more)
{
	struct description *d = more == NULL ? describe() : more;
	struct job *job;

	describe_text(d, ASB_SPEC_LINE, line);
	describe_number(d, ASB_SPEC_DETACH, 1, 1);
	job = job_start(c, d);
	while (!job->started && job->failed == 0)
		assert_true(client_step(c, WAIT_MS));
	assert_int_equal(job->failed, 0);
	return job;
}

/* Waits for its end, from whichever client. */
static const struct record *outcome(struct client *c, const struct job *job)
{
	client_wait(c, job->id);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 1);
	assert_memory_equal(c->listed[0].id, job->id, ASB_ID_LEN);
	assert_int_equal(c->listed[0].state, ASB_LISTED_ENDED);
	return &c->listed[0].record;
}

static void it_outlives_its_session(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->other;
	struct job *job;
	struct job *again;

	client_open(c, &s->box, 0);
	job = leave(c, "sleep 0.5; echo out; echo err >&2; exit 5", NULL);
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	assert_int_equal(outcome(&s->client, job)->code, 5);
	for (int i = 0; i < 3; i++) {
		again = job_attach(&s->client, job->id, 0);
		assert_true(again->attached);
		assert_int_equal(again->pid, job->pid);
		job_wait(&s->client, again);
		assert_string_equal(again->output[0].bytes, "out\n");
		assert_string_equal(again->output[1].bytes, "err\n");
		assert_int_equal(again->record.code, 5);
	}
	again = job_attach(&s->client, job->id, 2);
	job_wait(&s->client, again);
	assert_string_equal(again->output[0].bytes, "t\n");
	client_close(c);
}

static void it_is_listed_with_its_record(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;

	describe_arg(d, "printf");
	describe_arg(d, "a \"b\"\\n");
	describe_number(d, ASB_SPEC_DETACH, 1, 1);
	job = job_start(c, d);
	client_until(c, &job->started);
	assert_int_equal(outcome(c, job)->code, 0);
	client_list(c, NULL);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 1);
	assert_memory_equal(c->listed[0].id, job->id, ASB_ID_LEN);
	assert_string_equal(c->listed[0].command, "printf a \"b\"\\n");
	assert_int_equal(c->listed[0].pid, job->pid);
	assert_true(c->listed[0].detached);
	assert_true(c->listed[0].end[0] == 6 && c->listed[0].start[0] == 0);
	assert_true(c->listed[0].record.present);
	assert_true(c->listed[0].record.stdout_bytes == 6);
	assert_true(c->listed[0].started_ms > UINT64_C(1600000000000));
	/* One by its id; one that is not there. */
	client_list(c, job->id);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 1);
	assert_memory_equal(c->list_end_id, job->id, ASB_ID_LEN);
	client_list(c, c->id);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 0);
	/* Those of sessions are listed too, and told apart. */
	job = job_line(c, "sleep 600; :");
	client_until(c, &job->started);
	client_list(c, job->id);
	client_until_listed(c);
	assert_int_equal(c->listed[0].state, ASB_LISTED_RUNNING);
	assert_string_equal(c->listed[0].command, "sleep 600; :");
	assert_false(c->listed[0].detached);
	assert_false(c->listed[0].record.present);
}

static void a_record_is_forgotten(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job = leave(c, "exit 3", NULL);

	assert_int_equal(outcome(c, job)->code, 3);
	client_send(c, ASB_FORGET, 0, 0, job->id, ASB_ID_LEN);
	client_list(c, NULL);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 0);
	client_wait(c, job->id);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 0);
	assert_int_equal(job_attach(c, job->id, 0)->failed, ASB_FAILED_NO_JOB);
	/* Or its time is over. A running one is not forgotten. */
	describe_number(d, ASB_SPEC_KEEP_MS, 8, 300);
	job = leave(c, "exit 3", d);
	for (long long end = now_ms() + WAIT_MS; now_ms() < end;) {
		client_list(c, job->id);
		client_until_listed(c);
		if (c->listed_count == 0)
			break;
	}
	assert_int_equal(c->listed_count, 0);
	job = leave(c, "sleep 600", NULL);
	client_send(c, ASB_FORGET, 0, 0, job->id, ASB_ID_LEN);
	client_list(c, job->id);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 1);
}

static void a_signal_finds_it(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job =
		leave(c, "trap 'exit 6' USR1; echo on; while :; do sleep 0.02; done", NULL);
	struct job *reader = job_attach(c, job->id, 0);
	uint8_t payload[ASB_ID_LEN + 4];

	while (reader->output[0].total < 3)
		assert_true(client_step(c, WAIT_MS));
	client_send(c, ASB_DETACH, 0, reader->channel, NULL, 0);
	memcpy(payload, job->id, ASB_ID_LEN);
	memcpy(payload + ASB_ID_LEN, "USR1", 4);
	client_wait(c, job->id);
	client_send(c, ASB_SIGNAL_JOB, 0, 0, payload, sizeof(payload));
	client_until_listed(c);
	assert_int_equal(c->listed[0].record.code, 6);
	assert_int_equal(reader->exits, 0);
}

static void a_reader_comes_and_goes(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = leave(c,
				"while [ ! -e /tmp/asb-go ]; do sleep 0.02; done; "
				"seq 100000; while [ -e /tmp/asb-go ]; do sleep 0.02; done; "
				"exit 2",
				NULL);
	struct job *first = job_attach(c, job->id, 0);
	struct job *second;

	(void)run_line(c, "touch /tmp/asb-go");
	while (first->output[0].total < 50000)
		assert_true(client_step(c, WAIT_MS));
	/* Another one takes it over. */
	client_open(&s->other, &s->box, 60000);
	second = job_attach(&s->other, job->id, 0);
	client_until(c, &first->detached);
	assert_false(first->record.present);
	(void)run_line(c, "rm /tmp/asb-go");
	job_wait(&s->other, second);
	assert_int_equal(second->record.code, 2);
	assert_true(second->output[0].total == second->record.stdout_bytes);
	assert_memory_equal(second->output[0].bytes, "1\n2\n3\n", 6);
	/* One that loses its connection attaches again, from where it is. */
	client_cut(&s->other);
	s->other.job_count--;
	client_resume(&s->other, &s->box, ASB_RESUME_KNOWN);
	first = job_attach(&s->other, job->id, 588892);
	job_wait(&s->other, first);
	assert_string_equal(first->output[0].bytes, "00\n");
	s->other.jobs[s->other.job_count++] = second;
	client_close(&s->other);
}

static void a_reader_that_stops_ends_nothing(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = leave(c, "yes | head -c 3000000; exit 4", NULL);
	struct job *reader = job_attach(c, job->id, 0);

	client_send(c, ASB_STOP, ASB_STDOUT, reader->channel, NULL, 0);
	job_wait(c, reader);
	assert_int_equal(reader->record.code, 4);
	assert_true(reader->record.stdout_bytes == 3000000);
}

static void stdin_waits_for_a_reader(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;
	struct job *reader;

	describe_number(d, ASB_SPEC_STDIN, 1, 1);
	job = leave(c, "read a; read b; echo $b $a; cat; exit 8", d);
	reader = job_attach(c, job->id, 0);
	assert_int_equal(job_write(c, reader, "one\ntw", 6), 6);
	client_send(c, ASB_DETACH, 0, reader->channel, NULL, 0);
	reader = job_attach(c, job->id, 0);
	while (reader->stdin_consumed < 6)
		assert_true(client_step(c, WAIT_MS));
	reader->stdin_sent = reader->stdin_consumed;
	assert_int_equal(job_write(c, reader, "o\nrest", 6), 6);
	job_close_stdin(c, reader);
	job_wait(c, reader);
	assert_string_equal(reader->output[0].bytes, "two one\nrest");
	assert_int_equal(reader->record.code, 8);
}

static void it_is_started_once(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	char line[128];
	struct job *job;

	snprintf(line, sizeof(line), "echo ran >>/tmp/asb-once.%d; sleep 600", (int)getpid());
	describe_text(d, ASB_SPEC_LINE, line);
	describe_number(d, ASB_SPEC_DETACH, 1, 1);
	/* Cut right behind START, and after the answer. */
	for (int i = 0; i < 2; i++) {
		job = job_start(c, d);
		if (i == 1)
			client_until(c, &job->started);
		client_cut(c);
		job->started = false;
		client_resume(c, &s->box, ASB_RESUME_KNOWN);
		client_until(c, &job->started);
		/* And by another session. */
		client_open(&s->other, &s->box, 60000);
		s->other.next_channel = job->channel;
		s->other.serial = c->serial;
		job = job_start(&s->other, d);
		client_until(&s->other, &job->started);
		client_close(&s->other);
	}
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 2, WAIT_MS));
	snprintf(line, sizeof(line), "cat /tmp/asb-once.%d; rm /tmp/asb-once.%d", (int)getpid(),
		 (int)getpid());
	assert_string_equal(run_text(c, line), "ran\nran\n");
}

static void one_that_fails_is_no_job(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;

	describe_arg(d, "/no/such/program");
	describe_number(d, ASB_SPEC_DETACH, 1, 1);
	job = job_start(c, d);
	job_wait(c, job);
	assert_int_equal(job->failed, ASB_FAILED_NOT_FOUND);
	client_list(c, NULL);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 0);
}

static void what_ended_first_makes_room(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d;
	struct job *running = leave(c, "sleep 600", NULL);
	struct job *first = leave(c, "exit 1", NULL);
	struct job *job = NULL;

	(void)outcome(c, first);
	d = describe();
	describe_arg(d, "true");
	describe_number(d, ASB_SPEC_DETACH, 1, 1);
	for (int i = 0; i < ASB_MAX_JOBS - 2; i++) {
		job = job_start(c, d);
		while (!job->started && job->failed == 0)
			assert_true(client_step(c, WAIT_MS));
		assert_string_equal(job->failed_text, "");
		(void)outcome(c, job);
	}
	client_list(c, NULL);
	client_until_listed(c);
	assert_int_equal(c->listed_count, ASB_MAX_JOBS);
	assert_int_equal(run_line(c, "exit 9")->record.code, 9);
	client_list(c, NULL);
	client_until_listed(c);
	assert_int_equal(c->listed_count, ASB_MAX_JOBS - 1);
	client_list(c, first->id);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 0);
	client_list(c, running->id);
	client_until_listed(c);
	assert_int_equal(c->listed_count, 1);
}

static void a_blocked_output_waits_for_a_reader(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = leave(c, "seq 40000000 | head -c 300000000; echo end >&2", NULL);
	struct job *reader;

	reader = job_attach(c, job->id, 0);
	assert_true(reader->output[0].total == 0);
	job_wait(c, reader);
	assert_true(reader->output[0].total == 300000000);
	assert_true(reader->record.stdout_bytes == 300000000);
	assert_memory_equal(reader->output[0].bytes, "1\n2\n3\n", 6);
}

static void the_oldest_output_is_dropped_where_it_may(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;
	struct job *reader;

	describe_number(d, ASB_SPEC_OVERFLOW, 1, ASB_OVERFLOW_DROP);
	job = leave(c, "seq 40000000 | head -c 200000000; echo; echo last", d);
	assert_int_equal(outcome(c, job)->code, 0);
	assert_true(c->listed[0].end[0] == 200000006);
	assert_true(c->listed[0].start[0] > 100000000);
	reader = job_attach(c, job->id, 0);
	job_wait(c, reader);
	assert_true(reader->output[0].total == 200000006);
	assert_true(reader->record.stdout_bytes == 200000006);
}

int asb_test_detached(void)
{
	const struct CMUnitTest tests[] = {
		RESUME_TEST(it_outlives_its_session),
		RESUME_TEST(it_is_listed_with_its_record),
		RESUME_TEST(a_record_is_forgotten),
		RESUME_TEST(a_signal_finds_it),
		RESUME_TEST(a_reader_comes_and_goes),
		RESUME_TEST(a_reader_that_stops_ends_nothing),
		RESUME_TEST(stdin_waits_for_a_reader),
		RESUME_TEST(it_is_started_once),
		RESUME_TEST(one_that_fails_is_no_job),
		RESUME_TEST(what_ended_first_makes_room),
		RESUME_TEST(a_blocked_output_waits_for_a_reader),
		RESUME_TEST(the_oldest_output_is_dropped_where_it_may),
	};

	return cmocka_run_group_tests_name("detached", tests, NULL, NULL);
}
