/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tell.h"

#include <string.h>
#include <sys/wait.h>

#include "shim/session.h"
#include "shim/signame.h"
#include "shim/text.h"

#define RECORD_MAX ASB_RECORD_MAX /* 15 attributes of at most 6 + 8 bytes */
#define SMALL 4096		  /* so much output goes before larger amounts */
#define REFUSAL_TEXT 240	  /* text of a FAILED frame */

bool asb_tell_refusal(struct asb_out *out, uint32_t channel, const struct asb_refusal *why)
{
	uint8_t payload[6 + REFUSAL_TEXT];
	struct asb_text text = {.bytes = (char *)payload + 6, .size = REFUSAL_TEXT};

	asb_put16(payload, why->code);
	asb_put32(payload + 2, (uint32_t)why->error);
	asb_text_add(&text, why->text);
	if (why->error != 0)
		asb_text_addf(&text, ": %s", strerror(why->error));
	return asb_out_frame(out, ASB_FAILED, 0, channel, payload, 6 + text.length);
}

static bool tell_started(struct asb_job *job, struct asb_out *out)
{
	uint8_t pid[4];

	if (!job->say_started)
		return true;
	asb_put32(pid, (uint32_t)job->pid);
	if (!asb_out_frame(out, ASB_STARTED, 0, job->channel, pid, sizeof(pid)))
		return false;
	job->say_started = false;
	return true;
}

/* A client that can resume may ask again, and has to get the same answer. */
static bool tell_failed(struct asb_job *job, struct asb_out *out)
{
	if (!job->say_failed)
		return true;
	if (!asb_tell_refusal(out, job->channel, &job->refusal))
		return false;
	job->say_failed = false;
	job->told = true;
	if (!job->session->resumes)
		asb_job_release(job);
	return true;
}

bool asb_tell_control(struct asb_job *job, struct asb_out *out)
{
	switch (job->state) {
	case ASB_JOB_FAILED:
		return tell_failed(job, out);
	case ASB_JOB_STARTING:
		if (job->detached)
			return true;
		return asb_input_tell(&job->in, out, job->channel);
	case ASB_JOB_RUNNING:
	case ASB_JOB_ENDED:
		if (!tell_started(job, out))
			return false;
		if (job->detached && !job->attached) {
			asb_job_let_go(job);
			return true;
		}
		return asb_input_tell(&job->in, out, job->channel);
	case ASB_JOB_FREE:
	case ASB_JOB_TOLD:
		break;
	}
	return true;
}

bool asb_tell_is_small(const struct asb_job *job, int which)
{
	const struct asb_output *o = which == 0 ? &job->out : &job->err;

	return o->ring.end - o->sent <= SMALL && asb_output_has_data(o);
}

bool asb_tell_data(struct asb_job *job, int which, struct asb_out *out)
{
	/* Nothing overtakes STARTED. */
	if (job->state != ASB_JOB_RUNNING && job->state != ASB_JOB_ENDED)
		return false;
	return asb_output_data(which == 0 ? &job->out : &job->err, out, job->channel);
}

struct record {
	uint8_t bytes[RECORD_MAX];
	size_t length;
};

static void put(struct record *record, uint16_t tag, unsigned width, uint64_t value)
{
	(void)asb_attr_put_uint(record->bytes, RECORD_MAX, &record->length, tag, width, value);
}

static void put_flag(struct record *record, uint16_t tag, bool value)
{
	if (value)
		put(record, tag, 1, 1);
}

static void put_status(struct record *record, int status)
{
	const char *name;

	if (WIFEXITED(status)) {
		put(record, ASB_EXIT_CODE, 4, (uint64_t)WEXITSTATUS(status));
		return;
	}
	name = asb_signal_name(WTERMSIG(status));
	if (name != NULL)
		(void)asb_attr_put(record->bytes, RECORD_MAX, &record->length, ASB_EXIT_SIGNAL,
				   name, (uint32_t)strlen(name));
	put(record, ASB_EXIT_SIGNO, 4, (uint64_t)WTERMSIG(status));
}

static void make_record(const struct asb_job *job, struct record *record)
{
	const struct asb_verdict *verdict = &job->verdict;

	record->length = 0;
	put_status(record, verdict->status);
	put_flag(record, ASB_EXIT_TIMED_OUT, job->timed_out);
	put_flag(record, ASB_EXIT_OOM, job->oom);
	put_flag(record, ASB_EXIT_SHUTDOWN, job->shutdown);
	put(record, ASB_EXIT_STDOUT_BYTES, 8, job->out.ring.end);
	put(record, ASB_EXIT_STDERR_BYTES, 8, job->err.ring.end);
	put(record, ASB_EXIT_STDOUT_XXH64, 8, asb_checksum_value(&job->out.sum));
	put(record, ASB_EXIT_STDERR_XXH64, 8, asb_checksum_value(&job->err.sum));
	put(record, ASB_EXIT_STDIN_BYTES, 8, job->in.written);
	put(record, ASB_EXIT_DURATION_NS, 8, verdict->duration_ns);
	put(record, ASB_EXIT_USER_US, 8, verdict->user_us);
	put(record, ASB_EXIT_SYSTEM_US, 8, verdict->system_us);
	put(record, ASB_EXIT_MAXRSS_KIB, 8, verdict->maxrss_kib);
}

size_t asb_tell_record(const struct asb_job *job, uint8_t bytes[ASB_RECORD_MAX])
{
	struct record record;

	make_record(job, &record);
	memcpy(bytes, record.bytes, record.length);
	return record.length;
}

static bool tell_eof(struct asb_output *o, struct asb_out *out, uint32_t channel)
{
	return !asb_output_is_sent(o) || asb_output_end(o, out, channel);
}

bool asb_tell_end(struct asb_job *job, struct asb_out *out)
{
	struct record record;

	if (job->state != ASB_JOB_RUNNING && job->state != ASB_JOB_ENDED)
		return true;
	if (!tell_eof(&job->out, out, job->channel) || !tell_eof(&job->err, out, job->channel))
		return false;
	if (job->state != ASB_JOB_ENDED || !job->out.ended || !job->err.ended)
		return true;
	make_record(job, &record);
	if (!asb_out_frame(out, ASB_EXIT, 0, job->channel, record.bytes, record.length))
		return false;
	job->state = ASB_JOB_TOLD;
	job->told = true;
	return true;
}
