/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - a small client of the shim protocol for tests: one connection, jobs, their streams and
 * records. It checks the offsets of everything it receives; what it can't go on with fails the
 * running test.
 */
#ifndef ASB_TEST_CLIENT_H
#define ASB_TEST_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sandbox.h"
#include "shim/protocol/frame.h"

#define CLIENT_JOBS 300
#define WAIT_MS \
	20000 /* for whatever should come; long enough for a loaded machine under sanitizers */

struct record {
	bool present;
	int code; /* -1: absent */
	char signal[16];
	int signo;
	bool timed_out, oom, shutdown;
	uint64_t stdout_bytes, stderr_bytes, stdout_sum, stderr_sum, stdin_bytes;
	uint64_t duration_ns, user_us, system_us, maxrss_kib;
};

/* What arrived on one output. With `window` 0 no credit is ever given; `keep` bytes are kept, all
 * are counted. */
struct received {
	char *bytes;
	size_t kept;
	uint64_t total;
	uint64_t limit;
	uint64_t told; /* consumed, as PID 1 was told */
	uint64_t window;
	bool ended;
	void *sum; /* of all bytes, compared with the record's when the stream began at 0 */
	bool partial;
};

/* What LISTED says. */
struct listed {
	uint8_t id[ASB_ID_LEN];
	int state;
	uint32_t pid;
	char command[ASB_COMMAND_MAX + 1];
	uint64_t started_ms;
	uint64_t start[2], end[2];
	bool detached;
	struct record record;
};

struct job {
	uint32_t channel;
	uint8_t id[ASB_ID_LEN];
	uint8_t *spec; /* its description, to be sent again */
	size_t spec_length;
	bool started;
	uint32_t pid;
	int failed; /* code of FAILED, 0: none */
	int failed_errno;
	char failed_text[256];
	struct received output[2];
	uint64_t stdin_limit;
	uint64_t stdin_consumed;
	uint64_t stdin_sent;
	bool stdin_stopped;
	const uint8_t *source; /* what client_pump sends, borrowed; then the end */
	size_t source_length;
	bool source_ended;
	uint32_t signals; /* sequence of the last SIGNAL */
	bool attached;	  /* ATTACHED has come; what is received begins where it says */
	bool detached;	  /* DETACH has come */
	int starts;	  /* STARTED frames */
	int exits;	  /* EXIT frames */
	struct record record;
};

struct client {
	pid_t pid; /* of `connect`; 0: reaped */
	int to;	   /* -1: closed */
	int from;
	uint8_t bytes[2 * ASB_FRAME_MAX];
	size_t length;
	size_t at;
	uint8_t id[ASB_ID_LEN]; /* of the session */
	uint32_t lease_ms;
	bool resumable;	 /* names the feature; set before client_open */
	bool again;	 /* this is not the first connection: bytes may come twice */
	bool resumed;	 /* the shim said so */
	bool can_resume; /* the shim can */
	long to_send; /* bytes until the connection is cut in that direction; 0: never, < 0: it is
		       */
	long to_read; /* likewise */
	bool closed;  /* end of file from `connect` */
	bool bye;
	int error; /* code of ERROR, 0: none */
	int unknown;
	struct listed listed[4]; /* the first of the last LISTED frames */
	int listed_count;
	int list_ends;
	uint8_t list_end_id[ASB_ID_LEN];
	int pongs;
	uint8_t instance[ASB_ID_LEN];
	bool hello;
	bool no_ack; /* EXIT is not answered */
	struct job *jobs[CLIENT_JOBS];
	int job_count;
	uint32_t next_channel;
	uint32_t serial; /* part of the ids of its jobs */
};

/* A job description being built; add functions append. */
struct description {
	uint8_t bytes[2 << 20];
	size_t length;
};

/* Starts `connect` and nothing else. */
void client_connect(struct client *c, const struct sandbox *box);
/* The same, then HELLO both ways. */
void client_open(struct client *c, const struct sandbox *box, uint32_t lease_ms);
void client_hello(struct client *c, uint32_t lease_ms, unsigned version);
/* Closes; kills `connect` when it doesn't leave by itself. Frees the jobs. */
void client_close(struct client *c);
/* Frees the job that was started last. */
void client_forget_last(struct client *c);
/* The connection is gone without a word. */
void client_kill(struct client *c);
/* The same, but the jobs stay for client_resume. */
void client_cut(struct client *c);
/*
 * Takes the session up on a new connection, `how` as in HELLO, and says again what the shim may not
 * have heard. Does not wait for an answer.
 */
void client_resume(struct client *c, const struct sandbox *box, unsigned how);
/* Sends what there is credit for of the sources of all jobs. */
void client_pump(struct client *c);

void client_send(struct client *c, uint8_t type, uint8_t flags, uint32_t channel,
		 const void *payload, size_t n);
void client_send_raw(struct client *c, const void *bytes, size_t n);

/* Takes one frame and does what it says. False when none came within `ms` or the connection is
 * closed. */
bool client_step(struct client *c, int ms);
/* PING and its answer: everything sent before was handled. */
void client_ping(struct client *c);
/* Steps until *flag is true (or non-zero); fails the test after WAIT_MS. */
void client_until(struct client *c, const bool *flag);
/* Steps until the connection is closed; fails the test after WAIT_MS. */
void client_until_closed(struct client *c);

struct description *describe(void); /* one static, emptied */
void describe_arg(struct description *d, const char *arg);
void describe_text(struct description *d, unsigned tag, const char *text);
void describe_number(struct description *d, unsigned tag, unsigned width, uint64_t value);

/* Sends SPEC and START. The job belongs to the client. */
struct job *job_start(struct client *c, const struct description *d);
struct job *job_line(struct client *c, const char *line);
void job_start_again(struct client *c, const struct job *job, uint32_t channel,
		     const struct description *d);
/* ATTACH, on a new channel; both outputs from there on. Steps until the answer. */
struct job *job_attach(struct client *c, const uint8_t id[ASB_ID_LEN], uint64_t from);
/* LIST (NULL: of all) or WAIT; clears what was listed before. client_until_listed steps until
 * LIST_END. */
void client_list(struct client *c, const uint8_t *id);
void client_wait(struct client *c, const uint8_t id[ASB_ID_LEN]);
void client_until_listed(struct client *c);
/* Steps until EXIT or FAILED. */
void job_wait(struct client *c, struct job *job);
void job_signal(struct client *c, struct job *job, const char *name);
/* With a sequence of its own, as after a resume. */
void job_signal_again(struct client *c, const struct job *job, uint32_t sequence, const char *name);
/* Gives credit: `limit` more bytes than were received. */
void job_credit(struct client *c, struct job *job, int which, uint64_t window);
/* As many bytes as the limit allows; returns how many. */
size_t job_write(struct client *c, struct job *job, const void *bytes, size_t n);
void job_close_stdin(struct client *c, struct job *job);

/* Runs a line to its end, and one that is expected to exit with 0. The output, terminated. */
struct job *run_line(struct client *c, const char *line);
const char *run_text(struct client *c, const char *line);

#endif
