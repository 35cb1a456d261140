/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/connect_mux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/connect.h"
#include "shim/fds.h"
#include "shim/loop.h"
#include "shim/protocol/mux.h"
#include "shim/say.h"

#define EXIT_FAILED 125
#define UP (128u << 10)
#define DOWN (512u << 10)
#define PIECE (64u << 10)   /* of one connection in one turn */
#define LEAST_PIECE 4096u   /* less room than that is no turn */
#define ROOM_TO_ANSWER 256u /* kept for echoes and closings */

/* One connection to PID 1. */
struct lane {
	uint32_t index; /* 0: free */
	int fd;
	bool closing; /* the client has closed it: what PID 1 still says is dropped */
	bool broken;  /* PID 1 takes nothing any more */
};

struct mux {
	struct lane lanes[ASB_MUX_CONNECTIONS];
	unsigned turn;	  /* whose output comes first */
	uint32_t highest; /* index so far */

	uint8_t up[UP]; /* [0, up_end) wait to be taken */
	size_t up_end;
	bool up_ended;
	uint32_t left;	      /* bytes of the packet under way */
	struct lane *target;  /* whose bytes they are; NULL: nobody's */
	struct lane *blocked; /* takes nothing at the moment; NULL: none */
	int64_t heard_ns;

	uint8_t down[DOWN]; /* [down_start, down_end) wait to be written */
	size_t down_start, down_end;
	bool down_broken;
};

static struct mux mux;

/* --- to stdout -------------------------------------------------------------------------------- */

static size_t down_room(void)
{
	return DOWN - mux.down_end;
}

/* There is room: nothing that answers is done without ROOM_TO_ANSWER. */
static void tell(uint32_t index, const void *bytes, uint32_t n)
{
	asb_mux_header(mux.down + mux.down_end, index, n);
	if (n > 0)
		memcpy(mux.down + mux.down_end + ASB_MUX_HEADER, bytes, n);
	mux.down_end += ASB_MUX_HEADER + n;
}

static void flush(void)
{
	while (mux.down_start < mux.down_end) {
		ssize_t n = write(STDOUT_FILENO, mux.down + mux.down_start,
				  mux.down_end - mux.down_start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			mux.down_broken = errno != EAGAIN;
			return;
		}
		mux.down_start += (size_t)n;
	}
	mux.down_start = mux.down_end = 0;
}

static void end_lane(struct lane *lane)
{
	if (!lane->closing)
		tell(lane->index, NULL, 0);
	if (mux.target == lane)
		mux.target = NULL;
	if (mux.blocked == lane)
		mux.blocked = NULL;
	asb_fds_drop(&lane->fd);
	*lane = (struct lane){.fd = -1};
}

static bool may_read(const struct lane *lane)
{
	return lane->index != 0 && down_room() >= LEAST_PIECE + ROOM_TO_ANSWER;
}

static void take_output(struct lane *lane)
{
	uint8_t *packet = mux.down + mux.down_end;
	size_t room = down_room() - ROOM_TO_ANSWER;
	ssize_t n = read(lane->fd, packet + ASB_MUX_HEADER, room < PIECE ? room : PIECE);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_lane(lane);
	} else if (!lane->closing) {
		asb_mux_header(packet, lane->index, (uint32_t)n);
		mux.down_end += ASB_MUX_HEADER + (size_t)n;
	}
}

/* --- from stdin ------------------------------------------------------------------------------- */

static struct lane *find(uint32_t index)
{
	for (unsigned i = 0; i < ASB_MUX_CONNECTIONS; i++) {
		if (mux.lanes[i].index == index)
			return &mux.lanes[i];
	}
	return NULL;
}

/* The connection a packet is for, which is opened by its first one. NULL: it is closed, or can't be
 * opened, which the client is told. */
static struct lane *lane_of(uint32_t index)
{
	struct lane *lane = find(index);

	if (lane != NULL)
		return lane->closing ? NULL : lane;
	if (index <= mux.highest)
		return NULL;
	mux.highest = index;
	lane = find(0);
	if (lane != NULL)
		lane->fd = asb_connect_reach();
	if (lane == NULL || lane->fd < 0) {
		tell(index, NULL, 0);
		return NULL;
	}
	lane->index = index;
	return lane;
}

/* PID 1 reads what is on its way before it sees the end, and then closes its side. */
static void close_lane(uint32_t index)
{
	struct lane *lane = find(index);

	if (index > mux.highest)
		mux.highest = index;
	if (lane == NULL || lane->closing)
		return;
	lane->closing = true;
	(void)shutdown(lane->fd, SHUT_WR);
}

/* Takes the header at `at` with what belongs to it. Returns the bytes taken, 0: more are wanted,
 * -1: malformed. */
static int open_packet(const uint8_t *at, size_t available)
{
	uint32_t index, length;

	if (available < ASB_MUX_HEADER)
		return 0;
	index = asb_get32(at);
	length = asb_get32(at + 4);
	if (index == 0) {
		if (length > ASB_MUX_ECHO_MAX)
			return -1;
		if (available < ASB_MUX_HEADER + length)
			return 0;
		tell(0, at + ASB_MUX_HEADER, length);
		return (int)(ASB_MUX_HEADER + length);
	}
	if (length == 0) {
		close_lane(index);
	} else {
		mux.target = lane_of(index);
		mux.left = length;
	}
	return ASB_MUX_HEADER;
}

/* Hands bytes of the packet under way on. Returns how many are done with; 0: it has to wait. */
static size_t hand_on(const uint8_t *bytes, size_t available)
{
	size_t n = available < mux.left ? available : mux.left;
	struct lane *lane = mux.target;
	ssize_t written;

	if (lane == NULL || lane->broken || lane->closing)
		return n;
	written = send(lane->fd, bytes, n, MSG_NOSIGNAL);
	if (written >= 0)
		return (size_t)written;
	if (errno == EAGAIN || errno == EINTR) {
		mux.blocked = lane;
		return 0;
	}
	/* What it still has to say is read all the same. */
	lane->broken = true;
	return n;
}

/* -1: what came is no packet. */
static int take_packets(void)
{
	size_t at = 0;
	int taken = 1;

	mux.blocked = NULL;
	while (taken > 0 && at < mux.up_end && down_room() >= ROOM_TO_ANSWER) {
		if (mux.left > 0) {
			taken = (int)hand_on(mux.up + at, mux.up_end - at);
			mux.left -= (uint32_t)taken;
		} else {
			taken = open_packet(mux.up + at, mux.up_end - at);
		}
		if (taken > 0)
			at += (size_t)taken;
	}
	mux.up_end -= at;
	memmove(mux.up, mux.up + at, mux.up_end);
	return taken < 0 ? -1 : 0;
}

static void take_input(void)
{
	ssize_t n = read(STDIN_FILENO, mux.up + mux.up_end, UP - mux.up_end);

	if (n > 0) {
		mux.up_end += (size_t)n;
		mux.heard_ns = asb_now();
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		mux.up_ended = true;
	}
}

/* --- the loop --------------------------------------------------------------------------------- */

enum { IN, OUT, LANES };

static void prepare(struct pollfd fds[LANES + ASB_MUX_CONNECTIONS])
{
	bool wanted = !mux.up_ended && mux.up_end < UP && mux.blocked == NULL;

	fds[IN] = (struct pollfd){.fd = wanted ? STDIN_FILENO : -1, .events = POLLIN};
	/* Without POLLOUT this only tells that nobody reads stdout any more. */
	fds[OUT] = (struct pollfd){.fd = STDOUT_FILENO,
				   .events = mux.down_end > mux.down_start ? POLLOUT : 0};
	for (unsigned i = 0; i < ASB_MUX_CONNECTIONS; i++) {
		struct lane *lane = &mux.lanes[i];
		short events = 0;

		if (may_read(lane))
			events |= POLLIN;
		if (mux.blocked == lane)
			events |= POLLOUT;
		/* A descriptor that nothing can be done with is left out: its hang-up would wake us
		 * for ever. */
		fds[LANES + i] =
			(struct pollfd){.fd = events != 0 ? lane->fd : -1, .events = events};
	}
}

static void take_outputs(const struct pollfd *ready)
{
	unsigned first = mux.turn;

	for (unsigned n = 0; n < ASB_MUX_CONNECTIONS; n++) {
		unsigned i = (first + n) % ASB_MUX_CONNECTIONS;

		if (ready[i].revents == 0 || !may_read(&mux.lanes[i]))
			continue;
		take_output(&mux.lanes[i]);
		mux.turn = i + 1;
	}
}

static bool is_silent(void)
{
	return asb_now() - mux.heard_ns >= (int64_t)ASB_MUX_SILENCE_MS * 1000000;
}

static int copy(void)
{
	struct pollfd fds[LANES + ASB_MUX_CONNECTIONS];

	for (;;) {
		prepare(fds);
		(void)asb_loop_wait(fds, LANES + ASB_MUX_CONNECTIONS, ASB_MUX_SILENCE_MS);
		if ((fds[OUT].revents & (POLLERR | POLLNVAL)) != 0)
			return EXIT_FAILED;
		take_outputs(fds + LANES);
		if (fds[IN].revents != 0)
			take_input();
		if (take_packets() < 0) {
			asb_say("what came on stdin is no packet");
			return EXIT_FAILED;
		}
		flush();
		if (mux.up_ended && mux.up_end == 0)
			return 0;
		if (mux.down_broken || is_silent())
			return EXIT_FAILED;
	}
}

int asb_connect_mux(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	int code;

	(void)signal(SIGPIPE, SIG_IGN);
	asb_fds_fill_stdio();
	for (unsigned i = 0; i < ASB_MUX_CONNECTIONS; i++)
		mux.lanes[i].fd = -1;
	mux.heard_ns = asb_now();
	(void)asb_fds_nonblock(STDOUT_FILENO);
	code = copy();
	/* The flag belongs to the open file, which others may share. */
	if (flags >= 0)
		(void)fcntl(STDOUT_FILENO, F_SETFL, flags);
	return code;
}
