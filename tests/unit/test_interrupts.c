/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/commands/interrupts.h"

static int open_them(struct asb_interrupts *interrupts)
{
	struct asb_error err = ASB_ERROR_INIT;

	return asb_interrupts_open(interrupts, &err);
}

static void test_signals_wait_to_be_taken(void **state)
{
	struct asb_interrupts interrupts;

	(void)state;
	signal(SIGINT, SIG_IGN); /* as in a shell's background job */
	assert_int_equal(open_them(&interrupts), 0);
	assert_int_equal(asb_interrupts_take(&interrupts), 0);
	raise(SIGINT);
	raise(SIGTERM);
	assert_int_equal(asb_interrupts_take(&interrupts), SIGINT);
	assert_int_equal(asb_interrupts_take(&interrupts), SIGTERM);
	assert_int_equal(asb_interrupts_take(&interrupts), 0);
	asb_interrupts_close(&interrupts);
	assert_int_equal(asb_interrupts_take(&interrupts), 0);
	signal(SIGINT, SIG_DFL);
}

static void test_nohup_is_respected(void **state)
{
	struct asb_interrupts interrupts;

	(void)state;
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(open_them(&interrupts), 0);
	raise(SIGHUP);
	assert_int_equal(asb_interrupts_take(&interrupts), 0);
	asb_interrupts_last_steps(&interrupts);
	raise(SIGHUP);
	assert_int_equal(alarm(0), 0);
	asb_interrupts_close(&interrupts);
	signal(SIGHUP, SIG_DFL);
}

/* In a process of its own, as it ends by the alarm. Exit status 1: the signal did not set one. */
static int status_after(int number)
{
	struct asb_interrupts interrupts;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (open_them(&interrupts) != 0)
			_exit(2);
		asb_interrupts_last_steps(&interrupts);
		raise(number);
		if (alarm(0) == 0)
			_exit(1);
		raise(SIGALRM);
		_exit(3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_the_last_steps_are_not_cut_off_but_bounded(void **state)
{
	(void)state;
	assert_int_equal(status_after(SIGINT), 130);
	assert_int_equal(status_after(SIGTERM), 143);
	assert_int_equal(status_after(SIGHUP), 129);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals_wait_to_be_taken),
		cmocka_unit_test(test_nohup_is_respected),
		cmocka_unit_test(test_the_last_steps_are_not_cut_off_but_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
