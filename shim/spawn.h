/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.h - starts commands: the one place that makes processes.
 *
 * A command is the child of its *keeper*, a copy of the shim that does nothing but wait (reap.h).
 * The keeper is a subreaper: whatever the command's descendants do to their parents, sessions and
 * groups, they stay descendants of the keeper, which is how the whole tree can be found and killed
 * (tree.h). It holds no descriptor but its report pipe, is undumpable and lives as long as one of
 * the descendants does.
 */
#ifndef ASB_SPAWN_H
#define ASB_SPAWN_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "shim/spec.h"

/* What can fail between the two processes and the program. */
enum asb_step {
	ASB_STEP_FORK = 1,
	ASB_STEP_STDIO,
	ASB_STEP_CWD,
	ASB_STEP_EXEC,
	ASB_STEP_SHELL, /* neither bash nor sh could be executed */
};

enum asb_report_kind {
	ASB_REPORT_PID = 1, /* value: pid of the command, about to be executed. Comes first */
	ASB_REPORT_EXECED,  /* the program runs */
	ASB_REPORT_FAILED,  /* value: enum asb_step; error */
	ASB_REPORT_EXITED,  /* value: wait status, and the rest. Comes last */
};

/* One record in the report pipe, written at once (far below PIPE_BUF) and read whole. */
struct asb_report {
	int32_t kind;
	int32_t value;
	int32_t error;
	uint64_t duration_ns;
	uint64_t user_us;
	uint64_t system_us;
	uint64_t maxrss_kib;
};

/* What PID 1 holds of a command; all descriptors are non-blocking, close-on-exec and the caller's.
 */
struct asb_spawned {
	pid_t keeper;
	int report;   /* end of file: no keeper writes any more */
	int stdin_fd; /* -1 without stream 0 */
	int stdout_fd;
	int stderr_fd;
};

/* Returns 0, or -1 with errno; then nothing was started. What happens after is told by reports. */
int asb_spawn(const struct asb_spec *spec, struct asb_spawned *out);

/* Fills an ASB_REPORT_EXITED from what wait4(2) said; the duration is left 0 (reap.c). */
void asb_report_verdict(struct asb_report *out, int status, const struct rusage *usage);

#endif
