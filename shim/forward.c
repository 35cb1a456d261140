/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/fds.h"
#include "shim/loop.h"
#include "shim/relay.h"
#include "shim/say.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define BUFFER (128u << 10)
#define CONNECT_MS 10000

static uint8_t up_bytes[BUFFER];
static uint8_t down_bytes[BUFFER];

/* --- the connection --------------------------------------------------------------------------- */

/* 1 to 65535, else 0. */
static unsigned port_of(const char *text)
{
	unsigned port = 0;

	for (; *text >= '0' && *text <= '9' && port <= 65535; text++)
		port = port * 10 + (unsigned)(*text - '0');
	return *text == '\0' && port <= 65535 ? port : 0;
}

/* Length of the address, 0 when it is none. */
static socklen_t address_of(const char *host, unsigned port, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return sizeof(*v6);
	}
	return 0;
}

/* 0, or the errno of the attempt. */
static int wait_until_connected(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = ETIMEDOUT;
	socklen_t length = sizeof(error);

	if (asb_loop_wait(&p, 1, CONNECT_MS) > 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	return error;
}

/* -1 with errno. */
static int connect_to(const char *host, unsigned port)
{
	struct sockaddr_storage address;
	socklen_t length = address_of(host, port, &address);
	int on = 1;
	int error = 0;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, length) != 0)
		error = errno == EINPROGRESS ? wait_until_connected(fd) : errno;
	if (error != 0) {
		(void)close(fd);
		errno = error;
		return -1;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int reach(const char *host, unsigned port)
{
	int error;
	int fd;

	if (strcmp(host, "localhost") != 0)
		return connect_to(host, port);
	fd = connect_to("127.0.0.1", port);
	if (fd >= 0)
		return fd;
	error = errno;
	fd = connect_to("::1", port);
	if (fd < 0)
		errno = error;
	return fd;
}

/* --- the copy --------------------------------------------------------------------------------- */

enum { IN, OUT, SOCKET, FDS };

struct forward {
	int in, out, sock; /* in and out: -1 once closed */
	struct asb_relay up, down;
};

static void prepare(const struct forward *f, struct pollfd fds[FDS])
{
	short events = 0;

	if (asb_relay_wants(&f->down))
		events |= POLLIN;
	if (asb_ring_used(&f->up.ring) > 0)
		events |= POLLOUT;
	/* A descriptor that nothing can be done with is left out: its hang-up would wake us for
	 * ever. */
	fds[IN] = (struct pollfd){.fd = asb_relay_wants(&f->up) ? f->in : -1, .events = POLLIN};
	fds[SOCKET] = (struct pollfd){.fd = events != 0 ? f->sock : -1, .events = events};
	/* Without POLLOUT this only tells that nobody reads stdout any more. */
	fds[OUT] = (struct pollfd){.fd = f->out,
				   .events = asb_ring_used(&f->down.ring) > 0 ? POLLOUT : 0};
}

/* Each half that has ended is closed at its other side. */
static void close_halves(struct forward *f)
{
	if (f->in >= 0 && f->up.broken) {
		asb_fds_drop(&f->in);
	} else if (f->in >= 0 && asb_relay_done(&f->up)) {
		(void)shutdown(f->sock, SHUT_WR);
		asb_fds_drop(&f->in);
	}
	if (f->out >= 0 && asb_relay_done(&f->down))
		asb_fds_drop(&f->out);
}

/* Nobody reads stdout any more: 0 too, the connection is closed with what waits in it. */
static int copy(struct forward *f)
{
	while (f->in >= 0 || f->out >= 0) {
		struct pollfd fds[FDS];

		prepare(f, fds);
		(void)asb_loop_wait(fds, FDS, -1);
		if (fds[IN].revents != 0)
			asb_relay_take(&f->up, f->in);
		if (fds[SOCKET].revents != 0 && asb_relay_wants(&f->down))
			asb_relay_take(&f->down, f->sock);
		asb_relay_give(&f->up, f->sock);
		if (f->out >= 0)
			asb_relay_give(&f->down, f->out);
		if (f->down.broken || (fds[OUT].revents & (POLLERR | POLLNVAL)) != 0)
			return 0;
		if (f->down.error != 0 && asb_ring_used(&f->down.ring) == 0) {
			asb_say("%s", strerror(f->down.error));
			return EXIT_FAILED;
		}
		close_halves(f);
	}
	return 0;
}

int asb_forward(int argc, char **argv)
{
	struct forward f = {.in = STDIN_FILENO, .out = STDOUT_FILENO, .sock = -1};
	struct sockaddr_storage ignored;
	unsigned port = argc == 2 ? port_of(argv[1]) : 0;
	bool named = argc == 2 && (strcmp(argv[0], "localhost") == 0 ||
				   address_of(argv[0], port, &ignored) != 0);

	if (port == 0 || !named) {
		asb_say("usage: forward ADDRESS PORT");
		return EXIT_USAGE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	asb_fds_fill_stdio();
	f.sock = reach(argv[0], port);
	if (f.sock < 0) {
		asb_say("port %u of %s: %s", port, argv[0], strerror(errno));
		return EXIT_FAILED;
	}
	(void)asb_fds_nonblock(f.out);
	asb_relay_init(&f.up, up_bytes, BUFFER);
	asb_relay_init(&f.down, down_bytes, BUFFER);
	return copy(&f);
}
