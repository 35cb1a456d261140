/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_ask.h - what the commands for jobs that outlive their session (plugin/session/detached.h) do
 * alike: from the words typed to the job, and from the job to words. */
#ifndef ASB_JOBS_ASK_H
#define ASB_JOBS_ASK_H

#include "plugin/commands/link.h"
#include "plugin/session/detached.h"

#define ASB_JOB_ID_TEXT 33

/* 32 hexadecimal digits. */
const char *asb_job_id_text(const uint8_t *id, char out[ASB_JOB_ID_TEXT]);

/* A link to a sandbox whose shim knows such jobs. As asb_link_open. */
int asb_jobs_open(struct asb_link *link, struct asb_run *run, const struct asb_context *context,
		  struct asb_error *err);

/* Asks and waits for the whole answer, which the caller frees. NULL: interrupted, or err. */
struct asb_listing *asb_jobs_ask(struct asb_link *link, const uint8_t *id, bool wait,
				 struct asb_error *err);

/* The job whose id begins with `text`, at least four digits of it, and no other's. */
int asb_jobs_find(struct asb_link *link, const char *text, uint8_t id[ASB_ID_LEN],
		  struct asb_error *err);

/* Exit status of a job that has ended, as that of `exec`. */
int asb_jobs_status(const struct asb_exit_record *record);
/* "exited 3", "killed by KILL", "timed out", "out of memory". */
const char *asb_jobs_words(const struct asb_exit_record *record, char out[64]);

#endif
