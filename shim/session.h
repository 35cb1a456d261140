/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - what a client owns: jobs and the processes they left. A session outlives its
 * connection by its lease, in which another connection may take it up; when that runs out, or at
 * BYE, everything in it gets TERM, then KILL, and the session is over when no process of it is
 * left.
 */
#ifndef ASB_SESSION_H
#define ASB_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/loop.h"
#include "shim/protocol/frame.h"

struct asb_conn;
struct asb_job;

struct asb_session {
	bool used;
	bool ending;
	uint8_t id[ASB_ID_LEN];
	struct asb_conn *conn; /* NULL: lost */
	bool resumes;	       /* the client can */
	struct asb_job *first; /* its jobs, in the order in which their data goes out next */
	struct asb_job *last;
	int job_count;
	uint32_t lease_ms;
	struct asb_timer lease;
};

/* NULL: the table is full. */
struct asb_session *asb_session_open(const uint8_t id[ASB_ID_LEN], uint32_t lease_ms,
				     struct asb_conn *conn);
struct asb_session *asb_session_find(const uint8_t id[ASB_ID_LEN]);

/* Whether it is one of the last ASB_MAX_SESSIONS that are over: a HELLO of it was late on its way,
 * and what comes behind it has been done. */
bool asb_session_was(const uint8_t id[ASB_ID_LEN]);

/* Another connection takes the session up; all is told again. Returns the one that it still had,
 * for the caller to drop, or NULL. */
struct asb_conn *asb_session_resume(struct asb_session *session, uint32_t lease_ms,
				    struct asb_conn *conn);

/* The job whose turn it is; its next turn comes after those of all others. There is at least one.
 */
struct asb_job *asb_session_turn(struct asb_session *session);

/* The connection is lost: the lease begins. */
void asb_session_detach(struct asb_session *session);

/* Ends the session's processes. */
void asb_session_end(struct asb_session *session);

/* Frees the sessions that are over and tells `over` about those that have a connection. After each
 * turn of the loop. */
void asb_session_settle(void (*over)(struct asb_conn *conn));

#endif
