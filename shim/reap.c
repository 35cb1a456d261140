/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/reap.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/loop.h"
#include "shim/spawn.h"

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

void asb_report_verdict(struct asb_report *out, int status, const struct rusage *usage)
{
	*out = (struct asb_report){.kind = ASB_REPORT_EXITED,
				   .value = status,
				   .user_us = micros(&usage->ru_utime),
				   .system_us = micros(&usage->ru_stime),
				   .maxrss_kib = (uint64_t)usage->ru_maxrss};
}

_Noreturn void asb_reap_keep(int report, pid_t command, int64_t started_ns)
{
	for (;;) {
		struct rusage usage;
		struct asb_report verdict;
		int status;
		pid_t pid = wait4(-1, &status, 0, &usage);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			_exit(0);
		if (pid != command)
			continue;
		asb_report_verdict(&verdict, status, &usage);
		verdict.duration_ns = (uint64_t)(asb_now() - started_ns);
		(void)!write(report, &verdict, sizeof(verdict));
		(void)close(report);
		command = -1;
	}
}
