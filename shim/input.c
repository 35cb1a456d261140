/* SPDX-License-Identifier: Apache-2.0 */
/* input.c - the stdin of stream.h. */
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/pty.h"
#include "shim/stream.h"

/* Consumed bytes that are worth a CREDIT while more is waiting. */
#define WORTH_A_CREDIT 65536u

static void input_ready(struct asb_watch *watch, short events)
{
	struct asb_input *in = watch->owner;

	/* Without a reader the write end is in error for ever, whether we have something to write
	 * or not. */
	if ((events & (POLLERR | POLLNVAL)) != 0)
		asb_input_stop(in);
	/* Writing itself is done by asb_input_settle, which follows every event. */
}

int asb_input_open(struct asb_input *in, int fd, bool terminal)
{
	asb_ring_init(&in->ring, in->ring.bytes, in->ring.size);
	in->written = 0;
	in->limit = ASB_STDIN_LIMIT;
	in->told = 0;
	in->ended = false;
	in->stopped = fd < 0;
	in->quit = false;
	in->say_stop = false;
	in->terminal = terminal;
	in->in_line = false;
	in->end_typed = false;
	in->say_credit = false;
	in->taken = 0;
	if (fd < 0)
		return 0;
	return asb_watch_open(&in->watch, fd, input_ready, in);
}

const char *asb_input_data(struct asb_input *in, const struct asb_frame *frame)
{
	uint64_t offset = asb_get64(frame->payload);
	size_t n = frame->length - ASB_DATA_HEADER;
	const uint8_t *bytes = frame->payload + ASB_DATA_HEADER;
	uint64_t known = in->ring.end - offset;

	if (in->ended && (offset > in->ring.end || known < n))
		return "data after the end of stdin";
	if (offset > in->ring.end)
		return "data of stdin is missing";
	if (n > in->limit || offset > in->limit - n)
		return "data of stdin beyond its limit";
	if (known >= n)
		return NULL; /* all of it was received before */
	if (in->stopped) {
		/* Nobody wants it, but the count goes on: a client that waits for credit would wait
		 * for ever. */
		in->ring.end += n - known;
		in->ring.start = in->ring.end;
		return NULL;
	}
	(void)asb_ring_write(&in->ring, bytes + known, n - (size_t)known);
	return NULL;
}

const char *asb_input_end(struct asb_input *in, uint64_t offset)
{
	if (offset != in->ring.end)
		return "the end of stdin is not where its data ended";
	in->ended = true;
	return NULL;
}

static void drop_input(struct asb_input *in)
{
	if (in->stopped)
		return;
	in->stopped = true;
	/* A client that has sent everything, all of which was taken, needs to know nothing. */
	in->quit = !in->ended || asb_ring_used(&in->ring) > 0;
	in->say_stop = in->quit;
	asb_ring_consume(&in->ring, in->ring.end);
}

void asb_input_stop(struct asb_input *in)
{
	asb_watch_close(&in->watch);
	drop_input(in);
}

/* The last of n bytes in one or two pieces. */
static uint8_t last_of(const struct iovec iov[2], size_t n)
{
	size_t first = iov[0].iov_len;

	return n <= first ? ((const uint8_t *)iov[0].iov_base)[n - 1]
			  : ((const uint8_t *)iov[1].iov_base)[n - first - 1];
}

static void drain_input(struct asb_input *in)
{
	struct iovec iov[2];
	int pieces = asb_ring_peek(&in->ring, in->ring.start, SIZE_MAX, iov);
	ssize_t n;

	if (pieces == 0)
		return;
	n = writev(in->watch.fd, iov, pieces);
	if (n > 0) {
		uint8_t last = last_of(iov, (size_t)n);

		in->in_line = last != '\n' && last != '\r';
		in->written += (uint64_t)n;
		asb_ring_consume(&in->ring, in->ring.start + (uint64_t)n);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		if (in->terminal)
			drop_input(in); /* closing it would hang up on the command */
		else
			asb_input_stop(in);
	}
}

/* Not waited for without need: without a process at the other end it is hung up for ever. */
static void settle_terminal(struct asb_input *in)
{
	bool more = asb_ring_used(&in->ring) > 0;

	if (!more && in->ended && !in->stopped && !in->end_typed) {
		in->end_typed = asb_pty_type_end(in->watch.fd, &in->in_line);
		more = !in->end_typed;
	}
	if (more)
		asb_watch_want(&in->watch, POLLOUT);
	else
		asb_watch_rest(&in->watch);
}

void asb_input_settle(struct asb_input *in)
{
	if (!asb_watch_is_open(&in->watch))
		return;
	drain_input(in);
	if (!asb_watch_is_open(&in->watch))
		return;
	if (in->terminal)
		settle_terminal(in);
	else if (asb_ring_used(&in->ring) > 0)
		asb_watch_want(&in->watch, POLLOUT);
	else if (in->ended)
		asb_watch_close(&in->watch);
	else
		asb_watch_want(&in->watch, 0);
}

static bool tell_credit(struct asb_input *in, struct asb_out *out, uint32_t channel)
{
	uint64_t consumed = in->ring.start > in->taken ? in->ring.start : in->taken;
	uint8_t *to;

	if (!in->say_credit && (in->ended || consumed == in->told))
		return true;
	if (!in->say_credit && consumed - in->told < WORTH_A_CREDIT && asb_ring_used(&in->ring) > 0)
		return true;
	to = asb_out_reserve(out, ASB_CREDIT, ASB_STDIN, channel, 16);
	if (to == NULL)
		return false;
	in->say_credit = false;
	in->told = consumed;
	if (in->limit < consumed + in->ring.size)
		in->limit = consumed + in->ring.size;
	asb_put64(to, consumed);
	asb_put64(to + 8, in->limit);
	return true;
}

void asb_input_untell(struct asb_input *in)
{
	in->say_stop = in->quit;
	in->say_credit = true;
}

void asb_input_attach(struct asb_input *in)
{
	in->taken = in->ring.end;
	in->say_stop = in->stopped || in->ended;
	in->say_credit = true;
}

bool asb_input_tell(struct asb_input *in, struct asb_out *out, uint32_t channel)
{
	if (in->say_stop) {
		if (!asb_out_frame(out, ASB_STOP, ASB_STDIN, channel, NULL, 0))
			return false;
		in->say_stop = false;
	}
	return tell_credit(in, out, channel);
}
