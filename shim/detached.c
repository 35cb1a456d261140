/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/detached.h"

#include <string.h>

#include "shim/job.h"
#include "shim/limits.h"
#include "shim/run.h"
#include "shim/signame.h"
#include "shim/tell.h"

/* A LISTED frame: the command, the record, and eight more attributes of at most 16 bytes. */
#define LISTED_MAX (ASB_FRAME_HEADER + ASB_COMMAND_MAX + ASB_RECORD_MAX + 10 * (6u + 16))

/* --- waiting ---------------------------------------------------------------------------------- */

static bool waits(const struct asb_job *job, int conn)
{
	return (job->waiting[conn / 8] >> conn % 8 & 1) != 0;
}

static void set_waiting(struct asb_job *job, struct asb_conn *conn, bool value)
{
	int i = asb_conn_index(conn);

	if (waits(job, i) == value)
		return;
	job->waiting[i / 8] ^= (uint8_t)(1u << i % 8);
	conn->waits += value ? 1 : -1;
}

void asb_detached_drop(struct asb_conn *conn)
{
	for (int i = 0; i < ASB_MAX_JOBS && conn->waits > 0; i++)
		set_waiting(asb_job_at(i), conn, false);
}

const char *asb_detached_wait(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find_any(frame->payload);

	if (job == NULL)
		asb_conn_reply(conn, ASB_LIST_END, 0, frame->payload, ASB_ID_LEN);
	else
		set_waiting(job, conn, true);
	return NULL;
}

/* --- listing ---------------------------------------------------------------------------------- */

const char *asb_detached_list(struct asb_conn *conn, const struct asb_frame *frame)
{
	if (frame->length != 0 && frame->length != ASB_ID_LEN)
		return "a job id of a wrong length";
	conn->list_one = frame->length != 0;
	if (conn->list_one)
		memcpy(conn->list_id, frame->payload, ASB_ID_LEN);
	conn->list_next = 0;
	conn->listing = true;
	return NULL;
}

struct listed {
	uint8_t bytes[LISTED_MAX];
	size_t length;
};

static void put(struct listed *to, uint16_t tag, const void *value, size_t n)
{
	(void)asb_attr_put(to->bytes, sizeof(to->bytes), &to->length, tag, value, (uint32_t)n);
}

static void put_number(struct listed *to, uint16_t tag, unsigned width, uint64_t value)
{
	(void)asb_attr_put_uint(to->bytes, sizeof(to->bytes), &to->length, tag, width, value);
}

static void put_range(struct listed *to, uint16_t tag, const struct asb_output *o)
{
	uint8_t range[16];

	asb_put64(range, asb_output_start(o));
	asb_put64(range + 8, o->ring.end);
	put(to, tag, range, sizeof(range));
}

static bool tell_job(const struct asb_job *job, struct asb_out *out)
{
	static struct listed to;
	static char command[ASB_COMMAND_MAX];
	uint8_t record[ASB_RECORD_MAX];
	bool ended = asb_job_has_ended(job);

	if (asb_out_room(out) < LISTED_MAX)
		return false;
	to.length = 0;
	put(&to, ASB_LISTED_ID, job->id, ASB_ID_LEN);
	put_number(&to, ASB_LISTED_STATE, 1, ended ? ASB_LISTED_ENDED : ASB_LISTED_RUNNING);
	put_number(&to, ASB_LISTED_PID, 4, (uint64_t)job->pid);
	asb_audit_plain(job->command, command, sizeof(command));
	put(&to, ASB_LISTED_COMMAND, command, strlen(command));
	put_number(&to, ASB_LISTED_STARTED_MS, 8, job->started_ms);
	put_range(&to, ASB_LISTED_STDOUT, &job->out);
	put_range(&to, ASB_LISTED_STDERR, &job->err);
	put_number(&to, ASB_LISTED_DETACHED, 1, job->detached ? 1 : 0);
	if (ended)
		put(&to, ASB_LISTED_RECORD, record, asb_tell_record(job, record));
	return asb_out_frame(out, ASB_LISTED, 0, 0, to.bytes, to.length);
}

static bool tell_list(struct asb_conn *conn)
{
	for (; conn->list_next < ASB_MAX_JOBS; conn->list_next++) {
		const struct asb_job *job = asb_job_at(conn->list_next);

		if (job->state == ASB_JOB_FREE || job->state == ASB_JOB_FAILED)
			continue;
		if (conn->list_one && memcmp(job->id, conn->list_id, ASB_ID_LEN) != 0)
			continue;
		if (!tell_job(job, &conn->out))
			return false;
	}
	if (!asb_out_frame(&conn->out, ASB_LIST_END, 0, 0, conn->list_id,
			   conn->list_one ? ASB_ID_LEN : 0))
		return false;
	conn->listing = false;
	return true;
}

static bool tell_ended(struct asb_conn *conn)
{
	for (int i = 0; i < ASB_MAX_JOBS && conn->waits > 0; i++) {
		struct asb_job *job = asb_job_at(i);

		if (!asb_job_has_ended(job) || !waits(job, asb_conn_index(conn)))
			continue;
		if (asb_out_room(&conn->out) < LISTED_MAX + ASB_FRAME_HEADER + ASB_ID_LEN)
			return false;
		(void)tell_job(job, &conn->out);
		(void)asb_out_frame(&conn->out, ASB_LIST_END, 0, 0, job->id, ASB_ID_LEN);
		set_waiting(job, conn, false);
	}
	return true;
}

bool asb_detached_tell(struct asb_conn *conn)
{
	if (conn->listing && !tell_list(conn))
		return false;
	return tell_ended(conn);
}

/* --- attaching -------------------------------------------------------------------------------- */

static void refuse(struct asb_conn *conn, uint32_t channel, uint16_t code, const char *text)
{
	const struct asb_refusal why = {code, 0, text};

	(void)asb_tell_refusal(&conn->replies, channel, &why);
}

/* From the session that has it; its time may be over, and then it is gone. */
static void take_away(struct asb_job *job, const struct asb_conn *taker, uint32_t channel)
{
	struct asb_conn *conn = job->session->conn;

	if (conn != NULL && (conn != taker || job->channel != channel))
		asb_conn_reply(conn, ASB_DETACH, job->channel, NULL, 0);
	asb_job_let_go(job);
}

static void attach(struct asb_conn *conn, struct asb_job *job, const struct asb_frame *frame)
{
	const uint8_t *p = frame->payload + ASB_ID_LEN;
	uint8_t answer[4 + 8 + 8];

	asb_job_join(job, conn->session, frame->channel);
	job->attached = true;
	asb_put32(answer, (uint32_t)job->pid);
	asb_put64(answer + 4, asb_output_attach(&job->out, asb_get64(p), asb_get64(p + 16)));
	asb_put64(answer + 12, asb_output_attach(&job->err, asb_get64(p + 8), asb_get64(p + 24)));
	asb_input_attach(&job->in);
	asb_conn_reply(conn, ASB_ATTACHED, frame->channel, answer, sizeof(answer));
}

const char *asb_detached_attach(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find_detached(frame->payload);
	struct asb_job *taken = asb_job_find(conn->session, frame->channel);

	if (taken != NULL && taken != job)
		return "the channel of a job was used for another";
	if (job != NULL && job->session != NULL && !job->attached) {
		refuse(conn, frame->channel, ASB_FAILED_BUSY, "the job is being started");
		return NULL;
	}
	if (job != NULL && job->session != NULL)
		take_away(job, conn, frame->channel);
	if (job == NULL || (job->state != ASB_JOB_RUNNING && job->state != ASB_JOB_ENDED))
		refuse(conn, frame->channel, ASB_FAILED_NO_JOB, "there is no such detached job");
	else
		attach(conn, job, frame);
	return NULL;
}

const char *asb_detached_detach(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find(conn->session, frame->channel);

	if (job != NULL && job->attached)
		asb_job_let_go(job);
	return NULL;
}

const char *asb_detached_signal(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find_any(frame->payload);
	int number =
		asb_signal_number(frame->payload + ASB_ID_LEN, (size_t)frame->length - ASB_ID_LEN);

	(void)conn;
	if (job != NULL && number != 0)
		asb_run_signal(job, number);
	return NULL;
}

const char *asb_detached_forget(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find_detached(frame->payload);

	(void)conn;
	if (job != NULL && asb_job_has_ended(job))
		asb_job_expire(job);
	return NULL;
}

bool asb_detached_start_again(struct asb_conn *conn, uint32_t channel, const uint8_t *id)
{
	struct asb_job *job = asb_job_find_detached(id);
	uint8_t pid[4];

	if (job == NULL)
		return false;
	if (job->session == NULL) {
		asb_job_join(job, conn->session, channel);
		job->say_started = job->state != ASB_JOB_STARTING;
	} else if (!job->attached) {
		refuse(conn, channel, ASB_FAILED_BUSY, "the job is being started by another");
	} else {
		asb_put32(pid, (uint32_t)job->pid);
		asb_conn_reply(conn, ASB_STARTED, channel, pid, sizeof(pid));
	}
	return true;
}
