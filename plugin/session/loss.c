/* SPDX-License-Identifier: Apache-2.0 */
/* loss.c - the end of a connection, and of a session. */
#include <stdarg.h>
#include <stdio.h>

#include "plugin/session/session_internal.h"

void asb_session_fail(struct asb_session *session, const char *format, ...)
{
	bool jobs_wait = false;
	struct asb_error why = ASB_ERROR_INIT;
	char text[1024];
	va_list ap;

	if (asb_failed(&session->failure))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	asb_error_clear(&session->loss);
	asb_fail(&why, "%s", text);
	for (size_t i = 0; i < session->job_count; i++)
		jobs_wait |= asb_job_active(session->jobs[i]);
	asb_fail(&session->failure, "%s%s", jobs_wait ? "no exit status was received: " : "", text);
	asb_buffer_reset(&session->out);
	asb_session_lose_jobs(session, &why);
}

/* One that was never greeted may have begun, too: its next HELLO leaves that open. */
static bool can_resume(const struct asb_session *session)
{
	return session->outlives && !session->bye_sent &&
	       (!session->greeted || asb_session_offers(session, ASB_FEATURE_RESUME));
}

void asb_session_lose(struct asb_session *session, const char *format, ...)
{
	char text[1024];
	va_list ap;

	if (asb_failed(&session->failure) || asb_failed(&session->loss))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!can_resume(session)) {
		asb_session_fail(session, "%s", text);
		return;
	}
	asb_fail(&session->loss, "%s", text);
	asb_buffer_reset(&session->out);
	session->in_start = session->in_end = 0;
}

const struct asb_error *asb_session_lost(const struct asb_session *session)
{
	return asb_failed(&session->loss) ? &session->loss : NULL;
}

void asb_session_give_up(struct asb_session *session, const struct asb_error *why)
{
	if (asb_failed(&session->loss))
		asb_session_fail(session, "%s", why->message);
}
