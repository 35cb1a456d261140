/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.h - how a job's command started and ended, put together from what its keeper reports
 * (spawn.h) and what PID 1 reaps itself when a command has killed its keeper. There is always a
 * verdict: if nobody could see the command's status any more, it was killed.
 */
#ifndef ASB_VERDICT_H
#define ASB_VERDICT_H

#include <sys/resource.h>
#include <sys/types.h>

#include "shim/job.h"

/* Takes the report pipe over. */
void asb_verdict_watch(struct asb_job *job, int fd);

/* Takes the reports that are there, without waiting. */
void asb_verdict_read(struct asb_job *job);

/* A child of PID 1 has died or stopped. For asb_reap_all. */
void asb_verdict_child_changed(pid_t pid, int status, const struct rusage *usage);

/* For a starting or running job, after each turn of the loop: gives the verdict when nobody else
 * will. */
void asb_verdict_settle(struct asb_job *job);

#endif
