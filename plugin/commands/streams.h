/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams.h - our descriptors 0, 1, 2 on one side, a job's streams on the other.
 *
 * O_NONBLOCK is never set on them: it would be set for everybody who shares the open file, the
 * user's shell among them. Instead nothing is read or written before poll(2) says that it can't
 * block: a pipe that is writable takes PIPE_BUF bytes, a regular file takes all.
 */
#ifndef ASB_STREAMS_H
#define ASB_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/session/session.h"

struct asb_stream_in {
	int fd; /* borrowed; -1: no stdin */
	bool open;
	uint64_t bytes; /* handed to the job */
};

struct asb_stream_out {
	int fd; /* borrowed */
	enum asb_stream stream;
	bool open;  /* false: nobody reads what we write; the job's output is dropped */
	bool whole; /* pieces of any size: a regular file, or ours alone and O_NONBLOCK */
};

void asb_stream_in_init(struct asb_stream_in *in, int fd);
void asb_stream_out_init(struct asb_stream_out *out, int fd, enum asb_stream stream);

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
