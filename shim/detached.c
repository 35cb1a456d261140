/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/detached.h"

#include <string.h>

#include "shim/job.h"
#include "shim/listed.h"
#include "shim/run.h"
#include "shim/signame.h"
#include "shim/tell.h"

const char *asb_detached_list(struct asb_conn *conn, const struct asb_frame *frame)
{
	if (frame->length != 0 && frame->length != ASB_ID_LEN)
		return "a job id of a wrong length";
	asb_listed_begin(&conn->listed, frame->length == 0 ? NULL : frame->payload);
	return NULL;
}

const char *asb_detached_wait(struct asb_conn *conn, const struct asb_frame *frame)
{
	if (!asb_listed_wait(&conn->listed, frame->payload))
		asb_conn_reply(conn, ASB_LIST_END, 0, frame->payload, ASB_ID_LEN);
	return NULL;
}

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
