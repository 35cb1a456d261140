/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_internal.h - what the files of plugin/session share (and their unit test looks at).
 *
 * From the bottom up, each uses only what stands above it here:
 *
 *   spec.c           a job's description in bytes
 *   detached.c       jobs that outlive their session
 *   send.c           the outgoing queue
 *   feature.c        what both sides can
 *   job_input.c      what the shim is told of a job, once and, after a resume, again
 *   job.c            a job's output, and how it ends
 *   jobs.c           which jobs there are, how they come and go
 *   job_frame.c      what the shim says about a job
 *   loss.c           the end of a connection, and of a session
 *   heartbeat.c      PING, and how long silence is borne
 *   session_frame.c  frames of the session itself: HELLO, PING, ERROR, BYE
 *   session.c        the connection: bytes in and out, resume
 *
 * A session has failed once `failure` is set; from then on nothing is queued and no job is active.
 * It is lost while `loss` is set: nothing is queued either, but everything that the shim has to
 * hear is a state of the job and is said from there when the session is resumed.
 * A job is active while its state is ASB_JOB_SENT or ASB_JOB_RUNNING: only then its frames count.
 */
#ifndef ASB_SESSION_INTERNAL_H
#define ASB_SESSION_INTERNAL_H

#include "plugin/base/buffer.h"
#include "plugin/session/session.h"
#include "shim/protocol/checksum.h"
#include "shim/protocol/ring.h"

#define ASB_SESSION_READ (256u << 10) /* bytes taken from the descriptor at once */
#define ASB_SESSION_LISTEN_MS 5000 /* silence after which the shim is asked whether it is there */
#define ASB_SESSION_QUEUE (256u << 10) /* queued bytes that close the door for stdin */
/* Queued bytes beyond which frames of the shim are not answered: one that sends and never reads. */
#define ASB_SESSION_ANSWERS (1u << 20)

struct asb_session {
	int fd;
	int64_t (*now_ms)(void); /* asb_monotonic_ms; a test may put its own clock */
	struct asb_error failure;
	uint8_t id[ASB_ID_LEN];
	bool outlives; /* a lost connection is not the end */
	struct asb_error loss;

	struct asb_buffer out; /* frames on their way to the descriptor */
	uint8_t *in;	       /* ASB_SESSION_READ + ASB_FRAME_MAX bytes; [in_start, in_end) wait */
	size_t in_start, in_end;
	uint64_t sent, received; /* bytes on the wire */
	bool heard;		 /* something came over this connection */
	bool write_closed;	 /* the other end takes nothing any more, but may have said more */

	bool hello;   /* the shim's HELLO has arrived on this connection */
	bool greeted; /* on any */
	unsigned connections, resumptions;
	bool bye_sent, bye_received;
	char shim[64]; /* PROGRAM of the shim's HELLO */
	uint8_t instance[ASB_ID_LEN];
	unsigned features; /* bit per entry of session_frame.c's table */

	/* Heartbeat, all in ms of now_ms. waiting_since: the first PING since something arrived. */
	int64_t last_sent, last_received, last_ping, waiting_since;

	struct asb_job **jobs; /* by rising channel number */
	size_t job_count, job_capacity;
	uint32_t last_channel;
	bool behind;		     /* stdin of a job waits for room in the queue */
	struct asb_listing *listing; /* that is being answered, borrowed; NULL: none is */
};

/* One output stream. Its ring's offsets are those of the stream: start is what was handed on, end
 * what has arrived. The storage exists only while there is something to hold. */
struct asb_job_stream {
	struct asb_ring ring;
	uint64_t limit; /* highest limit that the shim was given */
	bool discarded;
	bool partial; /* not read from its first byte on: the checksum tells nothing */
	struct asb_checksum checksum;
};

/* stdin: consumed <= next <= consumed + kept.length <= limit. */
struct asb_job_input {
	struct asb_buffer kept; /* what the command may not have taken yet, from `consumed` on */
	uint64_t consumed, limit;
	uint64_t next; /* first byte that was not queued on this connection */
	bool ends;     /* no more comes behind what is kept: EOF */
	bool eof_sent; /* queued on this connection */
	bool stopped;  /* nobody reads it any more */
};

struct asb_job_signal {
	char name[16];
};

struct asb_job {
	struct asb_job_view view; /* eof and received live here */
	struct asb_session *session;
	uint32_t channel;
	bool abandoned; /* its owner has freed it: it goes when it ends */
	uint8_t id[ASB_ID_LEN];
	struct asb_buffer spec; /* its description, until the shim has answered */
	bool detaches;		/* its description says so */
	bool attached;		/* a detached job, that was not started here */
	bool held;		/* not sent: whether the shim has terminals is not known yet */
	bool tty;
	uint16_t rows, columns; /* of its terminal */
	struct asb_job_input in;
	uint32_t last_signal;		  /* sequence of the last SIGNAL sent */
	struct asb_job_signal *sent;	  /* ASB_SIGNALS_KEPT, by sequence; NULL: none was */
	struct asb_job_stream streams[2]; /* stdout, stderr */
	struct asb_error *error;	  /* owned; view.error points here */
	char failed_text[512];
};

static inline bool asb_job_active(const struct asb_job *job)
{
	return job->view.state == ASB_JOB_SENT || job->view.state == ASB_JOB_RUNNING;
}

/* --- send.c --- */

/* Queues one frame whose payload is `head` and then `body`. */
void asb_session_send(struct asb_session *session, uint8_t type, uint8_t flags, uint32_t channel,
		      const void *head, size_t head_length, const void *body, size_t body_length);

/* --- feature.c --- */

const char *asb_feature_name(unsigned i); /* the i-th that we name, NULL: there are no more */
/* Its bit in `features` of a session; 0: we don't know it. */
unsigned asb_feature_bit(const struct asb_attr *attr);

/* --- job_input.c --- */

void asb_job_input_init(struct asb_job_input *in);
/* Queues what waits of stdin, as far as there is room in the queue. */
void asb_job_send_input(struct asb_job *job);
/* The shim has handed on what lies before `consumed`. False: it never got that much. */
bool asb_job_input_consumed(struct asb_job *job, uint64_t consumed, uint64_t limit);
void asb_job_input_stop(struct asb_job *job); /* nobody reads it any more */
/* The description, and START. */
void asb_job_send_spec(struct asb_job *job);
/* Asks for a detached job, without credit: where it begins is not known before the answer. */
void asb_job_send_attach(struct asb_job *job);
void asb_job_send_ack(struct asb_session *session, uint32_t channel);
/* On a new connection: queues what the shim may not have heard. */
void asb_job_again(struct asb_job *job);

/* --- job.c --- */

/* The job has ended in whatever way: nothing more is sent for it. */
void asb_job_settle(struct asb_job *job, enum asb_job_state state);
/* The attributes of an exit record. False: malformed, or not complete. */
bool asb_job_record(const uint8_t *bytes, size_t n, struct asb_exit_record *record);
/* Says why no exit status came and ends the job. */
void asb_job_lose(struct asb_job *job, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void asb_job_destroy(struct asb_job *job);
/* Frees a ring's storage when nothing can need it any more. */
void asb_job_stream_tidy(struct asb_job *job, enum asb_stream stream);
/* Gives the shim more room once a quarter of the window was handed on. */
void asb_job_stream_credit(struct asb_job *job, enum asb_stream stream);

/* --- jobs.c --- */

/* The job on that channel, NULL when there is none. */
struct asb_job *asb_session_job(const struct asb_session *session, uint32_t channel);
void asb_session_forget(struct asb_session *session, struct asb_job *job);
/* The active jobs are lost because of `why`; the session itself may go on. */
void asb_session_lose_jobs(struct asb_session *session, const struct asb_error *why);
/* The shim has greeted: a job that was held is sent, or refused when it needs what isn't there. */
void asb_job_unhold(struct asb_job *job);

/* A job that nobody has heard of, on a channel of its own. */
struct asb_job *asb_job_new(struct asb_session *session, const struct asb_job_spec *spec);
/* Whether jobs can be started. */
bool asb_session_open(const struct asb_session *session, struct asb_error *err);

/* --- job_frame.c --- */

enum asb_frame_taken {
	ASB_FRAME_TAKEN,
	ASB_FRAME_UNKNOWN, /* no frame that a shim sends about a job */
	ASB_FRAME_BROKEN,  /* the session can't go on */
};

/* Takes a job frame or stream frame. One for a channel without an active job is ignored: frames
 * cross. */
enum asb_frame_taken asb_job_frame(struct asb_session *session, const struct asb_frame *frame);

/* --- loss.c --- */

/* The connection is gone: the session is lost, or, when it can't be resumed, fails. */
void asb_session_lose(struct asb_session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The session fails, once, and with it every active job. */
void asb_session_fail(struct asb_session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- heartbeat.c --- */

void asb_session_quiet(struct asb_session *session); /* a connection begins */
/* Whether nothing was heard for too long, though the shim was asked. */
bool asb_session_too_quiet(const struct asb_session *session);
/* Queues a PING when one is due. */
void asb_session_beat(struct asb_session *session);
int64_t asb_session_next_beat(const struct asb_session *session); /* in time of now_ms */

/* --- detached.c --- */

/* Queues the question again, on a new connection. */
void asb_listing_again(struct asb_session *session);
/* Takes LISTED or LIST_END. False: broken. */
bool asb_listing_frame(struct asb_session *session, const struct asb_frame *frame);

/* --- session_frame.c --- */

void asb_session_hello(struct asb_session *session); /* queues ours */
/* Judges the first bytes. 1: they begin as a shim does; 0: too few to tell; -1: the session
 * failed. */
int asb_session_greet(struct asb_session *session, const uint8_t *bytes, size_t n);
/* Takes one frame, of whatever type. */
void asb_session_frame(struct asb_session *session, const struct asb_frame *frame);

/* --- spec.c --- */

/* Appends the attributes of docs/protocol.md §4. -1 when they are more than ASB_SPEC_MAX bytes. */
int asb_spec_encode(const struct asb_job_spec *spec, struct asb_buffer *out, struct asb_error *err);

#endif
