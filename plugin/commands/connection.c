/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/connection.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/options.h"

#define BYE_MS 500
#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 5000
#define LONGEST_EARLY_PAUSE_MS 1000
#define MOST_TRIES 30	 /* of coming in, too early */
#define MOST_LOSSES 3	 /* of streams over which the shim never greeted */
#define STALLED_MS 20000 /* such a stream that has lasted longer is no accident */

int asb_connection_open(struct asb_connection *connection, const struct asb_way *way,
			struct asb_error *err)
{
	*connection = (struct asb_connection){.way = *way, .pause_ms = FIRST_PAUSE_MS};
	connection->opened_ms = asb_monotonic_ms();
	connection->fd = way->open(way->context, err);
	if (connection->fd < 0) {
		if (way->free != NULL)
			way->free(way->context);
		*connection = (struct asb_connection){0};
		return -1;
	}
	connection->session = asb_session_new(connection->fd);
	asb_session_outlive(connection->session);
	return 0;
}

int asb_connection_fd(const struct asb_connection *connection)
{
	return connection->fd;
}

short asb_connection_events(const struct asb_connection *connection)
{
	return asb_session_events(connection->session);
}

/* Whether it is the first stream, and has let nothing be heard of the shim. */
static bool is_unheard(const struct asb_connection *connection)
{
	return connection->way.patience_ms > 0 && connection->tries == 0 && connection->fd >= 0 &&
	       !asb_session_ready(connection->session);
}

static int patience_left(const struct asb_connection *connection)
{
	return asb_poll_timeout(connection->opened_ms + connection->way.patience_ms);
}

int asb_connection_timeout(const struct asb_connection *connection)
{
	int timeout = asb_session_timeout(connection->session);

	if (asb_session_lost(connection->session) != NULL)
		return asb_poll_timeout(connection->retry_ms);
	return is_unheard(connection) ? asb_nearer_timeout(timeout, patience_left(connection))
				      : timeout;
}

/* --- lost and found --------------------------------------------------------------------------- */

static void tell(const struct asb_connection *connection, const struct asb_error *why)
{
	if (connection->changed != NULL)
		connection->changed(connection->context, why);
}

/* Half as long to half as long again, so that not all come back at once. */
static int with_jitter(int ms)
{
	uint32_t random = 0;

	if (getentropy(&random, sizeof(random)) != 0)
		return ms;
	return ms / 2 + (int)(random % (uint32_t)ms);
}

static void try_later(struct asb_connection *connection, int longest_ms)
{
	connection->retry_ms = asb_monotonic_ms() + with_jitter(connection->pause_ms);
	connection->pause_ms *= 2;
	if (connection->pause_ms > longest_ms)
		connection->pause_ms = longest_ms;
}

/* What the stream says about its end, or else the session. */
static const struct asb_error *reason(const struct asb_connection *connection)
{
	return asb_failed(&connection->why) ? &connection->why
					    : asb_session_lost(connection->session);
}

static bool too_late(const struct asb_connection *connection)
{
	return connection->tries >= MOST_TRIES ||
	       (connection->give_up_ms != 0 && asb_poll_timeout(connection->give_up_ms) == 0);
}

/* The shim was never heard of. */
static void judge_beginning(struct asb_connection *connection)
{
	struct asb_error *why = &connection->why;
	bool stalled = asb_monotonic_ms() - connection->opened_ms >= STALLED_MS;

	connection->tries++;
	if (connection->end == ASB_WAY_LOST && ++connection->losses < MOST_LOSSES && !stalled)
		try_later(connection, LONGEST_EARLY_PAUSE_MS);
	else if (connection->end == ASB_WAY_EARLY && !too_late(connection))
		try_later(connection, LONGEST_EARLY_PAUSE_MS);
	else {
		if (connection->end == ASB_WAY_EARLY)
			asb_wrap(why, "the sandbox runs, but lets nobody in");
		asb_session_give_up(connection->session, reason(connection));
	}
}

/* The shim keeps the session for its lease, counted from when it noticed. */
static void judge_loss(struct asb_connection *connection)
{
	char length[32];
	struct asb_error why = *reason(connection);

	if (connection->lost_ms == 0)
		connection->lost_ms = asb_monotonic_ms();
	tell(connection, &why);
	if (asb_poll_timeout(connection->lost_ms + ASB_LEASE_MS) > 0) {
		try_later(connection, LONGEST_PAUSE_MS);
		return;
	}
	asb_wrap(&why, "the sandbox could not be reached again for %s",
		 asb_duration_format(ASB_LEASE_MS, length));
	connection->why = why;
	asb_session_give_up(connection->session, &why);
}

static void hang_up(struct asb_connection *connection)
{
	asb_error_clear(&connection->why);
	connection->end = connection->way.close(
		connection->way.context, asb_session_heard(connection->session), &connection->why);
	connection->fd = -1;
}

static void judge(struct asb_connection *connection)
{
	if (asb_session_ready(connection->session))
		judge_loss(connection);
	else
		judge_beginning(connection);
}

static void open_again(struct asb_connection *connection)
{
	struct asb_error err = ASB_ERROR_INIT;

	connection->opened_ms = asb_monotonic_ms();
	connection->fd = connection->way.open(connection->way.context, &err);
	if (connection->fd >= 0) {
		asb_session_resume(connection->session, connection->fd);
		return;
	}
	connection->why = err;
	connection->end = ASB_WAY_REFUSED;
	judge(connection);
}

static void note_resumption(struct asb_connection *connection)
{
	unsigned resumptions = asb_session_resumptions(connection->session);

	if (resumptions == connection->resumptions)
		return;
	connection->resumptions = resumptions;
	connection->lost_ms = 0;
	connection->pause_ms = FIRST_PAUSE_MS;
	tell(connection, NULL);
}

int asb_connection_step(struct asb_connection *connection, short revents, struct asb_error *err)
{
	struct asb_session *session = connection->session;
	bool failed = asb_session_step(session, revents, err) != 0;

	if (is_unheard(connection) && patience_left(connection) == 0) {
		/* As if it had ended by itself, which the session then sees. */
		(void)shutdown(connection->fd, SHUT_RDWR);
		failed = asb_session_step(session, POLLIN, err) != 0;
	}

	note_resumption(connection);
	if (connection->fd >= 0 && (failed || asb_session_lost(session) != NULL)) {
		hang_up(connection);
		if (!failed)
			judge(connection);
	} else if (asb_session_lost(session) != NULL &&
		   asb_poll_timeout(connection->retry_ms) == 0) {
		open_again(connection);
	}
	return asb_session_step(session, 0, err);
}

enum asb_way_end asb_connection_explain(const struct asb_connection *connection,
					struct asb_error *err)
{
	if (asb_failed(&connection->why))
		*err = connection->why;
	return connection->end;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Whether the BYE will arrive without our waiting for the answer. */
static bool is_delivered(const struct asb_connection *connection)
{
	return connection->way.delivers && connection->tries == 0 &&
	       asb_session_resumptions(connection->session) == 0 &&
	       (asb_session_events(connection->session) & POLLOUT) == 0;
}

void asb_connection_bye(struct asb_connection *connection)
{
	int64_t deadline = asb_monotonic_ms() + BYE_MS;
	struct asb_error ignored = ASB_ERROR_INIT;

	if (connection->fd < 0)
		return;
	asb_session_bye(connection->session);
	if (asb_session_step(connection->session, 0, &ignored) != 0 || is_delivered(connection))
		return;
	while (!asb_session_over(connection->session) && asb_poll_timeout(deadline) > 0) {
		struct pollfd fd = {.fd = connection->fd,
				    .events = asb_session_events(connection->session)};

		if (poll(&fd, 1, asb_poll_timeout(deadline)) < 0 && errno != EINTR)
			return;
		if (asb_session_step(connection->session, fd.revents, &ignored) != 0 ||
		    is_delivered(connection))
			return;
	}
}

void asb_connection_close(struct asb_connection *connection)
{
	if (connection->session == NULL)
		return;
	asb_session_free(connection->session);
	if (connection->fd >= 0)
		connection->way.close(connection->way.context, true, NULL);
	if (connection->way.free != NULL)
		connection->way.free(connection->way.context);
	*connection = (struct asb_connection){0};
}
