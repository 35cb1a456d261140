/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - the three streams of a job between its pipes and the frames (docs/protocol.md §5).
 *
 * Output: pipe -> ring -> DATA. A byte leaves the ring when the client has consumed it, of a
 * detached job only when its room is needed. While nobody reads, the oldest bytes of a full ring go
 * to a file (spool.h). Input: DATA
 * -> ring -> pipe; a byte is consumed when it was written to the pipe. A terminal is like a pipe in
 * each direction, both of which are its master (pty.h). A pipe is only waited for
 * while its ring can take or give something, so a stream without credit stops itself and nothing
 * else.
 */
#ifndef ASB_STREAM_H
#define ASB_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/loop.h"
#include "shim/out.h"
#include "shim/protocol/checksum.h"
#include "shim/protocol/frame.h"
#include "shim/protocol/ring.h"
#include "shim/spool.h"

struct asb_output {
	struct asb_ring ring;
	struct asb_spool spool; /* what is older than the ring */
	struct asb_watch watch; /* open until end of file, STOP or the end of the job */
	struct asb_checksum sum;
	uint8_t number;	   /* enum asb_stream */
	uint64_t consumed; /* by the client, as far as it has said */
	uint64_t sent;	   /* on this connection */
	uint64_t most;	   /* ever sent: consumed <= sent <= most */
	uint64_t limit;
	int64_t active; /* when it was last not silent */
	bool full;	/* the ring was, at the last asb_output_settle */
	bool stopped;	/* the client reads no more */
	bool spools;	/* a file may be used: nobody reads, or somebody will once more */
	bool keeps;	/* of a detached job */
	bool drops;	/* without a reader the oldest bytes make room */
	bool attached;	/* there is a reader; of a detached job only */
	bool skips;	/* which reads no more, which is nobody else's concern */
	uint64_t read;	/* consumed by any reader ever */
	bool ended;	/* EOF was sent */
};

struct asb_input {
	struct asb_ring ring;
	struct asb_watch watch; /* open until everything was written, or nobody reads */
	uint64_t written;	/* bytes that the pipe took */
	uint64_t limit;		/* as the client was told */
	uint64_t told;		/* `consumed` as the client was told */
	bool ended;		/* EOF was received */
	bool stopped;		/* what still comes is dropped */
	bool quit;		/* STOP is what the client has to know */
	bool say_stop;		/* STOP is to be sent */
	bool terminal;		/* the watch is a master, open until asb_input_stop */
	bool in_line;		/* typed into the terminal since the last end of a line */
	bool end_typed;		/* the end of input was made known to it */
	bool say_credit;	/* CREDIT is to be sent, changed or not */
	uint64_t taken;		/* from an earlier client, which is as good as consumed */
};

/* fd is taken over; -1: there is none. Returns -1 when the watch table is full. The ring's storage
 * is empty. */
int asb_output_open(struct asb_output *o, uint8_t number, int fd, uint64_t limit);
/* CREDIT from the client; -1: it is beyond what was sent. */
int asb_output_credit(struct asb_output *o, uint64_t consumed, uint64_t limit);
/* STOP from the client. Kept bytes are dropped. */
void asb_output_stop(struct asb_output *o);
/* Another connection: what was not consumed is to be sent again, and the end. */
void asb_output_untell(struct asb_output *o);
/* The output of a detached job, after asb_output_open. */
void asb_output_keep(struct asb_output *o, bool drops);
/* A reader of a detached job comes and goes. Returns the first byte that it gets: `from`, or the
 * nearest that there is. */
uint64_t asb_output_attach(struct asb_output *o, uint64_t from, uint64_t limit);
void asb_output_detach(struct asb_output *o);
/* The oldest byte that is kept. */
uint64_t asb_output_start(const struct asb_output *o);
/* Closes the pipe; what is in the ring still goes out. */
void asb_output_close(struct asb_output *o);
/* Frees what is kept. */
void asb_output_release(struct asb_output *o);
/* Makes room, and waits for the pipe or not, as there is some. */
void asb_output_settle(struct asb_output *o);
/* Closed, and everything was sent. */
bool asb_output_is_sent(const struct asb_output *o);
/* Whether asb_output_data would put something. */
bool asb_output_has_data(const struct asb_output *o);
/* One DATA frame, as large as credit and room allow; false when nothing was put. */
bool asb_output_data(struct asb_output *o, struct asb_out *out, uint32_t channel);
/* EOF, once; false when there was no room. */
bool asb_output_end(struct asb_output *o, struct asb_out *out, uint32_t channel);

/* fd may be -1: stdin is /dev/null and what comes is dropped. */
int asb_input_open(struct asb_input *in, int fd, bool terminal);
/* DATA and EOF from the client; NULL, or how they break the protocol. */
const char *asb_input_data(struct asb_input *in, const struct asb_frame *frame);
const char *asb_input_end(struct asb_input *in, uint64_t offset);
/* Nobody reads stdin any more: drops what is kept. */
void asb_input_stop(struct asb_input *in);
/* Writes what the pipe takes and waits for it or not. */
void asb_input_settle(struct asb_input *in);
/* Another connection: everything is to be said again. */
void asb_input_untell(struct asb_input *in);
/* Another client goes on where the last one stopped, or is told that it can't. */
void asb_input_attach(struct asb_input *in);
/* CREDIT and STOP as they are due; false when there was no room. */
bool asb_input_tell(struct asb_input *in, struct asb_out *out, uint32_t channel);

#endif
