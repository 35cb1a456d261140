/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/server.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/conn.h"
#include "shim/handle.h"
#include "shim/limits.h"
#include "shim/peer.h"
#include "shim/say.h"
#include "shim/session.h"

#define ACCEPT_AGAIN_MS 250 /* after there was no descriptor for a connection */

static struct asb_watch listener;
static void accept_again(struct asb_timer *timer);
static struct asb_timer pause_accepting = {.fire = accept_again};

/* Handles what has arrived, as long as an answer fits. Returns whether it was anything. */
static bool handle_frames(struct asb_conn *conn)
{
	size_t at = 0;

	while (conn->state != ASB_CONN_CLOSING && asb_conn_can_reply(conn)) {
		struct asb_frame frame;
		int n = asb_frame_decode(conn->in + at, conn->in_length - at, &frame);

		if (n == 0)
			break;
		if (n < 0) {
			asb_conn_error(conn, ASB_ERROR_PROTOCOL, "a frame is too long");
			break;
		}
		at += (size_t)n;
		asb_handle(conn, &frame);
	}
	/* A closing connection has dropped its input already. */
	if (conn->state != ASB_CONN_CLOSING && at > 0) {
		conn->in_length -= at;
		memmove(conn->in, conn->in + at, conn->in_length);
	}
	return at > 0;
}

static void conn_ready(struct asb_watch *watch, short events)
{
	struct asb_conn *conn = watch->owner;
	size_t room = ASB_CONN_IN - conn->in_length;
	ssize_t n;

	if ((events & (POLLIN | POLLERR | POLLHUP)) == 0 || room == 0)
		return;
	n = read(watch->fd, conn->in + conn->in_length, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		asb_conn_drop(conn);
		return;
	}
	/* What comes before the client has seen that we are closing is dropped. */
	if (conn->state == ASB_CONN_CLOSING)
		return;
	conn->in_length += (size_t)n;
	conn->heard_ns = asb_now();
	(void)handle_frames(conn);
}

static void accept_again(struct asb_timer *timer)
{
	(void)timer;
	asb_watch_want(&listener, POLLIN);
}

static void accept_one(struct asb_watch *watch, short events)
{
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct asb_conn *conn;

	(void)events;
	if (fd < 0) {
		/* The one that waits goes on waiting and would wake us for ever. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			asb_watch_rest(&listener);
			asb_timer_arm(&pause_accepting, ACCEPT_AGAIN_MS);
		}
		return;
	}
	if (!asb_peer_is_trusted(fd)) {
		(void)close(fd);
		return;
	}
	conn = asb_conn_open(fd, conn_ready);
	if (conn == NULL) {
		asb_say("refused a connection: there are %d already", ASB_MAX_CONNS);
		(void)close(fd);
	}
}

int asb_server_init(char **base)
{
	struct sockaddr_un address;
	socklen_t length = asb_peer_address(&address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, ASB_MAX_CONNS) < 0)
		return -1;
	asb_handle_init(base);
	if (asb_conn_init() < 0 || asb_watch_open(&listener, fd, accept_one, NULL) < 0)
		return -1;
	asb_watch_want(&listener, POLLIN);
	return 0;
}

static void say_bye(struct asb_conn *conn)
{
	asb_conn_reply(conn, ASB_BYE, 0, NULL, 0);
	conn->session = NULL;
	asb_conn_finish(conn);
}

bool asb_server_settle(void)
{
	bool again = false;

	asb_session_settle(say_bye);
	for (int i = 0; i < ASB_MAX_CONNS; i++) {
		struct asb_conn *conn = asb_conn_at(i);

		if (conn->state == ASB_CONN_FREE)
			continue;
		asb_conn_send(conn);
		if (conn->state == ASB_CONN_FREE)
			again = true;
		/* Frames that had to wait for room for their answers. */
		else if (conn->state != ASB_CONN_CLOSING && handle_frames(conn))
			again = true;
	}
	return again;
}

void asb_server_refuse(void)
{
	asb_handle_refuse();
}

void asb_server_say_goodbye(void)
{
	for (int i = 0; i < ASB_MAX_CONNS; i++) {
		struct asb_conn *conn = asb_conn_at(i);

		if (conn->state == ASB_CONN_NEW || conn->state == ASB_CONN_OPEN)
			asb_conn_error(conn, ASB_ERROR_SHUTDOWN, "the sandbox is shutting down");
	}
}

bool asb_server_is_in_use(void)
{
	for (int i = 0; i < ASB_MAX_CONNS; i++) {
		if (asb_conn_at(i)->state != ASB_CONN_FREE)
			return true;
	}
	return false;
}
