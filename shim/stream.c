/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/memory.h"
#include "shim/say.h"

/* A frame smaller than this is only sent when there is no more to send: the buffer is nearly full.
 */
#define WORTH_A_FRAME 4096u
/* What a detached job without a reader holds in memory before it goes to a file. */
#define WORTH_A_FILE 65536u
/* What is moved to a file, or dropped, at once. */
#define ROOM 131072u

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
	o->spool = (struct asb_spool){.open = false};
	o->spools = false;
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

static void consume(struct asb_output *o, uint64_t upto)
{
	asb_spool_consume(&o->spool, upto);
	asb_ring_consume(&o->ring, upto);
}

int asb_output_credit(struct asb_output *o, uint64_t consumed, uint64_t limit)
{
	if (o->stopped)
		return 0;
	if (consumed > o->most)
		return -1;
	if (!o->keeps)
		consume(o, consumed);
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
	return asb_spool_is_empty(&o->spool) ? o->ring.start : o->spool.start;
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
	o->limit = limit > from ? limit : from;
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
static void give_up(struct asb_output *o)
{
	uint64_t until = asb_output_start(o) + ROOM;
	uint64_t most = o->attached ? o->consumed : o->drops ? o->ring.end : o->read;

	consume(o, until < most ? until : most);
}

static void make_room(struct asb_output *o)
{
	size_t n = asb_ring_used(&o->ring);

	/* Without a reader all of it, so that many jobs that wait for one need little memory. */
	if (o->spools && o->keeps && !o->attached && n >= WORTH_A_FILE) {
		if (asb_spool_take(&o->spool, &o->ring, n) == n)
			asb_memory_give_back(o->ring.bytes, o->ring.size);
	}
	if (asb_ring_room(&o->ring) > 0)
		return;
	if (o->spools && asb_spool_take(&o->spool, &o->ring, ROOM) > 0)
		return;
	if (!o->keeps)
		return;
	give_up(o);
	if (o->spools && asb_ring_room(&o->ring) == 0)
		(void)asb_spool_take(&o->spool, &o->ring, ROOM);
}

void asb_output_release(struct asb_output *o)
{
	if (o->ring.end > 0)
		asb_memory_give_back(o->ring.bytes, o->ring.size);
	consume(o, o->ring.end);
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
	consume(o, o->ring.end);
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

static void was_sent(struct asb_output *o, size_t n)
{
	o->sent += n;
	if (o->sent > o->most)
		o->most = o->sent;
}

/* The same out of the file. */
static bool spooled_data(struct asb_output *o, struct asb_out *out, uint32_t channel)
{
	const size_t headers = ASB_FRAME_HEADER + ASB_DATA_HEADER;
	uint64_t end = o->ring.start < o->limit ? o->ring.start : o->limit;
	size_t n = smallest(end - o->sent, ASB_DATA_MAX, asb_out_room(out) - headers, SIZE_MAX);
	uint8_t *to;

	if (n < end - o->sent && n < WORTH_A_FRAME)
		return false;
	to = asb_out_reserve(out, ASB_DATA, o->number, channel, ASB_DATA_HEADER + n);
	if (to == NULL)
		return false;
	asb_put64(to, o->sent);
	if (asb_spool_copy(&o->spool, o->sent, to + ASB_DATA_HEADER, n) != n) {
		/* Nobody gets these bytes any more; the client will find the gap. */
		asb_say("kept output cannot be read: %s", strerror(errno));
		memset(to + ASB_DATA_HEADER, 0, n);
	}
	was_sent(o, n);
	return true;
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
	if (o->sent < o->ring.start)
		return spooled_data(o, out, channel);
	due = (o->ring.end < o->limit ? o->ring.end : o->limit) - o->sent;
	n = smallest(due, ASB_DATA_MAX, room - headers, SIZE_MAX);
	if (n < due && n < WORTH_A_FRAME)
		return false;
	to = asb_out_reserve(out, ASB_DATA, o->number, channel, ASB_DATA_HEADER + n);
	if (to == NULL)
		return false;
	asb_put64(to, o->sent);
	(void)asb_ring_copy(&o->ring, o->sent, to + ASB_DATA_HEADER, n);
	was_sent(o, n);
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
