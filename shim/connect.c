/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/fds.h"
#include "shim/loop.h"
#include "shim/peer.h"
#include "shim/relay.h"
#include "shim/say.h"

#define EXIT_FAILED 125
#define BUFFER (128u << 10)
#define WAIT_MS 2000	/* for PID 1's socket */
#define WAIT_FIRST_MS 5 /* first pause, doubled each time */
#define WAIT_LONGEST_MS 160
#define STUCK_MS 10000 /* for somebody to take what PID 1 said before it hung up */

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

enum { IN, OUT, SOCKET, FDS };

static void prepare(struct pollfd fds[FDS], int sock, bool gone, const struct asb_relay *up,
		    const struct asb_relay *down)
{
	short events = 0;

	if (asb_relay_wants(down))
		events |= POLLIN;
	if (asb_ring_used(&up->ring) > 0)
		events |= POLLOUT;
	/* A descriptor that nothing can be done with is left out, or its hang-up would wake us for
	 * ever; that of the socket once it is known. */
	fds[IN] = (struct pollfd){.fd = asb_relay_wants(up) ? STDIN_FILENO : -1, .events = POLLIN};
	fds[SOCKET] = (struct pollfd){.fd = events != 0 || !gone ? sock : -1, .events = events};
	/* Without POLLOUT this only tells that nobody reads stdout any more. */
	fds[OUT] = (struct pollfd){.fd = STDOUT_FILENO,
				   .events = asb_ring_used(&down->ring) > 0 ? POLLOUT : 0};
}

/* A stream whose other end is lost may never end for us: nobody reads our stdout, and nobody closes
 * it. PID 1 hangs up on such a client (another connection took its place, or it is silent), and
 * what it has said then need not wait for ever. */
static int copy(int sock)
{
	struct asb_relay up, down;
	bool shut = false, gone = false;

	asb_relay_init(&up, up_bytes, BUFFER);
	asb_relay_init(&down, down_bytes, BUFFER);
	for (;;) {
		struct pollfd fds[FDS];

		prepare(fds, sock, gone, &up, &down);
		if (asb_loop_wait(fds, FDS, gone ? STUCK_MS : -1) == 0)
			return EXIT_FAILED;
		gone |= (fds[SOCKET].revents & POLLHUP) != 0;
		if (fds[IN].revents != 0)
			asb_relay_take(&up, STDIN_FILENO);
		if (fds[SOCKET].revents != 0 && asb_relay_wants(&down))
			asb_relay_take(&down, sock);
		asb_relay_give(&up, sock);
		asb_relay_give(&down, STDOUT_FILENO);
		if (down.broken || (fds[OUT].revents & (POLLERR | POLLNVAL)) != 0)
			return EXIT_FAILED;
		if (asb_relay_done(&down))
			return 0;
		if (asb_relay_done(&up) && !shut) {
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
