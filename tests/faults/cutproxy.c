/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cutproxy LISTEN HOST PORT BYTES [SEED COUNT STALL_MS SECONDS] - a TCP proxy that cuts.
 *
 * Listens on port LISTEN of loopback (0: a free one), prints the port on a line of its own, and
 * forwards each connection to HOST:PORT. A connection that has brought BYTES bytes from the server
 * (0: never) is reset in both directions, and so are all open ones when SIGUSR1 arrives; new ones
 * are served as before. Ends by itself after SECONDS (120), or at SIGTERM. At most 64 connections
 * at once; more are reset.
 *
 * With a SEED what happens is by chance, COUNT times in all: after about BYTES bytes in both
 * directions a connection is reset, ended in order, held up for a while or for STALL_MS and then
 * reset, or a bit of it is changed. Each is a line of output: its number and what was done.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 64
#define LIFETIME_S 120
#define QUIET 65536 /* bytes that every connection is granted: REST is meant to get through */
#define LONGEST_PAUSE_MS 400
#define CLIENT 0
#define SERVER 1

/* Bytes that were read on one side and wait to be written on the other. */
struct waiting {
	char bytes[65536];
	size_t start, end;
	bool ended; /* the side they come from says no more */
	bool told;  /* and the other side knows */
};

struct connection {
	bool used;
	int fd[2];
	struct waiting from[2]; /* by the side they come from */
	uint64_t brought;	/* from the server, with a seed: in both directions */
	uint64_t limit;		/* of that, then something happens; 0: nothing does */
	int64_t held_ms;	/* nothing is forwarded until then, 0: it is */
	bool doomed;		/* it is reset then */
};

struct proxy {
	struct addrinfo *server;
	uint64_t limit, seconds;
	uint64_t chance;		/* state of the random numbers, 0: none are used */
	uint64_t done, count, stall_ms; /* mischiefs */
	int listener, signals;
	struct connection connections[CONNECTIONS];
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void die(const char *what)
{
	fprintf(stderr, "cutproxy: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Not an orderly end: a reset. */
static void reset(int fd)
{
	struct linger hard = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

static void cut(struct connection *connection)
{
	reset(connection->fd[CLIENT]);
	reset(connection->fd[SERVER]);
	connection->used = false;
}

/* --- by chance -------------------------------------------------------------------------------- */

/* splitmix64: the same seed, the same numbers. */
static uint64_t chance(struct proxy *proxy, uint64_t below)
{
	uint64_t z = proxy->chance += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % below;
}

static void set_limit(struct proxy *proxy, struct connection *connection)
{
	connection->brought = 0;
	connection->limit = proxy->limit;
	if (proxy->chance != 0)
		connection->limit = QUIET + chance(proxy, 2 * proxy->limit + 1);
}

static void change_a_bit(struct proxy *proxy, struct connection *connection)
{
	for (int side = 0; side < 2; side++) {
		struct waiting *w = &connection->from[side];

		if (w->start < w->end)
			w->bytes[w->start + chance(proxy, w->end - w->start)] ^= 4;
	}
}

/* One of the mischiefs. */
static void mischief(struct proxy *proxy, struct connection *connection)
{
	static const char *const names[] = {"reset", "end", "delay", "stall", "corrupt"};
	unsigned which = (unsigned)chance(proxy, sizeof(names) / sizeof(names[0]));

	printf("%llu %s\n", (unsigned long long)++proxy->done, names[which]);
	fflush(stdout);
	set_limit(proxy, connection);
	switch (which) {
	case 0:
		cut(connection);
		break;
	case 1:
		close(connection->fd[CLIENT]);
		close(connection->fd[SERVER]);
		connection->used = false;
		break;
	case 2:
		connection->held_ms = now_ms() + (int64_t)chance(proxy, LONGEST_PAUSE_MS);
		break;
	case 3:
		connection->held_ms = now_ms() + (int64_t)proxy->stall_ms;
		connection->doomed = true;
		break;
	default:
		change_a_bit(proxy, connection);
	}
}

/* --- setting up ------------------------------------------------------------------------------- */

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, CONNECTIONS) != 0 || getsockname(fd, (struct sockaddr *)&address, &n) != 0)
		die("cannot listen");
	printf("%u\n", (unsigned)ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

static int watch_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die("cannot watch signals");
	return fd;
}

/* --- forwarding ------------------------------------------------------------------------------- */

static void accept_one(struct proxy *proxy)
{
	int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection = NULL;
	int server;

	if (client < 0)
		return;
	for (int i = 0; i < CONNECTIONS && connection == NULL; i++) {
		if (!proxy->connections[i].used)
			connection = &proxy->connections[i];
	}
	/* Loopback or the next machine: the connection stands at once or not at all. */
	server = socket(proxy->server->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection == NULL || server < 0 ||
	    connect(server, proxy->server->ai_addr, proxy->server->ai_addrlen) != 0) {
		reset(client);
		if (server >= 0)
			close(server);
		return;
	}
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	memset(connection, 0, sizeof(*connection));
	connection->used = true;
	connection->fd[CLIENT] = client;
	connection->fd[SERVER] = server;
	set_limit(proxy, connection);
}

/* -1: the connection is to be cut. */
static int take(struct proxy *proxy, struct connection *connection, int side)
{
	uint64_t limit = connection->limit;
	struct waiting *w = &connection->from[side];
	size_t room = sizeof(w->bytes);
	ssize_t n;

	if (side == SERVER && proxy->chance == 0 && limit > 0 && limit - connection->brought < room)
		room = (size_t)(limit - connection->brought);
	n = recv(connection->fd[side], w->bytes, room, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	w->start = 0;
	w->end = (size_t)n;
	w->ended = n == 0;
	if (side == SERVER || proxy->chance != 0)
		connection->brought += (uint64_t)n;
	return 0;
}

static int give(struct connection *connection, int side)
{
	struct waiting *w = &connection->from[!side];
	ssize_t n;

	if (w->start < w->end) {
		n = send(connection->fd[side], w->bytes + w->start, w->end - w->start,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		w->start += (size_t)n;
	}
	if (w->start == w->end && w->ended && !w->told) {
		shutdown(connection->fd[side], SHUT_WR);
		w->told = true;
	}
	return 0;
}

static short wanted(const struct connection *connection, int side)
{
	const struct waiting *in = &connection->from[side];
	const struct waiting *out = &connection->from[!side];
	short events = 0;

	if (in->start == in->end && !in->ended)
		events |= POLLIN;
	if (out->start < out->end || (out->ended && !out->told))
		events |= POLLOUT;
	return events;
}

static void serve(struct proxy *proxy, struct connection *connection, const struct pollfd fds[2])
{
	for (int side = 0; side < 2; side++) {
		short events = wanted(connection, side);
		short revents = fds[side].revents;

		/* A hang-up that is not to be read is a reset. */
		if (((revents & (POLLIN | POLLHUP | POLLERR)) != 0 && (events & POLLIN) != 0 &&
		     take(proxy, connection, side) != 0) ||
		    ((revents & POLLOUT) != 0 && give(connection, side) != 0) ||
		    (revents & POLLERR) != 0) {
			cut(connection);
			return;
		}
	}
	if (proxy->chance != 0 && connection->brought >= connection->limit) {
		if (proxy->done < proxy->count)
			mischief(proxy, connection);
		return;
	}
	if (proxy->limit > 0 && proxy->chance == 0 && connection->brought >= connection->limit &&
	    connection->from[SERVER].start == connection->from[SERVER].end) {
		cut(connection);
		return;
	}
	if (connection->from[CLIENT].told && connection->from[SERVER].told) {
		close(connection->fd[CLIENT]);
		close(connection->fd[SERVER]);
		connection->used = false;
	}
}

/* --- the loop --------------------------------------------------------------------------------- */

/* False: it is time to leave. */
static bool take_signals(struct proxy *proxy)
{
	struct signalfd_siginfo info;

	while (read(proxy->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM)
			return false;
		for (int i = 0; i < CONNECTIONS; i++) {
			if (proxy->connections[i].used)
				cut(&proxy->connections[i]);
		}
	}
	return true;
}

/* The time of a connection that is held up is over? Returns when that of the next one is. */
static int64_t let_go(struct proxy *proxy, int64_t end)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &proxy->connections[i];

		if (!c->used || c->held_ms == 0)
			continue;
		if (now_ms() < c->held_ms) {
			end = c->held_ms < end ? c->held_ms : end;
			continue;
		}
		c->held_ms = 0;
		if (c->doomed)
			cut(c);
	}
	return end;
}

static void run(struct proxy *proxy)
{
	struct pollfd fds[2 + 2 * CONNECTIONS];
	int64_t end = now_ms() + (int64_t)proxy->seconds * 1000;

	while (now_ms() < end) {
		int64_t next = let_go(proxy, end);

		fds[0] = (struct pollfd){proxy->listener, POLLIN, 0};
		fds[1] = (struct pollfd){proxy->signals, POLLIN, 0};
		for (int i = 0; i < 2 * CONNECTIONS; i++) {
			struct connection *c = &proxy->connections[i / 2];
			short events = c->used && c->held_ms == 0 ? wanted(c, i % 2) : 0;

			/* With nothing to wait for a hang-up would be reported for ever. */
			fds[2 + i] = (struct pollfd){events != 0 ? c->fd[i % 2] : -1, events, 0};
		}
		if (poll(fds, 2 + 2 * CONNECTIONS, (int)(next - now_ms()) + 1) <= 0)
			continue;
		if (fds[1].revents != 0 && !take_signals(proxy))
			return;
		for (int i = 0; i < CONNECTIONS; i++) {
			if (proxy->connections[i].used && proxy->connections[i].held_ms == 0)
				serve(proxy, &proxy->connections[i], &fds[2 + 2 * i]);
		}
		if (fds[0].revents != 0)
			accept_one(proxy);
	}
}

static bool number(const char *text, uint64_t most, uint64_t *out)
{
	char *end = NULL;

	if (text[0] < '0' || text[0] > '9')
		return false;
	*out = strtoull(text, &end, 10);
	return *end == '\0' && *out <= most;
}

int main(int argc, char **argv)
{
	static struct proxy proxy;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	uint64_t port = 0;

	proxy.seconds = LIFETIME_S;
	if ((argc != 5 && argc != 9) || !number(argv[1], 65535, &port) ||
	    !number(argv[4], UINT32_MAX, &proxy.limit) ||
	    (argc == 9 && (!number(argv[5], UINT32_MAX, &proxy.chance) ||
			   !number(argv[6], UINT32_MAX, &proxy.count) ||
			   !number(argv[7], UINT32_MAX, &proxy.stall_ms) ||
			   !number(argv[8], 86400, &proxy.seconds)))) {
		fputs("usage: cutproxy LISTEN HOST PORT BYTES [SEED COUNT STALL_MS SECONDS]\n",
		      stderr);
		return 2;
	}
	if (getaddrinfo(argv[2], argv[3], &hints, &proxy.server) != 0) {
		fprintf(stderr, "cutproxy: no such address: %s %s\n", argv[2], argv[3]);
		return 1;
	}
	proxy.signals = watch_signals();
	proxy.listener = listen_on((uint16_t)port);
	run(&proxy);
	for (int i = 0; i < CONNECTIONS; i++) {
		if (proxy.connections[i].used)
			cut(&proxy.connections[i]);
	}
	freeaddrinfo(proxy.server);
	return 0;
}
