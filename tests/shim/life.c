/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, connections and PID 1 itself: how they begin and end, and who may not begin anything.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

static void bye_ends_everything_and_is_answered(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = job_line(c, "setsid sleep 600 & trap '' TERM; sleep 600; sleep 600");

	client_until(c, &job->started);
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 2, WAIT_MS));
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 0);
	assert_int_equal(sandbox_count(&s->box, "asb-keeper", ""), 0);
	client_until_closed(c);
	assert_int_equal(c->error, 0);
}

static void bye_without_jobs_is_answered(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;

	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	client_until_closed(c);
}

static void a_lost_session_lives_as_long_as_its_lease(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->other;
	struct job *job;
	long long lost;

	client_open(c, &s->box, 700);
	job = job_line(c, "setsid sleep 600 & sleep 600");
	client_until(c, &job->started);
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 2, WAIT_MS));
	client_kill(c);
	lost = now_ms();
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 0, WAIT_MS));
	assert_true(now_ms() - lost >= 600);
}

static void without_a_lease_it_ends_at_once(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->other;
	struct job *job;

	client_open(c, &s->box, 0);
	job = job_line(c, "sleep 600");
	client_until(c, &job->started);
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 1, WAIT_MS));
	client_kill(c);
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 0, WAIT_MS));
	assert_true(file_wait(s->box.audit, "\"event\":\"end\"", WAIT_MS));
}

static void sigterm_ends_jobs_then_pid_1(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *polite =
		job_line(c, "trap 'echo bye; exit 3' TERM; echo on; while :; do sleep 0.02; done");
	struct job *deaf = job_line(c, "trap '' TERM; echo on; while :; do sleep 600; done");

	while (polite->output[0].total < 3 || deaf->output[0].total < 3)
		assert_true(client_step(c, WAIT_MS));
	assert_int_equal(kill(s->box.pid, SIGTERM), 0);
	job_wait(c, polite);
	assert_int_equal(polite->record.code, 3);
	assert_true(polite->record.shutdown);
	assert_string_equal(polite->output[0].bytes, "on\nbye\n");
	job_wait(c, deaf);
	assert_string_equal(deaf->record.signal, "KILL");
	assert_true(deaf->record.shutdown);
	client_until_closed(c);
	assert_int_equal(c->error, ASB_ERROR_SHUTDOWN);
	assert_true(sandbox_wait(&s->box, WAIT_MS));
	assert_true(WIFEXITED(s->box.status));
	assert_int_equal(WEXITSTATUS(s->box.status), 143);
}

static void an_idle_pid_1_stops_at_once(void **state)
{
	struct suite *s = *state;

	client_send(&s->client, ASB_BYE, 0, 0, NULL, 0);
	client_until(&s->client, &s->client.bye);
	assert_int_equal(kill(s->box.pid, SIGTERM), 0);
	assert_true(sandbox_wait(&s->box, 2000));
	assert_int_equal(WEXITSTATUS(s->box.status), 143);
}

static void no_job_starts_during_the_end(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = job_line(c, "trap '' TERM; echo on; while :; do sleep 600; done");

	while (job->output[0].total < 3)
		assert_true(client_step(c, WAIT_MS));
	assert_int_equal(kill(s->box.pid, SIGTERM), 0);
	assert_true(file_wait(s->box.diagnostics, "stopping", WAIT_MS));
	assert_int_equal(run_line(c, "exit 0")->failed, ASB_FAILED_SYSTEM);
	client_connect(&s->other, &s->box);
	client_hello(&s->other, 0, 1);
	client_until_closed(&s->other);
	assert_int_equal(s->other.error, ASB_ERROR_SHUTDOWN);
	client_close(&s->other);
	assert_true(sandbox_wait(&s->box, WAIT_MS));
}

static void a_command_cannot_stop_pid_1(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;

	(void)run_line(c, "kill -TERM 1; kill -INT 1; kill -KILL 1; kill -STOP 1; kill -USR1 1; :");
	/* A sanitizer's handler would take this for a fault. */
	if (!shim_is_instrumented())
		(void)run_line(c, "kill -SEGV 1; kill -FPE 1; :");
	assert_true(file_wait(s->box.diagnostics, "ignored signal 15", WAIT_MS));
	assert_string_equal(run_text(c, "echo still here"), "still here\n");
}

static void a_command_cannot_connect(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	char line[4400];
	struct job *job;

	/* As a child, and as an orphan that PID 1 or the keeper has adopted. */
	snprintf(line, sizeof(line), "printf x | '%s' connect; echo $?", shim_path());
	job = run_line(c, line);
	assert_string_equal(job->output[0].bytes, "0\n");
	snprintf(line, sizeof(line),
		 "(setsid sh -c \"sleep 0.1; '%s' connect </dev/null; echo ended\" &) ; sleep 1",
		 shim_path());
	job = run_line(c, line);
	assert_string_equal(job->output[0].bytes, "ended\n");
	snprintf(line, sizeof(line),
		 "kill -9 $PPID; (setsid sh -c \"sleep 0.1; '%s' connect </dev/null; echo ended\" "
		 "&) ; sleep 1",
		 shim_path());
	job = run_line(c, line);
	assert_string_equal(job->output[0].bytes, "ended\n");
	assert_non_null(strstr(file_text(s->box.diagnostics),
			       "it did not come from the container runtime"));
	assert_string_equal(run_text(c, "echo still here"), "still here\n");
}

static void a_command_cannot_look_into_the_shim(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;

	assert_string_equal(
		run_text(c, "cat /proc/1/environ /proc/$PPID/environ /proc/1/maps 2>/dev/null; "
			    "ls /proc/1/fd /proc/$PPID/fd 2>/dev/null; echo end"),
		"end\n");
	/* The command itself is an ordinary process again. */
	assert_string_equal(run_text(c, "cat "
					"/proc/self/environ | tr '\\0' '\\n' | grep FROM_"),
			    "FROM_CONTAINER=yes\n");
}

static void connect_says_when_nobody_listens(void **state)
{
	struct suite *s = *state;
	int status;
	pid_t pid;
	int null;

	(void)s;
	/* Outside of the sandbox there is no PID 1 of ours, or one that isn't PID 1 here. */
	null = dup(0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(s->box.diagnostics, 2);
		(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execl(shim_path(), shim_path(), "connect", (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(null);
	assert_int_equal(WEXITSTATUS(status), 125);
	assert_non_null(
		strstr(file_text(s->box.diagnostics), "agentsandbox-shim: cannot reach PID 1"));
}

static void connect_ends_when_pid_1_does(void **state)
{
	struct suite *s = *state;
	int status = -1;
	long long end = now_ms() + WAIT_MS;

	(void)kill(s->box.pid, SIGKILL);
	client_until_closed(&s->client);
	while (waitpid(s->client.pid, &status, WNOHANG) == 0) {
		assert_true(now_ms() < end);
		pause_briefly();
	}
	s->client.pid = 0;
}

static void the_audit_tells_what_ran(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	const char *text;
	struct job *job;

	describe_arg(d, "printf");
	describe_arg(d, "q\" b\\ n\n \x01 u\xc3\xa4 bad\xff\xc3 \xed\xa0\x80");
	describe_text(d, ASB_SPEC_ENV, "SECRET=hunter2");
	describe_text(d, ASB_SPEC_CWD, "/tmp");
	job = job_start(c, d);
	job_wait(c, job);
	(void)run_line(c, "echo abc; kill -9 $$");
	(void)run_line(c, "exit 3");
	assert_true(file_wait(s->box.audit, "\"code\":3", WAIT_MS));
	text = file_text(s->box.audit);
	assert_non_null(strstr(text, "\"event\":\"start\""));
	assert_non_null(strstr(text,
			       "\"argv\":[\"printf\",\"q\\\" b\\\\ n\\u000a \\u0001 u\xc3\xa4 "
			       "bad\\\\xff\\\\xc3 \\\\xed\\\\xa0\\\\x80\"],\"cwd\":\"/tmp\"}\n"));
	assert_non_null(strstr(text, "\"line\":\"echo abc; kill -9 $$\"}\n"));
	assert_non_null(strstr(text, "\"signal\":\"KILL\",\"stdin_bytes\":0,\"stdout_bytes\":4"));
	assert_null(strstr(text, "hunter2"));
}

static void a_long_command_is_cut_in_the_audit(void **state)
{
	static char large[100001];
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;
	size_t longest = 0;

	memset(large, '"', sizeof(large) - 1);
	describe_arg(d, "true");
	describe_arg(d, large);
	describe_arg(d, "after");
	job = job_start(c, d);
	job_wait(c, job);
	assert_int_equal(job->record.code, 0);
	d = describe();
	describe_arg(d, "true");
	for (int i = 0; i < 20000; i++)
		describe_arg(d, "");
	job = job_start(c, d);
	job_wait(c, job);
	(void)run_line(c, "exit 3");
	assert_true(file_wait(s->box.audit, "\"code\":3", WAIT_MS));
	assert_non_null(strstr(file_text(s->box.audit), "\\\"\"],\"truncated\":true}\n"));
	assert_non_null(strstr(file_text(s->box.audit), ",\"\"],\"truncated\":true}\n"));
	for (const char *at = file_text(s->box.audit); *at != '\0'; at += strcspn(at, "\n") + 1) {
		if (strcspn(at, "\n") > longest)
			longest = strcspn(at, "\n");
	}
	assert_true(longest < 5000);
}

static void a_stuck_audit_stops_nothing(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	static char text[1 << 20];
	size_t n = 0;
	long long end = now_ms() + WAIT_MS;

	/* More than the pipe holds, and nobody reads. */
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < 9; k++) {
			struct job *job = run_line(
				c, "exit 0 # this text makes the line longer: "
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

			assert_int_equal(job->record.code, 0);
		}
	}
	/* Someone reads again: whole lines only, and the next one counts the dropped. */
	while (strstr(text, "\"dropped\":") == NULL) {
		ssize_t got;

		(void)run_line(c, "exit 0");
		got = read(s->box.audit, text + n, sizeof(text) - 1 - n);
		if (got > 0)
			n += (size_t)got;
		assert_true(now_ms() < end);
	}
	for (const char *at = text; *at != '\0' && strchr(at, '\n') != NULL;
	     at = strchr(at, '\n') + 1)
		assert_memory_equal(at, "{\"time\":\"20", 11);
}

int asb_test_life(void)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(bye_ends_everything_and_is_answered),
		SUITE_TEST(bye_without_jobs_is_answered),
		SUITE_TEST(a_lost_session_lives_as_long_as_its_lease),
		SUITE_TEST(without_a_lease_it_ends_at_once),
		SUITE_TEST(sigterm_ends_jobs_then_pid_1),
		SUITE_TEST(an_idle_pid_1_stops_at_once),
		SUITE_TEST(no_job_starts_during_the_end),
		SUITE_TEST(a_command_cannot_stop_pid_1),
		SUITE_TEST(a_command_cannot_connect),
		SUITE_TEST(a_command_cannot_look_into_the_shim),
		SUITE_TEST(connect_says_when_nobody_listens),
		SUITE_TEST(connect_ends_when_pid_1_does),
		SUITE_TEST(the_audit_tells_what_ran),
		SUITE_TEST(a_long_command_is_cut_in_the_audit),
		cmocka_unit_test_setup_teardown(a_stuck_audit_stops_nothing, suite_setup_piped,
						suite_teardown),
	};

	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
