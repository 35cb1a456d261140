/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/conn.h"

#include <string.h>
#include <sys/socket.h>

#include "shim/job.h"
#include "shim/limits.h"
#include "shim/memory.h"
#include "shim/say.h"
#include "shim/tell.h"

#define ROUNDS 4 /* full buffers that one connection may send before the others get their turn */
#define CLOSING_MS 5000	  /* for a client that does not take its last frames */
#define LARGE_SPEC 16384u /* a description whose pages are worth giving back at once */

static struct asb_conn conns[ASB_MAX_CONNS];
static uint8_t (*in_bytes)[ASB_CONN_IN];
static uint8_t (*out_bytes)[ASB_CONN_OUT];
static uint8_t (*reply_bytes)[ASB_CONN_REPLIES];
static uint8_t (*spec_bytes)[ASB_SPEC_MAX];

static void silence_fired(struct asb_timer *timer);

/* A job that the connection waits for has vanished. */
static void wait_over(int i, const uint8_t id[ASB_ID_LEN])
{
	conns[i].listed.waits--;
	if (conns[i].state == ASB_CONN_OPEN)
		asb_conn_reply(&conns[i], ASB_LIST_END, 0, id, ASB_ID_LEN);
}

int asb_conn_init(void)
{
	asb_job_on_gone(wait_over);
	in_bytes = asb_memory_private_table(ASB_MAX_CONNS * sizeof(*in_bytes));
	out_bytes = asb_memory_private_table(ASB_MAX_CONNS * sizeof(*out_bytes));
	reply_bytes = asb_memory_private_table(ASB_MAX_CONNS * sizeof(*reply_bytes));
	/* Not left out of forks: a new process makes its arguments from one. */
	spec_bytes = asb_memory_table(ASB_MAX_CONNS * sizeof(*spec_bytes));
	return in_bytes == NULL || out_bytes == NULL || reply_bytes == NULL || spec_bytes == NULL
		       ? -1
		       : 0;
}

struct asb_conn *asb_conn_at(int i)
{
	return &conns[i];
}

struct asb_conn *asb_conn_open(int fd, void (*ready)(struct asb_watch *, short))
{
	for (int i = 0; i < ASB_MAX_CONNS; i++) {
		struct asb_conn *conn = &conns[i];

		if (conn->state != ASB_CONN_FREE)
			continue;
		*conn = (struct asb_conn){.in = in_bytes[i],
					  .spec = spec_bytes[i],
					  .listed = {.conn = i},
					  .heard_ns = asb_now(),
					  .silence = {.fire = silence_fired, .owner = conn}};
		asb_out_init(&conn->out, out_bytes[i], ASB_CONN_OUT);
		asb_out_init(&conn->replies, reply_bytes[i], ASB_CONN_REPLIES);
		if (asb_watch_open(&conn->watch, fd, ready, conn) < 0)
			return NULL;
		conn->state = ASB_CONN_NEW;
		asb_watch_want(&conn->watch, POLLIN);
		asb_timer_arm(&conn->silence, ASB_SILENCE_MS);
		return conn;
	}
	return NULL;
}

static void detach(struct asb_conn *conn)
{
	if (conn->session != NULL)
		asb_session_detach(conn->session);
	conn->session = NULL;
}

void asb_conn_drop(struct asb_conn *conn)
{
	detach(conn);
	asb_listed_drop(&conn->listed);
	asb_watch_close(&conn->watch);
	asb_timer_stop(&conn->silence);
	asb_memory_give_back(conn->in, ASB_CONN_IN);
	asb_memory_give_back(conn->out.bytes, ASB_CONN_OUT);
	asb_memory_give_back(conn->replies.bytes, ASB_CONN_REPLIES);
	asb_memory_give_back(conn->spec, ASB_SPEC_MAX);
	conn->state = ASB_CONN_FREE;
}

static void silence_fired(struct asb_timer *timer)
{
	struct asb_conn *conn = timer->owner;
	int64_t silent_ms = (asb_now() - conn->heard_ns) / 1000000;

	/* The timer is not moved with every byte: it looks when it is due how long it really was.
	 */
	if (conn->state != ASB_CONN_CLOSING && silent_ms < ASB_SILENCE_MS) {
		asb_timer_arm(timer, (uint64_t)(ASB_SILENCE_MS - silent_ms));
		return;
	}
	if (conn->state != ASB_CONN_CLOSING)
		asb_say("a connection was silent for %d s and is taken as lost",
			ASB_SILENCE_MS / 1000);
	asb_conn_drop(conn);
}

bool asb_conn_can_reply(const struct asb_conn *conn)
{
	return !conn->listed.busy && asb_out_room(&conn->replies) >= ASB_REPLY_ROOM;
}

void asb_conn_reply(struct asb_conn *conn, uint8_t type, uint32_t channel, const void *payload,
		    size_t n)
{
	(void)asb_out_frame(&conn->replies, type, 0, channel, payload, n);
}

void asb_conn_finish(struct asb_conn *conn)
{
	detach(conn);
	conn->state = ASB_CONN_CLOSING;
	conn->in_length = 0;
	asb_timer_arm(&conn->silence, CLOSING_MS);
}

void asb_conn_error(struct asb_conn *conn, uint16_t code, const char *text)
{
	uint8_t payload[2 + 128];
	size_t n = strlen(text) < 128 ? strlen(text) : 128;

	asb_put16(payload, code);
	memcpy(payload + 2, text, n);
	asb_conn_reply(conn, ASB_ERROR, 0, payload, 2 + n);
	asb_say("closing a connection: %s", text);
	asb_conn_finish(conn);
}

void asb_conn_forget_spec(struct asb_conn *conn)
{
	if (conn->spec_length > LARGE_SPEC)
		asb_memory_give_back(conn->spec, ASB_SPEC_MAX);
	conn->spec_length = 0;
	conn->spec_channel = 0;
	conn->spec_too_large = false;
}

static bool fill_control(struct asb_session *session, struct asb_out *out)
{
	struct asb_job *next;

	for (struct asb_job *job = session->first; job != NULL; job = next) {
		next = job->next; /* telling may free the job */
		if (!asb_tell_control(job, out))
			return false;
	}
	return true;
}

/* What is typed and answered does not wait behind what is poured out: up to half of the buffer. */
static void fill_small(struct asb_session *session, struct asb_out *out)
{
	for (struct asb_job *job = session->first; job != NULL; job = job->next) {
		if (asb_out_room(out) < ASB_CONN_OUT / 2)
			return;
		for (int which = 0; which < 2; which++) {
			if (asb_tell_is_small(job, which))
				(void)asb_tell_data(job, which, out);
		}
	}
}

static void fill_data(struct asb_session *session, struct asb_out *out)
{
	int idle = 0;

	/* One frame per stream and turn, until the buffer is full or a whole turn gave nothing. */
	while (idle < session->job_count) {
		struct asb_job *job = asb_session_turn(session);
		bool put = asb_tell_data(job, 0, out);

		put = asb_tell_data(job, 1, out) || put;
		idle = put ? 0 : idle + 1;
	}
}

static void fill_ends(struct asb_session *session, struct asb_out *out)
{
	for (struct asb_job *job = session->first; job != NULL; job = job->next) {
		if (!asb_tell_end(job, out))
			return;
	}
}

static void fill(struct asb_conn *conn)
{
	struct asb_session *session = conn->session;

	asb_out_move(&conn->out, &conn->replies);
	/* The jobs of an ending session say nothing any more: nobody has asked for it. */
	if (session == NULL || session->ending || !fill_control(session, &conn->out) ||
	    !asb_listed_tell(&conn->listed, &conn->out))
		return;
	/* What streams have left to say does not wait behind data that may fill every buffer. */
	fill_ends(session, &conn->out);
	fill_small(session, &conn->out);
	fill_data(session, &conn->out);
	fill_ends(session, &conn->out);
}

void asb_conn_send(struct asb_conn *conn)
{
	for (int round = 0; round < ROUNDS; round++) {
		if (asb_out_is_empty(&conn->out))
			fill(conn);
		if (asb_out_is_empty(&conn->out)) {
			if (conn->state == ASB_CONN_CLOSING && !conn->shut)
				conn->shut = shutdown(conn->watch.fd, SHUT_WR) == 0;
			asb_watch_want(&conn->watch, POLLIN);
			return;
		}
		if (asb_out_write(&conn->out, conn->watch.fd) < 0) {
			asb_conn_drop(conn);
			return;
		}
		if (!asb_out_is_empty(&conn->out))
			break;
	}
	/* More is there: either the socket is full or the others come first. */
	asb_watch_want(&conn->watch, asb_conn_can_reply(conn) ? POLLIN | POLLOUT : POLLOUT);
}
