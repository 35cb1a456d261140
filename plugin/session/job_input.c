/* SPDX-License-Identifier: Apache-2.0 */
/* job_input.c - what the shim is told of a job: once, and after a resume again. */
#include <stdlib.h>
#include <string.h>

#include "plugin/session/session_internal.h"

void asb_job_input_init(struct asb_job_input *in)
{
	*in = (struct asb_job_input){.limit = ASB_STDIN_LIMIT};
	asb_buffer_init(&in->kept);
}

/* The length of stdin so far. */
static uint64_t end_of(const struct asb_job_input *in)
{
	return in->consumed + in->kept.length;
}

/* --- stdin ------------------------------------------------------------------------------------ */

size_t asb_job_stdin_room(const struct asb_job *job)
{
	const struct asb_job_input *in = &job->in;
	size_t queued = job->session->out.length;
	size_t door = queued < ASB_SESSION_QUEUE ? ASB_SESSION_QUEUE - queued : 0;
	uint64_t room = in->limit - end_of(in);

	if (!job->view.stdin_open || job->held || asb_failed(&job->session->loss))
		return 0;
	/* Whatever the shim allows, no more than a window is kept. */
	if (room > ASB_SESSION_WINDOW - in->kept.length)
		room = ASB_SESSION_WINDOW - in->kept.length;
	return room < door ? (size_t)room : door;
}

static void send_piece(struct asb_job *job, size_t n)
{
	struct asb_job_input *in = &job->in;
	uint8_t offset[ASB_DATA_HEADER];

	asb_put64(offset, in->next);
	asb_session_send(job->session, ASB_DATA, ASB_STDIN, job->channel, offset, sizeof(offset),
			 in->kept.data + (in->next - in->consumed), n);
	in->next += n;
}

static void send_eof(struct asb_job *job)
{
	uint8_t offset[ASB_DATA_HEADER];

	asb_put64(offset, job->in.next);
	asb_session_send(job->session, ASB_EOF, ASB_STDIN, job->channel, offset, sizeof(offset),
			 NULL, 0);
	job->in.eof_sent = true;
}

void asb_job_send_input(struct asb_job *job)
{
	struct asb_job_input *in = &job->in;

	if (!asb_job_active(job) || in->stopped || asb_failed(&job->session->loss))
		return;
	while (in->next < end_of(in) && job->session->out.length < ASB_SESSION_QUEUE) {
		uint64_t n = end_of(in) - in->next;

		send_piece(job, n < ASB_DATA_MAX ? (size_t)n : ASB_DATA_MAX);
	}
	if (in->next < end_of(in))
		job->session->behind = true;
	else if (in->ends && !in->eof_sent)
		send_eof(job);
}

void asb_job_write(struct asb_job *job, const void *bytes, size_t n)
{
	/* The command may have closed its stdin since the caller asked for room. */
	if (!job->view.stdin_open)
		return;
	asb_buffer_add(&job->in.kept, bytes, n);
	asb_job_send_input(job);
}

void asb_job_close_stdin(struct asb_job *job)
{
	if (!job->view.stdin_open)
		return;
	job->view.stdin_open = false;
	job->in.ends = true;
	asb_job_send_input(job);
}

bool asb_job_input_consumed(struct asb_job *job, uint64_t consumed, uint64_t limit)
{
	struct asb_job_input *in = &job->in;

	if (in->stopped) /* the shim counts on; we have forgotten what there was */
		return true;
	if (consumed > end_of(in))
		return false;
	if (consumed > in->consumed) {
		asb_buffer_drop(&in->kept, (size_t)(consumed - in->consumed));
		in->consumed = consumed;
	}
	/* After a resume the shim may have more than we were about to send again. */
	if (in->next < in->consumed)
		in->next = in->consumed;
	if (limit > in->limit)
		in->limit = limit;
	return true;
}

void asb_job_input_stop(struct asb_job *job)
{
	job->view.stdin_open = false;
	job->in.stopped = true;
	asb_buffer_release(&job->in.kept);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void send_signal(struct asb_job *job, uint32_t sequence)
{
	const char *name = job->sent[sequence % ASB_SIGNALS_KEPT].name;
	uint8_t head[4];

	asb_put32(head, sequence);
	asb_session_send(job->session, ASB_SIGNAL, 0, job->channel, head, sizeof(head), name,
			 strlen(name));
}

void asb_job_signal(struct asb_job *job, const char *name)
{
	struct asb_job_signal signal = {.name = ""};

	/* A name that is longer than any is none that the shim knows. */
	if (!asb_job_active(job) || job->held || name[0] == '\0' ||
	    strlen(name) >= sizeof(signal.name))
		return;
	if (job->sent == NULL)
		job->sent = asb_calloc(ASB_SIGNALS_KEPT, sizeof(*job->sent));
	memcpy(signal.name, name, strlen(name));
	job->sent[++job->last_signal % ASB_SIGNALS_KEPT] = signal;
	send_signal(job, job->last_signal);
}

static void signal_again(struct asb_job *job)
{
	uint32_t first =
		job->last_signal < ASB_SIGNALS_KEPT ? 1 : job->last_signal - ASB_SIGNALS_KEPT + 1;

	for (uint32_t sequence = first; sequence <= job->last_signal; sequence++)
		send_signal(job, sequence);
}

/* --- the terminal ------------------------------------------------------------------------------
 */

static void send_size(struct asb_job *job)
{
	uint8_t size[4];

	asb_put16(size, job->rows);
	asb_put16(size + 2, job->columns);
	asb_session_send(job->session, ASB_RESIZE, 0, job->channel, size, sizeof(size), NULL, 0);
}

void asb_job_resize(struct asb_job *job, uint16_t rows, uint16_t columns)
{
	job->rows = rows;
	job->columns = columns;
	if (job->tty && asb_job_active(job) && !job->held)
		send_size(job);
}

/* --- the description, and all of it again ------------------------------------------------------
 */

/* SPEC frames, then START: the whole description travels before anything else of this job. */
void asb_job_send_spec(struct asb_job *job)
{
	struct asb_session *session = job->session;
	const struct asb_buffer *spec = &job->spec;
	uint8_t length[4];
	size_t at = 0;

	while (at < spec->length) {
		size_t n = spec->length - at;

		if (n > ASB_FRAME_PAYLOAD)
			n = ASB_FRAME_PAYLOAD;
		asb_session_send(session, ASB_SPEC, 0, job->channel, spec->data + at, n, NULL, 0);
		at += n;
	}
	asb_put32(length, (uint32_t)spec->length);
	asb_session_send(session, ASB_START, 0, job->channel, job->id, sizeof(job->id), length,
			 sizeof(length));
}

void asb_job_send_attach(struct asb_job *job)
{
	uint8_t payload[ASB_ID_LEN + 32] = {0};

	memcpy(payload, job->id, ASB_ID_LEN);
	asb_put64(payload + ASB_ID_LEN, job->streams[0].ring.end);
	asb_put64(payload + ASB_ID_LEN + 8, job->streams[1].ring.end);
	asb_session_send(job->session, ASB_ATTACH, 0, job->channel, payload, sizeof(payload), NULL,
			 0);
}

void asb_job_send_ack(struct asb_session *session, uint32_t channel)
{
	asb_session_send(session, ASB_ACK, 0, channel, NULL, 0, NULL, 0);
}

static void output_again(struct asb_job *job, enum asb_stream stream)
{
	const struct asb_job_stream *s = &job->streams[stream == ASB_STDERR];
	uint8_t credit[16];

	asb_put64(credit, s->ring.start);
	asb_put64(credit + 8, s->limit);
	asb_session_send(job->session, ASB_CREDIT, (uint8_t)stream, job->channel, credit,
			 sizeof(credit), NULL, 0);
	if (s->discarded)
		asb_session_send(job->session, ASB_STOP, (uint8_t)stream, job->channel, NULL, 0,
				 NULL, 0);
}

void asb_job_again(struct asb_job *job)
{
	if (job->held)
		return;
	if (!asb_job_active(job)) {
		asb_job_send_ack(job->session, job->channel);
		return;
	}
	if (job->attached) {
		asb_job_send_attach(job);
		return;
	}
	if (job->view.state == ASB_JOB_SENT)
		asb_job_send_spec(job);
	output_again(job, ASB_STDOUT);
	output_again(job, ASB_STDERR);
	job->in.next = job->in.consumed;
	job->in.eof_sent = false;
	asb_job_send_input(job);
	signal_again(job);
	if (job->tty && job->rows > 0)
		send_size(job);
}
