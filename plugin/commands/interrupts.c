/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/interrupts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__) && !defined(ASB_POSIX_INTERRUPTS)
#define HAVE_SIGNALFD 1
#include <sys/signalfd.h>
#endif

#define PATIENCE_S 10

static bool hangup_ignored(void)
{
	struct sigaction action;

	return sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	if (!hangup_ignored())
		sigaddset(set, SIGHUP);
}

#ifdef HAVE_SIGNALFD

int asb_interrupts_open(struct asb_interrupts *interrupts, struct asb_error *err)
{
	sigset_t set;

	signal_set(&set);
	interrupts->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (interrupts->fd < 0)
		return asb_fail_errno(err, "signals can't be received");
	/* A blocked signal waits even when it is set to be ignored, as SIGINT is for the background
	 * jobs of a shell. */
	sigprocmask(SIG_BLOCK, &set, &interrupts->before);
	return 0;
}

int asb_interrupts_take(const struct asb_interrupts *interrupts)
{
	struct signalfd_siginfo info;

	if (interrupts->fd < 0 || read(interrupts->fd, &info, sizeof info) != (ssize_t)sizeof info)
		return 0;
	return (int)info.ssi_signo;
}

static void stop_receiving(struct asb_interrupts *interrupts)
{
	close(interrupts->fd);
}

#else /* POSIX has no such descriptor: a handler writes the numbers of signals into a pipe */

static int pipe_end = -1; /* a handler knows nothing but its process */
static struct sigaction before[3];
static const int numbers[3] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int number)
{
	unsigned char byte = (unsigned char)number;
	int error = errno;

	if (write(pipe_end, &byte, 1) != 1)
		(void)number; /* it is full of signals */
	errno = error;
}

int asb_interrupts_open(struct asb_interrupts *interrupts, struct asb_error *err)
{
	const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigset_t set;
	int ends[2];

	signal_set(&set);
	if (pipe(ends) != 0)
		return asb_fail_errno(err, "signals can't be received");
	for (int i = 0; i < 2; i++) {
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
		fcntl(ends[i], F_SETFL, O_NONBLOCK);
	}
	interrupts->fd = ends[0];
	pipe_end = ends[1];
	sigprocmask(SIG_BLOCK, NULL, &interrupts->before);
	for (int i = 0; i < 3; i++)
		sigaction(numbers[i], sigismember(&set, numbers[i]) ? &action : NULL, &before[i]);
	return 0;
}

int asb_interrupts_take(const struct asb_interrupts *interrupts)
{
	unsigned char byte;

	if (interrupts->fd < 0 || read(interrupts->fd, &byte, 1) != 1)
		return 0;
	return byte;
}

static void stop_receiving(struct asb_interrupts *interrupts)
{
	for (int i = 0; i < 3; i++)
		sigaction(numbers[i], &before[i], NULL);
	close(interrupts->fd);
	close(pipe_end);
	pipe_end = -1;
}

#endif

/* One handler per signal: which one it was must survive until the alarm without a variable. */
static void leave_130(int number)
{
	(void)number;
	_exit(128 + SIGINT);
}

static void leave_143(int number)
{
	(void)number;
	_exit(128 + SIGTERM);
}

static void leave_129(int number)
{
	(void)number;
	_exit(128 + SIGHUP);
}

/* Only calls that a signal handler may make (signal-safety(7)). */
static void hurry(int number)
{
	struct sigaction action = {.sa_flags = SA_RESTART};

	action.sa_handler = number == SIGINT	? leave_130
			    : number == SIGTERM ? leave_143
						: leave_129;
	sigaction(SIGALRM, &action, NULL);
	alarm(PATIENCE_S);
}

void asb_interrupts_last_steps(struct asb_interrupts *interrupts)
{
	struct sigaction action = {.sa_handler = hurry, .sa_flags = SA_RESTART};
	sigset_t set;

	if (interrupts->fd < 0)
		return;
	signal_set(&set);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (sigismember(&set, SIGHUP))
		sigaction(SIGHUP, &action, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void asb_interrupts_close(struct asb_interrupts *interrupts)
{
	if (interrupts->fd < 0)
		return;
	stop_receiving(interrupts);
	interrupts->fd = -1;
	sigprocmask(SIG_SETMASK, &interrupts->before, NULL);
}
