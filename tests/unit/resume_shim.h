/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume_shim.h - a small shim in memory that resumes (docs/protocol.md section 7), over
 * connections that are cut after so many bytes. Its jobs read stdin to the end, write RESUME_OUT
 * and RESUME_ERR, wait for a signal INT and end with code 7; one whose program is "no" is refused.
 */
#ifndef RESUME_SHIM_H
#define RESUME_SHIM_H

#include "tests/unit/session_fake.h"

#define RESUME_OUT "the quick brown fox jumps over it"
#define RESUME_ERR "but not over the cat"
#define RESUME_JOBS 4
#define RESUME_PIECE 7 /* bytes of output in a frame */

struct shim_job {
	uint8_t id[ASB_ID_LEN];
	uint32_t channel;
	bool used, refused, said, ended, acked;
	unsigned runs, signals;
	uint32_t last_signal;
	char input[4096];
	uint64_t input_length, input_limit;
	bool input_ends, input_told;
	uint64_t told[3], consumed[3], limit[3]; /* outputs: sent on this connection, ... */
	bool eof_told[3], exit_told, stopped[3];
};

struct resume_shim {
	bool exists; /* the session does */
	uint8_t session[ASB_ID_LEN], instance[ASB_ID_LEN];
	struct shim_job jobs[RESUME_JOBS];
	unsigned connections, resumes, forgotten;

	/* the connection */
	int fd;		       /* -1: none */
	bool greeted, refuses; /* after ERROR it hears nothing more */
	struct asb_buffer in, spec;
	uint64_t take, give; /* bytes until it is cut */
};

static inline void shim_cut(struct resume_shim *shim)
{
	close(shim->fd);
	shim->fd = -1;
}

/* What a cut keeps back is lost. */
static inline void shim_say(struct resume_shim *shim, uint8_t type, uint8_t stream,
			    uint32_t channel, const void *payload, size_t n)
{
	struct talk talk = {.n = 0};
	size_t whole;

	if (shim->fd < 0)
		return;
	add_frame(&talk, type, stream, channel, payload, n);
	whole = talk.n;
	if (whole > shim->give)
		whole = (size_t)shim->give;
	if (whole > 0)
		assert_int_equal(send(shim->fd, talk.bytes, whole, MSG_NOSIGNAL), whole);
	shim->give -= whole;
	if (whole < talk.n)
		shim_cut(shim);
}

static inline struct shim_job *shim_job(struct resume_shim *shim, uint32_t channel)
{
	for (int i = 0; i < RESUME_JOBS; i++) {
		struct shim_job *job = &shim->jobs[i];

		if (job->used && job->channel == channel && !job->acked)
			return job;
	}
	return NULL;
}

static inline const char *shim_text(int stream)
{
	return stream == ASB_STDOUT ? RESUME_OUT : RESUME_ERR;
}

/* --- what it says ----------------------------------------------------------------------------- */

static inline void shim_tell_output(struct resume_shim *shim, struct shim_job *job, int stream)
{
	const char *text = shim_text(stream);
	size_t length = strlen(text);
	uint8_t payload[64];

	while (shim->fd >= 0 && job->told[stream] < length && !job->stopped[stream] &&
	       job->told[stream] < job->limit[stream]) {
		size_t n = length - (size_t)job->told[stream];

		n = n < RESUME_PIECE ? n : RESUME_PIECE;
		asb_put64(payload, job->told[stream]);
		memcpy(payload + 8, text + job->told[stream], n);
		shim_say(shim, ASB_DATA, (uint8_t)stream, job->channel, payload, n + 8);
		job->told[stream] += n;
	}
	if (job->told[stream] < length || job->eof_told[stream] || !job->ended)
		return;
	asb_put64(payload, length);
	shim_say(shim, ASB_EOF, (uint8_t)stream, job->channel, payload, 8);
	job->eof_told[stream] = true;
}

static inline void shim_tell(struct resume_shim *shim, struct shim_job *job)
{
	static const struct ending ending = {.code = 7, .out = RESUME_OUT, .err = RESUME_ERR};
	uint8_t payload[256] = {0, ASB_FAILED_NOT_FOUND, 0, 0, 0, 2, 'n', 'o'};

	if (job->refused) {
		if (!job->said)
			shim_say(shim, ASB_FAILED, 0, job->channel, payload, 8);
		job->said = true;
		return;
	}
	if (!job->said)
		shim_say(shim, ASB_STARTED, 0, job->channel, "\0\0\0\052", 4);
	job->said = true;
	if (!job->input_told) {
		asb_put64(payload, job->input_length);
		asb_put64(payload + 8, job->input_limit);
		shim_say(shim, ASB_CREDIT, ASB_STDIN, job->channel, payload, 16);
	}
	job->input_told = true;
	shim_tell_output(shim, job, ASB_STDOUT);
	shim_tell_output(shim, job, ASB_STDERR);
	if (job->ended && job->eof_told[1] && job->eof_told[2] && !job->exit_told) {
		shim_say(shim, ASB_EXIT, 0, job->channel, payload,
			 exit_payload(payload, sizeof(payload), &ending));
		job->exit_told = true;
	}
}

/* --- what it hears ---------------------------------------------------------------------------- */

static inline void shim_hello(struct resume_shim *shim, const struct asb_frame *frame)
{
	uint8_t payload[128] = ASB_HELLO_MAGIC;
	size_t at = ASB_HELLO_MAGIC_LEN, n = ASB_HELLO_MAGIC_LEN;
	const uint8_t *id = NULL;
	uint64_t resume = ASB_RESUME_NEW;
	struct asb_attr attr;

	while (asb_attr_next(frame->payload, frame->length, &at, &attr) == 1) {
		if (attr.tag == ASB_HELLO_SESSION)
			id = attr.value;
		if (attr.tag == ASB_HELLO_RESUME)
			resume = asb_attr_uint(&attr, 99);
	}
	assert_non_null(id);
	assert_int_equal(resume == ASB_RESUME_NEW, shim->connections == 1);
	if (resume == ASB_RESUME_KNOWN && !shim->exists) {
		shim_say(shim, ASB_ERROR, 0, 0, "\0\5gone", 6);
		shim->refuses = true;
		return;
	}
	if (shim->exists)
		assert_memory_equal(id, shim->session, ASB_ID_LEN);
	memcpy(shim->session, id, ASB_ID_LEN);
	asb_attr_put_uint(payload, sizeof(payload), &n, ASB_HELLO_VERSION, 2, 1);
	asb_attr_put(payload, sizeof(payload), &n, ASB_HELLO_FEATURE, ASB_FEATURE_RESUME, 6);
	asb_attr_put(payload, sizeof(payload), &n, ASB_HELLO_INSTANCE, shim->instance, ASB_ID_LEN);
	asb_attr_put_uint(payload, sizeof(payload), &n, ASB_HELLO_RESUMED, 1, shim->exists);
	shim->resumes += shim->exists;
	shim->exists = shim->greeted = true;
	shim_say(shim, ASB_HELLO, 0, 0, payload, n);
	for (int i = 0; i < RESUME_JOBS; i++) {
		struct shim_job *job = &shim->jobs[i];

		job->said = job->exit_told = job->input_told = false;
		for (int s = 1; s < 3; s++) {
			job->told[s] = job->consumed[s];
			job->eof_told[s] = false;
		}
	}
}

static inline void shim_start(struct resume_shim *shim, const struct asb_frame *frame)
{
	int i = 0;

	assert_int_equal(shim->spec.length, asb_get32(frame->payload + ASB_ID_LEN));
	while (i < RESUME_JOBS && shim->jobs[i].used &&
	       memcmp(shim->jobs[i].id, frame->payload, ASB_ID_LEN) != 0)
		i++;
	assert_true(i < RESUME_JOBS);
	if (!shim->jobs[i].used) {
		struct shim_job *job = &shim->jobs[i];
		const char *program = shim->spec.data + ASB_ATTR_HEADER;

		memcpy(job->id, frame->payload, ASB_ID_LEN);
		job->used = true;
		job->runs++;
		job->refused = memcmp(program, "no", 2) == 0;
		job->channel = frame->channel;
		job->limit[1] = job->limit[2] = ASB_SESSION_WINDOW;
		job->input_limit = 64;
	}
	assert_int_equal(shim->jobs[i].channel, frame->channel);
	shim->jobs[i].said = false;
	asb_buffer_reset(&shim->spec);
}

static inline void shim_input(struct shim_job *job, const struct asb_frame *frame)
{
	uint64_t offset = asb_get64(frame->payload);
	size_t n = frame->length - ASB_DATA_HEADER;
	size_t known;

	assert_true(offset <= job->input_length);
	known = (size_t)(job->input_length - offset);
	if (known >= n)
		return;
	assert_false(job->input_ends);
	assert_true(offset + n <= sizeof(job->input));
	memcpy(job->input + offset, frame->payload + ASB_DATA_HEADER, n);
	job->input_length = offset + n;
	job->input_limit = job->input_length + 64;
	job->input_told = false;
}

static inline void shim_hear_job(struct shim_job *job, const struct asb_frame *frame)
{
	int stream = frame->flags;

	switch (frame->type) {
	case ASB_DATA:
		shim_input(job, frame);
		break;
	case ASB_EOF:
		assert_int_equal(asb_get64(frame->payload), job->input_length);
		job->input_ends = true;
		break;
	case ASB_CREDIT:
		assert_true(asb_get64(frame->payload) <= strlen(shim_text(stream)));
		if (asb_get64(frame->payload) > job->consumed[stream])
			job->consumed[stream] = asb_get64(frame->payload);
		if (job->told[stream] < job->consumed[stream])
			job->told[stream] = job->consumed[stream];
		break;
	case ASB_STOP:
		job->stopped[stream] = true;
		break;
	case ASB_SIGNAL:
		if (asb_get32(frame->payload) <= job->last_signal)
			break;
		assert_int_equal(asb_get32(frame->payload), job->last_signal + 1);
		job->last_signal++;
		job->signals++;
		break;
	case ASB_ACK:
		assert_true(job->ended || job->refused);
		job->acked = true;
		break;
	default:
		fail_msg("a frame of type 0x%02x", frame->type);
	}
	job->ended |= job->input_ends && job->signals > 0;
}

static inline void shim_hear(struct resume_shim *shim, const struct asb_frame *frame)
{
	struct shim_job *job = shim_job(shim, frame->channel);

	if (shim->refuses)
		return;
	assert_int_equal(shim->greeted, frame->type != ASB_HELLO);
	if (frame->type == ASB_HELLO)
		shim_hello(shim, frame);
	else if (frame->type == ASB_SPEC)
		asb_buffer_add(&shim->spec, frame->payload, frame->length);
	else if (frame->type == ASB_START)
		shim_start(shim, frame);
	else if (job != NULL)
		shim_hear_job(job, frame);
	else
		shim->forgotten++;
}

/* One turn: takes what has come, as far as the connection lets it through, and answers. */
static inline void shim_turn(struct resume_shim *shim)
{
	uint8_t bytes[65536];
	struct asb_frame frame;
	ssize_t n;
	int taken;

	if (shim->fd < 0)
		return;
	n = recv(shim->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n > 0) {
		size_t through = (size_t)n < shim->take ? (size_t)n : (size_t)shim->take;

		asb_buffer_add(&shim->in, bytes, through);
		shim->take -= through;
	}
	for (;;) {
		taken = asb_frame_decode((const uint8_t *)shim->in.data, shim->in.length, &frame);
		if (taken <= 0)
			break;
		shim_hear(shim, &frame);
		asb_buffer_drop(&shim->in, (size_t)taken);
	}
	for (int i = 0; i < RESUME_JOBS; i++) {
		if (shim->greeted && shim->jobs[i].used && !shim->jobs[i].acked)
			shim_tell(shim, &shim->jobs[i]);
	}
	if (shim->take == 0 && shim->fd >= 0)
		shim_cut(shim);
}

/* A new connection, which takes and gives that many bytes. Returns the client's end. */
static inline int shim_connect(struct resume_shim *shim, uint64_t take, uint64_t give)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	if (shim->fd >= 0)
		shim_cut(shim);
	asb_buffer_reset(&shim->in);
	asb_buffer_reset(&shim->spec);
	shim->fd = pair[0];
	shim->greeted = false;
	shim->connections++;
	shim->take = take;
	shim->give = give;
	return pair[1];
}

#endif
