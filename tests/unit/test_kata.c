/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole command over an exec stream of Kata's Go runtime, which cuts stdout off as soon as stdin
 * is closed, or where none was asked for (kata-containers #10387, #13640): the wire shows that
 * neither ever happens. stdin is asked for always, and its end is a frame of the shim's protocol.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/exec_common.h"
#include "tests/unit/fake_websocket.h"
#include "tests/unit/session_fake.h"

#define OUTPUT "one\ntwo\nthree\n"
#define INPUT "some input\n"
#define QUIET_MS 100 /* a closing would come at once, behind what it follows */

struct kata {
	bool half_close; /* by the client, for the test to see that it can fail */
	char path[1024];
	struct asb_buffer heard; /* channel 0, frames not taken yet */
	uint32_t channel;	 /* of the job */
	unsigned closings;	 /* of stdin, however it is done */
	bool bye;
};

/* --- the server ------------------------------------------------------------------------------- */

/* One message. False: it has closed stdin: channel 255 (v5), a close frame, or the connection. */
static bool take_message(struct kata *kata, struct fake_wire *wire)
{
	struct asb_buffer in = ASB_BUFFER_INIT;
	uint8_t first = 0;
	bool there = ws_take(wire, &first, &in);
	bool closes = !there || (first != 0x8a && first != 0x89 &&
				 (first != 0x82 || in.length < 2 || in.data[0] != 0));

	if (closes)
		kata->closings++;
	else if (first == 0x82)
		asb_buffer_add(&kata->heard, in.data + 1, in.length - 1);
	asb_buffer_release(&in);
	return !closes;
}

/* The next frame of that type; others before it are passed over. */
static bool take_frame(struct kata *kata, struct fake_wire *wire, uint8_t type)
{
	struct asb_frame frame;
	int taken;

	for (;;) {
		taken = asb_frame_decode((const uint8_t *)kata->heard.data, kata->heard.length,
					 &frame);
		if (taken < 0 || (taken == 0 && !take_message(kata, wire)))
			return false;
		if (taken == 0)
			continue;
		if (frame.type == ASB_START)
			kata->channel = frame.channel;
		asb_buffer_drop(&kata->heard, (size_t)taken);
		if (frame.type == type)
			return true;
	}
}

static bool stays_quiet(struct kata *kata, struct fake_wire *wire)
{
	struct pollfd p = {wire->fd, POLLIN, 0};

	while (poll(&p, 1, QUIET_MS) > 0) {
		if (!take_message(kata, wire))
			return false;
	}
	return true;
}

static void tell(struct fake_wire *wire, struct talk *talk)
{
	ws_say(wire, 1, talk->bytes, talk->n);
	talk->n = 0;
}

static bool answer(struct kata *kata, struct fake_wire *wire)
{
	const struct ending ending = {.code = 7, .out = OUTPUT, .err = ""};
	struct talk talk = {.n = 0};

	if (!take_frame(kata, wire, ASB_START))
		return false;
	add_hello(&talk);
	add_started(&talk, kata->channel);
	tell(wire, &talk);
	if (!take_frame(kata, wire, ASB_EOF) || !stays_quiet(kata, wire))
		return false;
	add_data(&talk, ASB_STDOUT, kata->channel, 0, OUTPUT, strlen(OUTPUT));
	add_eof(&talk, ASB_STDERR, kata->channel, 0);
	add_eof(&talk, ASB_STDOUT, kata->channel, strlen(OUTPUT));
	tell(wire, &talk);
	if (!stays_quiet(kata, wire))
		return false;
	add_exit(&talk, kata->channel, &ending);
	tell(wire, &talk);
	return true;
}

static bool on_request(void *context, const struct fake_request *request)
{
	struct kata *kata = context;
	struct fake_wire wire = {.fd = request->fd};
	ASB_TEXT key = fake_header(request, "Sec-WebSocket-Key");
	struct talk talk = {.n = 0};

	if (key == NULL)
		return false;
	snprintf(kata->path, sizeof(kata->path), "%s", request->path);
	ws_accept(&wire, key, "v5.channel.k8s.io");
	if (answer(kata, &wire) && take_frame(kata, &wire, ASB_BYE)) {
		kata->bye = true;
		add_frame(&talk, ASB_BYE, 0, 0, NULL, 0);
		tell(&wire, &talk);
	}
	ws_end(&wire, OK_STATUS, 1000);
	return false;
}

/* --- the client ------------------------------------------------------------------------------- */

static void collect(struct asb_job *job, struct asb_buffer *out)
{
	struct iovec iov[2];
	int pieces = asb_job_peek(job, ASB_STDOUT, iov);

	for (int i = 0; i < pieces; i++) {
		asb_buffer_add(out, iov[i].iov_base, iov[i].iov_len);
		asb_job_consumed(job, ASB_STDOUT, iov[i].iov_len);
	}
}

/* Until the job has ended, or with it NULL until the session has. -1: it failed. */
static int step_until(struct asb_session *session, int fd, struct asb_job *job,
		      struct asb_buffer *out, struct asb_error *err)
{
	int64_t deadline = asb_monotonic_ms() + DEADLINE_MS;

	while (job != NULL ? asb_job_view(job)->state <= ASB_JOB_RUNNING
			   : !asb_session_over(session)) {
		struct pollfd p = {fd, asb_session_events(session), 0};

		assert_true(poll(&p, 1, asb_poll_timeout(deadline)) > 0);
		if (asb_session_step(session, p.revents, err) < 0)
			return -1;
		if (job != NULL)
			collect(job, out);
	}
	return 0;
}

static int converse_with(struct kata *kata, struct asb_exec *exec, struct asb_buffer *out,
			 struct asb_error *err)
{
	static const struct asb_job_spec spec = {.line = "true", .has_stdin = true};
	int fd = asb_exec_fd(exec), rc;
	struct asb_session *session = asb_session_new(fd);
	struct asb_job *job = asb_job_start(session, &spec, err);

	assert_non_null(job);
	assert_true(asb_job_stdin_room(job) >= strlen(INPUT));
	asb_job_write(job, INPUT, strlen(INPUT));
	asb_job_close_stdin(job);
	if (kata->half_close) {
		assert_int_equal(asb_session_step(session, POLLOUT, err), 0);
		shutdown(fd, SHUT_WR);
	}
	rc = step_until(session, fd, job, out, err);
	if (rc == 0) {
		assert_int_equal(asb_job_view(job)->state, ASB_JOB_ENDED);
		assert_int_equal(asb_job_view(job)->record.code, 7);
		asb_session_bye(session);
		rc = step_until(session, fd, NULL, out, err);
	}
	asb_session_free(session);
	return rc;
}

static int run_under(struct kata *kata, struct asb_buffer *out)
{
	struct asb_kubeconfig kubeconfig = {0};
	struct fake_server server;
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_exec *exec;
	int rc;

	forget_proxies();
	asb_buffer_init(&kata->heard);
	fake_start(&server, on_request, kata);
	kubeconfig.server = server.url;
	exec = asb_exec_open(&kubeconfig, &TARGET, &err);
	assert_non_null(exec);
	rc = converse_with(kata, exec, out, &err);
	asb_exec_close(exec);
	fake_stop(&server);
	asb_buffer_release(&kata->heard);
	return rc;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void stdin_stays_open(void **state)
{
	struct kata kata = {0};
	struct asb_buffer out = ASB_BUFFER_INIT;

	(void)state;
	assert_int_equal(run_under(&kata, &out), 0);
	assert_int_equal(kata.closings, 0);
	assert_true(kata.bye);
	assert_string_equal(out.data, OUTPUT);
	assert_non_null(strstr(kata.path, "stdin=true"));
	assert_null(strstr(kata.path, "tty=true"));
	asb_buffer_release(&out);
}

/* The server of this test sees a closing when there is one. */
static void a_closing_would_be_seen(void **state)
{
	struct kata kata = {.half_close = true};
	struct asb_buffer out = ASB_BUFFER_INIT;

	(void)state;
	assert_int_equal(run_under(&kata, &out), -1);
	assert_true(kata.closings > 0);
	assert_string_equal(out.data, "");
	asb_buffer_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stdin_stays_open),
		cmocka_unit_test(a_closing_would_be_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
