/* SPDX-License-Identifier: Apache-2.0 */
/* heartbeat.c - PING, and how long silence is borne. */
#include "plugin/session/session_internal.h"

/* Before the shim has greeted, an exec stream may still be on its way into a busy node. */
#define GREETING_MS ASB_SILENCE_MS

/* After a PING the shim has the rest of the time to be heard. Counted from the PING and not from
 * the last byte, so that a plugin that was stopped for a while does not blame the shim. */
static int64_t patience(const struct asb_session *session)
{
	return (session->greeted ? ASB_SESSION_LOST_MS : GREETING_MS) - ASB_SESSION_LISTEN_MS;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void asb_session_quiet(struct asb_session *session)
{
	session->last_sent = session->last_received = session->now_ms();
	session->last_ping = session->waiting_since = 0;
}

bool asb_session_too_quiet(const struct asb_session *session)
{
	return session->waiting_since != 0 &&
	       session->now_ms() >= session->waiting_since + patience(session);
}

/* A PING is due when the shim was not heard for a while, or has not heard us for longer: it drops
 * connections that are silent. */
static int64_t ping_due(const struct asb_session *session)
{
	int64_t ask = later(session->last_received, session->last_ping) + ASB_SESSION_LISTEN_MS;
	int64_t show = later(session->last_sent, session->last_ping) + ASB_PING_INTERVAL_MS;

	return ask < show ? ask : show;
}

int64_t asb_session_next_beat(const struct asb_session *session)
{
	int64_t due = ping_due(session);
	int64_t end = session->waiting_since + patience(session);

	return session->waiting_since != 0 && end < due ? end : due;
}

void asb_session_beat(struct asb_session *session)
{
	int64_t now = session->now_ms();
	uint8_t stamp[8];

	if (asb_session_too_quiet(session)) {
		asb_session_lose(session, "nothing was heard from the sandbox for %d s",
				 (int)(patience(session) + ASB_SESSION_LISTEN_MS) / 1000);
		return;
	}
	if (now < ping_due(session))
		return;
	asb_put64(stamp, (uint64_t)now);
	asb_session_send(session, ASB_PING, 0, 0, stamp, sizeof(stamp), NULL, 0);
	session->last_ping = now;
	if (session->waiting_since == 0)
		session->waiting_since = now;
}
