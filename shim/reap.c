/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/reap.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/loop.h"

void asb_reap_all(void (*changed)(pid_t pid, int status, const struct rusage *usage))
{
	for (;;) {
		struct rusage usage;
		int status;
		/* Stopped ones are asked for because a command can stop its keeper, which then has
		 * to be continued. */
		pid_t pid = wait4(-1, &status, WNOHANG | WUNTRACED, &usage);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid <= 0)
			return;
		changed(pid, status, &usage);
	}
}

bool asb_reap_is_child(pid_t pid)
{
	siginfo_t info;

	return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static uint64_t micros(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000000 + (uint64_t)tv->tv_usec;
}

void asb_reap_verdict(struct asb_report *out, int status, const struct rusage *usage)
{
	*out = (struct asb_report){.kind = ASB_REPORT_EXITED,
				   .value = status,
				   .user_us = micros(&usage->ru_utime),
				   .system_us = micros(&usage->ru_stime),
				   .maxrss_kib = (uint64_t)usage->ru_maxrss};
}

/* waitid(2) with the usage that the kernel gives and libc hides. Leaves the dead child for another
 * to reap. */
static int peek(siginfo_t *info, struct rusage *usage)
{
	long rc;

	do {
		rc = syscall(SYS_waitid, P_ALL, 0, info, WEXITED | WNOWAIT, usage);
	} while (rc < 0 && errno == EINTR);
	return (int)rc;
}

static int status_of(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (info->si_status & 0xff) << 8;
	return info->si_status | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

_Noreturn void asb_reap_keep(int report, pid_t command, int64_t started_ns)
{
	for (;;) {
		siginfo_t info;
		struct rusage usage;

		if (peek(&info, &usage) < 0)
			_exit(0);
		/*
		 * Reported before it is reaped: a command that kills its keeper and leaves would
		 * otherwise take the status with it, for a process with SIGKILL pending can still
		 * reap but no longer tell.
		 */
		if (info.si_pid == command) {
			struct asb_report verdict;

			asb_reap_verdict(&verdict, status_of(&info), &usage);
			verdict.duration_ns = (uint64_t)(asb_now() - started_ns);
			(void)!write(report, &verdict, sizeof(verdict));
			(void)close(report);
			command = -1;
		}
		(void)waitpid(info.si_pid, NULL, 0);
	}
}
