/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim costs, and what happens when its tables are full. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

#include "shim/limits.h"

#define GIB (UINT64_C(1) << 30)

static void the_binary_is_small(void **state)
{
	struct stat st;

	(void)state;
	if (shim_is_instrumented())
		skip();
	assert_int_equal(stat(shim_path(), &st), 0);
	print_message("           shim: %lld bytes\n", (long long)st.st_size);
	assert_true(st.st_size <= 150 * 1024);
}

/* The count when PID 1 has gone to sleep after what it was given to do. */
static long switches_at_rest(const struct sandbox *box)
{
	long long end = now_ms() + WAIT_MS;
	long last = -1;
	int same = 0;

	while (same < 20 && now_ms() < end) {
		long now = sandbox_status(box, "voluntary_ctxt_switches");

		same = now == last ? same + 1 : 0;
		last = now;
		pause_briefly();
	}
	return last;
}

static void an_idle_pid_1_sleeps(void **state)
{
	struct suite *s = *state;
	long long end;
	long before;

	(void)run_text(&s->client, "echo once; (sleep 600) >/dev/null 2>&1 &");
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 1, WAIT_MS));
	client_ping(&s->client);
	before = switches_at_rest(&s->box);
	end = now_ms() + 2000;
	while (now_ms() < end)
		pause_briefly();
	assert_int_equal(sandbox_status(&s->box, "voluntary_ctxt_switches"), before);
	if (!shim_is_instrumented()) {
		print_message("           idle: %ld KiB resident\n",
			      sandbox_status(&s->box, "VmRSS"));
		assert_true(sandbox_status(&s->box, "VmRSS") <= 1024);
	}
}

static void much_output_needs_little_memory(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	uint64_t amount = shim_is_instrumented() ? GIB / 16 : GIB;
	long long before = now_ms();
	struct job *job;
	long most = 0;
	char line[64];
	int steps = 0;

	snprintf(line, sizeof(line), "yes | head -c %llu", (unsigned long long)amount);
	job = job_line(c, line);
	while (!job->record.present) {
		assert_true(client_step(c, WAIT_MS));
		if (++steps % 256 == 0 && sandbox_status(&s->box, "VmRSS") > most)
			most = sandbox_status(&s->box, "VmRSS");
	}
	assert_true(job->output[0].total == amount);
	assert_true(job->record.stdout_bytes == amount);
	print_message("           %lld MiB/s, %ld KiB resident at most\n",
		      (long long)(amount >> 20) * 1000 / (now_ms() - before + 1), most);
	if (shim_is_instrumented())
		return;
	assert_true(most > 0 && most <= 4096);
	/* What the rings took is given back: */
	(void)run_line(c, "exit 0");
	assert_true(sandbox_status(&s->box, "VmRSS") <= 1024);
}

static void all_places_for_jobs_can_be_used(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *jobs[ASB_MAX_JOBS];
	struct description *d = describe();

	describe_text(d, ASB_SPEC_LINE, "read x; head -c 2000000 /dev/zero; exit $x");
	describe_number(d, ASB_SPEC_STDIN, 1, 1);
	for (int i = 0; i < ASB_MAX_JOBS; i++)
		jobs[i] = job_start(c, d);
	for (int i = 0; i < ASB_MAX_JOBS; i++)
		client_until(c, &jobs[i]->started);
	assert_int_equal(run_line(c, "exit 0")->failed, ASB_FAILED_BUSY);
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		char text[16];
		int n = snprintf(text, sizeof(text), "%d\n", i);

		assert_int_equal(job_write(c, jobs[i], text, (size_t)n), n);
	}
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		job_wait(c, jobs[i]);
		assert_int_equal(jobs[i]->record.code, i);
		assert_true(jobs[i]->output[0].total == 2000000);
	}
	assert_int_equal(run_line(c, "exit 0")->record.code, 0);
}

static void a_full_table_sleeps_in_little_memory(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	long long end;
	long before;

	describe_arg(d, "sleep");
	describe_arg(d, "600");
	describe_number(d, ASB_SPEC_STDIN, 1, 1);
	for (int i = 0; i < ASB_MAX_JOBS; i++)
		(void)job_start(c, d);
	for (int i = 0; i < ASB_MAX_JOBS; i++)
		client_until(c, &c->jobs[i]->started);
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", ASB_MAX_JOBS, WAIT_MS));
	before = switches_at_rest(&s->box);
	end = now_ms() + 1000;
	while (now_ms() < end)
		pause_briefly();
	assert_int_equal(sandbox_status(&s->box, "voluntary_ctxt_switches"), before);
	print_message("           %d asleep: %ld KiB resident\n", ASB_MAX_JOBS,
		      sandbox_status(&s->box, "VmRSS"));
	if (!shim_is_instrumented())
		assert_true(sandbox_status(&s->box, "VmRSS") <= 2048);
	end = now_ms();
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	print_message("           ended in %lld ms\n", now_ms() - end);
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 0);
}

static void many_that_are_deaf_are_killed_together(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *other;
	long long begin;

	client_open(&s->other, &s->box, 60000);
	other = job_line(&s->other, "sleep 500.5");
	client_until(&s->other, &other->started);
	for (int i = 0; i < 64; i++)
		(void)job_line(c, "trap '' TERM; setsid sleep 600 & sleep 600; sleep 600");
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 129, WAIT_MS));
	begin = now_ms();
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	print_message("           ended in %lld ms\n", now_ms() - begin);
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 1);
	client_ping(&s->other);
	assert_false(other->record.present);
	client_close(&s->other);
}

/* Every place but one writes as fast as it can. */
static void a_new_job_gets_its_turn_among_many(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;
	uint64_t least = 0;
	long long begin = now_ms();

	describe_arg(d, "yes");
	for (int i = 0; i < ASB_MAX_JOBS - 1; i++)
		(void)job_start(c, d);
	while (least < 300000) {
		assert_true(client_step(c, WAIT_MS));
		assert_true(now_ms() < begin + 6 * WAIT_MS);
		least = UINT64_MAX;
		for (int i = 0; i < ASB_MAX_JOBS - 1; i++) {
			if (c->jobs[i]->output[0].total < least)
				least = c->jobs[i]->output[0].total;
		}
	}
	begin = now_ms();
	job = run_line(c, "echo here; read x; exit 3");
	assert_int_equal(job->record.code, 3);
	assert_string_equal(job->output[0].bytes, "here\n");
	print_message("           a command took %lld ms\n", now_ms() - begin);
	assert_true(now_ms() - begin < WAIT_MS);
	begin = now_ms();
	client_ping(c);
	assert_true(now_ms() - begin < WAIT_MS / 4);
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
}

static void descriptors_are_taken_and_not_handed_on(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *jobs[40];

	for (int i = 0; i < 40; i++) {
		jobs[i] = job_line(c, "ulimit -Sn; ulimit -Hn; read x; sleep 600");
		while (!jobs[i]->started && jobs[i]->failed == 0)
			assert_true(client_step(c, WAIT_MS));
		assert_string_equal(jobs[i]->failed_text, "");
	}
	while (jobs[39]->output[0].total < 7)
		assert_true(client_step(c, WAIT_MS));
	assert_string_equal(jobs[39]->output[0].bytes, "64\n300\n");
}

static void without_descriptors_pid_1_says_so_and_goes_on(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = NULL;
	int started = 0;
	long before;
	long long end;

	for (int i = 0; i < 100; i++, started++) {
		struct description *d = describe();

		describe_arg(d, "sleep");
		describe_arg(d, "600");
		describe_number(d, ASB_SPEC_STDIN, 1, 1);
		job = job_start(c, d);
		while (!job->started && job->failed == 0)
			assert_true(client_step(c, WAIT_MS));
		if (job->failed != 0)
			break;
	}
	assert_true(started >= 5 && started < 30);
	assert_int_equal(job->failed, ASB_FAILED_SYSTEM);
	assert_int_equal(job->failed_errno, EMFILE);
	/* Whoever knocks now waits, and PID 1 does not spin meanwhile. */
	for (int i = 0; i < 8; i++) {
		client_connect(&s->other, &s->box);
		client_hello(&s->other, 0, 1);
		if (!client_step(&s->other, 300))
			break;
		(void)close(s->other.to);
		s->other.to = -1;
		c->next_channel++;
	}
	before = sandbox_status(&s->box, "voluntary_ctxt_switches");
	end = now_ms() + 1000;
	while (now_ms() < end)
		pause_briefly();
	assert_true(sandbox_status(&s->box, "voluntary_ctxt_switches") - before < 50);
	for (int i = 0; i < started; i++)
		job_signal(c, c->jobs[i], "KILL");
	for (int i = 0; i < started; i++)
		job_wait(c, c->jobs[i]);
	assert_string_equal(run_text(c, "echo still here"), "still here\n");
	client_close(&s->other);
}

static int setup_with_few_files(void **state)
{
	int rc;

	sandbox_limit_files(64, 300);
	rc = suite_setup(state);
	sandbox_limit_files(0, 0);
	return rc;
}

static int setup_with_too_few_files(void **state)
{
	int rc;

	sandbox_limit_files(40, 40);
	rc = suite_setup(state);
	sandbox_limit_files(0, 0);
	return rc;
}

static void jobs_come_and_go(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	long long before = now_ms();
	int count = shim_is_instrumented() ? 200 : 1000;

	for (int i = 0; i < count; i++) {
		struct description *d = describe();
		struct job *job;

		describe_arg(d, "true");
		job = job_start(c, d);
		job_wait(c, job);
		assert_int_equal(job->record.code, 0);
		client_forget_last(c);
	}
	print_message("           %.2f ms per command\n", (double)(now_ms() - before) / count);
	assert_true(sandbox_wait_count(&s->box, "asb-keeper", "", 0, WAIT_MS));
	if (!shim_is_instrumented())
		assert_true(sandbox_status(&s->box, "VmRSS") <= 1024);
	assert_true(sandbox_open_files(&s->box) <= 16);
}

static void too_many_sessions_are_refused(void **state)
{
	static struct client many[ASB_MAX_CONNS];
	struct suite *s = *state;
	int open = 1;

	for (int i = 0; i < ASB_MAX_CONNS - 1; i++, open++)
		client_open(&many[i], &s->box, 0);
	client_connect(&s->other, &s->box);
	client_until_closed(&s->other);
	client_close(&s->other);
	assert_string_equal(run_text(&many[3], "echo one of many"), "one of many\n");
	for (int i = 0; i < ASB_MAX_CONNS - 1; i++)
		client_close(&many[i]);
	/* Places are free again as soon as PID 1 has seen the ends. */
	for (long long end = now_ms() + WAIT_MS; now_ms() < end;) {
		client_connect(&s->other, &s->box);
		client_hello(&s->other, 0, 1);
		while (client_step(&s->other, 500) && !s->other.hello)
			;
		if (s->other.hello)
			break;
		client_close(&s->other);
	}
	assert_true(s->other.hello);
	client_close(&s->other);
}

static void leftovers_do_not_use_up_jobs(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;

	for (int i = 0; i < ASB_MAX_JOBS + 8; i++)
		assert_int_equal(run_line(c, "sleep 600 >/dev/null 2>&1 & exit 0")->record.code, 0);
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", ASB_MAX_JOBS + 8, WAIT_MS));
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 0);
}

int asb_test_limits(void)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(the_binary_is_small),
		SUITE_TEST(an_idle_pid_1_sleeps),
		SUITE_TEST(much_output_needs_little_memory),
		SUITE_TEST(all_places_for_jobs_can_be_used),
		SUITE_TEST(a_full_table_sleeps_in_little_memory),
		SUITE_TEST(many_that_are_deaf_are_killed_together),
		SUITE_TEST(a_new_job_gets_its_turn_among_many),
		cmocka_unit_test_setup_teardown(descriptors_are_taken_and_not_handed_on,
						setup_with_few_files, suite_teardown),
		cmocka_unit_test_setup_teardown(without_descriptors_pid_1_says_so_and_goes_on,
						setup_with_too_few_files, suite_teardown),
		SUITE_TEST(jobs_come_and_go),
		SUITE_TEST(too_many_sessions_are_refused),
		SUITE_TEST(leftovers_do_not_use_up_jobs),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
