/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.h - one connection: its buffers and what it sends.
 *
 * Answers to frames (PONG, UNKNOWN, ERROR …) wait in `replies`. A frame is only handled while a
 * whole answer fits there, so none is lost; a client that does not read thereby stops its own
 * connection and nothing else. Everything else that is sent is a state of a job and made into
 * frames when the output buffer is empty: answers first, then the control frames of all jobs, then
 * data of all streams in turn.
 */
#ifndef ASB_CONN_H
#define ASB_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/limits.h"
#include "shim/listed.h"
#include "shim/loop.h"
#include "shim/out.h"
#include "shim/session.h"

/* What must be free in the replies for a frame to be handled: the most that this adds, and what may
 * come unasked for every job, a LIST_END and a DETACH. */
#define ASB_REPLY_ROOM (768 + ASB_MAX_JOBS * (2 * ASB_FRAME_HEADER + ASB_ID_LEN))

enum asb_conn_state {
	ASB_CONN_FREE,
	ASB_CONN_NEW,	  /* HELLO has not come yet */
	ASB_CONN_OPEN,	  /* has a session */
	ASB_CONN_CLOSING, /* sends what it has, handles nothing, waits for the client to close */
};

struct asb_conn {
	enum asb_conn_state state;
	struct asb_watch watch;
	struct asb_timer silence;
	int64_t heard_ns; /* when the last byte came */
	struct asb_session *session;
	uint8_t *in; /* ASB_CONN_IN bytes, received and not handled */
	size_t in_length;
	struct asb_out out;
	struct asb_out replies;
	uint8_t *spec; /* ASB_SPEC_MAX bytes, the description that is coming in */
	size_t spec_length;
	uint32_t spec_channel; /* 0: none is */
	bool spec_too_large;
	bool shut; /* closing, and everything was sent */
	struct asb_listed listed;
};

/* Whole pages each, since they lie side by side. */
#define ASB_CONN_IN (2 * ASB_FRAME_MAX)
#define ASB_CONN_OUT (2 * ASB_FRAME_MAX)
#define ASB_CONN_REPLIES 16384

/* Prepares the storage; called once. Returns -1 with errno when there is none. */
int asb_conn_init(void);

/* The i-th of ASB_MAX_CONNS. */
struct asb_conn *asb_conn_at(int i);

/* Takes fd over for a free connection. NULL: there is none. */
struct asb_conn *asb_conn_open(int fd, void (*ready)(struct asb_watch *, short));

/* Closes at once and gives the memory back; the session, if any, begins its lease. */
void asb_conn_drop(struct asb_conn *conn);

/* Whether one more frame may be handled; not while a listing is on its way. */
bool asb_conn_can_reply(const struct asb_conn *conn);

/* Queues an answer; there is room for ASB_REPLY_ROOM bytes per frame handled. */
void asb_conn_reply(struct asb_conn *conn, uint8_t type, uint32_t channel, const void *payload,
		    size_t n);

/* Queues ERROR and closes after it; the session begins its lease. `text` is for people. */
void asb_conn_error(struct asb_conn *conn, uint16_t code, const char *text);

/*
 * Closes after what is queued: the client is told that no more comes and is waited for, a few
 * seconds, since a `connect` that dies with PID 1 could not pass the last frame on.
 */
void asb_conn_finish(struct asb_conn *conn);

/* The description that was coming in is done with. */
void asb_conn_forget_spec(struct asb_conn *conn);

/* Sends what there is and the socket takes. May drop the connection. */
void asb_conn_send(struct asb_conn *conn);

#endif
