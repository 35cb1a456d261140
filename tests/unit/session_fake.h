/* SPDX-License-Identifier: Apache-2.0 */
/* session_fake.h - a shim made of a socketpair: says what a test tells it to and remembers what it
 * heard. */
#ifndef SESSION_FAKE_H
#define SESSION_FAKE_H

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/session/session_internal.h"

struct fake {
	int fd;	   /* the shim's end */
	int other; /* the session's end */
	struct asb_session *session;
	struct asb_error err;
	int rc; /* of the last step */
	struct asb_buffer heard;
};

/* Bytes that a test puts together before they are said. */
struct talk {
	uint8_t bytes[8192];
	size_t n;
};

static inline void fake_open(struct fake *fake)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	*fake = (struct fake){.fd = pair[0], .other = pair[1]};
	asb_buffer_init(&fake->heard);
	fake->session = asb_session_new(pair[1]);
}

static inline void fake_close(struct fake *fake)
{
	asb_session_free(fake->session);
	asb_buffer_release(&fake->heard);
	if (fake->fd >= 0)
		close(fake->fd);
	close(fake->other);
}

static inline void hear(struct fake *fake)
{
	static uint8_t bytes[65536];

	for (;;) {
		ssize_t n = recv(fake->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n <= 0)
			return;
		asb_buffer_add(&fake->heard, bytes, (size_t)n);
	}
}

/* Steps until the session neither wants nor has anything to do. */
static inline void pump(struct fake *fake)
{
	for (int i = 0; i < 1000; i++) {
		struct pollfd p = {fake->other, asb_session_events(fake->session), 0};
		int ready = poll(&p, 1, 0);

		fake->rc = asb_session_step(fake->session, p.revents, &fake->err);
		if (fake->fd >= 0)
			hear(fake);
		if (ready == 0 || p.events == 0 || fake->rc != 0)
			return;
	}
	fail_msg("the session never comes to rest");
}

static inline void say_bytes(struct fake *fake, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	while (n > 0) {
		ssize_t written = send(fake->fd, at, n, MSG_NOSIGNAL);

		if (written < 0 && errno == EAGAIN) {
			pump(fake);
			continue;
		}
		assert_true(written > 0);
		at += written;
		n -= (size_t)written;
	}
}

/* --- putting frames together ------------------------------------------------------------------ */

static inline void add_frame(struct talk *talk, uint8_t type, uint8_t flags, uint32_t channel,
			     const void *payload, size_t n)
{
	assert_true(talk->n + ASB_FRAME_HEADER + n <= sizeof(talk->bytes));
	asb_frame_header(talk->bytes + talk->n, type, flags, channel, (uint16_t)n);
	if (n > 0)
		memcpy(talk->bytes + talk->n + ASB_FRAME_HEADER, payload, n);
	talk->n += ASB_FRAME_HEADER + n;
}

static inline void add_hello(struct talk *talk)
{
	uint8_t payload[128] = ASB_HELLO_MAGIC;
	size_t at = ASB_HELLO_MAGIC_LEN;

	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_VERSION, 2, 1);
	asb_attr_put(payload, sizeof(payload), &at, ASB_HELLO_PROGRAM, "fake/1", 6);
	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_MAX_JOBS, 4, 64);
	asb_attr_put(payload, sizeof(payload), &at, 999, "from the future", 15);
	add_frame(talk, ASB_HELLO, 0, 0, payload, at);
}

static inline void add_data(struct talk *talk, enum asb_stream stream, uint32_t channel,
			    uint64_t offset, const void *bytes, size_t n)
{
	uint8_t payload[4096];

	assert_true(n + ASB_DATA_HEADER <= sizeof(payload));
	asb_put64(payload, offset);
	memcpy(payload + ASB_DATA_HEADER, bytes, n);
	add_frame(talk, ASB_DATA, (uint8_t)stream, channel, payload, n + ASB_DATA_HEADER);
}

static inline void add_eof(struct talk *talk, enum asb_stream stream, uint32_t channel,
			   uint64_t offset)
{
	uint8_t payload[8];

	asb_put64(payload, offset);
	add_frame(talk, ASB_EOF, (uint8_t)stream, channel, payload, sizeof(payload));
}

static inline void add_started(struct talk *talk, uint32_t channel)
{
	uint8_t pid[4];

	asb_put32(pid, 42);
	add_frame(talk, ASB_STARTED, 0, channel, pid, sizeof(pid));
}

static inline uint64_t sum_of(const void *bytes, size_t n)
{
	struct asb_checksum sum;

	asb_checksum_init(&sum);
	asb_checksum_add(&sum, bytes, n);
	return asb_checksum_value(&sum);
}

/* What an exit record says; texts are the whole of the two outputs. */
struct ending {
	int code; /* -1: killed by `signal` */
	int signal;
	const char *out, *err;
	bool timed_out;
};

static inline size_t exit_payload(uint8_t *payload, size_t cap, const struct ending *ending)
{
	size_t at = 0;

	if (ending->code >= 0) {
		asb_attr_put_uint(payload, cap, &at, ASB_EXIT_CODE, 4, (uint64_t)ending->code);
	} else {
		asb_attr_put(payload, cap, &at, ASB_EXIT_SIGNAL, "KILL", 4);
		asb_attr_put_uint(payload, cap, &at, ASB_EXIT_SIGNO, 4, (uint64_t)ending->signal);
	}
	if (ending->timed_out)
		asb_attr_put_uint(payload, cap, &at, ASB_EXIT_TIMED_OUT, 1, 1);
	asb_attr_put_uint(payload, cap, &at, ASB_EXIT_STDOUT_BYTES, 8, strlen(ending->out));
	asb_attr_put_uint(payload, cap, &at, ASB_EXIT_STDERR_BYTES, 8, strlen(ending->err));
	asb_attr_put_uint(payload, cap, &at, ASB_EXIT_STDOUT_XXH64, 8,
			  sum_of(ending->out, strlen(ending->out)));
	asb_attr_put_uint(payload, cap, &at, ASB_EXIT_STDERR_XXH64, 8,
			  sum_of(ending->err, strlen(ending->err)));
	asb_attr_put_uint(payload, cap, &at, ASB_EXIT_DURATION_NS, 8, 123456789);
	return at;
}

static inline void add_exit(struct talk *talk, uint32_t channel, const struct ending *ending)
{
	uint8_t payload[256];
	size_t n = exit_payload(payload, sizeof(payload), ending);

	add_frame(talk, ASB_EXIT, 0, channel, payload, n);
}

static inline void say(struct fake *fake, struct talk *talk)
{
	say_bytes(fake, talk->bytes, talk->n);
	talk->n = 0;
	pump(fake);
}

/* --- what was heard --------------------------------------------------------------------------- */

/* Takes the next frame that the session has sent. Its payload lives until the next call. */
static inline bool next_frame(struct fake *fake, struct asb_frame *frame)
{
	static uint8_t copy[ASB_FRAME_MAX];
	int taken = asb_frame_decode((const uint8_t *)fake->heard.data, fake->heard.length, frame);

	assert_true(taken >= 0);
	if (taken == 0)
		return false;
	memcpy(copy, fake->heard.data, (size_t)taken);
	frame->payload = copy + ASB_FRAME_HEADER;
	asb_buffer_drop(&fake->heard, (size_t)taken);
	return true;
}

/* The next frame of that type; others before it are passed over. */
static inline struct asb_frame find_frame(struct fake *fake, uint8_t type)
{
	struct asb_frame frame = {0};

	while (next_frame(fake, &frame)) {
		if (frame.type == type)
			return frame;
	}
	fail_msg("no frame of type 0x%02x was sent", type);
	return frame;
}

static inline bool silent(struct fake *fake)
{
	pump(fake);
	return fake->heard.length == 0;
}

/* --- sessions and jobs -------------------------------------------------------------------------
 */

static const char *const ECHO[] = {"echo", "hi", NULL};
static const struct asb_job_spec SIMPLE = {.argv = ECHO};
static const struct asb_job_spec WITH_STDIN = {.argv = ECHO, .has_stdin = true};

static inline struct asb_job *start(struct fake *fake, const struct asb_job_spec *spec)
{
	struct asb_job *job = asb_job_start(fake->session, spec, &fake->err);

	assert_non_null(job);
	return job;
}

/* A session that has been greeted, with one job whose START has been heard. */
static inline struct asb_job *open_with_job(struct fake *fake, const struct asb_job_spec *spec)
{
	struct talk talk = {.n = 0};
	struct asb_job *job;

	fake_open(fake);
	job = start(fake, spec);
	add_hello(&talk);
	add_started(&talk, 1);
	say(fake, &talk);
	asb_buffer_reset(&fake->heard);
	return job;
}

static inline void text_of(const struct asb_job *job, enum asb_stream stream, char *out, size_t cap)
{
	struct iovec iov[2];
	size_t n = 0;

	for (int i = 0, count = asb_job_peek(job, stream, iov); i < count; i++) {
		assert_true(n + iov[i].iov_len < cap);
		memcpy(out + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	assert_int_equal(n, asb_job_pending(job, stream));
	out[n] = '\0';
}

static inline void assert_text(const struct asb_job *job, enum asb_stream stream,
			       const char *expected)
{
	char text[256];

	text_of(job, stream, text, sizeof(text));
	assert_string_equal(text, expected);
}

static inline void assert_failed(struct fake *fake, const char *words)
{
	assert_int_equal(fake->rc, -1);
	assert_int_equal(fake->err.status, ASB_STATUS_PLUGIN);
	if (strstr(fake->err.message, words) == NULL)
		fail_msg("\"%s\" does not hold \"%s\"", fake->err.message, words);
	assert_int_equal(asb_session_events(fake->session), 0);
	assert_int_equal(asb_session_timeout(fake->session), -1);
}

static inline void say_output(struct fake *fake, uint64_t from, size_t n)
{
	static const uint8_t zeros[4000];

	while (n > 0) {
		struct talk talk = {.n = 0};
		size_t piece = n < sizeof(zeros) ? n : sizeof(zeros);

		add_data(&talk, ASB_STDOUT, 1, from, zeros, piece);
		say_bytes(fake, talk.bytes, talk.n);
		from += piece;
		n -= piece;
	}
	pump(fake);
}

#endif
