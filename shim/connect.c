/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/fds.h"
#include "shim/loop.h"
#include "shim/peer.h"
#include "shim/protocol/ring.h"
#include "shim/say.h"

#define EXIT_FAILED 125
#define BUFFER (128u << 10)
#define WAIT_MS 2000	/* for PID 1's socket */
#define WAIT_FIRST_MS 5 /* first pause, doubled each time */
#define WAIT_LONGEST_MS 160

/* One direction. At its end nothing more is read; broken, nothing more can be written and what is
 * read is dropped. */
struct way {
	struct asb_ring ring;
	bool ended;
	bool broken;
};

static uint8_t up_bytes[BUFFER];
static uint8_t down_bytes[BUFFER];

static int try_once(void)
{
	struct sockaddr_un address;
	socklen_t length = asb_peer_address(&address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, length) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* EAGAIN: too many are waiting to be accepted. */
static int wait_for_init(void)
{
	int64_t end = asb_now() + (int64_t)WAIT_MS * 1000000;
	int pause = WAIT_FIRST_MS;

	for (;;) {
		int fd = try_once();

		if (fd >= 0)
			return fd;
		if ((errno != ECONNREFUSED && errno != ENOENT && errno != EAGAIN) ||
		    asb_now() > end) {
			asb_say("cannot reach PID 1: %s%s", strerror(errno),
				errno == ECONNREFUSED
					? "; the container's command is not agentsandbox-shim init"
					: "");
			return -1;
		}
		(void)asb_loop_wait(NULL, 0, pause);
		pause = pause * 2 < WAIT_LONGEST_MS ? pause * 2 : WAIT_LONGEST_MS;
	}
}

int asb_connect_reach(void)
{
	int fd = wait_for_init();

	if (fd >= 0 && !asb_peer_is_init(fd)) {
		asb_say("refused to talk to a process that is not PID 1 of this container");
		asb_fds_drop(&fd);
	}
	return fd;
}

static bool wants_input(const struct way *way)
{
	return !way->ended && asb_ring_room(&way->ring) > 0;
}

static void take(struct way *way, int fd)
{
	struct iovec iov[2];
	int pieces = asb_ring_space(&way->ring, iov);
	ssize_t n;

	if (pieces == 0)
		return;
	n = readv(fd, iov, pieces);
	if (n > 0)
		asb_ring_produced(&way->ring, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		way->ended = true;
}

static void give(struct way *way, int fd)
{
	struct iovec iov[2];
	int pieces = asb_ring_peek(&way->ring, way->ring.start, BUFFER, iov);
	ssize_t n;

	if (pieces == 0)
		return;
	n = way->broken ? -1 : writev(fd, iov, pieces);
	if (n > 0) {
		asb_ring_consume(&way->ring, way->ring.start + (uint64_t)n);
	} else if (way->broken || (errno != EAGAIN && errno != EINTR)) {
		/* Still read, as the writer at the other end must not be stuck with it. */
		way->broken = true;
		asb_ring_consume(&way->ring, way->ring.end);
	}
}

enum { IN, OUT, SOCKET, FDS };

static void prepare(struct pollfd fds[FDS], int sock, const struct way *up, const struct way *down)
{
	short events = 0;

	if (wants_input(down))
		events |= POLLIN;
	if (asb_ring_used(&up->ring) > 0)
		events |= POLLOUT;
	/* A descriptor that nothing can be done with is left out: its hang-up would wake us for
	 * ever. */
	fds[IN] = (struct pollfd){.fd = wants_input(up) ? STDIN_FILENO : -1, .events = POLLIN};
	fds[SOCKET] = (struct pollfd){.fd = events != 0 ? sock : -1, .events = events};
	/* Without POLLOUT this only tells that nobody reads stdout any more. */
	fds[OUT] = (struct pollfd){.fd = STDOUT_FILENO,
				   .events = asb_ring_used(&down->ring) > 0 ? POLLOUT : 0};
}

static int copy(int sock)
{
	struct way up = {.ended = false};
	struct way down = {.ended = false};
	bool shut = false;

	asb_ring_init(&up.ring, up_bytes, BUFFER);
	asb_ring_init(&down.ring, down_bytes, BUFFER);
	for (;;) {
		struct pollfd fds[FDS];

		prepare(fds, sock, &up, &down);
		(void)asb_loop_wait(fds, FDS, -1);
		if (fds[IN].revents != 0)
			take(&up, STDIN_FILENO);
		if (fds[SOCKET].revents != 0 && wants_input(&down))
			take(&down, sock);
		give(&up, sock);
		give(&down, STDOUT_FILENO);
		if (down.broken || (fds[OUT].revents & (POLLERR | POLLNVAL)) != 0)
			return EXIT_FAILED;
		if (down.ended && asb_ring_used(&down.ring) == 0)
			return 0;
		if (up.ended && asb_ring_used(&up.ring) == 0 && !shut) {
			(void)shutdown(sock, SHUT_WR);
			shut = true;
		}
	}
}

int asb_connect(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	int code;
	int sock;

	(void)signal(SIGPIPE, SIG_IGN);
	asb_fds_fill_stdio();
	sock = asb_connect_reach();
	if (sock < 0)
		return EXIT_FAILED;
	(void)asb_fds_nonblock(STDOUT_FILENO);
	code = copy(sock);
	/* The flag belongs to the open file, which others may share. */
	if (flags >= 0)
		(void)fcntl(STDOUT_FILENO, F_SETFL, flags);
	return code;
}
