/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_wire.c - the thread of an exec stream, once the stream is there: bytes both ways between the
 * WebSocket and our end of the pair.
 *
 * Each direction holds a bounded amount that could not be handed on yet; while it does, nothing
 * more is read on its other side. It is over when the caller's end of the pair is shut, or when the
 * WebSocket is gone and everything it brought has been handed on.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "plugin/base/clock.h"
#include "plugin/kube/exec_internal.h"

#define READ_SIZE (256u << 10) /* from the server, before it is handed on */
#define PIECES 64	       /* of messages, handed on with one call */
/* A server that sends without a pause is read again after this time only, and has more to read by
 * then: every time costs both threads a turn of their loops. What comes in smaller pieces than a
 * record of TLS has is no such flood. */
#define FLOOD_NS 200000L
#define FLOOD_SIZE 16000u
#define HEADROOM ASB_WEBSOCKET_HEADER_MAX
#define CONTROLS \
	4096u /* bytes of answers to pings that wait; one that finds no room is not given */

void asb_exec_problem(struct asb_exec *exec, const char *text)
{
	if (exec->outcome.problem[0] == '\0')
		snprintf(exec->outcome.problem, sizeof(exec->outcome.problem), "%s", text);
}

struct wire {
	struct asb_exec *exec;
	struct asb_exec_outcome *outcome;
	int local;
	bool gone;	 /* the WebSocket: it brings nothing and takes nothing */
	bool mute;	 /* it takes nothing more, but may have something to say */
	bool more;	 /* it may have something to say now */
	bool left;	 /* the caller takes nothing more and says nothing more */
	int64_t heard;	 /* monotonic: when the server was last heard, or pinged */
	int64_t ends_by; /* from the Status on: how long the server has for closing; 0: none yet */

	/* from the server to the caller */
	struct asb_websocket frames;
	struct asb_exec_demux demux;
	struct iovec pieces[PIECES]; /* channel 1, in read_buffer */
	int piece_count;
	struct asb_buffer inward; /* what of it waits for room in the pair, and goes before it */
	char *read_buffer;
	bool flood;

	/* from the caller to the server: one unit is sent to its end before another begins */
	struct asb_websocket_masks masks;
	unsigned char *unit; /* HEADROOM, ASB_EXEC_MESSAGE, CONTROLS */
	size_t unit_at, unit_end;
	struct asb_buffer controls; /* frames that go before the next message */
};

/* --- from the server to the caller ------------------------------------------------------------ */

/* Sends what waits; it stays, as far as there is no room for it. */
static void hand_on(struct wire *wire)
{
	while (wire->inward.length > 0 && !wire->left) {
		ssize_t n = send(wire->local, wire->inward.data, wire->inward.length,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			wire->left = true;
		else
			asb_buffer_drop(&wire->inward, (size_t)n);
	}
}

/* Hands on the pieces, and keeps what there is no room for: they don't stay where they are. */
static void hand_on_pieces(struct wire *wire)
{
	struct msghdr message = {.msg_iov = wire->pieces, .msg_iovlen = (size_t)wire->piece_count};
	ssize_t n = 0;

	if (wire->inward.length == 0 && !wire->left && wire->piece_count > 0)
		n = sendmsg(wire->local, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		wire->left = true;
	for (int i = 0; i < wire->piece_count; i++) {
		const char *bytes = wire->pieces[i].iov_base;
		size_t length = wire->pieces[i].iov_len;
		size_t sent = n <= 0 ? 0 : (size_t)n < length ? (size_t)n : length;

		asb_buffer_add(&wire->inward, bytes + sent, length - sent);
		n -= (ssize_t)sent;
	}
	wire->piece_count = 0;
}

static void add_piece(struct wire *wire, const void *bytes, size_t n)
{
	if (wire->piece_count == PIECES)
		hand_on_pieces(wire);
	wire->pieces[wire->piece_count++] =
		(struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
}

static void keep(struct asb_buffer *buf, const void *bytes, size_t n)
{
	size_t room = buf->limit - buf->length;

	asb_buffer_add(buf, bytes, n < room ? n : room);
}

static void on_channel(void *context, int channel, const void *bytes, size_t n)
{
	struct wire *wire = context;

	switch (channel) {
	case ASB_EXEC_STDOUT_CHANNEL:
		add_piece(wire, bytes, n);
		break;
	case ASB_EXEC_STDERR_CHANNEL:
		keep(&wire->outcome->diagnostics, bytes, n);
		break;
	case ASB_EXEC_STATUS_CHANNEL:
		if (wire->ends_by == 0)
			wire->ends_by = asb_monotonic_ms() + ASB_EXEC_CLOSE_MS;
		keep(&wire->outcome->status, bytes, n);
		break;
	default:
		break;
	}
}

static void on_data(void *context, const void *bytes, size_t n, bool start, bool end)
{
	struct wire *wire = context;

	asb_exec_demux_feed(&wire->demux, bytes, n, start, end, on_channel, wire);
}

static void add_control(struct wire *wire, enum asb_websocket_opcode opcode, const void *bytes,
			size_t n)
{
	unsigned char header[ASB_WEBSOCKET_HEADER_MAX];
	unsigned char payload[ASB_WEBSOCKET_CONTROL_MAX];
	unsigned char mask[4];
	size_t length;

	if (wire->controls.length + sizeof(header) + n > CONTROLS)
		return;
	memcpy(payload, bytes, n);
	asb_websocket_mask_next(&wire->masks, mask);
	length = asb_websocket_header(header, opcode, n, mask);
	asb_websocket_mask(payload, n, mask);
	asb_buffer_add(&wire->controls, header, length);
	asb_buffer_add(&wire->controls, payload, n);
}

static void on_close(struct wire *wire, const void *bytes, size_t n)
{
	char text[64];
	unsigned code = asb_websocket_close_code(bytes, n);

	if (code == 1000 || code == 0) /* RFC 6455 §7.4.1: a normal closure */
		snprintf(text, sizeof(text), "the server closed it");
	else
		snprintf(text, sizeof(text), "the server closed it with code %u", code);
	asb_exec_problem(wire->exec, text);
	wire->gone = true;
}

static void on_control(void *context, enum asb_websocket_opcode opcode, const void *bytes, size_t n)
{
	struct wire *wire = context;

	if (opcode == ASB_WEBSOCKET_PING)
		add_control(wire, ASB_WEBSOCKET_PONG, bytes, n);
	else if (opcode == ASB_WEBSOCKET_CLOSE)
		on_close(wire, bytes, n);
}

static void take_bytes(struct wire *wire, const char *bytes, size_t n)
{
	const struct asb_websocket_sink sink = {on_data, on_control, wire};

	wire->heard = asb_monotonic_ms();
	if (asb_websocket_feed(&wire->frames, bytes, n, &sink) != 0) {
		asb_exec_problem(wire->exec, wire->frames.problem);
		wire->gone = true;
	}
	hand_on_pieces(wire);
}

/* Reads until there is no more (poll does not tell of what TLS holds already), in pieces as large
 * as they come, for as long as the caller takes them. */
static void read_server(struct wire *wire)
{
	ssize_t n = 1;

	/* Stopped by the caller, it goes on here when he takes again. */
	while (n > 0 && !wire->gone && wire->inward.length == 0 && !wire->left) {
		size_t length = 0;

		while (length < READ_SIZE && n > 0) {
			n = asb_http_stream_recv(wire->exec->stream, wire->read_buffer + length,
						 READ_SIZE - length);
			if (n > 0)
				length += (size_t)n;
		}
		if (length > 0)
			take_bytes(wire, wire->read_buffer, length);
		if (n < 0)
			wire->gone = wire->mute = true;
		wire->flood = length >= FLOOD_SIZE;
	}
	if (n <= 0)
		wire->more = false;
}

/* --- from the caller to the server ------------------------------------------------------------ */

/* After the Status the remote process is gone; a server that has closed answers what is still sent
 * with a reset, and the reset would take unread output with it. */
static bool may_send(const struct wire *wire)
{
	return !wire->gone && !wire->mute && wire->outcome->status.length == 0;
}

/* The server takes every frame for a message: never fragment. */
static void make_message(struct wire *wire, size_t n)
{
	unsigned char header[ASB_WEBSOCKET_HEADER_MAX];
	unsigned char *message = wire->unit + HEADROOM;
	unsigned char mask[4];
	size_t length;

	message[0] = ASB_EXEC_STDIN_CHANNEL;
	asb_websocket_mask_next(&wire->masks, mask);
	length = asb_websocket_header(header, ASB_WEBSOCKET_BINARY, n + 1, mask);
	asb_websocket_mask(message, n + 1, mask);
	memcpy(message - length, header, length);
	wire->unit_at = HEADROOM - length;
	wire->unit_end = HEADROOM + n + 1;
}

static void add_controls(struct wire *wire)
{
	memcpy(wire->unit + wire->unit_end, wire->controls.data, wire->controls.length);
	wire->unit_end += wire->controls.length;
	asb_buffer_reset(&wire->controls);
}

/* The next unit: a message of what the caller has said, and the control frames that wait. */
static void fill_unit(struct wire *wire)
{
	ssize_t n =
		recv(wire->local, wire->unit + HEADROOM + 1, ASB_EXEC_MESSAGE - 1, MSG_DONTWAIT);

	wire->unit_at = wire->unit_end = 0;
	if (n > 0)
		make_message(wire, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		wire->left = true;
	if (wire->controls.length > 0)
		add_controls(wire);
}

static bool unit_is_sent(const struct wire *wire)
{
	return wire->unit_at == wire->unit_end;
}

static void send_server(struct wire *wire)
{
	while (may_send(wire) && !wire->left) {
		ssize_t n;

		if (unit_is_sent(wire))
			fill_unit(wire);
		if (unit_is_sent(wire))
			return;
		n = asb_http_stream_send(wire->exec->stream, wire->unit + wire->unit_at,
					 wire->unit_end - wire->unit_at);
		if (n == 0)
			return;
		/* There may be words of the server left to read. */
		wire->mute = n < 0;
		if (n > 0)
			wire->unit_at += (size_t)n;
	}
}

/* --- the loop --------------------------------------------------------------------------------- */

static void ping_if_silent(struct wire *wire)
{
	if (!may_send(wire) || asb_poll_timeout(wire->heard + ASB_EXEC_PING_MS) > 0)
		return;
	/* Losing the connection is noticed by who uses it: here an answer may be stuck behind
	 * output that the caller does not take. */
	add_control(wire, ASB_WEBSOCKET_PING, "", 0);
	wire->heard = asb_monotonic_ms();
}

static int timeout(const struct wire *wire)
{
	int ms = may_send(wire) ? asb_poll_timeout(wire->heard + ASB_EXEC_PING_MS) : -1;

	if (wire->ends_by != 0)
		ms = asb_nearer_timeout(ms, asb_poll_timeout(wire->ends_by));
	return ms;
}

/* A caller who has not taken all of the output yet gets more time. */
static bool over(struct wire *wire)
{
	if (wire->left)
		return true;
	if (wire->inward.length > 0) {
		if (wire->ends_by != 0 && asb_poll_timeout(wire->ends_by) == 0)
			wire->ends_by = asb_monotonic_ms() + ASB_EXEC_CLOSE_MS;
		return false;
	}
	return wire->gone || (wire->ends_by != 0 && asb_poll_timeout(wire->ends_by) == 0);
}

static void let_it_pile_up(struct wire *wire)
{
	const struct timespec pause = {.tv_nsec = FLOOD_NS};

	if (wire->flood && !wire->gone && wire->inward.length == 0)
		nanosleep(&pause, NULL);
	wire->flood = false;
}

/* Waits for what can be done next, and notes whether the server can be read. */
static void wait_for(struct wire *wire)
{
	bool speaking = !unit_is_sent(wire) && may_send(wire);
	struct pollfd fds[2] = {
		{.fd = wire->local},
		{.fd = -1},
	};

	if (may_send(wire) && !speaking)
		fds[0].events |= POLLIN;
	if (speaking)
		fds[1].events |= POLLOUT;
	if (wire->inward.length > 0)
		fds[0].events |= POLLOUT;
	else if (!wire->gone)
		fds[1].events |= POLLIN;
	/* One that is asked for nothing would still tell of its end, again and again. */
	if (fds[1].events != 0)
		fds[1].fd = asb_http_stream_fd(wire->exec->stream);
	if (poll(fds, 2, wire->more && wire->inward.length == 0 ? 0 : timeout(wire)) < 0 &&
	    errno != EINTR)
		wire->left = true;
	/* What he said last was sent if it could be. */
	if ((fds[0].revents & (POLLHUP | POLLERR)) != 0 &&
	    ((fds[0].revents & POLLIN) == 0 || speaking))
		wire->left = true;
	if ((fds[1].revents & ~POLLOUT) != 0)
		wire->more = true;
}

/* A word of parting, if it can be said at once; no server needs it. */
static void say_goodbye(struct wire *wire)
{
	unsigned code = wire->frames.problem != NULL ? 1002 : 1000;
	unsigned char payload[2] = {(unsigned char)(code >> 8), (unsigned char)code};

	if (wire->mute || !unit_is_sent(wire) || wire->outcome->status.length > 0)
		return;
	asb_buffer_reset(&wire->controls);
	add_control(wire, ASB_WEBSOCKET_CLOSE, payload, sizeof(payload));
	asb_http_stream_send(wire->exec->stream, wire->controls.data, wire->controls.length);
}

void asb_exec_serve(struct asb_exec *exec, const char *bytes, size_t n)
{
	struct wire wire = {
		.exec = exec,
		.outcome = &exec->outcome,
		.local = exec->local,
		.more = true,
		.demux = {.channel = -1},
		.read_buffer = asb_malloc(READ_SIZE),
		.unit = asb_malloc(HEADROOM + ASB_EXEC_MESSAGE + CONTROLS),
	};

	asb_buffer_init(&wire.inward);
	asb_buffer_init(&wire.controls);
	take_bytes(&wire, bytes, n);
	while (!over(&wire)) {
		if (wire.more)
			read_server(&wire);
		send_server(&wire);
		if (over(&wire))
			break;
		let_it_pile_up(&wire);
		wait_for(&wire);
		hand_on(&wire);
		ping_if_silent(&wire);
	}
	say_goodbye(&wire);
	asb_buffer_release(&wire.inward);
	asb_buffer_release(&wire.controls);
	free(wire.read_buffer);
	free(wire.unit);
}
