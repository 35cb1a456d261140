/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs with a terminal: what a program can ask of one, what its keys do, and how it ends. */
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <xxhash.h>
#pragma GCC diagnostic pop

#define PASTE (1u << 20)

static uint64_t size_of(unsigned rows, unsigned columns)
{
	return (uint64_t)rows << 16 | columns;
}

static struct job *start_terminal(struct client *c, const char *line)
{
	struct description *d = describe();

	describe_text(d, ASB_SPEC_LINE, line);
	describe_number(d, ASB_SPEC_PTY, 1, 1);
	describe_number(d, ASB_SPEC_SIZE, 4, size_of(30, 100));
	return job_start(c, d);
}

static struct job *start_program(struct client *c, const char *const *argv)
{
	struct description *d = describe();

	for (; *argv != NULL; argv++)
		describe_arg(d, *argv);
	describe_number(d, ASB_SPEC_PTY, 1, 1);
	describe_text(d, ASB_SPEC_ENV, "PS1=prompt> ");
	return job_start(c, d);
}

static void type(struct client *c, struct job *job, const char *text)
{
	assert_int_equal(job_write(c, job, text, strlen(text)), strlen(text));
}

/* Steps until the screen shows the text, at or behind *at, which is moved behind it. */
static void expect_from(struct client *c, const struct job *job, size_t *at, const char *text)
{
	long long end = now_ms() + WAIT_MS;
	const char *found = strstr(job->output[0].bytes + *at, text);

	while (found == NULL && now_ms() < end && !job->record.present) {
		(void)client_step(c, 100);
		found = strstr(job->output[0].bytes + *at, text);
	}
	if (found == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, job->output[0].bytes + *at);
	*at = (size_t)(found - job->output[0].bytes) + strlen(text);
}

static void expect(struct client *c, const struct job *job, const char *text)
{
	size_t at = 0;

	expect_from(c, job, &at, text);
}

static void a_command_has_a_terminal(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_terminal(c, "test -t 0 && test -t 1 && test -t 2 && stty size; "
					    ": </dev/tty && echo controls; echo err >&2; exit 5");

	job_wait(c, job);
	assert_int_equal(job->record.code, 5);
	assert_string_equal(job->output[0].bytes, "30 100\r\ncontrols\r\nerr\r\n");
	assert_int_equal(job->output[1].total, 0);
	assert_true(job->record.stdout_sum == XXH64(job->output[0].bytes, 23, 0));

	/* Nothing of that without being asked for. */
	job = run_line(c, "test -t 0 || test -t 1 || test -t 2 || test -r /dev/tty && echo no");
	assert_string_equal(job->output[0].bytes, "no\n");
}

static void the_size_follows(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_terminal(c, "trap 'stty size' WINCH; echo ready; "
					    "while :; do sleep 0.05; done");
	uint8_t size[4];

	expect(c, job, "ready");
	asb_put16(size, 50);
	asb_put16(size + 2, 132);
	client_send(c, ASB_RESIZE, 0, job->channel, size, sizeof(size));
	expect(c, job, "50 132");
	/* A job that has none, or is no more, doesn't mind. */
	run_line(c, "true");
	client_send(c, ASB_RESIZE, 0, 12345, size, sizeof(size));
	job_signal(c, job, "KILL");
	job_wait(c, job);
	assert_string_equal(job->record.signal, "KILL");
}

static void keys_are_signals(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_terminal(c, "trap 'echo caught; exit 3' INT; echo ready; "
					    "while :; do sleep 0.05; done");

	expect(c, job, "ready");
	type(c, job, "\003");
	job_wait(c, job);
	assert_int_equal(job->record.code, 3);
	expect(c, job, "^Ccaught");

	job = start_terminal(c, "echo ready; exec sleep 100");
	expect(c, job, "ready");
	/* Until then it is a shell, and bash does not die of QUIT. */
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 1, WAIT_MS));
	type(c, job, "\034");
	job_wait(c, job);
	assert_string_equal(job->record.signal, "QUIT");
}

/* A key that comes before the shell has given the terminal away is lost. */
static void interrupt_sleep(struct suite *s, struct job *job)
{
	long long end = now_ms() + WAIT_MS;

	do {
		assert_true(now_ms() < end);
		type(&s->client, job, "\003");
	} while (!sandbox_wait_count(&s->box, "sleep", "", 0, 500));
}

static void a_shell_controls_its_jobs(void **state)
{
	static const char *const shell[] = {"bash", "--norc", "--noprofile", "-i", NULL};
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_program(c, shell);
	size_t at = 0;

	expect_from(c, job, &at, "prompt> ");
	type(c, job, "sleep 123\r");
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 1, WAIT_MS));
	type(c, job, "\032");
	expect_from(c, job, &at, "Stopped");
	assert_true(sandbox_wait_count(&s->box, "sleep", "T", 1, WAIT_MS));
	expect_from(c, job, &at, "prompt> ");
	type(c, job, "bg\r");
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 1, WAIT_MS));
	expect_from(c, job, &at, "prompt> ");
	type(c, job, "jobs\r");
	expect_from(c, job, &at, "Running");
	expect_from(c, job, &at, "prompt> ");
	type(c, job, "fg\r");
	expect_from(c, job, &at, "sleep 123\r\n");
	interrupt_sleep(s, job);
	expect_from(c, job, &at, "prompt> ");
	type(c, job, "sleep 124\r");
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 1, WAIT_MS));
	/* A signal means what is in the foreground, as a key does. */
	job_signal(c, job, "INT");
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 0, WAIT_MS));
	expect_from(c, job, &at, "prompt> ");
	type(c, job, "exit 9\r");
	job_wait(c, job);
	assert_int_equal(job->record.code, 9);
}

static void kill_reaches_the_command_behind_the_foreground(void **state)
{
	static const char *const shell[] = {"bash", "--norc", "--noprofile", "-i", NULL};
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_program(c, shell);

	expect(c, job, "prompt> ");
	type(c, job, "sleep 125\r");
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 1, WAIT_MS));
	job_signal(c, job, "KILL");
	job_wait(c, job);
	assert_string_equal(job->record.signal, "KILL");
}

static void the_end_of_stdin_is_typed(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_terminal(c, "stty -echo; echo ready; cat; echo end");

	expect(c, job, "ready");
	type(c, job, "whole\n");
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_int_equal(job->record.code, 0);
	assert_string_equal(job->output[0].bytes, "ready\r\nwhole\r\nend\r\n");

	job = start_terminal(c, "stty -echo; echo ready; cat; echo end");
	expect(c, job, "ready");
	type(c, job, "half");
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_string_equal(job->output[0].bytes, "ready\r\nhalfend\r\n");
}

/* Into a program that does not look for a while: more than all buffers on the way hold. */
static void a_large_paste_waits_and_arrives(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_terminal(c, "stty raw -echo; printf ready; "
					    "kill -STOP $$; head -c 1048576");
	uint8_t *screen = malloc(5 + PASTE);
	long long end = now_ms() + 6 * WAIT_MS;
	bool told = false;
	size_t at = 0;

	assert_non_null(screen);
	memcpy(screen, "ready", 5);
	for (size_t i = 0; i < PASTE; i++)
		screen[5 + i] = (uint8_t)(i * 7 + i / 251);
	expect(c, job, "ready");
	while (at < PASTE) {
		size_t n = job_write(c, job, screen + 5 + at, PASTE - at);

		at += n;
		assert_true(now_ms() < end);
		if (n > 0 || client_step(c, 500) || told)
			continue;
		/* Everything is full. */
		assert_true(job->stdin_consumed < PASTE / 2);
		job_signal(c, job, "CONT");
		told = true;
	}
	job_wait(c, job);
	assert_true(told);
	assert_int_equal(job->record.code, 0);
	assert_true(job->record.stdin_bytes == PASTE);
	assert_true(job->record.stdout_bytes == 5 + PASTE);
	assert_true(job->record.stdout_sum == XXH64(screen, 5 + PASTE, 0));
	free(screen);
}

static void the_last_words_are_heard(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;

	for (int i = 0; i < 20; i++) {
		struct job *job = start_terminal(c, "stty -opost; head -c 70000 /dev/zero; exit 4");

		job_wait(c, job);
		assert_int_equal(job->record.code, 4);
		assert_true(job->output[0].total == 70000);
	}
}

static void what_stays_behind_does_not_hold_the_end(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	long long before = now_ms();
	struct job *job = start_terminal(c, "trap '' HUP; (sleep 60)& echo out; exit 7");

	job_wait(c, job);
	assert_int_equal(job->record.code, 7);
	assert_string_equal(job->output[0].bytes, "out\r\n");
	assert_true(now_ms() - before < 5000);
}

static void a_command_that_lets_go_is_not_hung_up(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_terminal(c, "echo out; exec <&- >/dev/null 2>&1; "
					    "sleep 0.5 </dev/null; exit 6");

	client_until(c, &job->output[0].ended);
	type(c, job, "into the void");
	job_wait(c, job);
	assert_int_equal(job->record.code, 6);
	assert_string_equal(job->output[0].bytes, "out\r\n");
}

static void a_terminal_without_a_reader_hangs_up(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = start_terminal(c, "echo ready; exec sleep 100");

	expect(c, job, "ready");
	client_send(c, ASB_STOP, ASB_STDOUT, job->channel, NULL, 0);
	job_wait(c, job);
	assert_string_equal(job->record.signal, "HUP");
}

static void a_wrong_size_is_refused(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;

	describe_text(d, ASB_SPEC_LINE, "true");
	describe_number(d, ASB_SPEC_PTY, 1, 1);
	describe_number(d, ASB_SPEC_SIZE, 2, 80);
	job = job_start(c, d);
	job_wait(c, job);
	assert_int_equal(job->failed, ASB_FAILED_BAD_SPEC);

	d = describe();
	describe_text(d, ASB_SPEC_LINE, "stty size");
	describe_number(d, ASB_SPEC_PTY, 1, 1);
	job = job_start(c, d);
	job_wait(c, job);
	assert_string_equal(job->output[0].bytes, "24 80\r\n");
}

static void many_terminals_leave_nothing(void **state)
{
	enum { MANY = 200 };
	struct suite *s = *state;
	struct client *c = &s->client;
	int before = sandbox_open_files(&s->box);
	struct job *jobs[MANY];

	for (int i = 0; i < MANY; i++)
		jobs[i] = start_terminal(c, "read x; echo \"got $x\"");
	for (int i = 0; i < MANY; i++)
		client_until(c, &jobs[i]->started);
	for (int i = 0; i < MANY; i++)
		type(c, jobs[i], "it\r");
	for (int i = 0; i < MANY; i++) {
		job_wait(c, jobs[i]);
		assert_int_equal(jobs[i]->record.code, 0);
		assert_non_null(strstr(jobs[i]->output[0].bytes, "got it\r\n"));
	}
	client_ping(c);
	assert_int_equal(sandbox_open_files(&s->box), before);
}

int asb_test_terminal(void)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(a_command_has_a_terminal),
		SUITE_TEST(the_size_follows),
		SUITE_TEST(keys_are_signals),
		SUITE_TEST(a_shell_controls_its_jobs),
		SUITE_TEST(kill_reaches_the_command_behind_the_foreground),
		SUITE_TEST(the_end_of_stdin_is_typed),
		SUITE_TEST(a_large_paste_waits_and_arrives),
		SUITE_TEST(the_last_words_are_heard),
		SUITE_TEST(what_stays_behind_does_not_hold_the_end),
		SUITE_TEST(a_command_that_lets_go_is_not_hung_up),
		SUITE_TEST(a_terminal_without_a_reader_hangs_up),
		SUITE_TEST(a_wrong_size_is_refused),
		SUITE_TEST(many_terminals_leave_nothing),
	};

	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
