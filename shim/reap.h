/* SPDX-License-Identifier: Apache-2.0 */
/* reap.h - the one place that waits for processes: PID 1's turn through the dead, and the life of a
 * keeper. */
#ifndef ASB_REAP_H
#define ASB_REAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "shim/report.h"

/*
 * Takes every child that has died or was stopped and tells `changed`, one after the other, until
 * there is none: one SIGCHLD may stand for many. `usage` includes the children that the process had
 * waited for.
 */
void asb_reap_all(void (*changed)(pid_t pid, int status, const struct rusage *usage));

/* Whether this pid is a child of ours, alive or not yet reaped. Takes nothing away. */
bool asb_reap_is_child(pid_t pid);

/* An ASB_REPORT_EXITED from what wait4(2) said; the duration is left 0. */
void asb_reap_verdict(struct asb_report *out, int status, const struct rusage *usage);

/*
 * The rest of a keeper's life: reaps whatever comes to it until it has no child left. The end of
 * `command` is reported to `report` (report.h), whose only writer the keeper is, and which is
 * closed then.
 */
_Noreturn void asb_reap_keep(int report, pid_t command, int64_t started_ns);

#endif
