/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/interrupts.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

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
	close(interrupts->fd);
	interrupts->fd = -1;
	sigprocmask(SIG_SETMASK, &interrupts->before, NULL);
}
