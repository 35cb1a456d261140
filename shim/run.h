/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - starts jobs and moves them on, from state to state (job.h). */
#ifndef ASB_RUN_H
#define ASB_RUN_H

#include <stdint.h>

#include "shim/job.h"
#include "shim/spec.h"

/*
 * Starts a command. Returns 0, or -1 with the reason, and then nothing was started. Reasons that
 * show later are told by FAILED (tell.h).
 */
int asb_run_start(struct asb_session *session, uint32_t channel, const uint8_t id[ASB_ID_LEN],
		  const struct asb_spec *spec, struct asb_refusal *why);

/* A repeated START: STARTED, EXIT or FAILED becomes due again. */
void asb_run_again(struct asb_job *job);

/* To the command's group, on a terminal the one in the foreground, as soon as the program runs. */
void asb_run_signal(struct asb_job *job, int number);

/* A new size of its terminal, if it has one. */
void asb_run_resize(struct asb_job *job, struct asb_pty_size size);

/* ACK: frees the job when its EXIT or FAILED was sent; a detached one is let go. */
void asb_run_acknowledge(struct asb_job *job);

/* END: TERM to the whole tree, KILL after the grace. */
void asb_run_end(struct asb_job *job);

/* Lets every job take its next step. After each turn of the loop. */
void asb_run_settle(void);

/* Marks the records of all running jobs: the shim was told to stop. */
void asb_run_shutdown(void);

#endif
