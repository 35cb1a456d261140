/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what a keeper (spawn.h) tells PID 1 about its command: fixed records in a pipe, each
 * written at once and read whole. PID first; then EXECED or FAILED; EXITED last. The pipe ends
 * early when the keeper is killed.
 */
#ifndef ASB_REPORT_H
#define ASB_REPORT_H

#include <stdint.h>

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

/* Far below PIPE_BUF. */
struct asb_report {
	int32_t kind;
	int32_t value;
	int32_t error;
	uint64_t duration_ns;
	uint64_t user_us;
	uint64_t system_us;
	uint64_t maxrss_kib;
};

#endif
