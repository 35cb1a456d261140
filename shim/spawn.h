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

#include <sys/types.h>

#include "shim/spec.h"

/* What PID 1 holds of a command; all descriptors are non-blocking, close-on-exec and the caller's.
 */
struct asb_spawned {
	pid_t keeper;
	int report;   /* end of file: no keeper writes any more */
	int stdin_fd; /* -1 without stream 0 */
	int stdout_fd;
	int stderr_fd;	    /* -1 with a terminal, whose master the two others are */
	const char *failed; /* what could not be had, when asb_spawn fails; static */
};

/* Returns 0, or -1 with errno and out->failed; then nothing was started. What happens after is told
 * by reports (report.h). */
int asb_spawn(const struct asb_spec *spec, struct asb_spawned *out);

#endif
