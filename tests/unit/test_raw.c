/* SPDX-License-Identifier: Apache-2.0 */
/* Raw mode on a terminal of the test's own: its modes come back whatever ends the program. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/term/raw.h"

#define WAIT_S 40

struct screen {
	int master, slave;
	struct termios before;
	int said; /* the child writes a byte when it is ready */
	pid_t child;
};

static void screen_open(struct screen *screen)
{
	*screen = (struct screen){.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
	assert_true(screen->master >= 0);
	assert_int_equal(grantpt(screen->master), 0);
	assert_int_equal(unlockpt(screen->master), 0);
	screen->slave = open(ptsname(screen->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(screen->slave >= 0);
	assert_int_equal(tcgetattr(screen->slave, &screen->before), 0);
}

static void screen_close(struct screen *screen)
{
	close(screen->master);
	close(screen->slave);
}

static void pause_briefly(void)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	nanosleep(&pause, NULL);
}

static bool is_raw(const struct screen *screen)
{
	struct termios now;

	assert_int_equal(tcgetattr(screen->slave, &now), 0);
	return (now.c_lflag & (ICANON | ECHO | ISIG)) == 0 && (now.c_oflag & OPOST) == 0 &&
	       (now.c_iflag & (ICRNL | IXON)) == 0;
}

static bool is_as_before(const struct screen *screen)
{
	struct termios now;

	assert_int_equal(tcgetattr(screen->slave, &now), 0);
	return now.c_iflag == screen->before.c_iflag && now.c_oflag == screen->before.c_oflag &&
	       now.c_cflag == screen->before.c_cflag && now.c_lflag == screen->before.c_lflag &&
	       memcmp(now.c_cc, screen->before.c_cc, sizeof(now.c_cc)) == 0;
}

/* A shell's child whose terminal this is: a session of its own, in the foreground. */
static void start(struct screen *screen, void (*program)(int fd, int said))
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	screen->child = fork();
	if (screen->child == 0) {
		const struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		close(ends[0]);
		close(screen->master);
		setsid();
		ioctl(screen->slave, TIOCSCTTY, 0);
		for (int number = 1; number < 32; number++)
			signal(number, SIG_DFL);
		program(screen->slave, ends[1]);
		_exit(99);
	}
	close(ends[1]);
	screen->said = ends[0];
}

static void hear(const struct screen *screen)
{
	char byte;

	assert_int_equal(read(screen->said, &byte, 1), 1);
}

static int wait_for(struct screen *screen)
{
	int status = 0;

	assert_int_equal(waitpid(screen->child, &status, 0), screen->child);
	close(screen->said);
	return status;
}

static void say(int said)
{
	if (write(said, "x", 1) != 1)
		_exit(98);
}

static void enter(int fd)
{
	struct asb_error err = ASB_ERROR_INIT;

	alarm(WAIT_S); /* nobody is left behind */
	signal(SIGALRM, SIG_DFL);
	if (asb_raw_enter(fd, &err) != 0)
		_exit(97);
}

static void enter_and_wait(int fd, int said)
{
	enter(fd);
	say(said);
	for (;;)
		pause();
}

static void signals_that_end_us_restore_it(void **state)
{
	static const int numbers[] = {SIGQUIT, SIGABRT, SIGSEGV, SIGUSR1, SIGALRM, SIGXCPU};
	struct screen screen;

	(void)state;
	screen_open(&screen);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int status;

		start(&screen, enter_and_wait);
		hear(&screen);
		assert_true(is_raw(&screen));
		kill(screen.child, numbers[i]);
		status = wait_for(&screen);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), numbers[i]);
		assert_true(is_as_before(&screen));
	}
	screen_close(&screen);
}

static void enter_and_exit(int fd, int said)
{
	enter(fd);
	say(said);
	exit(3);
}

static void enter_and_leave(int fd, int said)
{
	enter(fd);
	asb_raw_leave();
	asb_raw_leave();
	say(said);
	_exit(asb_raw_events() == -1 ? 4 : 5);
}

static void enter_and_abort(int fd, int said)
{
	enter(fd);
	say(said);
	abort();
}

static void so_do_leaving_exit_and_abort(void **state)
{
	struct screen screen;
	int status;

	(void)state;
	screen_open(&screen);
	start(&screen, enter_and_exit);
	hear(&screen);
	status = wait_for(&screen);
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_true(is_as_before(&screen));

	start(&screen, enter_and_leave);
	hear(&screen);
	assert_true(is_as_before(&screen));
	status = wait_for(&screen);
	assert_int_equal(WEXITSTATUS(status), 4);

	start(&screen, enter_and_abort);
	hear(&screen);
	status = wait_for(&screen);
	assert_true(WIFSIGNALED(status));
	assert_true(is_as_before(&screen));
	screen_close(&screen);
}

static enum asb_raw_event next_event(void)
{
	enum asb_raw_event event;

	for (;;) {
		event = asb_raw_take();
		if (event != ASB_RAW_NOTHING)
			return event;
		pause_briefly();
	}
}

static void tell_events(int fd, int said)
{
	unsigned short rows, columns;

	enter(fd);
	say(said);
	if (next_event() != ASB_RAW_RESIZED)
		_exit(1);
	if (!asb_raw_size(fd, &rows, &columns) || rows != 33 || columns != 77)
		_exit(2);
	say(said);
	if (next_event() != ASB_RAW_CONTINUED)
		_exit(3);
	say(said);
	if (next_event() != ASB_RAW_STOP)
		_exit(4);
	/* Nobody could continue the only process of a session: the kernel doesn't stop it. */
	asb_raw_suspend();
	if (next_event() != ASB_RAW_CONTINUED)
		_exit(5);
	say(said);
	pause();
}

static void what_happens_to_it_is_told(void **state)
{
	const struct winsize size = {.ws_row = 33, .ws_col = 77};
	struct screen screen;
	struct termios cooked;

	(void)state;
	screen_open(&screen);
	cooked = screen.before;
	start(&screen, tell_events);
	hear(&screen);
	assert_int_equal(ioctl(screen.master, TIOCSWINSZ, &size), 0);
	hear(&screen);
	/* As a shell does that takes the terminal back from a stopped program. */
	kill(screen.child, SIGSTOP);
	assert_int_equal(waitpid(screen.child, NULL, WUNTRACED), screen.child);
	assert_int_equal(tcsetattr(screen.slave, TCSANOW, &cooked), 0);
	kill(screen.child, SIGCONT);
	hear(&screen);
	assert_true(is_raw(&screen));
	kill(screen.child, SIGTSTP);
	hear(&screen);
	assert_true(is_raw(&screen));
	kill(screen.child, SIGQUIT);
	wait_for(&screen);
	assert_true(is_as_before(&screen));
	screen_close(&screen);
}

/* Which takes the default action of SIGTSTP for doing nothing. */
static bool under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

/* A shell with a job that suspends itself. */
static void suspend_under_a_shell(int fd, int said)
{
	pid_t job = fork();

	if (job == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(fd, getpid());
		signal(SIGTTOU, SIG_DFL);
		enter(fd);
		say(said);
		asb_raw_suspend();
		if (next_event() != ASB_RAW_CONTINUED)
			_exit(1);
		say(said);
		pause();
	}
	alarm(WAIT_S);
	waitpid(job, NULL, WUNTRACED);
	say(said);
	/* The test looks at the terminal and then continues us. */
	raise(SIGSTOP);
	kill(job, SIGCONT);
	waitpid(job, NULL, 0);
	_exit(0);
}

static void suspending_gives_the_terminal_back_for_a_while(void **state)
{
	struct screen screen;

	(void)state;
	if (under_valgrind())
		return;
	screen_open(&screen);
	start(&screen, suspend_under_a_shell);
	hear(&screen);
	hear(&screen);
	assert_true(is_as_before(&screen));
	assert_int_equal(waitpid(screen.child, NULL, WUNTRACED), screen.child);
	kill(screen.child, SIGCONT);
	hear(&screen);
	assert_true(is_raw(&screen));
	kill(screen.child, SIGKILL);
	wait_for(&screen);
	screen_close(&screen);
}

static void what_is_no_terminal_is_an_error(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	unsigned short rows = 1, columns = 1;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(asb_raw_enter(fd, &err), -1);
	assert_true(asb_failed(&err));
	assert_int_equal(asb_raw_take(), ASB_RAW_NOTHING);
	assert_false(asb_raw_size(fd, &rows, &columns));
	assert_int_equal(rows + columns, 0);
	asb_raw_suspend();
	asb_raw_leave();
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_that_end_us_restore_it),
		cmocka_unit_test(so_do_leaving_exit_and_abort),
		cmocka_unit_test(what_happens_to_it_is_told),
		cmocka_unit_test(suspending_gives_the_terminal_back_for_a_while),
		cmocka_unit_test(what_is_no_terminal_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
