/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/stream.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/pty.h"

/* A frame smaller than this is only sent when there is no more to send: the buffer is nearly full.
 */
#define WORTH_A_FRAME 4096u
/* What a detached job drops at once. */
#define ROOM 131072u
/* Consumed bytes that are worth a CREDIT while more is waiting. */
#define WORTH_A_CREDIT 65536u

static void output_ready(struct asb_watch *watch, short events)
{
	struct asb_output *o = watch->owner;
	struct iovec iov[2];
	int pieces = asb_ring_space(&o->ring, iov);
	ssize_t n = readv(watch->fd, iov, pieces);
	size_t left;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		asb_output_close(o);
		return;
	}
	left = (size_t)n;
	for (int i = 0; i < pieces && left > 0; i++) {
		size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;

		asb_checksum_add(&o->sum, iov[i].iov_base, part);
		left -= part;
	}
	asb_ring_produced(&o->ring, (size_t)n);
	o->active = asb_now();
}

int asb_output_open(struct asb_output *o, uint8_t number, int fd, uint64_t limit)
{
	asb_ring_init(&o->ring, o->ring.bytes, o->ring.size);
	asb_checksum_init(&o->sum);
	o->number = number;
	o->consumed = 0;
	o->sent = 0;
	o->most = 0;
	o->limit = limit;
	o->active = 0;
	o->full = false;
	o->stopped = false;
	o->ended = false;
	o->keeps = o->drops = o->attached = o->skips = false;
	o->read = 0;
	return fd < 0 ? 0 : asb_watch_open(&o->watch, fd, output_ready, o);
}

int asb_output_credit(struct asb_output *o, uint64_t consumed, uint64_t limit)
{
	if (o->stopped)
		return 0;
	if (consumed > o->most)
		return -1;
	if (!o->keeps)
		asb_ring_consume(&o->ring, consumed);
	if (consumed > o->consumed)
		o->consumed = consumed;
	if (consumed > o->read)
		o->read = consumed;
	/* After a resume: bytes that the connection before has brought need not come again. */
	if (consumed > o->sent)
		o->sent = consumed;
	if (limit > o->limit)
		o->limit = limit;
	return 0;
}

void asb_output_untell(struct asb_output *o)
{
	o->sent = o->consumed;
	o->ended = false;
}

void asb_output_keep(struct asb_output *o, bool drops)
{
	o->keeps = true;
	o->drops = drops;
}

uint64_t asb_output_start(const struct asb_output *o)
{
	return o->ring.start;
}

uint64_t asb_output_attach(struct asb_output *o, uint64_t from, uint64_t limit)
{
	if (from < asb_output_start(o))
		from = asb_output_start(o);
	if (from > o->ring.end)
		from = o->ring.end;
	o->attached = true;
	o->skips = false;
	o->ended = false;
	o->consumed = o->sent = o->most = from;
	o->limit = limit;
	return from;
}

void asb_output_detach(struct asb_output *o)
{
	o->attached = false;
	o->skips = false;
	o->ended = false;
}

/* What a detached job keeps, it gives up when there is no room: what was read, or, if it may drop
 * and nobody is there to miss it, anything. */
static void make_room(struct asb_output *o)
{
	uint64_t until = o->ring.start + ROOM;
	uint64_t most = o->attached ? o->consumed : o->drops ? o->ring.end : o->read;

	asb_ring_consume(&o->ring, until < most ? until : most);
}

void asb_output_stop(struct asb_output *o)
{
	/* The command goes on for the next reader. */
	if (o->keeps) {
		o->skips = true;
		return;
	}
	o->stopped = true;
	asb_output_close(o);
	o->consumed = o->sent = o->most = o->ring.end;
	asb_ring_consume(&o->ring, o->ring.end);
}

void asb_output_close(struct asb_output *o)
{
	asb_watch_close(&o->watch);
}

void asb_output_settle(struct asb_output *o)
{
	bool full;

	if (o->skips)
		o->consumed = o->sent = o->most = o->ring.end;
	if (o->keeps && asb_ring_room(&o->ring) == 0)
		make_room(o);
	full = asb_ring_room(&o->ring) == 0;
	if (o->full && !full)
		o->active = asb_now();
	o->full = full;
	if (!asb_watch_is_open(&o->watch))
		return;
	if (full)
		asb_watch_rest(&o->watch);
	else
		asb_watch_want(&o->watch, POLLIN);
}

bool asb_output_is_sent(const struct asb_output *o)
{
	return !asb_watch_is_open(&o->watch) && (o->skips || o->sent == o->ring.end);
}

bool asb_output_has_data(const struct asb_output *o)
{
	return !o->skips && o->sent < o->ring.end && o->sent < o->limit;
}

static size_t smallest(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	uint64_t least = a < b ? a : b;

	least = least < c ? least : c;
	return (size_t)(least < d ? least : d);
}

bool asb_output_data(struct asb_output *o, struct asb_out *out, uint32_t channel)
{
	const size_t headers = ASB_FRAME_HEADER + ASB_DATA_HEADER;
	size_t room = asb_out_room(out);
	uint64_t due;
	uint8_t *to;
	size_t n;

	if (!asb_output_has_data(o) || room <= headers)
		return false;
	due = (o->ring.end < o->limit ? o->ring.end : o->limit) - o->sent;
	n = smallest(due, ASB_DATA_MAX, room - headers, SIZE_MAX);
	if (n < due && n < WORTH_A_FRAME)
		return false;
	to = asb_out_reserve(out, ASB_DATA, o->number, channel, ASB_DATA_HEADER + n);
	if (to == NULL)
		return false;
	asb_put64(to, o->sent);
	(void)asb_ring_copy(&o->ring, o->sent, to + ASB_DATA_HEADER, n);
	o->sent += n;
	if (o->sent > o->most)
		o->most = o->sent;
	return true;
}

bool asb_output_end(struct asb_output *o, struct asb_out *out, uint32_t channel)
{
	uint8_t *to;

	if (o->ended)
		return true;
	to = asb_out_reserve(out, ASB_EOF, o->number, channel, 8);
	if (to == NULL)
		return false;
	asb_put64(to, o->ring.end);
	o->ended = true;
	return true;
}

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
