/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h - the table of jobs: one command each, from START to ACK.
 *
 * STARTING: its keeper runs, whether the program does is not known yet. RUNNING: STARTED is due or
 * sent; lasts until the command has exited, both outputs are closed and, once the tree is being
 * killed, the tree is gone. ENDED: the record stands; what is left to send goes out, then EXIT.
 * TOLD: EXIT was sent; ACK frees the job. FAILED: FAILED is due or sent; being sent frees it, or
 * ACK when the client can resume.
 *
 * A detached job belongs to PID 1. It is in the list of the session that has started it until
 * STARTED was sent, then of the one that is attached to it, else of none; after its end it is kept
 * until nobody needs it, its time is over or its place is needed.
 *
 * Frames are not queued here: what is due is a state, made into a frame when the connection has
 * room for it.
 */
#ifndef ASB_JOB_H
#define ASB_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/audit.h"
#include "shim/limits.h"
#include "shim/stream.h"
#include "shim/tree.h"

enum asb_job_state {
	ASB_JOB_FREE,
	ASB_JOB_STARTING,
	ASB_JOB_RUNNING,
	ASB_JOB_ENDED,
	ASB_JOB_TOLD,
	ASB_JOB_FAILED,
};

#define ASB_JOB_BRIEF 200 /* holds most commands, so that they need no page each */

/* Why a job was not started, as in FAILED. `text` is static. */
struct asb_refusal {
	uint16_t code; /* enum asb_failed_code */
	int error;     /* errno, 0: none */
	const char *text;
};

/* How the command ended. */
struct asb_verdict {
	bool known;
	int status; /* of wait4(2) */
	uint64_t duration_ns;
	uint64_t user_us;
	uint64_t system_us;
	uint64_t maxrss_kib;
};

struct asb_job {
	enum asb_job_state state;
	struct asb_session *session;
	struct asb_job *next;		/* in the session's list */
	uint8_t session_id[ASB_ID_LEN]; /* of the session that has started it */
	uint32_t channel;
	uint8_t id[ASB_ID_LEN];
	pid_t pid;	       /* of the command; 0: not known yet */
	struct asb_tree *tree; /* NULL: no process is left */
	struct asb_watch report;
	struct asb_input in;
	struct asb_output out;
	struct asb_output err;
	struct asb_timer timeout;
	struct asb_timer quiet;
	struct asb_verdict verdict;
	struct asb_refusal refusal;
	uint64_t pending_signals; /* that came before the program ran; bit n: signal n */
	uint32_t last_signal;	  /* sequence of the last SIGNAL */
	uint64_t oom_before;
	int64_t started_ns;
	int64_t ended_ns;    /* when the record stood */
	uint64_t started_ms; /* since 1970 */
	uint64_t keep_ms;    /* of a detached job */
	struct asb_timer expiry;
	bool detached;
	bool attached;			    /* and in the list of its reader */
	bool expired;			    /* not needed once nobody is attached */
	uint8_t waiting[ASB_MAX_CONNS / 8]; /* bit per connection that waits for the end */
	bool say_started;
	bool say_failed;
	bool told; /* EXIT or FAILED was sent at least once, so that ACK is in order */
	bool timed_out;
	bool oom;
	bool shutdown;
	bool audited;	     /* the end was */
	const char *command; /* for the audit: `brief`, or a page of its own when it is long */
	char brief[ASB_JOB_BRIEF];
};

/* Prepares the storage; called once. Returns -1 with errno when there is none. */
int asb_job_init(void);

/* From now on `gone` is called for each connection that waits for a job that vanishes. */
void asb_job_on_gone(void (*gone)(int conn, const uint8_t id[ASB_ID_LEN]));

struct asb_job *asb_job_find(const struct asb_session *session, uint32_t channel);
struct asb_job *asb_job_find_id(const struct asb_session *session, const uint8_t id[ASB_ID_LEN]);

/* A free place, emptied, whose state the caller sets, if need be that of the detached job that has
 * ended first; NULL: there is none. */
struct asb_job *asb_job_place(void);

/* Any job, a detached one, whatever its session. */
struct asb_job *asb_job_find_any(const uint8_t id[ASB_ID_LEN]);
struct asb_job *asb_job_find_detached(const uint8_t id[ASB_ID_LEN]);

/* The record of the job stands, or is told already. */
bool asb_job_has_ended(const struct asb_job *job);

/* A detached job leaves its session and is PID 1's alone; may free it. */
void asb_job_let_go(struct asb_job *job);

/* All detached jobs of a session that can live without it. */
void asb_job_let_go_all(struct asb_session *session);

/* Nobody needs the record of a detached job any more: freed now, or when its reader leaves. */
void asb_job_expire(struct asb_job *job);

/* Puts the job at the end of the session's list; it is in none yet. */
void asb_job_join(struct asb_job *job, struct asb_session *session, uint32_t channel);

/* Another connection: everything that was told is to be told again. */
void asb_job_untell(struct asb_job *job);

/* Keeps what the audit will say of the command. */
void asb_job_describe(struct asb_job *job, const struct asb_spec *spec);

/* What the audit says of a job, and its line about the end, once, when there is a verdict. */
struct asb_audit_job asb_job_audit(const struct asb_job *job);
void asb_job_audit_end(struct asb_job *job);

/* The job whose processes a tree is, or NULL. */
struct asb_job *asb_job_of_tree(const struct asb_tree *tree);

/* The end of all pipes and timers of a job; what is in its rings still goes out. */
void asb_job_close_streams(struct asb_job *job);

/* Frees a job at once: closes its streams and gives its memory back. Its processes are not touched.
 */
void asb_job_release(struct asb_job *job);

/* Frees those jobs of a session that ends of which no process is left; returns whether any job is
 * left. */
bool asb_job_clear(const struct asb_session *session);

/* The i-th of ASB_MAX_JOBS places, for turns over all jobs. */
struct asb_job *asb_job_at(int i);

/* Whether any job is known that is more than a record that nobody has asked for. */
bool asb_job_any(void);

#endif
