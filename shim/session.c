/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/session.h"

#include <stddef.h>
#include <string.h>

#include "shim/job.h"
#include "shim/limits.h"
#include "shim/tree.h"

static struct asb_session sessions[ASB_MAX_SESSIONS];
static uint8_t former[ASB_MAX_SESSIONS]
		     [ASB_ID_LEN]; /* ids of sessions that are over, in a circle */
static unsigned former_count;

static void lease_fired(struct asb_timer *timer)
{
	asb_session_end(timer->owner);
}

struct asb_session *asb_session_open(const uint8_t id[ASB_ID_LEN], uint32_t lease_ms,
				     struct asb_conn *conn)
{
	for (int i = 0; i < ASB_MAX_SESSIONS; i++) {
		struct asb_session *session = &sessions[i];

		if (session->used)
			continue;
		*session = (struct asb_session){.used = true,
						.conn = conn,
						.lease_ms = lease_ms,
						.lease = {.fire = lease_fired, .owner = session}};
		memcpy(session->id, id, ASB_ID_LEN);
		return session;
	}
	return NULL;
}

struct asb_session *asb_session_find(const uint8_t id[ASB_ID_LEN])
{
	for (int i = 0; i < ASB_MAX_SESSIONS; i++) {
		if (sessions[i].used && memcmp(sessions[i].id, id, ASB_ID_LEN) == 0)
			return &sessions[i];
	}
	return NULL;
}

static void remember(const struct asb_session *session)
{
	memcpy(former[former_count++ % ASB_MAX_SESSIONS], session->id, ASB_ID_LEN);
}

bool asb_session_was(const uint8_t id[ASB_ID_LEN])
{
	unsigned n = former_count < ASB_MAX_SESSIONS ? former_count : ASB_MAX_SESSIONS;

	for (unsigned i = 0; i < n; i++) {
		if (memcmp(former[i], id, ASB_ID_LEN) == 0)
			return true;
	}
	return false;
}

struct asb_conn *asb_session_resume(struct asb_session *session, uint32_t lease_ms,
				    struct asb_conn *conn)
{
	struct asb_conn *old = session->conn;

	session->conn = conn;
	session->lease_ms = lease_ms;
	asb_timer_stop(&session->lease);
	if (old != NULL)
		asb_job_let_go_all(session);
	for (struct asb_job *job = session->first; job != NULL; job = job->next)
		asb_job_untell(job);
	return old;
}

struct asb_job *asb_session_turn(struct asb_session *session)
{
	struct asb_job *job = session->first;

	if (job != session->last) {
		session->first = job->next;
		session->last->next = job;
		session->last = job;
		job->next = NULL;
	}
	return job;
}

void asb_session_detach(struct asb_session *session)
{
	session->conn = NULL;
	if (session->ending)
		return;
	asb_job_let_go_all(session);
	if (session->lease_ms == 0)
		asb_session_end(session);
	else
		asb_timer_arm(&session->lease, session->lease_ms);
}

void asb_session_end(struct asb_session *session)
{
	asb_timer_stop(&session->lease);
	session->ending = true;
	asb_job_let_go_all(session);
	asb_tree_end_all(session, UINT32_MAX);
}

static bool any_session(void)
{
	for (int i = 0; i < ASB_MAX_SESSIONS; i++) {
		if (sessions[i].used)
			return true;
	}
	return false;
}

void asb_session_settle(void (*over)(struct asb_conn *conn))
{
	for (int i = 0; i < ASB_MAX_SESSIONS; i++) {
		struct asb_session *session = &sessions[i];

		if (!session->used || !session->ending)
			continue;
		if (asb_job_clear(session) || asb_tree_any(session))
			continue;
		session->used = false;
		remember(session);
		if (!any_session() && !asb_job_any())
			asb_tree_kill_strays();
		if (session->conn != NULL)
			over(session->conn);
	}
}
