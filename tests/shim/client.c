/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define XXH_STATIC_LINKING_ONLY
#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <xxhash.h>
#pragma GCC diagnostic pop

#define KEEP (1u << 20) /* bytes of an output that are kept for looking at */
#define CREDIT_EVERY 524288u

static void start_connect(struct client *c, const struct sandbox *box)
{
	int in[2];
	int out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	c->pid = sandbox_exec(box, shim_path(), "connect", in[0], out[1], box->diagnostics);
	(void)close(in[0]);
	(void)close(out[1]);
	c->to = in[1];
	c->from = out[0];
	c->to_send = c->to_read = 0;
}

void client_connect(struct client *c, const struct sandbox *box)
{
	bool resumable = c->resumable;

	memset(c, 0, sizeof(*c));
	c->resumable = resumable;
	c->next_channel = 1;
	start_connect(c, box);
}

static void send_hello(struct client *c, uint32_t lease_ms, unsigned version, unsigned how)
{
	uint8_t bytes[128];
	size_t n = 4;

	memcpy(bytes, ASB_HELLO_MAGIC, 4);
	asb_attr_put_uint(bytes, sizeof(bytes), &n, ASB_HELLO_VERSION_MIN, 2, version);
	asb_attr_put_uint(bytes, sizeof(bytes), &n, ASB_HELLO_VERSION_MAX, 2, version);
	asb_attr_put(bytes, sizeof(bytes), &n, ASB_HELLO_SESSION, c->id, sizeof(c->id));
	asb_attr_put_uint(bytes, sizeof(bytes), &n, ASB_HELLO_LEASE_MS, 4, lease_ms);
	asb_attr_put_uint(bytes, sizeof(bytes), &n, 999, 4, 0);
	if (c->resumable)
		asb_attr_put(bytes, sizeof(bytes), &n, ASB_HELLO_FEATURE, ASB_FEATURE_RESUME, 6);
	if (how != ASB_RESUME_NEW)
		asb_attr_put_uint(bytes, sizeof(bytes), &n, ASB_HELLO_RESUME, 1, how);
	client_send(c, ASB_HELLO, 0, 0, bytes, n);
}

void client_hello(struct client *c, uint32_t lease_ms, unsigned version)
{
	static unsigned counter;

	if (c->serial == 0) {
		c->serial = ++counter;
		asb_put32(c->id, (uint32_t)getpid());
		asb_put32(c->id + 4, c->serial);
	}
	c->lease_ms = lease_ms;
	send_hello(c, lease_ms, version, ASB_RESUME_NEW);
}

void client_open(struct client *c, const struct sandbox *box, uint32_t lease_ms)
{
	client_connect(c, box);
	client_hello(c, lease_ms, ASB_PROTOCOL_VERSION);
	client_until(c, &c->hello);
}

static void reap(struct client *c)
{
	long long end = now_ms() + 5000;

	while (c->pid > 0) {
		if (waitpid(c->pid, NULL, WNOHANG) == c->pid) {
			c->pid = 0;
		} else if (now_ms() > end) {
			(void)kill(c->pid, SIGKILL);
			(void)waitpid(c->pid, NULL, 0);
			c->pid = 0;
		} else {
			pause_briefly();
		}
	}
}

void client_cut(struct client *c)
{
	if (c->to >= 0)
		(void)close(c->to);
	(void)close(c->from);
	c->to = -1;
	c->from = -1;
	reap(c);
}

void client_forget_last(struct client *c)
{
	struct job *job = c->jobs[--c->job_count];

	for (int i = 0; i < 2; i++) {
		free(job->output[i].bytes);
		(void)XXH64_freeState(job->output[i].sum);
	}
	free(job->spec);
	free(job);
}

void client_close(struct client *c)
{
	client_cut(c);
	while (c->job_count > 0)
		client_forget_last(c);
}

void client_kill(struct client *c)
{
	/* Both pipes are broken at once, as when an exec stream breaks. */
	client_close(c);
}

/* How many of n bytes a direction takes before it is cut, and that they were. */
static size_t allowed(const long *left, size_t n)
{
	if (*left == 0)
		return n;
	return *left < 0 ? 0 : n < (size_t)*left ? n : (size_t)*left;
}

static void use_up(long *left, size_t n)
{
	if (*left <= 0)
		return;
	*left -= (long)n;
	if (*left == 0)
		*left = -1;
}

void client_send_raw(struct client *c, const void *bytes, size_t n)
{
	const char *at = bytes;

	n = allowed(&c->to_send, n);
	use_up(&c->to_send, n);
	while (n > 0) {
		ssize_t done = write(c->to, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return; /* the connection is closed, which the test sees elsewhere */
		at += done;
		n -= (size_t)done;
	}
}

void client_send(struct client *c, uint8_t type, uint8_t flags, uint32_t channel,
		 const void *payload, size_t n)
{
	uint8_t bytes[ASB_FRAME_MAX];

	assert_true(n <= ASB_FRAME_PAYLOAD);
	asb_frame_header(bytes, type, flags, channel, (uint16_t)n);
	if (n > 0)
		memcpy(bytes + ASB_FRAME_HEADER, payload, n);
	client_send_raw(c, bytes, ASB_FRAME_HEADER + n);
}

static struct job *find(struct client *c, uint32_t channel)
{
	for (int i = 0; i < c->job_count; i++) {
		if (c->jobs[i]->channel == channel)
			return c->jobs[i];
	}
	return NULL;
}

static void parse_record(struct record *r, const uint8_t *bytes, size_t n)
{
	struct asb_attr a;
	size_t at = 0;

	memset(r, 0, sizeof(*r));
	r->present = true;
	r->code = -1;
	while (asb_attr_next(bytes, n, &at, &a) == 1) {
		uint64_t v = asb_attr_uint(&a, 0);

		switch (a.tag) {
		case ASB_EXIT_CODE:
			r->code = (int)v;
			break;
		case ASB_EXIT_SIGNAL:
			snprintf(r->signal, sizeof(r->signal), "%.*s", (int)a.length,
				 (const char *)a.value);
			break;
		case ASB_EXIT_SIGNO:
			r->signo = (int)v;
			break;
		case ASB_EXIT_TIMED_OUT:
			r->timed_out = v != 0;
			break;
		case ASB_EXIT_OOM:
			r->oom = v != 0;
			break;
		case ASB_EXIT_SHUTDOWN:
			r->shutdown = v != 0;
			break;
		case ASB_EXIT_STDOUT_BYTES:
			r->stdout_bytes = v;
			break;
		case ASB_EXIT_STDERR_BYTES:
			r->stderr_bytes = v;
			break;
		case ASB_EXIT_STDOUT_XXH64:
			r->stdout_sum = v;
			break;
		case ASB_EXIT_STDERR_XXH64:
			r->stderr_sum = v;
			break;
		case ASB_EXIT_STDIN_BYTES:
			r->stdin_bytes = v;
			break;
		case ASB_EXIT_DURATION_NS:
			r->duration_ns = v;
			break;
		case ASB_EXIT_USER_US:
			r->user_us = v;
			break;
		case ASB_EXIT_SYSTEM_US:
			r->system_us = v;
			break;
		case ASB_EXIT_MAXRSS_KIB:
			r->maxrss_kib = v;
			break;
		default:
			fail_msg("unknown attribute %u in an exit record", a.tag);
		}
	}
	assert_int_equal(at, n);
}

static void parse_listed(struct listed *l, const struct asb_frame *frame)
{
	struct asb_attr a;
	size_t at = 0;

	memset(l, 0, sizeof(*l));
	while (asb_attr_next(frame->payload, frame->length, &at, &a) == 1) {
		uint64_t v = asb_attr_uint(&a, 0);

		if (a.tag == ASB_LISTED_ID)
			memcpy(l->id, a.value, ASB_ID_LEN);
		else if (a.tag == ASB_LISTED_STATE)
			l->state = (int)v;
		else if (a.tag == ASB_LISTED_PID)
			l->pid = (uint32_t)v;
		else if (a.tag == ASB_LISTED_COMMAND)
			memcpy(l->command, a.value, a.length);
		else if (a.tag == ASB_LISTED_STARTED_MS)
			l->started_ms = v;
		else if (a.tag == ASB_LISTED_DETACHED)
			l->detached = v == 1;
		else if (a.tag == ASB_LISTED_RECORD)
			parse_record(&l->record, a.value, a.length);
		else if (a.tag == ASB_LISTED_STDOUT || a.tag == ASB_LISTED_STDERR) {
			l->start[a.tag - ASB_LISTED_STDOUT] = asb_get64(a.value);
			l->end[a.tag - ASB_LISTED_STDOUT] = asb_get64(a.value + 8);
		} else
			fail_msg("unknown attribute %u in LISTED", a.tag);
	}
	assert_int_equal(at, frame->length);
}

static void give_credit(struct client *c, struct job *job, int which)
{
	struct received *o = &job->output[which];
	uint8_t payload[16];

	/* As late as the protocol allows. */
	if (o->window == 0 || (o->total - o->told < CREDIT_EVERY && o->limit > o->total))
		return;
	o->told = o->total;
	o->limit = o->total + o->window;
	asb_put64(payload, o->total);
	asb_put64(payload + 8, o->limit);
	client_send(c, ASB_CREDIT, (uint8_t)(which + 1), job->channel, payload, sizeof(payload));
}

static void take_data(struct client *c, struct job *job, const struct asb_frame *frame)
{
	int which = frame->flags - 1;
	struct received *o = &job->output[which];
	size_t n = frame->length - ASB_DATA_HEADER;
	const uint8_t *bytes = frame->payload + ASB_DATA_HEADER;
	size_t room = KEEP - o->kept;

	assert_true(which == 0 || which == 1);
	assert_true(frame->length > ASB_DATA_HEADER);
	assert_true(job->started);
	assert_true(!o->ended || c->again);
	assert_false(job->record.present);
	if (c->again && asb_get64(frame->payload) < o->total) {
		size_t known = (size_t)(o->total - asb_get64(frame->payload));

		if (known >= n)
			return;
		bytes += known;
		n -= known;
	} else {
		assert_true(asb_get64(frame->payload) == o->total);
	}
	assert_true(o->total + n <= o->limit);
	assert_int_equal(XXH64_update(o->sum, bytes, n), XXH_OK);
	if (n < room)
		room = n;
	memcpy(o->bytes + o->kept, bytes, room);
	o->kept += room;
	o->bytes[o->kept] = '\0';
	o->total += n;
	give_credit(c, job, which);
}

/* What was stopped arrives incomplete, which is for the test to judge. */
static void check_sum(const struct received *o, uint64_t bytes, uint64_t sum)
{
	if (!o->partial && o->total == bytes)
		assert_true(XXH64_digest(o->sum) == sum);
}

static void take_job_frame(struct client *c, struct job *job, const struct asb_frame *frame)
{
	/* Sent again after a resume, before our ACK was heard. */
	if (c->again && (job->record.present || job->failed != 0)) {
		if (frame->type == ASB_EXIT || frame->type == ASB_FAILED)
			client_send(c, ASB_ACK, 0, job->channel, NULL, 0);
		return;
	}
	switch (frame->type) {
	case ASB_STARTED:
		assert_int_equal(frame->length, 4);
		job->started = true;
		job->starts++;
		job->pid = asb_get32(frame->payload);
		break;
	case ASB_FAILED:
		job->failed = asb_get16(frame->payload);
		job->failed_errno = (int)asb_get32(frame->payload + 2);
		snprintf(job->failed_text, sizeof(job->failed_text), "%.*s", frame->length - 6,
			 (const char *)frame->payload + 6);
		if (c->resumable && !c->no_ack)
			client_send(c, ASB_ACK, 0, job->channel, NULL, 0);
		break;
	case ASB_DATA:
		take_data(c, job, frame);
		break;
	case ASB_EOF:
		assert_true(!job->output[frame->flags - 1].ended || c->again);
		job->output[frame->flags - 1].ended = true;
		break;
	case ASB_CREDIT:
		assert_int_equal(frame->flags, ASB_STDIN);
		assert_true(asb_get64(frame->payload) >= job->stdin_consumed);
		job->stdin_consumed = asb_get64(frame->payload);
		job->stdin_limit = asb_get64(frame->payload + 8);
		break;
	case ASB_ATTACHED:
		assert_int_equal(frame->length, 20);
		job->started = job->attached = true;
		job->pid = asb_get32(frame->payload);
		for (int i = 0; i < 2; i++) {
			uint64_t first = asb_get64(frame->payload + 4 + 8 * i);

			job->output[i].total = job->output[i].told = first;
			job->output[i].partial = first > 0;
		}
		break;
	case ASB_DETACH:
		job->detached = true;
		break;
	case ASB_STOP:
		job->stdin_stopped = true;
		break;
	case ASB_EXIT:
		assert_true(job->output[0].ended && job->output[1].ended);
		parse_record(&job->record, frame->payload, frame->length);
		check_sum(&job->output[0], job->record.stdout_bytes, job->record.stdout_sum);
		check_sum(&job->output[1], job->record.stderr_bytes, job->record.stderr_sum);
		job->exits++;
		if (!c->no_ack)
			client_send(c, ASB_ACK, 0, job->channel, NULL, 0);
		break;
	default:
		fail_msg("unexpected frame type 0x%02x", frame->type);
	}
}

static void take_hello(struct client *c, const struct asb_frame *frame)
{
	struct asb_attr a;
	size_t at = 4;

	assert_memory_equal(frame->payload, ASB_HELLO_MAGIC, 4);
	while (asb_attr_next(frame->payload, frame->length, &at, &a) == 1) {
		if (a.tag == ASB_HELLO_VERSION)
			assert_true(asb_attr_uint(&a, 0) == ASB_PROTOCOL_VERSION);
		if (a.tag == ASB_HELLO_INSTANCE && a.length == ASB_ID_LEN)
			memcpy(c->instance, a.value, ASB_ID_LEN);
		if (a.tag == ASB_HELLO_RESUMED)
			c->resumed = asb_attr_uint(&a, 0) == 1;
		if (a.tag == ASB_HELLO_FEATURE && a.length == 6 &&
		    memcmp(a.value, "resume", 6) == 0)
			c->can_resume = true;
	}
	assert_false(c->hello);
	c->hello = true;
}

static void take_frame(struct client *c, const struct asb_frame *frame)
{
	struct job *job = find(c, frame->channel);

	assert_false(c->bye);
	if (frame->type == ASB_UNKNOWN) {
		c->unknown = frame->payload[0];
	} else if (frame->channel != 0) {
		assert_non_null(job);
		take_job_frame(c, job, frame);
	} else if (frame->type == ASB_HELLO) {
		take_hello(c, frame);
	} else if (frame->type == ASB_LISTED) {
		parse_listed(&c->listed[c->listed_count % 4], frame);
		c->listed_count++;
	} else if (frame->type == ASB_LIST_END) {
		c->list_ends++;
		if (frame->length > 0)
			memcpy(c->list_end_id, frame->payload, ASB_ID_LEN);
	} else if (frame->type == ASB_PONG) {
		c->pongs++;
	} else if (frame->type == ASB_ERROR) {
		c->error = asb_get16(frame->payload);
	} else if (frame->type == ASB_BYE) {
		c->bye = true;
	} else {
		fail_msg("unexpected frame type 0x%02x on channel 0", frame->type);
	}
}

bool client_step(struct client *c, int ms)
{
	struct asb_frame frame;
	struct pollfd ready = {.fd = c->from, .events = POLLIN};
	int taken = asb_frame_decode(c->bytes + c->at, c->length - c->at, &frame);

	assert_true(taken >= 0);
	while (taken == 0) {
		size_t room;
		ssize_t n;

		memmove(c->bytes, c->bytes + c->at, c->length - c->at);
		c->length -= c->at;
		c->at = 0;
		if (c->closed || (c->to_read >= 0 && poll(&ready, 1, ms) <= 0))
			return false;
		room = allowed(&c->to_read, sizeof(c->bytes) - c->length);
		n = room == 0 ? 0 : read(c->from, c->bytes + c->length, room);
		if (n > 0)
			use_up(&c->to_read, (size_t)n);
		if (n <= 0) {
			c->closed = true;
			return false;
		}
		c->length += (size_t)n;
		taken = asb_frame_decode(c->bytes, c->length, &frame);
		assert_true(taken >= 0);
	}
	c->at += (size_t)taken;
	take_frame(c, &frame);
	return true;
}

void client_until(struct client *c, const bool *flag)
{
	long long end = now_ms() + WAIT_MS;

	while (!*flag) {
		if (!client_step(c, 200) && (c->closed || now_ms() > end))
			fail_msg("nothing came (closed %d, error %d)", c->closed, c->error);
	}
}

void client_ping(struct client *c)
{
	int want = c->pongs + 1;
	long long end = now_ms() + WAIT_MS;

	client_send(c, ASB_PING, 0, 0, "sync", 4);
	while (c->pongs < want) {
		assert_true(client_step(c, 200) || (!c->closed && now_ms() < end));
	}
}

void client_until_closed(struct client *c)
{
	long long end = now_ms() + WAIT_MS;

	while (!c->closed) {
		(void)client_step(c, 200);
		assert_true(now_ms() < end);
	}
}

struct description *describe(void)
{
	static struct description d;

	d.length = 0;
	return &d;
}

void describe_text(struct description *d, unsigned tag, const char *text)
{
	assert_int_equal(asb_attr_put(d->bytes, sizeof(d->bytes), &d->length, (uint16_t)tag, text,
				      (uint32_t)strlen(text)),
			 0);
}

void describe_arg(struct description *d, const char *arg)
{
	describe_text(d, ASB_SPEC_ARG, arg);
}

void describe_number(struct description *d, unsigned tag, unsigned width, uint64_t value)
{
	assert_int_equal(asb_attr_put_uint(d->bytes, sizeof(d->bytes), &d->length, (uint16_t)tag,
					   width, value),
			 0);
}

static void send_description(struct client *c, const uint8_t *bytes, size_t n, uint32_t channel,
			     const uint8_t id[ASB_ID_LEN])
{
	uint8_t start[ASB_ID_LEN + 4];

	for (size_t at = 0; at < n; at += ASB_FRAME_PAYLOAD) {
		size_t left = n - at;

		client_send(c, ASB_SPEC, 0, channel, bytes + at,
			    left < ASB_FRAME_PAYLOAD ? left : ASB_FRAME_PAYLOAD);
	}
	memcpy(start, id, ASB_ID_LEN);
	asb_put32(start + ASB_ID_LEN, (uint32_t)n);
	client_send(c, ASB_START, 0, channel, start, sizeof(start));
}

static struct job *new_job(struct client *c)
{
	struct job *job = calloc(1, sizeof(*job));

	assert_non_null(job);
	assert_true(c->job_count < CLIENT_JOBS);
	c->jobs[c->job_count++] = job;
	job->channel = c->next_channel++;
	job->stdin_limit = ASB_STDIN_LIMIT;
	for (int i = 0; i < 2; i++) {
		job->output[i].bytes = malloc(KEEP + 1);
		assert_non_null(job->output[i].bytes);
		job->output[i].bytes[0] = '\0';
		job->output[i].sum = XXH64_createState();
		assert_int_equal(XXH64_reset(job->output[i].sum, 0), XXH_OK);
		job->output[i].limit = ASB_OUTPUT_LIMIT;
		job->output[i].window = 1 << 20;
	}
	return job;
}

struct job *job_attach(struct client *c, const uint8_t id[ASB_ID_LEN], uint64_t from)
{
	struct job *job = new_job(c);
	uint8_t payload[ASB_ID_LEN + 32];

	memcpy(job->id, id, ASB_ID_LEN);
	memcpy(payload, id, ASB_ID_LEN);
	for (int i = 0; i < 2; i++) {
		job->output[i].limit = UINT64_C(1) << 40;
		asb_put64(payload + ASB_ID_LEN + 8 * i, from);
		asb_put64(payload + ASB_ID_LEN + 16 + 8 * i, job->output[i].limit);
	}
	client_send(c, ASB_ATTACH, 0, job->channel, payload, sizeof(payload));
	while (!job->attached && job->failed == 0)
		assert_true(client_step(c, WAIT_MS));
	return job;
}

static void ask(struct client *c, uint8_t type, const uint8_t *id)
{
	c->listed_count = 0;
	c->list_ends = 0;
	memset(c->list_end_id, 0, ASB_ID_LEN);
	client_send(c, type, 0, 0, id, id == NULL ? 0 : ASB_ID_LEN);
}

void client_list(struct client *c, const uint8_t *id)
{
	ask(c, ASB_LIST, id);
}

void client_wait(struct client *c, const uint8_t id[ASB_ID_LEN])
{
	ask(c, ASB_WAIT, id);
}

void client_until_listed(struct client *c)
{
	while (c->list_ends == 0)
		assert_true(client_step(c, WAIT_MS));
}

struct job *job_start(struct client *c, const struct description *d)
{
	struct job *job = new_job(c);

	memset(job->id, 0x5a, ASB_ID_LEN);
	asb_put32(job->id, job->channel);
	asb_put32(job->id + 4, c->serial);
	job->spec = malloc(d->length + 1);
	assert_non_null(job->spec);
	memcpy(job->spec, d->bytes, d->length);
	job->spec_length = d->length;
	send_description(c, d->bytes, d->length, job->channel, job->id);
	return job;
}

void job_start_again(struct client *c, const struct job *job, uint32_t channel,
		     const struct description *d)
{
	send_description(c, d->bytes, d->length, channel, job->id);
}

static void resume_job(struct client *c, struct job *job)
{
	if (job->record.present || job->failed != 0) {
		if (!c->no_ack)
			client_send(c, ASB_ACK, 0, job->channel, NULL, 0);
		return;
	}
	if (!job->started)
		send_description(c, job->spec, job->spec_length, job->channel, job->id);
	for (int which = 0; which < 2; which++) {
		struct received *o = &job->output[which];
		uint8_t payload[16];

		o->told = o->total;
		if (o->window > 0 && o->limit < o->total + o->window)
			o->limit = o->total + o->window;
		asb_put64(payload, o->total);
		asb_put64(payload + 8, o->limit);
		client_send(c, ASB_CREDIT, (uint8_t)(which + 1), job->channel, payload,
			    sizeof(payload));
	}
	job->stdin_sent = job->stdin_consumed;
	job->source_ended = false;
}

void client_resume(struct client *c, const struct sandbox *box, unsigned how)
{
	start_connect(c, box);
	c->length = c->at = 0;
	c->closed = c->hello = c->resumed = false;
	c->error = 0;
	c->again = true;
	send_hello(c, c->lease_ms, ASB_PROTOCOL_VERSION, how);
	for (int i = 0; i < c->job_count; i++)
		resume_job(c, c->jobs[i]);
	client_pump(c);
}

void client_pump(struct client *c)
{
	for (int i = 0; i < c->job_count; i++) {
		struct job *job = c->jobs[i];

		if (job->source == NULL || job->source_ended || job->stdin_stopped ||
		    job->record.present || job->failed != 0)
			continue;
		if (job->stdin_sent < job->source_length)
			(void)job_write(c, job, job->source + job->stdin_sent,
					job->source_length - job->stdin_sent);
		if (job->stdin_sent == job->source_length) {
			job_close_stdin(c, job);
			job->source_ended = true;
		}
	}
}

struct job *job_line(struct client *c, const char *line)
{
	struct description *d = describe();

	describe_text(d, ASB_SPEC_LINE, line);
	return job_start(c, d);
}

void job_wait(struct client *c, struct job *job)
{
	long long end = now_ms() + 6 * WAIT_MS;

	while (!job->record.present && job->failed == 0) {
		if (!client_step(c, 200) && c->closed)
			fail_msg("the connection ended before the record (error %d)", c->error);
		if (now_ms() > end)
			fail_msg("no exit record came");
	}
}

void job_signal_again(struct client *c, const struct job *job, uint32_t sequence, const char *name)
{
	uint8_t payload[64];
	size_t n = strlen(name);

	assert_true(n <= sizeof(payload) - 4);
	asb_put32(payload, sequence);
	memcpy(payload + 4, name, n);
	client_send(c, ASB_SIGNAL, 0, job->channel, payload, 4 + n);
}

void job_signal(struct client *c, struct job *job, const char *name)
{
	job_signal_again(c, job, ++job->signals, name);
}

void job_credit(struct client *c, struct job *job, int which, uint64_t window)
{
	job->output[which].window = window;
	give_credit(c, job, which);
}

size_t job_write(struct client *c, struct job *job, const void *bytes, size_t n)
{
	uint8_t payload[ASB_FRAME_PAYLOAD];

	if (n > job->stdin_limit - job->stdin_sent)
		n = (size_t)(job->stdin_limit - job->stdin_sent);
	if (n > ASB_DATA_MAX)
		n = ASB_DATA_MAX;
	if (n == 0)
		return 0;
	asb_put64(payload, job->stdin_sent);
	memcpy(payload + ASB_DATA_HEADER, bytes, n);
	client_send(c, ASB_DATA, ASB_STDIN, job->channel, payload, ASB_DATA_HEADER + n);
	job->stdin_sent += n;
	return n;
}

void job_close_stdin(struct client *c, struct job *job)
{
	uint8_t payload[8];

	asb_put64(payload, job->stdin_sent);
	client_send(c, ASB_EOF, ASB_STDIN, job->channel, payload, sizeof(payload));
}

struct job *run_line(struct client *c, const char *line)
{
	struct job *job = job_line(c, line);

	job_wait(c, job);
	return job;
}

const char *run_text(struct client *c, const char *line)
{
	struct job *job = run_line(c, line);

	assert_int_equal(job->failed, 0);
	assert_int_equal(job->record.code, 0);
	return job->output[0].bytes;
}
