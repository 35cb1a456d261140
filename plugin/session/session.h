/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - the client's side of the shim protocol (docs/protocol.md) over one descriptor that
 * carries the bytes of an exec stream.
 *
 * Knows no terminal, no Kubernetes and no event loop: the caller polls the descriptor and calls
 * asb_session_step. Several jobs may run at once.
 *
 * Output of a job waits in a ring per stream (asb_job_peek) until the caller has handed it on and
 * says so with asb_job_consumed; only then the shim may send more, so a slow reader stops only its
 * own stream, and a ring never holds more than ASB_SESSION_WINDOW bytes. A job has ended when
 * `state` is ASB_JOB_ENDED or ASB_JOB_REFUSED *and* its rings are drained (asb_job_pending is 0).
 * Without an exit record it never ends well: when the session fails every job that has not ended is
 * ASB_JOB_LOST.
 *
 * A session may outlive its connection (asb_session_outlive): when that is lost the jobs stay as
 * they are, and on a new descriptor (asb_session_resume) both sides say again what the other may
 * not have heard and drop what they know. Not a byte is lost or doubled by it, stdin included, and
 * no job runs twice.
 */
#ifndef ASB_SESSION_H
#define ASB_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "plugin/base/error.h"
#include "shim/protocol/frame.h"

#define ASB_SESSION_WINDOW (1u << 20) /* bytes of one stream on the way or waiting */
#define ASB_SESSION_LOST_MS 20000     /* silence after which a connection is lost */

struct asb_session;
struct asb_job;

struct asb_job_spec {
	const char *const *argv; /* NULL-ended, or NULL when `line` is set */
	const char *line;	 /* for the sandbox's bash, else sh */
	const char *const *env;	 /* NULL-ended "NAME=value", or NULL */
	const char *cwd;	 /* NULL: the container's */
	bool has_stdin;
	bool tty;		/* the three streams are a terminal: stdin is always there, all
				   output is stdout. The job is sent once the shim has said that
				   it can, and refused when it can't */
	uint16_t rows, columns; /* of it; 0: the shim's default */
	int64_t timeout_ms;	/* 0: none */
	bool detach;		/* it belongs to the sandbox and outlives the session: detached.h */
};

enum asb_job_state {
	ASB_JOB_SENT,	  /* START sent, nothing heard yet */
	ASB_JOB_RUNNING,  /* STARTED arrived */
	ASB_JOB_ENDED,	  /* exit record arrived and verified: `record` is valid */
	ASB_JOB_REFUSED,  /* FAILED arrived: `failed`, `failed_text` */
	ASB_JOB_DETACHED, /* it runs, by itself: STARTED arrived, nothing more will */
	ASB_JOB_LOST,	  /* no exit record came or it did not match the bytes: `error` says why */
};

/* The exit record. */
struct asb_exit_record {
	int code;   /* -1 when killed by a signal */
	int signal; /* number inside the sandbox, 0 when not */
	char signal_name[16];
	bool timed_out, oom_killed, shutdown;
	uint64_t stdout_bytes, stderr_bytes, stdin_bytes;
	uint64_t duration_ns, user_us, system_us, max_rss_kib;
};

struct asb_job_view { /* read-only picture of a job */
	enum asb_job_state state;
	struct asb_exit_record record;
	enum asb_failed_code failed;
	int failed_errno;
	const char *failed_text;
	const struct asb_error *error;
	uint32_t pid;
	bool stdin_open;       /* the command still takes stdin */
	bool eof[3];	       /* EOF of stream 1, 2 has arrived */
	uint64_t received[3];  /* bytes of stream 1, 2 that have arrived */
	int64_t first_byte_ms; /* monotonic time of the first output byte, 0 when none */
};

/* Borrows fd, a stream socket. The HELLO is queued at once. Never NULL. */
struct asb_session *asb_session_new(int fd);
void asb_session_free(struct asb_session *session); /* closes nothing, frees all jobs */

/* Queues a job at once, whether or not the shim has answered yet. The session owns it. NULL when
 * the description is larger than ASB_SPEC_MAX (err: usage) or the session has failed or ended. */
struct asb_job *asb_job_start(struct asb_session *session, const struct asb_job_spec *spec,
			      struct asb_error *err);
/* Forgets a job before the session ends, for sessions of many jobs. One that still runs is killed
 * and its output dropped. NULL is fine. */
void asb_job_free(struct asb_job *job);
const struct asb_job_view *asb_job_view(const struct asb_job *job);

/* Bytes of stream 1 or 2 that wait to be handed on. */
size_t asb_job_pending(const struct asb_job *job, enum asb_stream stream);
/* The same bytes in up to two pieces, for writev(2). Returns the number of pieces, 0 when nothing
 * waits. They stay in place until asb_job_consumed or asb_job_discard. */
int asb_job_peek(const struct asb_job *job, enum asb_stream stream, struct iovec iov[2]);
/* n of them (at most asb_job_pending) were handed on. */
void asb_job_consumed(struct asb_job *job, enum asb_stream stream, size_t n);
/* Nobody reads this stream any more: the command gets SIGPIPE as in a local pipe; its checksum
 * isn't verified. */
void asb_job_discard(struct asb_job *job, enum asb_stream stream);

/* Room for stdin now (0: wait for credit, or the command has closed it). */
size_t asb_job_stdin_room(const struct asb_job *job);
void asb_job_write(struct asb_job *job, const void *bytes, size_t n); /* n <= room */
void asb_job_close_stdin(struct asb_job *job);			      /* in-band EOF */
void asb_job_signal(struct asb_job *job, const char *name);	      /* "INT" */
/* The terminal of a job that has one has a new size. */
void asb_job_resize(struct asb_job *job, uint16_t rows, uint16_t columns);

/* poll(2) events the session wants on its descriptor now. */
short asb_session_events(const struct asb_session *session);
/* Milliseconds until the session wants a step without traffic (heartbeat), -1: none. */
int asb_session_timeout(const struct asb_session *session);
/* Reads and writes what is possible. -1 when the session has failed: its connection is lost (and it
 * doesn't outlive that), or broken: err says how; jobs are LOST. */
int asb_session_step(struct asb_session *session, short revents, struct asb_error *err);

/* From now on a connection that ends, or is silent for ASB_SESSION_LOST_MS, is not the end of the
 * session, unless it has said BYE or its shim can't resume: it is lost instead. */
void asb_session_outlive(struct asb_session *session);
/* Why there is no connection at present, NULL: there is one, or the session is at its end. Steps do
 * nothing meanwhile. Jobs may be started, signalled, read from and freed; stdin has no room. */
const struct asb_error *asb_session_lost(const struct asb_session *session);
/* A lost session goes on over fd (borrowed). It fails when the shim doesn't know it any more. */
void asb_session_resume(struct asb_session *session, int fd);
/* Nobody waits any more for a lost session to go on: it fails. */
void asb_session_give_up(struct asb_session *session, const struct asb_error *why);
/* How often it has gone on: greeted by the shim on one more connection. */
unsigned asb_session_resumptions(const struct asb_session *session);
/* Whether anything has come over the present connection, or came over the one that was lost. */
bool asb_session_heard(const struct asb_session *session);

/* Says BYE: the shim ends what still runs. */
void asb_session_bye(struct asb_session *session);
/* The shim has said BYE too and everything is sent: nothing more will happen. Steps succeed and do
 * nothing from then on, also when the descriptor is at its end. */
bool asb_session_over(const struct asb_session *session);

bool asb_session_ready(const struct asb_session *session); /* the shim has greeted, once */
/* Whether the shim has named a feature (ASB_FEATURE_...). False before its HELLO. */
bool asb_session_offers(const struct asb_session *session, const char *feature);
const char *asb_session_shim(
	const struct asb_session *session); /* "agentsandbox-shim/0.1.0", "" before HELLO */
/* Bytes on the wire, both ways, frames included, of all connections. */
void asb_session_traffic(const struct asb_session *session, uint64_t *sent, uint64_t *received);

/* Exit status of the plugin for an ended or refused job, by design.md's table: code, 128+n, 124,
 * 126, 127, 125. */
int asb_job_exit_status(const struct asb_job_view *view);

#endif
