/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugin/session/session_internal.h"

static struct asb_job_stream *stream_of(struct asb_job *job, enum asb_stream stream)
{
	return &job->streams[stream == ASB_STDERR];
}

static const struct asb_job_stream *stream_of_const(const struct asb_job *job,
						    enum asb_stream stream)
{
	return &job->streams[stream == ASB_STDERR];
}

/* --- life ------------------------------------------------------------------------------------- */

void asb_job_destroy(struct asb_job *job)
{
	for (int i = 0; i < 2; i++)
		free(job->streams[i].ring.bytes);
	asb_buffer_release(&job->spec);
	asb_buffer_release(&job->in.kept);
	free(job->sent);
	free(job->error);
	free(job);
}

void asb_job_settle(struct asb_job *job, enum asb_job_state state)
{
	job->view.state = state;
	asb_buffer_release(&job->spec);
	asb_job_input_stop(job);
	asb_job_stream_tidy(job, ASB_STDOUT);
	asb_job_stream_tidy(job, ASB_STDERR);
}

void asb_job_lose(struct asb_job *job, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	free(job->error);
	job->error = asb_calloc(1, sizeof(*job->error));
	asb_fail(job->error, "no exit status was received: %s", text);
	job->view.error = job->error;
	asb_job_settle(job, ASB_JOB_LOST);
}

const struct asb_job_view *asb_job_view(const struct asb_job *job)
{
	return &job->view;
}

/* --- output ----------------------------------------------------------------------------------- */

void asb_job_stream_tidy(struct asb_job *job, enum asb_stream stream)
{
	struct asb_job_stream *s = stream_of(job, stream);

	if (asb_ring_used(&s->ring) > 0 || s->ring.bytes == NULL)
		return;
	if (s->discarded || job->view.eof[stream] || !asb_job_active(job)) {
		free(s->ring.bytes);
		s->ring.bytes = NULL;
	}
}

void asb_job_stream_credit(struct asb_job *job, enum asb_stream stream)
{
	struct asb_job_stream *s = stream_of(job, stream);
	uint64_t limit = s->ring.start + ASB_SESSION_WINDOW;
	uint8_t payload[16];

	if (!asb_job_active(job) || job->view.eof[stream] ||
	    limit - s->limit < ASB_SESSION_WINDOW / 4)
		return;
	s->limit = limit;
	asb_put64(payload, s->ring.start);
	asb_put64(payload + 8, limit);
	asb_session_send(job->session, ASB_CREDIT, (uint8_t)stream, job->channel, payload,
			 sizeof(payload), NULL, 0);
}

size_t asb_job_pending(const struct asb_job *job, enum asb_stream stream)
{
	return asb_ring_used(&stream_of_const(job, stream)->ring);
}

int asb_job_peek(const struct asb_job *job, enum asb_stream stream, struct iovec iov[2])
{
	const struct asb_ring *ring = &stream_of_const(job, stream)->ring;

	return asb_ring_peek(ring, ring->start, ASB_SESSION_WINDOW, iov);
}

void asb_job_consumed(struct asb_job *job, enum asb_stream stream, size_t n)
{
	struct asb_job_stream *s = stream_of(job, stream);

	asb_ring_consume(&s->ring, s->ring.start + n);
	asb_job_stream_tidy(job, stream);
	asb_job_stream_credit(job, stream);
}

void asb_job_discard(struct asb_job *job, enum asb_stream stream)
{
	struct asb_job_stream *s = stream_of(job, stream);

	if (s->discarded)
		return;
	s->discarded = true;
	if (asb_job_active(job) && !job->view.eof[stream])
		asb_session_send(job->session, ASB_STOP, (uint8_t)stream, job->channel, NULL, 0,
				 NULL, 0);
	asb_job_consumed(job, stream, asb_ring_used(&s->ring));
}

/* --- the end ---------------------------------------------------------------------------------- */

static int refused_status(enum asb_failed_code code)
{
	switch (code) {
	case ASB_FAILED_NOT_FOUND:
	case ASB_FAILED_NO_SHELL:
		return ASB_STATUS_NOT_FOUND;
	case ASB_FAILED_NOT_EXECUTABLE:
		return ASB_STATUS_NOT_EXECUTABLE;
	default:
		return ASB_STATUS_PLUGIN;
	}
}

int asb_job_exit_status(const struct asb_job_view *view)
{
	if (view->state == ASB_JOB_REFUSED)
		return refused_status(view->failed);
	if (view->state != ASB_JOB_ENDED)
		return ASB_STATUS_PLUGIN;
	if (view->record.timed_out)
		return ASB_STATUS_TIMEOUT;
	if (view->record.signal != 0)
		return ASB_STATUS_SIGNALLED + view->record.signal;
	return view->record.code;
}
