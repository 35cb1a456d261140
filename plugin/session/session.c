/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/session/session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <uuid/uuid.h>

#include "plugin/base/clock.h"
#include "plugin/session/session_internal.h"

struct asb_session *asb_session_new(int fd)
{
	struct asb_session *session = asb_calloc(1, sizeof(*session));

	session->fd = fd;
	session->now_ms = asb_monotonic_ms;
	asb_buffer_init(&session->out);
	session->in = asb_malloc(ASB_SESSION_READ + ASB_FRAME_MAX);
	uuid_generate_random(session->id);
	asb_session_quiet(session);
	asb_session_hello(session);
	return session;
}

void asb_session_free(struct asb_session *session)
{
	if (session == NULL)
		return;
	for (size_t i = 0; i < session->job_count; i++)
		asb_job_destroy(session->jobs[i]);
	free(session->jobs);
	free(session->in);
	asb_buffer_release(&session->out);
	free(session);
}

/* --- the outgoing queue ----------------------------------------------------------------------- */

/* What stdin of the jobs has waited for. */
static void refill(struct asb_session *session)
{
	if (!session->behind || session->out.length >= ASB_SESSION_QUEUE)
		return;
	session->behind = false;
	for (size_t i = 0; i < session->job_count; i++)
		asb_job_send_input(session->jobs[i]);
}

static void flush(struct asb_session *session)
{
	for (refill(session); session->out.length > 0; refill(session)) {
		ssize_t n = send(session->fd, session->out.data, session->out.length,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0) {
			/* Not the end yet: exit records may wait on the way in. Reading finds the
			 * end. */
			session->write_closed = true;
			asb_buffer_reset(&session->out);
			return;
		}
		session->sent += (uint64_t)n;
		session->last_sent = session->now_ms();
		asb_buffer_drop(&session->out, (size_t)n);
	}
}

/* --- the way in ------------------------------------------------------------------------------- */

static bool alive(const struct asb_session *session)
{
	return !asb_failed(&session->failure) && !asb_failed(&session->loss);
}

/* Hands every whole frame on and keeps the rest. */
static void take_frames(struct asb_session *session)
{
	while (alive(session) && !session->bye_received) {
		const uint8_t *bytes = session->in + session->in_start;
		size_t n = session->in_end - session->in_start;
		struct asb_frame frame;
		int taken;

		if (!session->hello && asb_session_greet(session, bytes, n) <= 0)
			break;
		taken = asb_frame_decode(bytes, n, &frame);
		if (taken < 0)
			asb_session_fail(session, "the sandbox sent a frame longer than allowed");
		if (taken <= 0)
			break;
		session->in_start += (size_t)taken;
		asb_session_frame(session, &frame);
	}
}

static void end_of_input(struct asb_session *session)
{
	session->write_closed = true;
	asb_buffer_reset(&session->out);
	if (session->bye_received)
		return;
	if (!session->greeted && session->in_end == session->in_start)
		asb_session_lose(session,
				 "the connection to the sandbox ended before the shim answered");
	else
		asb_session_lose(session, "the connection to the sandbox was lost");
}

static void receive(struct asb_session *session)
{
	ssize_t n;

	/* Less than a frame is left over, so the move is short and what follows always fits. */
	memmove(session->in, session->in + session->in_start, session->in_end - session->in_start);
	session->in_end -= session->in_start;
	session->in_start = 0;
	n = recv(session->fd, session->in + session->in_end, ASB_SESSION_READ, MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n < 0 && errno != ECONNRESET) {
		asb_session_lose(session, "cannot read from the sandbox: %s", strerror(errno));
		return;
	}
	if (n <= 0) {
		end_of_input(session);
		return;
	}
	session->in_end += (size_t)n;
	session->received += (uint64_t)n;
	session->heard = true;
	session->last_received = session->now_ms();
	session->waiting_since = 0;
	take_frames(session);
}

/* --- on another connection -------------------------------------------------------------------- */

void asb_session_outlive(struct asb_session *session)
{
	session->outlives = true;
}

void asb_session_resume(struct asb_session *session, int fd)
{
	if (!asb_failed(&session->loss))
		return;
	asb_error_clear(&session->loss);
	session->fd = fd;
	session->hello = session->heard = session->write_closed = session->behind = false;
	asb_session_quiet(session);
	asb_session_hello(session);
	for (size_t i = 0; i < session->job_count; i++)
		asb_job_again(session->jobs[i]);
	asb_listing_again(session);
}

unsigned asb_session_resumptions(const struct asb_session *session)
{
	return session->resumptions;
}

bool asb_session_heard(const struct asb_session *session)
{
	return session->heard;
}

/* --- what the caller sees --------------------------------------------------------------------- */

int asb_session_step(struct asb_session *session, short revents, struct asb_error *err)
{
	bool late = asb_session_too_quiet(session);

	if (alive(session) && !asb_session_over(session)) {
		/* Before silence is blamed on the shim, what it may have said is read. */
		if (late || (revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0)
			receive(session);
		if (!session->bye_received)
			asb_session_beat(session);
		flush(session);
	}
	if (!asb_failed(&session->failure))
		return 0;
	*err = session->failure;
	return -1;
}

short asb_session_events(const struct asb_session *session)
{
	if (!alive(session) || asb_session_over(session))
		return 0;
	return session->out.length > 0 ? POLLIN | POLLOUT : POLLIN;
}

int asb_session_timeout(const struct asb_session *session)
{
	int64_t left;

	if (!alive(session) || session->bye_received)
		return -1;
	left = asb_session_next_beat(session) - session->now_ms();
	return left < 0 ? 0 : (int)left;
}

void asb_session_bye(struct asb_session *session)
{
	if (session->bye_sent)
		return;
	asb_session_send(session, ASB_BYE, 0, 0, NULL, 0, NULL, 0);
	session->bye_sent = true;
}

bool asb_session_over(const struct asb_session *session)
{
	return session->bye_received && session->out.length == 0;
}

bool asb_session_ready(const struct asb_session *session)
{
	return session->greeted;
}

const char *asb_session_shim(const struct asb_session *session)
{
	return session->shim;
}

void asb_session_traffic(const struct asb_session *session, uint64_t *sent, uint64_t *received)
{
	*sent = session->sent;
	*received = session->received;
}
