/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/session/mux.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"

#define READ (256u << 10)
#define PIECE (64u << 10)  /* of one connection in one turn */
#define QUEUE (256u << 10) /* on its way to the stream: more is not read from connections */
#define BUSY_MS 5000	   /* between two echoes, while there are connections */
#define IDLE_MS 15000	   /* and while there are none */

struct connection {
	uint32_t index; /* 0: it hasn't said anything yet. They must appear in rising order */
	int fd;
	struct asb_buffer down; /* for its reader */
	bool ended;		/* the other end has closed it: it goes once `down` is empty */
	bool deaf;		/* nobody reads it, but it may have said something before */
};

struct asb_mux {
	int stream;
	struct connection *connections[ASB_MUX_CONNECTIONS]; /* the first `count`, any order */
	unsigned count;
	unsigned turn; /* whose bytes come first */
	uint32_t last_index;
	bool ready;

	struct asb_buffer up; /* packets on their way to the stream */
	uint8_t *in;	      /* READ bytes; [0, in_end) wait */
	size_t in_end;
	uint32_t left;		    /* bytes of the packet under way */
	uint32_t packet;	    /* its index */
	int64_t asked_ms, heard_ms; /* the last echo asked for; the last byte from the stream */
};

static void ask(struct asb_mux *mux)
{
	uint8_t header[ASB_MUX_HEADER];

	asb_mux_header(header, 0, 1);
	asb_buffer_add(&mux->up, header, sizeof(header));
	asb_buffer_addch(&mux->up, '?');
	mux->asked_ms = asb_monotonic_ms();
}

struct asb_mux *asb_mux_new(int stream)
{
	struct asb_mux *mux = asb_calloc(1, sizeof(*mux));

	mux->stream = stream;
	mux->in = asb_malloc(READ);
	asb_buffer_init(&mux->up);
	mux->heard_ms = asb_monotonic_ms();
	ask(mux);
	return mux;
}

/* The last one takes its place. */
static void drop(struct asb_mux *mux, unsigned i)
{
	struct connection *connection = mux->connections[i];

	close(connection->fd);
	asb_buffer_release(&connection->down);
	free(connection);
	mux->connections[i] = mux->connections[--mux->count];
}

void asb_mux_free(struct asb_mux *mux)
{
	if (mux == NULL)
		return;
	while (mux->count > 0)
		drop(mux, mux->count - 1);
	asb_buffer_release(&mux->up);
	free(mux->in);
	free(mux);
}

bool asb_mux_ready(const struct asb_mux *mux)
{
	return mux->ready;
}

unsigned asb_mux_count(const struct asb_mux *mux)
{
	return mux->count;
}

void asb_mux_add(struct asb_mux *mux, int fd)
{
	struct connection *connection;

	if (mux->count == ASB_MUX_CONNECTIONS ||
	    mux->last_index >= UINT32_MAX - ASB_MUX_CONNECTIONS) {
		close(fd);
		return;
	}
	connection = asb_calloc(1, sizeof(*connection));
	connection->fd = fd;
	asb_buffer_init(&connection->down);
	mux->connections[mux->count++] = connection;
}

/* --- from the connections --------------------------------------------------------------------- */

static void send_packet(struct asb_mux *mux, uint32_t index, const void *bytes, size_t n)
{
	uint8_t header[ASB_MUX_HEADER];

	asb_mux_header(header, index, (uint32_t)n);
	asb_buffer_add(&mux->up, header, sizeof(header));
	asb_buffer_add(&mux->up, bytes, n);
}

/* False: the connection is at its end. */
static bool take_from(struct asb_mux *mux, struct connection *connection, short revents)
{
	char bytes[PIECE];
	ssize_t n = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return true;
	/* Who has gone before it was heard has gone another way: nothing may happen twice. */
	if (connection->index == 0 && (n <= 0 || (revents & POLLHUP) != 0))
		return false;
	if (connection->index == 0)
		connection->index = ++mux->last_index;
	/* 0: of length 0 is what says that it is closed */
	send_packet(mux, connection->index, bytes, n > 0 ? (size_t)n : 0);
	return n > 0;
}

static void give_to(struct connection *connection)
{
	while (connection->down.length > 0) {
		ssize_t n = send(connection->fd, connection->down.data, connection->down.length,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0) {
			connection->deaf = true;
			asb_buffer_reset(&connection->down);
			return;
		}
		asb_buffer_drop(&connection->down, (size_t)n);
	}
}

/* --- from the stream -------------------------------------------------------------------------- */

static struct connection *find(const struct asb_mux *mux, uint32_t index)
{
	for (unsigned i = 0; index != 0 && i < mux->count; i++) {
		if (mux->connections[i]->index == index)
			return mux->connections[i];
	}
	return NULL;
}

static int open_packet(struct asb_mux *mux, const uint8_t *header, struct asb_error *err)
{
	struct connection *connection;

	mux->packet = asb_get32(header);
	mux->left = asb_get32(header + 4);
	if (mux->packet == 0 && mux->left != 1)
		return asb_fail(err, "what answers in the sandbox is not the shim");
	/* Before its first echo nothing else can come. */
	if (mux->packet != 0 && !mux->ready)
		return asb_fail(err, "what answers in the sandbox is not the shim");
	if (mux->packet == 0)
		mux->ready = true;
	connection = find(mux, mux->packet);
	if (mux->left == 0 && connection != NULL)
		connection->ended = true;
	return 0;
}

/* Of a connection that is gone, or of the way itself, the bytes are dropped. */
static size_t take_bytes(struct asb_mux *mux, const uint8_t *bytes, size_t n)
{
	struct connection *connection = find(mux, mux->packet);

	if (n > mux->left)
		n = mux->left;
	mux->left -= (uint32_t)n;
	if (connection == NULL || connection->ended || connection->deaf)
		return n;
	if (connection->down.length + n > ASB_MUX_BACKLOG) {
		connection->ended = true;
		asb_buffer_reset(&connection->down);
		send_packet(mux, connection->index, NULL, 0);
		return n;
	}
	asb_buffer_add(&connection->down, bytes, n);
	return n;
}

static int take_packets(struct asb_mux *mux, struct asb_error *err)
{
	size_t at = 0;

	for (;;) {
		size_t waiting = mux->in_end - at;

		if (mux->left > 0 && waiting > 0) {
			at += take_bytes(mux, mux->in + at, waiting);
		} else if (mux->left == 0 && waiting >= ASB_MUX_HEADER) {
			if (open_packet(mux, mux->in + at, err) != 0)
				return -1;
			at += ASB_MUX_HEADER;
		} else {
			break;
		}
	}
	mux->in_end -= at;
	memmove(mux->in, mux->in + at, mux->in_end);
	return 0;
}

static int take_stream(struct asb_mux *mux, struct asb_error *err)
{
	ssize_t n = recv(mux->stream, mux->in + mux->in_end, READ - mux->in_end, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	if (n <= 0)
		return asb_fail(err, "the connection to the sandbox was lost");
	mux->in_end += (size_t)n;
	mux->heard_ms = asb_monotonic_ms();
	return take_packets(mux, err);
}

static int give_stream(struct asb_mux *mux, struct asb_error *err)
{
	while (mux->up.length > 0) {
		ssize_t n = send(mux->stream, mux->up.data, mux->up.length,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0)
			return asb_fail(err, "the connection to the sandbox was lost");
		asb_buffer_drop(&mux->up, (size_t)n);
	}
	return 0;
}

/* --- the loop --------------------------------------------------------------------------------- */

unsigned asb_mux_fds(const struct asb_mux *mux, struct pollfd fds[ASB_MUX_FDS])
{
	fds[0] = (struct pollfd){.fd = mux->stream,
				 .events = mux->up.length > 0 ? POLLIN | POLLOUT : POLLIN};
	for (unsigned i = 0; i < mux->count; i++) {
		const struct connection *connection = mux->connections[i];
		short events = 0;

		if (!connection->ended && mux->up.length < QUEUE)
			events |= POLLIN;
		if (connection->down.length > 0)
			events |= POLLOUT;
		/* Else its hang-up would wake us for ever. */
		fds[1 + i] =
			(struct pollfd){.fd = events != 0 ? connection->fd : -1, .events = events};
	}
	return 1 + mux->count;
}

static int64_t ask_due(const struct asb_mux *mux)
{
	return mux->asked_ms + (mux->count > 0 ? BUSY_MS : IDLE_MS);
}

/* Silence counts from an echo that was asked for: a machine that slept blames nobody. */
static bool waits_for_answer(const struct asb_mux *mux)
{
	return mux->asked_ms > mux->heard_ms;
}

int asb_mux_timeout(const struct asb_mux *mux)
{
	return asb_poll_timeout(ask_due(mux));
}

static int keep_heart(struct asb_mux *mux, struct asb_error *err)
{
	if (asb_poll_timeout(ask_due(mux)) > 0)
		return 0;
	if (waits_for_answer(mux) && asb_monotonic_ms() - mux->heard_ms >= ASB_MUX_LOST_MS)
		return asb_fail(err, "nothing was heard from the sandbox for %d s",
				ASB_MUX_LOST_MS / 1000);
	ask(mux);
	return 0;
}

/* `fds` are those of the connections: the count of them that asb_mux_fds saw. */
static void take_connections(struct asb_mux *mux, const struct pollfd *fds)
{
	unsigned count = mux->count;

	for (unsigned n = 0; n < count && mux->up.length < QUEUE; n++) {
		unsigned i = (mux->turn + n) % count;
		struct connection *connection = mux->connections[i];

		if (fds[i].revents == 0 || connection->ended)
			continue;
		if (!take_from(mux, connection, fds[i].revents)) {
			connection->ended = true;
			asb_buffer_reset(&connection->down);
		}
	}
	mux->turn = count == 0 ? 0 : (mux->turn + 1) % count;
}

/* From the end, so that what takes a place has been looked at. */
static void give_connections(struct asb_mux *mux)
{
	for (unsigned i = mux->count; i-- > 0;) {
		struct connection *connection = mux->connections[i];

		give_to(connection);
		if (connection->ended && connection->down.length == 0)
			drop(mux, i);
	}
}

int asb_mux_step(struct asb_mux *mux, const struct pollfd *fds, struct asb_error *err)
{
	take_connections(mux, fds + 1);
	if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && take_stream(mux, err) != 0)
		return -1;
	give_connections(mux);
	if (keep_heart(mux, err) != 0)
		return -1;
	return give_stream(mux, err);
}
