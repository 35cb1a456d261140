/* SPDX-License-Identifier: Apache-2.0 */
/* Process trees: what a timeout, a signal and a hostile command do to them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

/* Starts a `sleep` that has left its group, its session and its parent. */
#define DAEMON "setsid sh -c 'setsid sleep 600 >/dev/null 2>&1 </dev/null & exit' >/dev/null 2>&1; "

static struct job *start_limited(struct client *c, const char *line, uint64_t timeout_ms,
				 uint64_t grace_ms)
{
	struct description *d = describe();

	describe_text(d, ASB_SPEC_LINE, line);
	describe_number(d, ASB_SPEC_TIMEOUT_MS, 8, timeout_ms);
	describe_number(d, ASB_SPEC_GRACE_MS, 4, grace_ms);
	return job_start(c, d);
}

static void a_timeout_kills_the_whole_tree(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_limited(c, DAEMON DAEMON "sleep 600 & sleep 600", 700, 300);

	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 4, WAIT_MS));
	job_wait(c, job);
	assert_true(job->record.timed_out);
	assert_string_equal(job->record.signal, "TERM");
	/* The record comes when nothing is left, not before. */
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 0);
	assert_true(sandbox_wait_count(&s->box, "asb-keeper", "", 0, WAIT_MS));
}

static void what_ignores_term_is_killed(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	long long before = now_ms();
	struct job *job =
		start_limited(c, "trap '' TERM; " DAEMON "sleep 600; sleep 600", 500, 400);

	job_wait(c, job);
	assert_true(job->record.timed_out);
	assert_string_equal(job->record.signal, "KILL");
	assert_true(now_ms() - before >= 890);
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 0);
}

static void leftovers_of_a_polite_command_are_killed(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job =
		start_limited(c,
			      "(trap '' TERM; while :; do sleep 600; done) >/dev/null 2>&1 & "
			      "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done",
			      400, 400);

	job_wait(c, job);
	assert_true(job->record.timed_out);
	assert_int_equal(job->record.code, 3);
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 0);
	assert_int_equal(
		sandbox_count(&s->box, "sh", "SRT") + sandbox_count(&s->box, "bash", "SRT"), 0);
}

static void a_stopped_tree_is_killed(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_limited(c, "sleep 600 & kill -STOP $! $$", 400, 400);

	job_wait(c, job);
	assert_true(job->record.timed_out);
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 0);
}

static void a_tree_that_grows_is_killed(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_limited(
		c,
		"f() { trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 600 & sleep 600' & }; "
		"trap '' TERM; i=0; while :; do f; sleep 0.02; done",
		500, 100);

	job_wait(c, job);
	assert_true(job->record.timed_out);
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 0, 3000));
	assert_int_equal(sandbox_count(&s->box, "sh", ""), 0);
}

static void a_command_in_time_is_not_timed_out(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_limited(c, "exit 4", 60000, 500);

	job_wait(c, job);
	assert_false(job->record.timed_out);
	assert_int_equal(job->record.code, 4);
}

static void signals_reach_the_group(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = job_line(c, "sh -c 'trap \"echo child; exit 0\" USR1; echo ready; while "
				      ":; do sleep 0.02; done' & "
				      "trap 'wait; echo parent; exit 5' USR1; echo ready; "
				      "while :; do sleep 0.02; done");

	while (job->output[0].total < 12)
		assert_true(client_step(c, WAIT_MS));
	job_signal(c, job, "NOSUCH");
	job_signal(c, job, "USR1");
	job_wait(c, job);
	assert_int_equal(job->record.code, 5);
	assert_string_equal(job->output[0].bytes, "ready\nready\nchild\nparent\n");
}

static void a_repeated_signal_is_obeyed_once(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = job_line(c, "trap 'echo one' USR1; trap 'echo two; exit 5' USR2; "
				      "echo ready; while :; do sleep 0.02; done");

	while (job->output[0].total < 6)
		assert_true(client_step(c, WAIT_MS));
	job_signal(c, job, "USR1");
	while (job->output[0].total < 10)
		assert_true(client_step(c, WAIT_MS));
	job_signal_again(c, job, 1, "USR1");
	job_signal_again(c, job, 0, "KILL");
	job_signal(c, job, "USR2");
	job_wait(c, job);
	assert_int_equal(job->record.code, 5);
	assert_string_equal(job->output[0].bytes, "ready\none\ntwo\n");
}

static void a_signal_before_the_start_is_not_lost(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;

	for (int i = 0; i < 20; i++) {
		struct job *job = job_line(c, "sleep 600");

		job_signal(c, job, "TERM");
		job_wait(c, job);
		assert_true(job->started);
		assert_string_equal(job->record.signal, "TERM");
	}
}

static void the_group_of_an_ended_command_is_still_reached(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	/* The second one writes all the time, so that the job goes on. */
	struct job *job = job_line(c, "(while :; do echo x; sleep 0.05; done) & exit 6");

	while (job->output[0].total < 20)
		assert_true(client_step(c, WAIT_MS));
	assert_false(job->record.present);
	job_signal(c, job, "KILL");
	job_wait(c, job);
	assert_int_equal(job->record.code, 6);
}

static void a_killed_keeper_costs_no_status(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = run_line(c, "kill -9 $PPID; sleep 0.2; echo alive; exit 11");

	assert_int_equal(job->record.code, 11);
	assert_string_equal(job->output[0].bytes, "alive\n");
	assert_true(job->record.duration_ns > 200000000);
	job = run_line(c, "kill -9 $PPID; kill -SEGV $$");
	assert_string_equal(job->record.signal, "SEGV");
	for (int i = 0; i < 50; i++) {
		job = run_line(c, "kill -9 $PPID; exit 12");
		assert_int_equal(job->record.code, 12);
	}
}

static void a_stopped_keeper_is_continued(void **state)
{
	struct suite *s = *state;
	struct job *job = run_line(&s->client, "kill -STOP $PPID; sleep 0.1; exit 13");

	assert_int_equal(job->record.code, 13);
}

static void other_signals_pass_the_keeper_by(void **state)
{
	struct suite *s = *state;
	struct job *job = run_line(&s->client,
				   "for n in HUP INT QUIT USR1 USR2 PIPE ALRM TERM CHLD TSTP TTIN "
				   "TTOU IO PWR SEGV ABRT 32 33 34 64; do kill -$n $PPID; done; "
				   "sleep 0.1; cat /proc/$PPID/comm; exit 14");

	assert_int_equal(job->record.code, 14);
	assert_string_equal(job->output[0].bytes, "asb-keeper\n");
}

static void strays_of_a_killed_keeper_die_with_it(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *other = job_line(c, "sleep 500.5 & wait");
	struct job *job;

	client_until(c, &other->started);
	job = start_limited(c, DAEMON "kill -9 $PPID; " DAEMON "sleep 600", 800, 200);
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 4, WAIT_MS));
	job_wait(c, job);
	assert_true(job->record.timed_out);
	/* Of the other job, whose keeper lives, nothing is touched. */
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 1, WAIT_MS));
	assert_false(other->record.present);
}

static void strays_die_with_the_last_session(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = run_line(c, DAEMON "kill -9 $PPID; exit 1");

	assert_int_equal(job->record.code, 1);
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 1, WAIT_MS));
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 0, WAIT_MS));
}

static void killing_everybody_leaves_pid_1_and_a_verdict(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = job_line(c, "sleep 600");
	const char *end;

	client_until(c, &job->started);
	/* `connect` is everybody too: the connection is lost, and the audit tells how it ended. */
	job = job_line(c, "kill -9 -1; exit 17");
	client_until_closed(c);
	assert_true(file_wait(s->box.audit, "\"code\":17", WAIT_MS));
	assert_true(file_wait(s->box.audit, "\"signal\":\"KILL\"", WAIT_MS));
	end = strstr(file_text(s->box.audit), "\"code\":17");
	assert_non_null(end);
	client_open(&s->other, &s->box, 60000);
	assert_string_equal(run_text(&s->other, "echo still here"), "still here\n");
	client_close(&s->other);
}

static void the_dead_are_reaped(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;

	(void)run_text(c,
		       "i=0; while [ $i -lt 50 ]; do (setsid sh -c ': & : &' &); i=$((i+1)); done");
	(void)run_line(c, "kill -9 $PPID; i=0; while [ $i -lt 50 ]; do (setsid sh -c ': & : &' &); "
			  "i=$((i+1)); done");
	assert_true(sandbox_wait_count(&s->box, "", "Z", 0, WAIT_MS));
	assert_true(sandbox_wait_count(&s->box, "asb-keeper", "", 0, WAIT_MS));
}

static void a_keeper_holds_nothing_but_its_report(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = job_line(c, "exec >/dev/null 2>&1; sleep 600");

	/* If the keeper held the pipes, their ends would not come while it lives. */
	client_until(c, &job->output[0].ended);
	client_until(c, &job->output[1].ended);
	assert_false(job->record.present);
	assert_int_equal(sandbox_count(&s->box, "asb-keeper", "S"), 1);
}

int asb_test_processes(void)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(a_timeout_kills_the_whole_tree),
		SUITE_TEST(what_ignores_term_is_killed),
		SUITE_TEST(leftovers_of_a_polite_command_are_killed),
		SUITE_TEST(a_stopped_tree_is_killed),
		SUITE_TEST(a_tree_that_grows_is_killed),
		SUITE_TEST(a_command_in_time_is_not_timed_out),
		SUITE_TEST(signals_reach_the_group),
		SUITE_TEST(a_repeated_signal_is_obeyed_once),
		SUITE_TEST(a_signal_before_the_start_is_not_lost),
		SUITE_TEST(the_group_of_an_ended_command_is_still_reached),
		SUITE_TEST(a_killed_keeper_costs_no_status),
		SUITE_TEST(a_stopped_keeper_is_continued),
		SUITE_TEST(other_signals_pass_the_keeper_by),
		SUITE_TEST(strays_of_a_killed_keeper_die_with_it),
		SUITE_TEST(strays_die_with_the_last_session),
		SUITE_TEST(killing_everybody_leaves_pid_1_and_a_verdict),
		SUITE_TEST(the_dead_are_reaped),
		SUITE_TEST(a_keeper_holds_nothing_but_its_report),
	};

	return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
