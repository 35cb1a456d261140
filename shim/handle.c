/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/handle.h"

#include <errno.h>
#include <string.h>

#include "shim/detached.h"
#include "shim/hello.h"
#include "shim/job.h"
#include "shim/run.h"
#include "shim/say.h"
#include "shim/signame.h"
#include "shim/tell.h"

#define SMALL_SPEC 4096 /* a description whose arrays are not worth giving back */

static char **base_environment;
static bool refusing;

void asb_handle_init(char **base)
{
	base_environment = base;
	asb_hello_init();
}

void asb_handle_refuse(void)
{
	refusing = true;
}

static void broken(struct asb_conn *conn, const char *text)
{
	asb_conn_error(conn, ASB_ERROR_PROTOCOL, text);
}

static void on_hello(struct asb_conn *conn, const struct asb_frame *frame)
{
	if (refusing)
		asb_conn_error(conn, ASB_ERROR_SHUTDOWN, "the sandbox is shutting down");
	else
		asb_hello(conn, frame);
}

static void on_ping(struct asb_conn *conn, const struct asb_frame *frame)
{
	if (frame->length > ASB_PING_MAX)
		broken(conn, "a ping is too long");
	else
		asb_conn_reply(conn, ASB_PONG, 0, frame->payload, frame->length);
}

static void on_ignored(struct asb_conn *conn, const struct asb_frame *frame)
{
	(void)conn;
	(void)frame;
}

static void on_bye(struct asb_conn *conn, const struct asb_frame *frame)
{
	(void)frame;
	asb_session_end(conn->session);
}

static void on_spec(struct asb_conn *conn, const struct asb_frame *frame)
{
	if (conn->spec_channel != 0 && conn->spec_channel != frame->channel) {
		broken(conn, "a job description was interrupted by another");
		return;
	}
	conn->spec_channel = frame->channel;
	if (frame->length > ASB_SPEC_MAX - conn->spec_length) {
		conn->spec_too_large = true;
		return;
	}
	memcpy(conn->spec + conn->spec_length, frame->payload, frame->length);
	conn->spec_length += frame->length;
}

static void refuse(struct asb_conn *conn, uint32_t channel, uint16_t code, int error,
		   const char *text)
{
	const struct asb_refusal why = {code, error, text};

	(void)asb_tell_refusal(&conn->replies, channel, &why);
}

/* The description that was collected, started as a job. */
static void start(struct asb_conn *conn, uint32_t channel, const uint8_t *id, uint32_t length)
{
	struct asb_session *session = conn->session;
	struct asb_refusal why;
	struct asb_spec spec;
	const char *wrong;

	if (refusing) {
		refuse(conn, channel, ASB_FAILED_SYSTEM, ESHUTDOWN, "the sandbox is shutting down");
		return;
	}
	if (conn->spec_too_large || length > ASB_SPEC_MAX) {
		refuse(conn, channel, ASB_FAILED_TOO_LARGE, 0, "the job description is too large");
		return;
	}
	if (conn->spec_length != length) {
		refuse(conn, channel, ASB_FAILED_BAD_SPEC, 0,
		       "a part of the description is missing");
		return;
	}
	wrong = asb_spec_parse(conn->spec, conn->spec_length, base_environment, &spec);
	if (wrong != NULL)
		refuse(conn, channel, ASB_FAILED_BAD_SPEC, 0, wrong);
	else if (asb_run_start(session, channel, id, &spec, &why) < 0)
		refuse(conn, channel, why.code, why.error, why.text);
	if (conn->spec_length > SMALL_SPEC)
		asb_spec_forget();
}

static void on_start(struct asb_conn *conn, const struct asb_frame *frame)
{
	const uint8_t *id = frame->payload;
	uint32_t length = asb_get32(frame->payload + ASB_ID_LEN);
	struct asb_job *known = asb_job_find_id(conn->session, id);
	struct asb_job *taken = asb_job_find(conn->session, frame->channel);

	if (conn->spec_channel != 0 && conn->spec_channel != frame->channel)
		broken(conn, "a job description was interrupted by the start of another");
	else if (known != NULL && known == taken)
		asb_run_again(known);
	else if (taken != NULL)
		broken(conn, "the channel of a job was used for another");
	else if (known != NULL && !known->detached)
		refuse(conn, frame->channel, ASB_FAILED_BAD_SPEC, 0,
		       "a job of this id is known on another channel");
	else if (!asb_detached_start_again(conn, frame->channel, id))
		start(conn, frame->channel, id, length);
	asb_conn_forget_spec(conn);
}

static void on_signal(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find(conn->session, frame->channel);
	int number = asb_signal_number(frame->payload + 4, frame->length - 4u);
	uint32_t sequence = asb_get32(frame->payload);

	/* One that was sent again after a resume was obeyed already. */
	if (job == NULL || sequence <= job->last_signal)
		return;
	job->last_signal = sequence;
	if (number == 0)
		asb_say("ignored a signal of unknown name");
	else
		asb_run_signal(job, number);
}

static void on_resize(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find(conn->session, frame->channel);
	const struct asb_pty_size size = {.rows = asb_get16(frame->payload),
					  .columns = asb_get16(frame->payload + 2)};

	if (job != NULL)
		asb_run_resize(job, size);
}

static void on_end(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find(conn->session, frame->channel);

	if (job != NULL)
		asb_run_end(job);
}

static void on_ack(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find(conn->session, frame->channel);

	if (job != NULL)
		asb_run_acknowledge(job);
}

static void on_data(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find(conn->session, frame->channel);
	const char *wrong = NULL;

	if (job != NULL)
		wrong = asb_input_data(&job->in, frame);
	if (wrong != NULL)
		broken(conn, wrong);
}

static void on_eof(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find(conn->session, frame->channel);
	const char *wrong = NULL;

	if (job != NULL)
		wrong = asb_input_end(&job->in, asb_get64(frame->payload));
	if (wrong != NULL)
		broken(conn, wrong);
}

static struct asb_output *output_of(const struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_job *job = asb_job_find(conn->session, frame->channel);

	if (job == NULL)
		return NULL;
	return frame->flags == ASB_STDOUT ? &job->out : &job->err;
}

static void on_credit(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_output *o = output_of(conn, frame);
	uint64_t consumed = asb_get64(frame->payload);

	if (o != NULL && asb_output_credit(o, consumed, asb_get64(frame->payload + 8)) < 0)
		broken(conn, "more was consumed than was sent");
}

static void on_stop(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct asb_output *o = output_of(conn, frame);

	if (o != NULL)
		asb_output_stop(o);
}

/* Bits of the flags that a frame may have from a client: 1 << stream number, NO_STREAM for frames
 * that have none. */
#define IN_STREAM (1u << ASB_STDIN)
#define OUT_STREAMS (1u << ASB_STDOUT | 1u << ASB_STDERR)
#define NO_STREAM (1u << 0)

static const struct rule {
	uint8_t type;
	uint8_t flags;	 /* allowed, as above */
	bool of_job;	 /* needs a channel other than 0; else 0 is needed */
	uint16_t length; /* least payload */
	void (*run)(struct asb_conn *conn, const struct asb_frame *frame);
	const char *(*ask)(struct asb_conn *conn, const struct asb_frame *frame); /* or this */
} rules[] = {
	{ASB_HELLO, NO_STREAM, false, ASB_HELLO_MAGIC_LEN, on_hello, NULL},
	{ASB_PING, NO_STREAM, false, 0, on_ping, NULL},
	{ASB_PONG, NO_STREAM, false, 0, on_ignored, NULL},
	{ASB_BYE, NO_STREAM, false, 0, on_bye, NULL},
	{ASB_SPEC, NO_STREAM, true, 0, on_spec, NULL},
	{ASB_START, NO_STREAM, true, ASB_ID_LEN + 4, on_start, NULL},
	{ASB_SIGNAL, NO_STREAM, true, 5, on_signal, NULL},
	{ASB_RESIZE, NO_STREAM, true, 4, on_resize, NULL},
	{ASB_END, NO_STREAM, true, 0, on_end, NULL},
	{ASB_ACK, NO_STREAM, true, 0, on_ack, NULL},
	{ASB_DATA, IN_STREAM, true, ASB_DATA_HEADER + 1, on_data, NULL},
	{ASB_CREDIT, OUT_STREAMS, true, 16, on_credit, NULL},
	{ASB_EOF, IN_STREAM, true, 8, on_eof, NULL},
	{ASB_STOP, OUT_STREAMS, true, 0, on_stop, NULL},
	{ASB_LIST, NO_STREAM, false, 0, NULL, asb_detached_list},
	{ASB_WAIT, NO_STREAM, false, ASB_ID_LEN, NULL, asb_detached_wait},
	{ASB_ATTACH, NO_STREAM, true, ASB_ID_LEN + 32, NULL, asb_detached_attach},
	{ASB_DETACH, NO_STREAM, true, 0, NULL, asb_detached_detach},
	{ASB_SIGNAL_JOB, NO_STREAM, false, ASB_ID_LEN + 1, NULL, asb_detached_signal},
	{ASB_FORGET, NO_STREAM, false, ASB_ID_LEN, NULL, asb_detached_forget},
};

static const struct rule *rule_of(uint8_t type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].type == type)
			return &rules[i];
	}
	return NULL;
}

/* Types that only the shim sends, and the answer to what it never asks. */
static bool is_ours(uint8_t type)
{
	return type == ASB_ERROR || type == ASB_STARTED || type == ASB_FAILED || type == ASB_EXIT ||
	       type == ASB_LISTED || type == ASB_LIST_END || type == ASB_ATTACHED;
}

void asb_handle(struct asb_conn *conn, const struct asb_frame *frame)
{
	const struct rule *rule = rule_of(frame->type);

	if ((conn->state == ASB_CONN_NEW) != (frame->type == ASB_HELLO)) {
		broken(conn, conn->state == ASB_CONN_NEW ? "the first frame is not hello"
							 : "a second hello");
		return;
	}
	if (conn->session != NULL && conn->session->ending)
		return;
	if (is_ours(frame->type)) {
		broken(conn, "a frame that only the shim sends");
	} else if (rule == NULL) {
		if (frame->type != ASB_UNKNOWN)
			asb_conn_reply(conn, ASB_UNKNOWN, frame->channel, &frame->type, 1);
	} else if (rule->of_job != (frame->channel != 0)) {
		broken(conn, "a frame on a channel where it has no meaning");
	} else if (frame->flags > ASB_STDERR || (rule->flags >> frame->flags & 1) == 0) {
		broken(conn, "a frame for a stream where it has no meaning");
	} else if (frame->length < rule->length) {
		broken(conn, "a frame is too short for its type");
	} else if (rule->run != NULL) {
		rule->run(conn, frame);
	} else {
		const char *wrong = rule->ask(conn, frame);

		if (wrong != NULL)
			broken(conn, wrong);
	}
}
