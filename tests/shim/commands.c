/* SPDX-License-Identifier: Apache-2.0 */
/* Starting commands: exit codes, signals, what can't be started, and what a command finds when it
 * runs. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

static void exit_codes_are_true(void **state)
{
	static const int codes[] = {0, 1, 2, 42, 124, 125, 126, 127, 128, 137, 254, 255};
	struct suite *s = *state;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		char line[32];
		struct job *job;

		snprintf(line, sizeof(line), "exit %d", codes[i]);
		job = run_line(&s->client, line);
		assert_true(job->started);
		assert_int_equal(job->record.code, codes[i]);
		assert_int_equal(job->record.signo, 0);
		assert_false(job->record.timed_out || job->record.oom || job->record.shutdown);
	}
}

static void death_by_signal_is_told(void **state)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = {{"TERM", SIGTERM}, {"KILL", SIGKILL}, {"SEGV", SIGSEGV}, {"PIPE", SIGPIPE},
		       {"INT", SIGINT},	  {"USR1", SIGUSR1}, {"HUP", SIGHUP},	{"ABRT", SIGABRT}};
	struct suite *s = *state;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		char line[64];
		struct job *job;

		snprintf(line, sizeof(line), "kill -%s $$; exit 3", signals[i].name);
		job = run_line(&s->client, line);
		assert_int_equal(job->record.code, -1);
		assert_string_equal(job->record.signal, signals[i].name);
		assert_int_equal(job->record.signo, signals[i].number);
	}
}

static struct job *run_arg(struct suite *s, const char *program)
{
	struct description *d = describe();
	struct job *job;

	describe_arg(d, program);
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	return job;
}

static void what_cannot_be_started_says_why(void **state)
{
	struct suite *s = *state;
	struct job *job;

	job = run_arg(s, "/no/such/program");
	assert_int_equal(job->failed, ASB_FAILED_NOT_FOUND);
	assert_int_equal(job->failed_errno, ENOENT);
	assert_false(job->started);
	assert_int_equal(run_arg(s, "no-such-program-in-path")->failed, ASB_FAILED_NOT_FOUND);
	assert_int_equal(run_arg(s, "/etc/passwd/x")->failed, ASB_FAILED_NOT_FOUND);
	job = run_arg(s, "/etc/passwd");
	assert_int_equal(job->failed, ASB_FAILED_NOT_EXECUTABLE);
	assert_int_equal(job->failed_errno, EACCES);
	assert_int_equal(run_arg(s, "/")->failed, ASB_FAILED_NOT_EXECUTABLE);
	/* The place of a job that was not started is free at once. */
	assert_string_equal(run_text(&s->client, "echo still here"), "still here\n");
}

static void a_script_without_interpreter_is_not_executable(void **state)
{
	struct suite *s = *state;
	struct job *job;
	char path[64];
	char line[256];

	snprintf(path, sizeof(path), "/tmp/asb-test-script.%d", (int)getpid());
	snprintf(line, sizeof(line), "echo 'exit 0' >%s; chmod 755 %s", path, path);
	(void)run_text(&s->client, line);
	job = run_arg(s, path);
	snprintf(line, sizeof(line), "rm -f %s", path);
	(void)run_text(&s->client, line);
	assert_int_equal(job->failed, ASB_FAILED_NOT_EXECUTABLE);
	assert_int_equal(job->failed_errno, ENOEXEC);
}

static void a_bad_directory_is_told(void **state)
{
	struct suite *s = *state;
	struct description *d = describe();
	struct job *job;

	describe_arg(d, "true");
	describe_text(d, ASB_SPEC_CWD, "/no/such/directory");
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->failed, ASB_FAILED_CWD);
	assert_int_equal(job->failed_errno, ENOENT);
}

static void too_large_an_argument_is_told(void **state)
{
	static char large[200 * 1024];
	struct suite *s = *state;
	struct description *d = describe();
	struct job *job;

	memset(large, 'a', sizeof(large) - 1);
	describe_arg(d, "true");
	describe_arg(d, large);
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->failed, ASB_FAILED_SYSTEM);
	assert_int_equal(job->failed_errno, E2BIG);
	assert_non_null(strstr(job->failed_text, "128 KiB"));

	d = describe();
	describe_arg(d, "true");
	large[120 * 1024] = '\0';
	describe_arg(d, large);
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->record.code, 0);
}

static void arguments_arrive_as_they_are(void **state)
{
	struct suite *s = *state;
	struct description *d = describe();
	struct job *job;

	describe_arg(d, "printf");
	describe_arg(d, "<%s>");
	describe_arg(d, "");
	describe_arg(d, "two words");
	describe_arg(d, "$HOME `id` \"'\\");
	describe_arg(d, "-h");
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_string_equal(job->output[0].bytes, "<><two words><$HOME `id` \"'\\><-h>");
}

static void the_environment_is_the_containers_and_the_jobs(void **state)
{
	struct suite *s = *state;
	struct description *d = describe();
	struct job *job;

	describe_text(d, ASB_SPEC_LINE,
		      "echo $FROM_CONTAINER $TWICE $A; pwd; umask; test -p /dev/stdin; echo $?");
	describe_text(d, ASB_SPEC_ENV, "A=x=y");
	describe_text(d, ASB_SPEC_ENV, "TWICE=first");
	describe_text(d, ASB_SPEC_ENV, "TWICE=second");
	describe_text(d, ASB_SPEC_CWD, "/usr");
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_string_equal(job->output[0].bytes, "yes second x=y\n/usr\n0022\n1\n");

	d = describe();
	describe_text(d, ASB_SPEC_LINE, "echo $FROM_CONTAINER");
	describe_text(d, ASB_SPEC_ENV, "FROM_CONTAINER=no");
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_string_equal(job->output[0].bytes, "no\n");
}

static void path_is_that_of_the_job(void **state)
{
	struct suite *s = *state;
	struct description *d = describe();
	struct job *job;

	describe_arg(d, "passwd");
	describe_text(d, ASB_SPEC_ENV, "PATH=/no/such:/etc");
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->failed, ASB_FAILED_NOT_EXECUTABLE);

	d = describe();
	describe_text(d, ASB_SPEC_LINE, "exit 5");
	describe_text(d, ASB_SPEC_ENV, "PATH=/no/such");
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->record.code, 5);
}

static void bad_descriptions_are_refused(void **state)
{
	struct suite *s = *state;
	struct description *d;
	struct job *job;

	job = job_start(&s->client, describe());
	job_wait(&s->client, job);
	assert_int_equal(job->failed, ASB_FAILED_BAD_SPEC);

	d = describe();
	describe_arg(d, "true");
	describe_text(d, ASB_SPEC_LINE, "true");
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->failed, ASB_FAILED_BAD_SPEC);

	d = describe();
	describe_arg(d, "true");
	describe_text(d, ASB_SPEC_ENV, "NOEQUALS");
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->failed, ASB_FAILED_BAD_SPEC);

	d = describe();
	describe_arg(d, "true");
	assert_int_equal(
		asb_attr_put(d->bytes, sizeof(d->bytes), &d->length, ASB_SPEC_ARG, "a\0b", 3), 0);
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->failed, ASB_FAILED_BAD_SPEC);

	d = describe();
	describe_arg(d, "true");
	d->length--;
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->failed, ASB_FAILED_BAD_SPEC);

	d = describe();
	describe_arg(d, "true");
	describe_number(d, 500, 8, 1);
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->record.code, 0);
}

static void a_description_has_a_limit(void **state)
{
	struct suite *s = *state;
	struct description *d = describe();
	char variable[128];
	struct job *job;

	describe_arg(d, "true");
	memset(variable, 'v', sizeof(variable));
	variable[sizeof(variable) - 1] = '\0';
	while (d->length + 200 < ASB_SPEC_MAX)
		describe_arg(d, variable);
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->failed, 0);
	assert_int_equal(job->record.code, 0);

	while (d->length <= ASB_SPEC_MAX)
		describe_arg(d, variable);
	job = job_start(&s->client, d);
	job_wait(&s->client, job);
	assert_int_equal(job->failed, ASB_FAILED_TOO_LARGE);
	assert_string_equal(run_text(&s->client, "echo next"), "next\n");
}

static void a_child_begins_clean(void **state)
{
	static const char *const clean[] = {
		"SigPnd:\t0000000000000000", "ShdPnd:\t0000000000000000",
		"SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000",
		"SigCgt:\t0000000000000000"};
	struct suite *s = *state;
	const char *text = run_text(&s->client, "cat /proc/self/status");

	/* What was ignored when PID 1 started is gone too, also the numbers that libcs keep for
	 * themselves. */
	for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++) {
		if (strstr(text, clean[i]) == NULL)
			fail_msg("no '%s' in:\n%s", clean[i], text);
	}
	assert_string_equal(run_text(&s->client, "ls /proc/$$/fd; :"), "0\n1\n2\n");
	assert_string_equal(run_text(&s->client, "set -- $(cat /proc/$$/stat); test $1 = $5 && "
						 "test $1 = $6 && echo leader"),
			    "leader\n");
}

static void the_record_counts(void **state)
{
	struct suite *s = *state;
	struct job *job = run_line(&s->client, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; "
					       "printf abc; printf defgh >&2");

	assert_int_equal(job->record.code, 0);
	assert_true(job->record.stdout_bytes == 3);
	assert_true(job->record.stderr_bytes == 5);
	assert_true(job->record.stdout_sum == UINT64_C(0x44bc2cf5ad770999)); /* XXH64 of "abc" */
	assert_true(job->record.duration_ns > 0);
	assert_true(job->record.user_us + job->record.system_us > 0);
	assert_true(job->record.maxrss_kib > 100);
	job = run_line(&s->client, ":");
	assert_true(job->record.stdout_sum == UINT64_C(0xef46db3751d8e999)); /* of nothing */
}

static void expect_oom(struct suite *s, const char *file, const char *before, const char *after)
{
	struct client *c = &s->client;
	struct job *job;

	sandbox_cgroup_file(file, before);
	job = run_line(c, "kill -KILL $$");
	assert_false(job->record.oom); /* no kill was counted meanwhile */
	job = job_line(c, "sleep 600");
	client_until(c, &job->started);
	sandbox_cgroup_file(file, after);
	job_signal(c, job, "KILL");
	job_wait(c, job);
	assert_true(job->record.oom);
	sandbox_cgroup_file(file, before);
	job = job_line(c, "sleep 600");
	client_until(c, &job->started);
	sandbox_cgroup_file(file, after);
	job_signal(c, job, "TERM");
	job_wait(c, job);
	assert_false(job->record.oom); /* it was not this one that was killed */
	sandbox_cgroup_file(file, NULL);
}

static void a_kill_for_memory_is_told(void **state)
{
	struct suite *s = *state;

	expect_oom(s, "memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n",
		   "oom_kill_disable 0\nunder_oom 0\noom_kill 8\n");
	expect_oom(s, "memory.events",
		   "low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\noom_group_kill 0\n",
		   "low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n");
}

int asb_test_commands(void)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(exit_codes_are_true),
		SUITE_TEST(death_by_signal_is_told),
		SUITE_TEST(what_cannot_be_started_says_why),
		SUITE_TEST(a_script_without_interpreter_is_not_executable),
		SUITE_TEST(a_bad_directory_is_told),
		SUITE_TEST(too_large_an_argument_is_told),
		SUITE_TEST(arguments_arrive_as_they_are),
		SUITE_TEST(the_environment_is_the_containers_and_the_jobs),
		SUITE_TEST(path_is_that_of_the_job),
		SUITE_TEST(bad_descriptions_are_refused),
		SUITE_TEST(a_description_has_a_limit),
		SUITE_TEST(a_child_begins_clean),
		SUITE_TEST(the_record_counts),
		SUITE_TEST(a_kill_for_memory_is_told),
	};

	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
