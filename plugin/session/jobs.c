/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - the jobs of a session: which there are, how they come and go. */
#include <stdlib.h>
#include <string.h>

#include <uuid/uuid.h>

#include "plugin/session/session_internal.h"

/* Where the job of that channel is, or would be. */
static size_t find(const struct asb_session *session, uint32_t channel)
{
	size_t low = 0;
	size_t high = session->job_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (session->jobs[middle]->channel < channel)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct asb_job *asb_session_job(const struct asb_session *session, uint32_t channel)
{
	size_t at = find(session, channel);

	if (at == session->job_count || session->jobs[at]->channel != channel)
		return NULL;
	return session->jobs[at];
}

void asb_session_forget(struct asb_session *session, struct asb_job *job)
{
	size_t at = find(session, job->channel);

	session->job_count--;
	memmove(session->jobs + at, session->jobs + at + 1,
		(session->job_count - at) * sizeof(*session->jobs));
	asb_job_destroy(job);
}

void asb_session_lose_jobs(struct asb_session *session, const struct asb_error *why)
{
	size_t i = 0;

	while (i < session->job_count) {
		struct asb_job *job = session->jobs[i];

		if (asb_job_active(job))
			asb_job_lose(job, "%s", why->message);
		if (job->abandoned)
			asb_session_forget(session, job);
		else
			i++;
	}
}

/* --- they come -------------------------------------------------------------------------------- */

struct asb_job *asb_job_new(struct asb_session *session, const struct asb_job_spec *spec)
{
	struct asb_job *job = asb_calloc(1, sizeof(*job));

	job->session = session;
	job->channel = ++session->last_channel;
	job->view.failed_text = "";
	job->view.stdin_open = spec->has_stdin || spec->tty;
	job->tty = spec->tty;
	job->detaches = spec->detach;
	job->rows = spec->rows;
	job->columns = spec->columns;
	uuid_generate_random(job->id);
	asb_buffer_init(&job->spec);
	asb_job_input_init(&job->in);
	for (int i = 0; i < 2; i++) {
		job->streams[i].limit = ASB_SESSION_WINDOW;
		asb_checksum_init(&job->streams[i].checksum);
	}
	if (session->job_count == session->job_capacity) {
		session->job_capacity = session->job_capacity * 2 + 16;
		session->jobs =
			asb_realloc(session->jobs, session->job_capacity * sizeof(*session->jobs));
	}
	session->jobs[session->job_count++] = job;
	return job;
}

bool asb_session_open(const struct asb_session *session, struct asb_error *err)
{
	if (asb_failed(&session->failure))
		*err = session->failure;
	else if (session->bye_sent || session->bye_received)
		asb_fail(err, "the session is over");
	else
		return true;
	return false;
}

struct asb_job *asb_job_start(struct asb_session *session, const struct asb_job_spec *spec,
			      struct asb_error *err)
{
	struct asb_buffer bytes = ASB_BUFFER_INIT;
	struct asb_job *job;

	if (!asb_session_open(session, err))
		return NULL;
	if (asb_spec_encode(spec, &bytes, err) != 0) {
		asb_buffer_release(&bytes);
		return NULL;
	}
	job = asb_job_new(session, spec);
	job->spec = bytes;
	job->held = spec->tty && !session->greeted;
	if (!job->held)
		asb_job_send_spec(job);
	return job;
}

void asb_job_unhold(struct asb_job *job)
{
	if (!job->held)
		return;
	job->held = false;
	if (asb_session_offers(job->session, ASB_FEATURE_PTY)) {
		asb_job_send_spec(job);
		if (job->rows > 0)
			asb_job_resize(job, job->rows, job->columns);
		return;
	}
	job->view.failed = ASB_FAILED_SYSTEM;
	job->view.failed_text = "its shim is older than this plugin and has no terminals";
	asb_job_settle(job, ASB_JOB_REFUSED);
}

/* --- and go ----------------------------------------------------------------------------------- */

void asb_job_free(struct asb_job *job)
{
	if (job == NULL)
		return;
	if (!asb_job_active(job) || job->held) {
		asb_session_forget(job->session, job);
		return;
	}
	if (job->attached) {
		asb_session_send(job->session, ASB_DETACH, 0, job->channel, NULL, 0, NULL, 0);
		asb_session_forget(job->session, job);
		return;
	}
	asb_job_discard(job, ASB_STDOUT);
	asb_job_discard(job, ASB_STDERR);
	asb_job_signal(job, "KILL");
	job->abandoned = true;
}
