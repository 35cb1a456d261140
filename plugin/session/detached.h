/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detached.h - jobs that belong to the sandbox and not to a session (docs/protocol.md §8): started
 * with asb_job_spec.detach, found by their ids, listed, waited for, attached to. The shim must
 * offer ASB_FEATURE_DETACH.
 */
#ifndef ASB_DETACHED_H
#define ASB_DETACHED_H

#include "plugin/session/session.h"

struct asb_listed {
	uint8_t id[ASB_ID_LEN];
	bool detached, ended;
	uint32_t pid;
	char *command;		       /* as the audit shows it, made harmless for a terminal */
	int64_t started_ms;	       /* since 1970 */
	uint64_t start[3];	       /* of stdout, stderr: first byte that can still be read */
	uint64_t end[3];	       /* and the one behind the last */
	struct asb_exit_record record; /* once it has ended */
};

struct asb_listing;

/* Asks for all jobs, or for one when `id` is not NULL; with `wait` for one whose end is waited for.
 * One question at a time; it is asked again after a resume. Release frees it, answered or not. */
struct asb_listing *asb_listing_new(struct asb_session *session, const uint8_t *id, bool wait);
void asb_listing_free(struct asb_listing *listing);
/* Whether the whole answer is there. */
bool asb_listing_done(const struct asb_listing *listing);
size_t asb_listing_count(const struct asb_listing *listing);
const struct asb_listed *asb_listing_at(const struct asb_listing *listing, size_t i);

/* The id that a job was started with. */
const uint8_t *asb_job_id(const struct asb_job *job);

/* A signal for any job of the sandbox, by its id. */
void asb_session_signal(struct asb_session *session, const uint8_t *id, const char *name);

/*
 * A job of this session from now on: its output from these offsets on, or from the first that can
 * still be read (asb_job_offset), its end and its record. Nothing is sent to its stdin, freeing it
 * leaves it running, and so does discarding its output. It is REFUSED (ASB_FAILED_NO_JOB) when
 * there is none, and LOST when somebody else attaches to it. NULL: the session has failed or ended.
 */
struct asb_job *asb_job_attach(struct asb_session *session, const uint8_t *id, uint64_t stdout_from,
			       uint64_t stderr_from, struct asb_error *err);
/* Where the bytes begin that wait in asb_job_peek. */
uint64_t asb_job_offset(const struct asb_job *job, enum asb_stream stream);

#endif
