/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams.h - our descriptors 0, 1, 2 on one side, a job's streams on the other.
 *
 * O_NONBLOCK is never set on them: it would be set for everybody who shares the open file, the
 * user's shell among them. Instead a pipe is opened anew where the system lets us (/proc/self/fd),
 * which gives an open file of our own, and a socket is asked not to block with each call. What is
 * left - terminals, and pipes of another user - is not read or written before poll(2) says that it
 * can't block, and then takes PIPE_BUF bytes.
 */
#ifndef ASB_STREAMS_H
#define ASB_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/session/session.h"

/* How a descriptor is kept from blocking. */
enum asb_stream_manner {
	ASB_STREAM_CAREFUL, /* poll before each call, small pieces */
	ASB_STREAM_FREE,    /* it never blocks: regular files, what has O_NONBLOCK */
	ASB_STREAM_SOCKET,  /* MSG_DONTWAIT */
};

/* Zeroed is closed. */
struct asb_stream_in {
	int fd; /* borrowed, unless `own`; -1: no stdin */
	bool own;
	enum asb_stream_manner manner;
	bool open;
	uint64_t bytes; /* handed to the job */
};

struct asb_stream_out {
	int fd; /* borrowed, unless `own` */
	bool own;
	enum asb_stream_manner manner;
	enum asb_stream stream;
	const char *name; /* for errors: "stdout" */
	bool open;	  /* false: nobody reads what we write; the job's output is dropped */
};

void asb_stream_in_init(struct asb_stream_in *in, int fd);
void asb_stream_out_init(struct asb_stream_out *out, int fd, enum asb_stream stream);
void asb_stream_in_release(struct asb_stream_in *in);
void asb_stream_out_release(struct asb_stream_out *out);

/* Whether there is something to wait for on the descriptor now. */
bool asb_stream_in_wanted(const struct asb_stream_in *in, const struct asb_job *job);
bool asb_stream_out_wanted(const struct asb_stream_out *out, const struct asb_job *job);

/*
 * Moves what can be moved without blocking, a bounded amount. At the end of our stdin, the job's
 * is closed; when our reader has gone away, the job's output is discarded and it gets SIGPIPE as it
 * would at home. -1: the descriptor fails in another way.
 */
int asb_stream_in_pump(struct asb_stream_in *in, struct asb_job *job, struct asb_error *err);
int asb_stream_out_pump(struct asb_stream_out *out, struct asb_job *job, struct asb_error *err);

#endif
