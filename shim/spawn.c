/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/exec.h"
#include "shim/fds.h"
#include "shim/loop.h"
#include "shim/pty.h"
#include "shim/reap.h"

#ifndef PR_SET_CHILD_SUBREAPER
#define PR_SET_CHILD_SUBREAPER 36
#endif

/* Pipes, in the order in which they are made; [0] is read from, [1] written to. */
enum { IN, OUT, ERR, REPORT, PIPES };

struct plumbing {
	int pipe[PIPES][2];
	int null;  /* stdin of a job without stream 0, -1 otherwise */
	int slave; /* of a terminal in place of the first three pipes, -1 otherwise */
};

/* What failed in the child, sent through a pipe that a successful execve closes. */
struct failure {
	int32_t step;
	int32_t error;
};

static void report(int fd, int kind, int value, int error)
{
	const struct asb_report record = {.kind = kind, .value = value, .error = error};

	(void)!write(fd, &record, sizeof(record));
}

/*
 * PID 1 blocks and ignores signals, and exec keeps both: everything back to its default. By the
 * system call itself, since musl refuses the three numbers that it uses for threads, and whoever
 * started us may have ignored them. An action of zeros is the default on every architecture. The
 * mask comes last, so that what is pending strikes the command and not half of it.
 */
static void clean_signals(void)
{
	static const unsigned long deflt[8];
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)syscall(SYS_rt_sigaction, number, deflt, NULL, NSIG / 8);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0, 1 and 2 of the command. Their sources are above 2 (asb_fds_fill_stdio), so no dup2 destroys a
 * later one. */
static int place_stdio(const struct plumbing *p)
{
	bool terminal = p->slave >= 0;
	int in = p->null >= 0 ? p->null : p->pipe[IN][0];

	if (terminal && asb_pty_take(p->slave) < 0)
		return -1;
	if (dup2(terminal ? p->slave : in, STDIN_FILENO) < 0 ||
	    dup2(terminal ? p->slave : p->pipe[OUT][1], STDOUT_FILENO) < 0 ||
	    dup2(terminal ? p->slave : p->pipe[ERR][1], STDERR_FILENO) < 0)
		return -1;
	return 0;
}

/* Everything above 2 but `keep` is closed by number: it all has O_CLOEXEC, but a forgotten one must
 * not matter. */
static void close_others(int keep)
{
	asb_fds_close(STDERR_FILENO + 1, (unsigned)keep - 1);
	asb_fds_close((unsigned)keep + 1, ~0u);
}

static int step_of(const struct asb_spec *spec)
{
	return spec->line != NULL ? ASB_STEP_SHELL : ASB_STEP_EXEC;
}

/* The command's process, from fork to exec. Only what is safe after fork; every way out is exec or
 * _exit. */
static _Noreturn void become(const struct asb_spec *spec, const struct plumbing *p, int failures)
{
	struct failure failure = {0};

	report(p->pipe[REPORT][1], ASB_REPORT_PID, getpid(), 0);
	(void)setsid();
	if (place_stdio(p) < 0) {
		failure = (struct failure){ASB_STEP_STDIO, errno};
	} else if (spec->cwd != NULL && chdir(spec->cwd) < 0) {
		failure = (struct failure){ASB_STEP_CWD, errno};
	} else {
		close_others(failures);
		asb_fds_restore_limit();
		clean_signals();
		failure.error = asb_exec(spec);
		failure.step = step_of(spec);
	}
	(void)!write(failures, &failure, sizeof(failure));
	_exit(127);
}

static void close_all_but(int a, int b)
{
	int low = a < b ? a : b;
	int high = a < b ? b : a;

	if (low > 0)
		asb_fds_close(0, (unsigned)low - 1);
	asb_fds_close((unsigned)low + 1, (unsigned)high - 1);
	asb_fds_close((unsigned)high + 1, ~0u);
}

/* Tells PID 1 how exec went: nothing in the pipe means that it succeeded and closed it. */
static void report_exec(int to, int failures)
{
	struct failure failure;
	ssize_t n;

	do {
		n = read(failures, &failure, sizeof(failure));
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(failure))
		report(to, ASB_REPORT_FAILED, failure.step, failure.error);
	else
		report(to, ASB_REPORT_EXECED, 0, 0);
	(void)close(failures);
}

/* The keeper's process. All signals that can be are blocked: a command's `kill 0` and `kill -TERM
 * -1` pass it by. */
static _Noreturn void keep(const struct asb_spec *spec, const struct plumbing *p)
{
	int to = p->pipe[REPORT][1];
	int64_t started = asb_now();
	int failures[2];
	uint8_t all[NSIG / 8];
	pid_t command;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NAME, "asb-keeper", 0, 0, 0);
	memset(all, 0xff, sizeof(all));
	/* By the system call for the same reason as in clean_signals. */
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, all, NULL, NSIG / 8);
	command = -1;
	if (pipe2(failures, O_CLOEXEC) == 0)
		command = fork();
	if (command < 0) {
		report(to, ASB_REPORT_FAILED, ASB_STEP_FORK, errno);
		_exit(0);
	}
	if (command == 0)
		become(spec, p, failures[1]);
	close_all_but(to, failures[0]);
	asb_spec_forget();
	report_exec(to, failures[0]);
	asb_reap_keep(to, command, started);
}

static void unplumb(struct plumbing *p)
{
	for (int i = 0; i < PIPES; i++) {
		asb_fds_drop(&p->pipe[i][0]);
		asb_fds_drop(&p->pipe[i][1]);
	}
	asb_fds_drop(&p->null);
	asb_fds_drop(&p->slave);
}

static int plumb_streams(bool has_stdin, struct plumbing *p)
{
	for (int i = IN; i <= ERR; i++) {
		if (pipe2(p->pipe[i], O_CLOEXEC) < 0)
			return -1;
	}
	if (!has_stdin) {
		/* Without /dev/null the read end of a pipe that nobody writes to is as empty. */
		p->null = open("/dev/null", O_RDONLY | O_CLOEXEC | O_NOCTTY);
		asb_fds_drop(&p->pipe[IN][1]);
	} else if (asb_fds_nonblock(p->pipe[IN][1]) < 0) {
		return -1;
	}
	if (asb_fds_nonblock(p->pipe[OUT][0]) < 0 || asb_fds_nonblock(p->pipe[ERR][0]) < 0)
		return -1;
	return 0;
}

/* Written to and read from by two descriptors of one master, as if there were two pipes. */
static int plumb_terminal(struct asb_pty_size size, struct plumbing *p)
{
	if (asb_pty_open(size, &p->pipe[OUT][0], &p->slave) < 0)
		return -1;
	p->pipe[IN][1] = fcntl(p->pipe[OUT][0], F_DUPFD_CLOEXEC, 0);
	return p->pipe[IN][1] < 0 ? -1 : 0;
}

/* Returns NULL, or with errno what could not be had. */
static const char *plumb(const struct asb_spec *spec, struct plumbing *p)
{
	*p = (struct plumbing){{{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}}, -1, -1};
	if (pipe2(p->pipe[REPORT], O_CLOEXEC) < 0 || asb_fds_nonblock(p->pipe[REPORT][0]) < 0)
		return "cannot start a process";
	if (spec->has_pty)
		return plumb_terminal(spec->size, p) < 0 ? "cannot open a terminal" : NULL;
	return plumb_streams(spec->has_stdin, p) < 0 ? "cannot start a process" : NULL;
}

static int steal(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

int asb_spawn(const struct asb_spec *spec, struct asb_spawned *out)
{
	struct plumbing p;
	int error;

	*out = (struct asb_spawned){-1, -1, -1, -1, -1, NULL};
	out->failed = plumb(spec, &p);
	if (out->failed == NULL) {
		out->keeper = fork();
		out->failed = "cannot start a process";
	}
	error = errno;
	if (out->keeper == 0)
		keep(spec, &p);
	if (out->keeper > 0) {
		out->report = steal(&p.pipe[REPORT][0]);
		out->stdin_fd = steal(&p.pipe[IN][1]);
		out->stdout_fd = steal(&p.pipe[OUT][0]);
		out->stderr_fd = steal(&p.pipe[ERR][0]);
	}
	unplumb(&p);
	errno = error;
	return out->keeper > 0 ? 0 : -1;
}
