/* SPDX-License-Identifier: Apache-2.0 */
/* Whole exec streams against a server of the test's own, without TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>

#include "tests/unit/exec_common.h"
#include "tests/unit/fake_websocket.h"

/* --- whole streams ---------------------------------------------------------------------------- */

struct play {
	bool (*serve)(struct play *play, struct fake_wire *wire); /* after the 101 */
	const char *protocol;					  /* NULL: v5 */
	const char *refusal; /* answer to the upgrade instead of a 101 */
	bool drop_first;     /* the first upgrade is no answer given */

	/* what was seen */
	unsigned upgrades;
	char token[64 * 1024];
	char offered[128];
	unsigned stray; /* frames that no client should send */
	struct asb_buffer input;
	size_t flood; /* bytes of messages that were taken */
	int stuck[2]; /* a pipe: their number when nothing more was */
};

static bool on_request(void *context, const struct fake_request *request)
{
	struct play *play = context;
	struct fake_wire wire = {.fd = request->fd};
	ASB_TEXT key = fake_header(request, "Sec-WebSocket-Key");
	ASB_TEXT token = fake_header(request, "Authorization");
	ASB_TEXT offered = fake_header(request, "Sec-WebSocket-Protocol");

	if (key == NULL && play->refusal != NULL) /* CONNECT */
		wire_write(&wire, play->refusal, strlen(play->refusal));
	if (key == NULL)
		return false;
	play->upgrades++;
	if (play->drop_first && play->upgrades == 1)
		return false;
	snprintf(play->token, sizeof(play->token), "%s", token != NULL ? token : "");
	snprintf(play->offered, sizeof(play->offered), "%s", offered != NULL ? offered : "");
	if (play->refusal != NULL) {
		wire_write(&wire, play->refusal, strlen(play->refusal));
		return false;
	}
	ws_accept(&wire, key,
		  play->protocol == NULL	    ? "v5.channel.k8s.io"
		  : strcmp(play->protocol, "") == 0 ? NULL
						    : play->protocol);
	return play->serve == NULL ? false : play->serve(play, &wire);
}

struct stage {
	struct fake_server server;
	struct play *play;
	struct asb_kubeconfig kubeconfig;
	struct asb_exec *exec;
	struct asb_error err;
};

static void raise_curtain(struct stage *stage, struct play *play)
{
	*stage = (struct stage){.play = play};
	forget_proxies();
	asb_buffer_init(&play->input);
	fake_start(&stage->server, on_request, play);
	stage->kubeconfig.server = stage->server.url;
	stage->exec = asb_exec_open(&stage->kubeconfig, &TARGET, &stage->err);
	assert_non_null(stage->exec);
}

static void raise_curtain_behind_a_proxy(struct stage *stage, struct play *play)
{
	*stage = (struct stage){.play = play};
	forget_proxies();
	asb_buffer_init(&play->input);
	fake_start(&stage->server, on_request, play);
	stage->kubeconfig.server = (char *)(uintptr_t) "https://kube.test";
	stage->kubeconfig.proxy_url = stage->server.url;
	stage->exec = asb_exec_open(&stage->kubeconfig, &TARGET, &stage->err);
	assert_non_null(stage->exec);
}

static void drop_curtain(struct stage *stage)
{
	asb_exec_close(stage->exec);
	fake_stop(&stage->server);
	asb_buffer_release(&stage->play->input);
}

/* The whole stream: what it said, and how it ended. */
static int listen_to(struct stage *stage, struct asb_buffer *out)
{
	converse(stage->exec, out, NULL, 0);
	return asb_exec_result(stage->exec, &stage->err);
}

static void assert_says(const struct stage *stage, const char *words)
{
	if (strstr(stage->err.message, words) == NULL)
		fail_msg("\"%s\" does not hold \"%s\"", stage->err.message, words);
}

static bool serve_success(struct play *play, struct fake_wire *wire)
{
	(void)play;
	ws_frame(wire, 0x82, "", 0);
	ws_frame(wire, 0x82, "\0", 1); /* as API servers do */
	ws_say(wire, 1, "hello ", 6);
	ws_frame(wire, 0x89, "ping", 4);
	ws_say(wire, 2, "unseen", 6);
	ws_frame(wire, 0x02, "\1wor", 4); /* a message of two frames */
	ws_frame(wire, 0x89, "again", 5);
	ws_frame(wire, 0x80, "ld", 2);
	ws_say(wire, 9, "unknown channel", 15);
	ws_end(wire, OK_STATUS, 1000);
	return false;
}

static void carries_a_short_stream(void **state)
{
	struct play play = {.serve = serve_success};
	struct stage stage;
	struct asb_buffer out = ASB_BUFFER_INIT;
	struct sigaction before;
	struct sigaction after;

	(void)state;
	sigaction(SIGPIPE, NULL, &before);
	raise_curtain(&stage, &play);
	assert_int_equal(listen_to(&stage, &out), 0);
	assert_string_equal(out.data, "hello world");
	assert_string_equal(play.offered, "v5.channel.k8s.io,v4.channel.k8s.io");
	assert_int_equal(fcntl(asb_exec_fd(stage.exec), F_GETFD), FD_CLOEXEC);
	assert_true((fcntl(asb_exec_fd(stage.exec), F_GETFL) & O_NONBLOCK) != 0);
	sigaction(SIGPIPE, NULL, &after);
	assert_true(before.sa_handler == after.sa_handler);
	drop_curtain(&stage);
	asb_buffer_release(&out);
}

static void speaks_v4_too(void **state)
{
	struct play play = {.serve = serve_success, .protocol = "v4.channel.k8s.io"};
	struct stage stage;
	struct asb_buffer out = ASB_BUFFER_INIT;

	(void)state;
	raise_curtain(&stage, &play);
	assert_int_equal(listen_to(&stage, &out), 0);
	assert_string_equal(out.data, "hello world");
	drop_curtain(&stage);
	asb_buffer_release(&out);
}

static void needs_a_subprotocol(void **state)
{
	static const struct {
		const char *protocol, *words;
	} cases[] = {{"", "neither v5.channel.k8s.io nor v4"},
		     {"v3.channel.k8s.io", "subprotocol not asked for"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct play play = {.serve = serve_success, .protocol = cases[i].protocol};
		struct stage stage;
		struct asb_buffer out = ASB_BUFFER_INIT;

		raise_curtain(&stage, &play);
		assert_int_equal(listen_to(&stage, &out), -1);
		assert_int_equal(out.length, 0);
		assert_says(&stage, cases[i].words);
		drop_curtain(&stage);
		asb_buffer_release(&out);
	}
}

/* --- bytes both ways -------------------------------------------------------------------------- */

#define BULK (4u << 20)

static char *pattern(void)
{
	char *bytes = asb_malloc(BULK);
	uint32_t random = 7;

	for (size_t i = 0; i < BULK; i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = (char)(random >> 24);
	}
	return bytes;
}

static bool take_input(struct play *play, struct fake_wire *wire, size_t n)
{
	struct asb_buffer in = ASB_BUFFER_INIT;
	bool there = true;

	while (play->input.length < n) {
		uint8_t first = 0;

		there = ws_take(wire, &first, &in);
		if (!there)
			break;
		if (first == 0x8a)
			continue; /* a pong */
		if (first != 0x82 || in.length < 2 || in.data[0] != 0)
			play->stray++;
		else
			asb_buffer_add(&play->input, in.data + 1, in.length - 1);
	}
	asb_buffer_release(&in);
	return there;
}

static bool serve_input(struct play *play, struct fake_wire *wire)
{
	if (take_input(play, wire, BULK))
		ws_end(wire, OK_STATUS, 1000);
	return false;
}

static void carries_input(void **state)
{
	struct play play = {.serve = serve_input};
	struct stage stage;
	struct asb_buffer out = ASB_BUFFER_INIT;
	char *bytes = pattern();

	(void)state;
	raise_curtain(&stage, &play);
	converse(stage.exec, &out, bytes, BULK);
	assert_int_equal(asb_exec_result(stage.exec, &stage.err), 0);
	assert_int_equal(play.stray, 0);
	assert_int_equal(play.input.length, BULK);
	assert_memory_equal(play.input.data, bytes, BULK);
	free(bytes);
	drop_curtain(&stage);
	asb_buffer_release(&out);
}

/* Messages of all sizes, longer than any buffer of ours too. */
static bool serve_output(struct play *play, struct fake_wire *wire)
{
	static const size_t sizes[] = {1, 125, 126, 65535, 65536, 65537, 200000, 32768, 3};
	char *bytes = pattern();
	size_t at = 0;

	for (size_t i = 0; at < BULK; i++) {
		size_t n = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];

		if (n > BULK - at)
			n = BULK - at;
		if (!ws_say(wire, 1, bytes + at, n))
			break;
		at += n;
	}
	free(bytes);
	ws_end(wire, at == BULK ? OK_STATUS : NULL, 1000);
	(void)play;
	return false;
}

static void carries_output(void **state)
{
	struct play play = {.serve = serve_output};
	struct stage stage;
	struct asb_buffer out = ASB_BUFFER_INIT;
	char *bytes = pattern();

	(void)state;
	raise_curtain(&stage, &play);
	assert_int_equal(listen_to(&stage, &out), 0);
	assert_int_equal(out.length, BULK);
	assert_memory_equal(out.data, bytes, BULK);
	free(bytes);
	drop_curtain(&stage);
	asb_buffer_release(&out);
}

/* A reader that takes little at a time: the stream waits and nothing is lost at its end. */
static void waits_for_a_slow_reader(void **state)
{
	struct play play = {.serve = serve_output};
	struct stage stage;
	char *bytes = pattern();
	static char piece[3000];
	int64_t deadline = asb_monotonic_ms() + DEADLINE_MS;
	size_t at = 0;

	(void)state;
	raise_curtain(&stage, &play);
	for (;;) {
		struct pollfd p = {asb_exec_fd(stage.exec), POLLIN, 0};
		ssize_t n;

		assert_true(poll(&p, 1, asb_poll_timeout(deadline)) > 0);
		n = read(p.fd, piece, sizeof(piece));
		if (n <= 0)
			break;
		assert_true(at + (size_t)n <= BULK);
		assert_memory_equal(piece, bytes + at, (size_t)n);
		at += (size_t)n;
	}
	assert_int_equal(at, BULK);
	assert_int_equal(asb_exec_result(stage.exec, &stage.err), 0);
	free(bytes);
	drop_curtain(&stage);
}

#define FLOOD (64u << 20)

/* Sends until nothing more is taken, tells the test so and then goes on to the end. */
static bool serve_flood(struct play *play, struct fake_wire *wire)
{
	static const char bytes[60001] = {1};
	struct timeval patience = {0, 300000};
	struct timeval none = {0, 0};
	uint8_t header[4] = {0x82, 126, sizeof(bytes) >> 8, sizeof(bytes) & 0xff};
	size_t at = sizeof(bytes);

	setsockopt(wire->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (play->flood < FLOOD) {
		ssize_t n;

		if (at == sizeof(bytes)) {
			if (send(wire->fd, header, 4, MSG_NOSIGNAL) != 4)
				break; /* the next header: between two messages */
			at = 0;
		}
		n = send(wire->fd, bytes + at, sizeof(bytes) - at, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		at += (size_t)n;
		play->flood += (size_t)n;
	}
	setsockopt(wire->fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
	if (write(play->stuck[1], &play->flood, sizeof(play->flood)) < 0)
		return false;
	if (at < sizeof(bytes) && wire_write(wire, bytes + at, sizeof(bytes) - at))
		play->flood += sizeof(bytes) - at;
	ws_end(wire, OK_STATUS, 1000);
	return false;
}

/* While the caller takes nothing, the server can't send for ever; then everything arrives. */
static void pushes_back(void **state)
{
	struct play play = {.serve = serve_flood};
	struct stage stage;
	struct asb_buffer out = ASB_BUFFER_INIT;
	struct pollfd p = {.events = POLLIN};
	size_t before = 0;

	(void)state;
	assert_int_equal(pipe2(play.stuck, O_CLOEXEC), 0);
	raise_curtain(&stage, &play);
	p.fd = play.stuck[0];
	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	assert_int_equal(read(p.fd, &before, sizeof(before)), sizeof(before));
	assert_true(before < FLOOD);
	assert_int_equal(listen_to(&stage, &out), 0);
	drop_curtain(&stage);
	/* The channel byte of each message is none of the stream. */
	assert_int_equal(out.length, play.flood - play.flood / 60001);
	asb_buffer_release(&out);
	close(play.stuck[0]);
	close(play.stuck[1]);
}

static bool serve_echo(struct play *play, struct fake_wire *wire)
{
	struct asb_buffer in = ASB_BUFFER_INIT;
	size_t total = 0;
	uint8_t first;

	while (total < BULK && ws_take(wire, &first, &in)) {
		if (first != 0x82)
			continue;
		total += in.length - 1;
		ws_say(wire, 1, in.data + 1, in.length - 1);
	}
	asb_buffer_release(&in);
	ws_end(wire, OK_STATUS, 1000);
	(void)play;
	return false;
}

static void carries_both_ways_at_once(void **state)
{
	struct play play = {.serve = serve_echo};
	struct stage stage;
	struct asb_buffer out = ASB_BUFFER_INIT;
	char *bytes = pattern();

	(void)state;
	raise_curtain(&stage, &play);
	converse(stage.exec, &out, bytes, BULK);
	assert_int_equal(asb_exec_result(stage.exec, &stage.err), 0);
	assert_int_equal(out.length, BULK);
	assert_memory_equal(out.data, bytes, BULK);
	free(bytes);
	drop_curtain(&stage);
	asb_buffer_release(&out);
}

/* --- ends ------------------------------------------------------------------------------------- */

static bool serve_exit_code(struct play *play, struct fake_wire *wire)
{
	(void)play;
	ws_say(wire, 2, "shim: no\x1b[1m socket\n", 21);
	ws_end(wire,
	       "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"message\":\"m\","
	       "\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}",
	       1000);
	return false;
}

static bool serve_failure(struct play *play, struct fake_wire *wire)
{
	(void)play;
	ws_end(wire, "{\"status\":\"Failure\",\"message\":\"OCI runtime exec failed\"}", 1000);
	return false;
}

static bool serve_no_status(struct play *play, struct fake_wire *wire)
{
	(void)play;
	ws_say(wire, 1, "half", 4);
	ws_end(wire, NULL, 1000);
	return false;
}

static bool serve_odd_close(struct play *play, struct fake_wire *wire)
{
	(void)play;
	ws_end(wire, NULL, 1011);
	return false;
}

static bool serve_end_of_file(struct play *play, struct fake_wire *wire)
{
	(void)play;
	ws_frame(wire, 0x82, "\1hal", 4);
	wire_write(wire, "\x82\x7e\xff", 3); /* ends inside a frame's header */
	return false;
}

static bool serve_garbage(struct play *play, struct fake_wire *wire)
{
	(void)play;
	ws_frame(wire, 0x80, "\1x", 2);
	return false;
}

static bool serve_reset(struct play *play, struct fake_wire *wire)
{
	struct linger hard = {1, 0};

	(void)play;
	ws_say(wire, 1, "half", 4);
	setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(wire->fd);
	return false;
}

static void says_how_it_ended(void **state)
{
	static const struct {
		bool (*serve)(struct play *play, struct fake_wire *wire);
		const char *words;
	} cases[] = {
		{serve_exit_code, "exit code 3: shim: no?[1m socket"},
		{serve_failure, "OCI runtime exec failed"},
		{serve_no_status, "was lost: the server closed it"},
		{serve_odd_close, "code 1011"},
		{serve_end_of_file, "was lost: the connection broke"},
		{serve_garbage, "was lost: a frame goes on with no message"},
		{serve_reset, "was lost: the connection broke"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct play play = {.serve = cases[i].serve};
		struct stage stage;
		struct asb_buffer out = ASB_BUFFER_INIT;

		raise_curtain(&stage, &play);
		assert_int_equal(listen_to(&stage, &out), -1);
		assert_int_equal(stage.err.status, ASB_STATUS_PLUGIN);
		assert_says(&stage, cases[i].words);
		drop_curtain(&stage);
		asb_buffer_release(&out);
	}
}

static void bounds_what_is_said_on_stderr_body(struct play *play, struct fake_wire *wire)
{
	char bytes[3000];

	(void)play;
	memset(bytes, 'e', sizeof(bytes));
	for (int i = 0; i < 100; i++)
		ws_say(wire, 2, bytes, sizeof(bytes));
	for (int i = 0; i < 100; i++)
		ws_say(wire, 3, bytes, sizeof(bytes));
	ws_end(wire, NULL, 1000);
}

static bool serve_talkative(struct play *play, struct fake_wire *wire)
{
	bounds_what_is_said_on_stderr_body(play, wire);
	return false;
}

static void bounds_what_is_said(void **state)
{
	struct play play = {.serve = serve_talkative};
	struct stage stage;
	struct asb_buffer out = ASB_BUFFER_INIT;

	(void)state;
	raise_curtain(&stage, &play);
	assert_int_equal(listen_to(&stage, &out), -1);
	assert_int_equal(stage.exec->outcome.diagnostics.length, ASB_EXEC_STDERR);
	assert_int_equal(stage.exec->outcome.status.length, ASB_EXEC_STATUS);
	drop_curtain(&stage);
	asb_buffer_release(&out);
}

/* --- refusals --------------------------------------------------------------------------------- */

#define HEAD(status, headers) "HTTP/1.1 " status " X\r\n" headers "\r\n"
#define STATUS "{\"kind\":\"Status\",\"message\":\"the server says no\",\"reason\":\"Forbidden\"}"

static void says_why_it_was_refused(void **state)
{
	static const struct {
		const char *refusal;
		int http;
		const char *words;
	} cases[] = {
		{HEAD("403", "Content-Length: 69\r\n") STATUS, 403, "the server says no"},
		{HEAD("404", "content-length:69 \r\n") STATUS "more", 404, "the server says no"},
		{HEAD("403",
		      "Transfer-Encoding: chunked\r\n") "40;x=y\r\n"
							"{\"kind\":\"Status\",\"message\":"
							"\"the server says no\",\"reason\":"
							"\"Forbid\r\n5\r\nden\"}\r\n0\r\n\r\n",
		 403, "(Forbidden): the server says no"},
		{HEAD("400", "") STATUS, 400, "the server says no"}, /* up to the end */
		{HEAD("403", "Content-Length: 2\r\n") "no", 403, "with HTTP status 403"},
		{HEAD("500", "Content-Length: 999\r\n") "cut", 500, "HTTP status 500 (the contain"},
		{HEAD("401", "Content-Length: 0\r\n"), 401, "(Unauthorized)"},
		{HEAD("200", "Content-Length: 2\r\n") "{}", 200, "with HTTP status 200"},
		{HEAD("302", "Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n"), 302,
		 "answered with a redirect (HTTP status 302)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct play play = {.refusal = cases[i].refusal};
		struct stage stage;
		struct asb_buffer out = ASB_BUFFER_INIT;

		raise_curtain(&stage, &play);
		assert_int_equal(listen_to(&stage, &out), -1);
		assert_says(&stage, cases[i].words);
		assert_says(&stage, "cannot exec in pod pod-1");
		assert_int_equal(stage.err.http, cases[i].http);
		assert_false(asb_exec_established(stage.exec));
		assert_int_equal(stage.server.request_count, 1);
		drop_curtain(&stage);
		asb_buffer_release(&out);
	}
}

static void names_what_is_no_answer(void **state)
{
	static const struct {
		const char *answer, *words;
	} cases[] = {
		{"SSH-2.0-OpenSSH\r\n\r\n", "cannot open an exec stream to 127.0.0.1"},
		{"", "the server closed the connection"},
		{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Accept: wrong\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n",
		 "not a WebSocket upgrade"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct play play = {.refusal = cases[i].answer};
		struct stage stage;
		struct asb_buffer out = ASB_BUFFER_INIT;

		raise_curtain(&stage, &play);
		assert_int_equal(listen_to(&stage, &out), -1);
		assert_says(&stage, cases[i].words);
		drop_curtain(&stage);
		asb_buffer_release(&out);
	}
}

static void sends_long_tokens(void **state)
{
	struct play *play = asb_calloc(1, sizeof(*play));
	struct stage stage = {.play = play};
	struct asb_buffer out = ASB_BUFFER_INIT;
	char *token = asb_malloc(40001);

	(void)state;
	play->serve = serve_success;
	memset(token, 't', 40000);
	token[40000] = '\0';
	forget_proxies();
	asb_buffer_init(&play->input);
	fake_start(&stage.server, on_request, play);
	stage.kubeconfig.server = stage.server.url;
	stage.kubeconfig.token = token;
	stage.exec = asb_exec_open(&stage.kubeconfig, &TARGET, &stage.err);
	assert_int_equal(listen_to(&stage, &out), 0);
	assert_int_equal(strlen(play->token), 40000 + strlen("Bearer "));
	drop_curtain(&stage);
	asb_buffer_release(&out);
	free(token);
	free(play);
}

/* A label of 64 letters: no resolver has to be asked. */
#define NO_NAME "https://xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.test"

/* --- connected before it is asked ----------------------------------------------------------------
 */

/* A stage whose server is there and knows of no request; connected once it returns. */
static void prepare(struct stage *stage, struct play *play)
{
	int64_t deadline = asb_monotonic_ms() + DEADLINE_MS;

	*stage = (struct stage){.play = play};
	forget_proxies();
	asb_buffer_init(&play->input);
	fake_start(&stage->server, on_request, play);
	stage->kubeconfig.server = stage->server.url;
	stage->exec = asb_exec_prepare(&stage->kubeconfig, &stage->err);
	assert_non_null(stage->exec);
	while (fake_connections(&stage->server) == 0) {
		assert_true(asb_poll_timeout(deadline) > 0);
		poll(NULL, 0, 1);
	}
}

static void asks_on_a_connection_made_before(void **state)
{
	struct play play = {.serve = serve_success};
	struct stage stage;
	struct asb_buffer out = ASB_BUFFER_INIT;

	(void)state;
	prepare(&stage, &play);
	assert_true(asb_exec_is_current(stage.exec));
	assert_int_equal(asb_exec_ask(stage.exec, &TARGET, &stage.err), 0);
	assert_int_equal(listen_to(&stage, &out), 0);
	assert_string_equal(out.data, "hello world");
	assert_int_equal(fake_connections(&stage.server), 1);
	drop_curtain(&stage);
	asb_buffer_release(&out);
}

/* The server closes the idle connection; or does it when it is asked, before it has answered. */
static void connects_anew_without_a_word(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct play play = {.serve = serve_success, .drop_first = i == 1};
		struct stage stage;
		struct asb_buffer out = ASB_BUFFER_INIT;

		prepare(&stage, &play);
		if (i == 0)
			fake_hang_up(&stage.server);
		assert_int_equal(asb_exec_ask(stage.exec, &TARGET, &stage.err), 0);
		assert_int_equal(listen_to(&stage, &out), 0);
		assert_string_equal(out.data, "hello world");
		assert_int_equal(fake_connections(&stage.server), 2);
		drop_curtain(&stage);
		asb_buffer_release(&out);
	}
}

static void a_failed_preparation_is_tried_again(void **state)
{
	struct asb_kubeconfig kubeconfig = {.server = (char *)(uintptr_t)NO_NAME};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_buffer out = ASB_BUFFER_INIT;
	struct asb_exec *exec;

	(void)state;
	forget_proxies();
	for (int asks = 0; asks < 2; asks++) {
		exec = asb_exec_prepare(&kubeconfig, &err);
		assert_non_null(exec);
		if (asks == 1) {
			assert_int_equal(asb_exec_ask(exec, &TARGET, &err), 0);
			converse(exec, &out, NULL, 0);
			assert_int_equal(asb_exec_result(exec, &err), -1);
			assert_non_null(strstr(err.message, "name not resolved"));
		}
		asb_exec_close(exec);
	}
	asb_buffer_release(&out);
}

/* --- no server -------------------------------------------------------------------------------- */

static int fail_to_connect(const char *server, int timeout_ms, struct asb_error *err)
{
	struct asb_kubeconfig kubeconfig = {.server = (char *)server};
	struct asb_exec_target target = TARGET;
	struct asb_buffer out = ASB_BUFFER_INIT;
	struct asb_exec *exec;
	int rc;

	target.connect_timeout_ms = timeout_ms;
	exec = asb_exec_open(&kubeconfig, &target, err);
	assert_non_null(exec);
	converse(exec, &out, NULL, 0);
	rc = asb_exec_result(exec, err);
	asb_exec_close(exec);
	asb_buffer_release(&out);
	return rc;
}

/* A listener that nobody serves: connections are made and never answered. */
static int silent_listener(char *url, size_t cap)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	snprintf(url, cap, "https://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
	return fd;
}

static void says_that_nobody_answers(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	char url[64];
	int fd = silent_listener(url, sizeof(url));
	int64_t begin = asb_monotonic_ms();

	(void)state;
	forget_proxies();
	assert_int_equal(fail_to_connect(url, 300, &err), -1);
	assert_non_null(strstr(err.message, "timed out"));
	assert_true(asb_monotonic_ms() - begin >= 300);
	assert_true(asb_monotonic_ms() - begin < 4000);
	close(fd);
	asb_error_clear(&err);
	assert_int_equal(fail_to_connect(url, 0, &err), -1);
	assert_non_null(strstr(err.message, "refused"));
	asb_error_clear(&err);
	assert_int_equal(fail_to_connect(NO_NAME, 0, &err), -1);
	if (strstr(err.message, "name not resolved") == NULL)
		fail_msg("%s", err.message);
}

/* Requests may have had another connection: the stream names what is in its own way. */
static void names_the_proxy_that_refuses(void **state)
{
	struct play play = {.refusal = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"};
	struct stage stage;
	struct asb_buffer out = ASB_BUFFER_INIT;
	ASB_TEXT words = NULL;

	(void)state;
	raise_curtain_behind_a_proxy(&stage, &play);
	assert_int_equal(listen_to(&stage, &out), -1);
	words = asb_strf("cannot open an exec stream: cannot connect to https://kube.test through "
			 "the proxy %s: it forbids that (HTTP status 403)",
			 stage.server.url);
	assert_says(&stage, words);
	assert_int_equal(play.upgrades, 0);
	drop_curtain(&stage);
	asb_buffer_release(&out);
}

static bool serve_for_ever(struct play *play, struct fake_wire *wire)
{
	static const char bytes[60000];

	(void)play;
	while (ws_say(wire, 1, bytes, sizeof(bytes)))
		;
	return false;
}

static void closes_at_any_time(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	char url[64];
	int fd = silent_listener(url, sizeof(url));
	struct asb_kubeconfig kubeconfig = {.server = url};
	int64_t begin = asb_monotonic_ms();

	(void)state;
	forget_proxies();
	for (int i = 0; i < 5; i++) {
		struct play play = {.serve = serve_for_ever};
		struct stage stage;
		struct pollfd p = {.events = POLLIN};
		struct asb_exec *exec = asb_exec_open(&kubeconfig, &TARGET, &err);

		/* While it waits for an answer ... */
		assert_non_null(exec);
		asb_exec_close(exec);
		/* ... and while output stands still that nobody takes. */
		raise_curtain(&stage, &play);
		p.fd = asb_exec_fd(stage.exec);
		if (i > 0)
			assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		drop_curtain(&stage);
	}
	assert_true(asb_monotonic_ms() - begin < DEADLINE_MS);
	close(fd);
	asb_exec_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_a_short_stream),
		cmocka_unit_test(speaks_v4_too),
		cmocka_unit_test(needs_a_subprotocol),
		cmocka_unit_test(carries_input),
		cmocka_unit_test(carries_output),
		cmocka_unit_test(waits_for_a_slow_reader),
		cmocka_unit_test(pushes_back),
		cmocka_unit_test(carries_both_ways_at_once),
		cmocka_unit_test(says_how_it_ended),
		cmocka_unit_test(bounds_what_is_said),
		cmocka_unit_test(says_why_it_was_refused),
		cmocka_unit_test(names_what_is_no_answer),
		cmocka_unit_test(sends_long_tokens),
		cmocka_unit_test(asks_on_a_connection_made_before),
		cmocka_unit_test(connects_anew_without_a_word),
		cmocka_unit_test(a_failed_preparation_is_tried_again),
		cmocka_unit_test(says_that_nobody_answers),
		cmocka_unit_test(names_the_proxy_that_refuses),
		cmocka_unit_test(closes_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
