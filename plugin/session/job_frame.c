/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "plugin/base/printable.h"
#include "plugin/session/session_internal.h"

/* --- job frames ------------------------------------------------------------------------------- */

static bool take_started(struct asb_job *job, const struct asb_frame *frame)
{
	job->view.pid = asb_get32(frame->payload);
	job->view.state = ASB_JOB_RUNNING;
	asb_buffer_release(&job->spec); /* the shim knows it now */
	if (job->detaches)
		asb_job_settle(job, ASB_JOB_DETACHED);
	return true;
}

static bool take_failed(struct asb_job *job, const struct asb_frame *frame)
{
	job->view.failed = (enum asb_failed_code)asb_get16(frame->payload);
	job->view.failed_errno = (int)asb_get32(frame->payload + 2);
	asb_printable(job->failed_text, sizeof(job->failed_text), frame->payload + 6,
		      frame->length - 6u);
	job->view.failed_text = job->failed_text;
	asb_job_send_ack(job->session, job->channel);
	asb_job_settle(job, ASB_JOB_REFUSED);
	return true;
}

/* --- the exit record -------------------------------------------------------------------------- */

/* What the record must hold besides what struct asb_exit_record keeps. */
struct reading {
	struct asb_exit_record record;
	uint64_t checksum[2];
	uint32_t seen; /* bit per tag */
};

static bool has(const struct reading *r, unsigned tag)
{
	return (r->seen >> tag & 1) != 0;
}

static void take_attribute(struct reading *r, const struct asb_attr *attr)
{
	uint64_t value = asb_attr_uint(attr, 0);
	struct asb_exit_record *record = &r->record;

	if (attr->tag <= ASB_EXIT_SHUTDOWN)
		r->seen |= 1u << attr->tag;
	switch (attr->tag) {
	case ASB_EXIT_CODE:
		record->code = value <= 255 ? (int)value : 255;
		break;
	case ASB_EXIT_SIGNAL:
		asb_printable(record->signal_name, sizeof(record->signal_name), attr->value,
			      attr->length);
		break;
	case ASB_EXIT_SIGNO:
		record->signal = value <= 127 ? (int)value : 0;
		break;
	case ASB_EXIT_TIMED_OUT:
		record->timed_out = value != 0;
		break;
	case ASB_EXIT_OOM:
		record->oom_killed = value != 0;
		break;
	case ASB_EXIT_STDOUT_BYTES:
		record->stdout_bytes = value;
		break;
	case ASB_EXIT_STDERR_BYTES:
		record->stderr_bytes = value;
		break;
	case ASB_EXIT_STDOUT_XXH64:
		r->checksum[0] = value;
		break;
	case ASB_EXIT_STDERR_XXH64:
		r->checksum[1] = value;
		break;
	case ASB_EXIT_STDIN_BYTES:
		record->stdin_bytes = value;
		break;
	case ASB_EXIT_DURATION_NS:
		record->duration_ns = value;
		break;
	case ASB_EXIT_USER_US:
		record->user_us = value;
		break;
	case ASB_EXIT_SYSTEM_US:
		record->system_us = value;
		break;
	case ASB_EXIT_MAXRSS_KIB:
		record->max_rss_kib = value;
		break;
	case ASB_EXIT_SHUTDOWN:
		record->shutdown = value != 0;
		break;
	default:
		break;
	}
}

/* Exactly one of exit code and signal, and both streams accounted for. */
static bool complete(const struct reading *r)
{
	return has(r, ASB_EXIT_CODE) == (r->record.signal == 0) && has(r, ASB_EXIT_STDOUT_BYTES) &&
	       has(r, ASB_EXIT_STDERR_BYTES) && has(r, ASB_EXIT_STDOUT_XXH64) &&
	       has(r, ASB_EXIT_STDERR_XXH64);
}

/* Did every byte arrive, and as it was? Otherwise the job is lost. */
static bool matches(struct asb_job *job, enum asb_stream stream, uint64_t bytes, uint64_t checksum)
{
	const struct asb_job_stream *s = &job->streams[stream == ASB_STDERR];
	const char *name = stream == ASB_STDERR ? "stderr" : "stdout";

	if (s->discarded)
		return true;
	if (s->ring.end != bytes) {
		asb_job_lose(job, "%s is incomplete, %" PRIu64 " of %" PRIu64 " bytes arrived",
			     name, s->ring.end, bytes);
		return false;
	}
	if (!s->partial && asb_checksum_value(&s->checksum) != checksum) {
		asb_job_lose(job, "%s was damaged on its way, its checksum differs", name);
		return false;
	}
	return true;
}

static bool read_record(struct reading *r, const uint8_t *bytes, size_t n)
{
	struct asb_attr attr;
	size_t at = 0;
	int more;

	*r = (struct reading){.record.code = -1};
	for (;;) {
		more = asb_attr_next(bytes, n, &at, &attr);
		if (more <= 0)
			return more == 0;
		take_attribute(r, &attr);
	}
}

bool asb_job_record(const uint8_t *bytes, size_t n, struct asb_exit_record *record)
{
	struct reading r;
	bool good = read_record(&r, bytes, n) && complete(&r);

	*record = r.record;
	return good;
}

static bool take_exit(struct asb_job *job, const struct asb_frame *frame)
{
	struct reading r;

	if (!read_record(&r, frame->payload, frame->length))
		return false;
	asb_job_send_ack(job->session, job->channel);
	job->view.eof[ASB_STDOUT] = job->view.eof[ASB_STDERR] = true;
	if (!complete(&r)) {
		asb_job_lose(job, "the exit record is incomplete");
		return true;
	}
	if (!matches(job, ASB_STDOUT, r.record.stdout_bytes, r.checksum[0]) ||
	    !matches(job, ASB_STDERR, r.record.stderr_bytes, r.checksum[1]))
		return true;
	job->view.record = r.record;
	asb_job_settle(job, ASB_JOB_ENDED);
	return true;
}

/* --- stream frames ---------------------------------------------------------------------------- */

static bool is_output(const struct asb_frame *frame)
{
	return frame->flags == ASB_STDOUT || frame->flags == ASB_STDERR;
}

/* New bytes, in their place. */
static void add_data(struct asb_job *job, enum asb_stream stream, const uint8_t *bytes, size_t n)
{
	struct asb_job_stream *s = &job->streams[stream == ASB_STDERR];

	if (job->view.first_byte_ms == 0)
		job->view.first_byte_ms = job->session->now_ms();
	job->view.received[stream] += n;
	if (s->discarded) {
		/* Counts as handed on at once: without new credit a command that ignores SIGPIPE
		 * would stand still for ever. */
		s->ring.start = s->ring.end = s->ring.end + n;
		asb_job_stream_credit(job, stream);
		return;
	}
	if (s->ring.bytes == NULL) {
		uint64_t first = s->ring.end; /* not 0 in a job that was attached to */

		asb_ring_init(&s->ring, asb_malloc(ASB_SESSION_WINDOW), ASB_SESSION_WINDOW);
		s->ring.start = s->ring.end = first;
	}
	asb_checksum_add(&s->checksum, bytes, n);
	/* All of it fits: the limit is never more than a window beyond what was handed on. */
	asb_ring_write(&s->ring, bytes, n);
}

/* After a resume the shim says again what was not consumed: what is here already is passed over. */
static bool take_data(struct asb_job *job, const struct asb_frame *frame)
{
	const struct asb_job_stream *s = &job->streams[frame->flags == ASB_STDERR];
	const uint8_t *bytes = frame->payload + ASB_DATA_HEADER;
	size_t n = frame->length - ASB_DATA_HEADER;
	uint64_t offset = asb_get64(frame->payload), known;

	if (!is_output(frame) || offset > s->ring.end ||
	    (offset < s->ring.end && job->session->resumptions == 0))
		return false;
	known = s->ring.end - offset;
	if (known >= n)
		return true;
	n -= (size_t)known;
	if (job->view.eof[frame->flags] || n > s->limit - s->ring.end)
		return false;
	add_data(job, (enum asb_stream)frame->flags, bytes + known, n);
	return true;
}

static bool take_eof(struct asb_job *job, const struct asb_frame *frame)
{
	const struct asb_job_stream *s = &job->streams[frame->flags == ASB_STDERR];

	if (!is_output(frame) || (job->view.eof[frame->flags] && job->session->resumptions == 0))
		return false;
	/* What nobody wanted to read may have been dropped in the sandbox. */
	if (!s->discarded && asb_get64(frame->payload) != s->ring.end)
		return false;
	job->view.eof[frame->flags] = true;
	asb_job_stream_tidy(job, (enum asb_stream)frame->flags);
	return true;
}

static bool take_credit(struct asb_job *job, const struct asb_frame *frame)
{
	if (job->attached) /* its stdin is not ours */
		return true;
	return frame->flags == ASB_STDIN && asb_job_input_consumed(job, asb_get64(frame->payload),
								   asb_get64(frame->payload + 8));
}

static bool take_stop(struct asb_job *job, const struct asb_frame *frame)
{
	if (frame->flags != ASB_STDIN)
		return false;
	asb_job_input_stop(job);
	return true;
}

/* --- detached jobs ---------------------------------------------------------------------------- */

/* Where the shim goes on. False: bytes are missing behind some that wait here. */
static bool begin_at(struct asb_job *job, enum asb_stream stream, uint64_t first)
{
	struct asb_job_stream *s = &job->streams[stream == ASB_STDERR];
	bool waiting = asb_ring_used(&s->ring) > 0;

	if (first != s->ring.end && waiting)
		return false;
	if (first != s->ring.end || (job->view.received[stream] == 0 && first != 0))
		s->partial = true;
	if (!waiting)
		s->ring.start = s->ring.end = first;
	job->view.eof[stream] = false; /* is told again */
	s->limit = s->ring.start;
	asb_job_stream_credit(job, stream);
	return true;
}

static bool take_attached(struct asb_job *job, const struct asb_frame *frame)
{
	if (!job->attached)
		return false;
	job->view.pid = asb_get32(frame->payload);
	job->view.state = ASB_JOB_RUNNING;
	if (!begin_at(job, ASB_STDOUT, asb_get64(frame->payload + 4)) ||
	    !begin_at(job, ASB_STDERR, asb_get64(frame->payload + 12)))
		asb_job_lose(job, "output was dropped while the connection was lost");
	return true;
}

static bool take_detach(struct asb_job *job, const struct asb_frame *frame)
{
	(void)frame;
	if (job->attached)
		asb_job_lose(job, "another client has attached to the job");
	return true;
}

/* --- which frame is which --------------------------------------------------------------------- */

static const struct {
	uint8_t type;
	uint16_t least; /* bytes of payload; fewer are a broken frame */
	bool (*take)(struct asb_job *job, const struct asb_frame *frame); /* false: broken */
} frames[] = {
	{ASB_DATA, ASB_DATA_HEADER + 1, take_data},
	{ASB_CREDIT, 16, take_credit},
	{ASB_EOF, 8, take_eof},
	{ASB_STOP, 0, take_stop},
	{ASB_STARTED, 4, take_started},
	{ASB_FAILED, 6, take_failed},
	{ASB_EXIT, 0, take_exit},
	{ASB_ATTACHED, 20, take_attached},
	{ASB_DETACH, 0, take_detach},
};

/* A job that has ended here, perhaps was forgotten, and whose end the shim tells again: it did not
 * hear that we know. */
static void confirm_end(struct asb_session *session, const struct asb_frame *frame)
{
	bool known = frame->channel != 0 && frame->channel <= session->last_channel;
	bool ends = frame->type == ASB_EXIT || frame->type == ASB_FAILED;

	if (known && ends && session->out.length < ASB_SESSION_ANSWERS)
		asb_job_send_ack(session, frame->channel);
}

enum asb_frame_taken asb_job_frame(struct asb_session *session, const struct asb_frame *frame)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct asb_job *job;

		if (frames[i].type != frame->type)
			continue;
		job = asb_session_job(session, frame->channel);
		if (job == NULL || !asb_job_active(job)) {
			confirm_end(session, frame);
			return ASB_FRAME_TAKEN;
		}
		if (frame->length < frames[i].least || !frames[i].take(job, frame))
			return ASB_FRAME_BROKEN;
		if (job->abandoned && !asb_job_active(job))
			asb_session_forget(session, job);
		return ASB_FRAME_TAKEN;
	}
	return ASB_FRAME_UNKNOWN;
}
