/* SPDX-License-Identifier: Apache-2.0 */
/* `connect mux`: many sessions over one exec stream, none of which disturbs another. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/protocol/mux.h"
#include "suite.h"

#define CLIENTS 12

/* --- one `connect mux`, and packets as they are ----------------------------------------------- */

struct pipe {
	pid_t pid;
	int to, from;
};

static void pipe_open(struct pipe *p, const struct sandbox *box)
{
	const char *const argv[] = {shim_path(), "connect", "mux", NULL};
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	p->pid = sandbox_exec_argv(box, argv, in[0], out[1], box->diagnostics);
	(void)close(in[0]);
	(void)close(out[1]);
	p->to = in[1];
	p->from = out[0];
}

/* Closes stdin; returns the exit status. */
static int pipe_close(struct pipe *p)
{
	long long end = now_ms() + WAIT_MS;
	int status;

	if (p->to >= 0)
		(void)close(p->to);
	while (waitpid(p->pid, &status, WNOHANG) == 0) {
		assert_true(now_ms() < end);
		pause_briefly();
	}
	(void)close(p->from);
	return WEXITSTATUS(status);
}

static bool write_all(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

static bool read_all(int fd, void *bytes, size_t n)
{
	char *at = bytes;

	while (n > 0) {
		ssize_t done = read(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

static bool packet_write(int fd, uint32_t index, const void *bytes, uint32_t n)
{
	uint8_t header[ASB_MUX_HEADER];

	asb_mux_header(header, index, n);
	return write_all(fd, header, sizeof(header)) && write_all(fd, bytes, n);
}

/* The length of the next packet, whose bytes are put into `bytes` (64 KiB); -1: end. */
static long packet_read(int fd, uint32_t *index, uint8_t *bytes)
{
	uint8_t header[ASB_MUX_HEADER];
	uint32_t n;

	if (!read_all(fd, header, sizeof(header)))
		return -1;
	*index = asb_get32(header);
	n = asb_get32(header + 4);
	if (n > 65536 || !read_all(fd, bytes, n))
		return -1;
	return (long)n;
}

static long packet_wait(const struct pipe *p, uint32_t *index, uint8_t *bytes)
{
	struct pollfd ready = {.fd = p->from, .events = POLLIN};

	assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
	return packet_read(p->from, index, bytes);
}

/* A HELLO whose session dies with its connection. */
static size_t hello(uint8_t out[128], uint32_t number)
{
	uint8_t payload[96];
	uint8_t id[ASB_ID_LEN] = "mux";
	size_t n = 4;

	asb_put32(id + 4, number);
	memcpy(payload, ASB_HELLO_MAGIC, 4);
	asb_attr_put_uint(payload, sizeof(payload), &n, ASB_HELLO_VERSION_MIN, 2, 1);
	asb_attr_put_uint(payload, sizeof(payload), &n, ASB_HELLO_VERSION_MAX, 2, 1);
	asb_attr_put(payload, sizeof(payload), &n, ASB_HELLO_SESSION, id, sizeof(id));
	asb_attr_put_uint(payload, sizeof(payload), &n, ASB_HELLO_LEASE_MS, 4, 0);
	asb_frame_header(out, ASB_HELLO, 0, 0, (uint16_t)n);
	memcpy(out + ASB_FRAME_HEADER, payload, n);
	return ASB_FRAME_HEADER + n;
}

static void expect_echo(const struct pipe *p)
{
	uint8_t bytes[65536];
	uint32_t index;

	assert_true(packet_write(p->to, 0, "there?", 6));
	assert_int_equal(packet_wait(p, &index, bytes), 6);
	assert_int_equal(index, 0);
	assert_memory_equal(bytes, "there?", 6);
}

/* --- clients whose connections are carried by it ---------------------------------------------- */

struct carrier {
	struct pipe pipe;
	int inner[CLIENTS]; /* ours; index i + 1 */
	int outer[CLIENTS]; /* the client's */
	pthread_t up, down;
};

static void *carry_up(void *context)
{
	struct carrier *carrier = context;
	static uint8_t bytes[65536];
	int open = CLIENTS;

	while (open > 0) {
		struct pollfd fds[CLIENTS];

		for (int i = 0; i < CLIENTS; i++)
			fds[i] = (struct pollfd){.fd = carrier->inner[i], .events = POLLIN};
		(void)poll(fds, CLIENTS, -1);
		for (int i = 0; i < CLIENTS; i++) {
			ssize_t n = fds[i].revents == 0 ? -1 : read(fds[i].fd, bytes, 65536);

			if (fds[i].revents == 0)
				continue;
			n = n < 0 ? 0 : n;
			(void)packet_write(carrier->pipe.to, (uint32_t)i + 1, bytes, (uint32_t)n);
			if (n == 0) {
				carrier->inner[i] =
					-1 - carrier->inner[i]; /* not polled any more */
				open--;
			}
		}
	}
	return NULL;
}

static void *carry_down(void *context)
{
	struct carrier *carrier = context;
	static uint8_t bytes[65536];
	uint32_t index;
	long n;

	for (;;) {
		int fd;

		n = packet_read(carrier->pipe.from, &index, bytes);
		if (n < 0 || index == 0 || index > CLIENTS)
			return NULL;
		fd = carrier->inner[index - 1];
		if (fd >= 0 && n > 0)
			(void)write_all(fd, bytes, (size_t)n);
		else if (fd >= 0)
			(void)shutdown(fd, SHUT_RDWR);
	}
}

static void carrier_start(struct carrier *carrier, const struct sandbox *box)
{
	pipe_open(&carrier->pipe, box);
	for (int i = 0; i < CLIENTS; i++) {
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		carrier->inner[i] = pair[0];
		carrier->outer[i] = pair[1];
	}
	assert_int_equal(pthread_create(&carrier->up, NULL, carry_up, carrier), 0);
	assert_int_equal(pthread_create(&carrier->down, NULL, carry_down, carrier), 0);
}

static struct client *carrier_client(struct carrier *carrier, int i, uint32_t lease_ms)
{
	struct client *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->next_channel = 1;
	c->to = carrier->outer[i];
	c->from = dup(carrier->outer[i]);
	carrier->outer[i] = -1;
	client_hello(c, lease_ms, ASB_PROTOCOL_VERSION);
	client_until(c, &c->hello);
	return c;
}

static void leave(struct client *c)
{
	client_close(c);
	free(c);
}

/* Returns the exit status of `connect mux`. */
static int carrier_stop(struct carrier *carrier)
{
	int status;

	for (int i = 0; i < CLIENTS; i++) {
		if (carrier->outer[i] >= 0)
			(void)close(carrier->outer[i]);
	}
	(void)pthread_join(carrier->up, NULL);
	(void)close(carrier->pipe.to);
	carrier->pipe.to = -1;
	(void)pthread_join(carrier->down, NULL);
	status = pipe_close(&carrier->pipe);
	for (int i = 0; i < CLIENTS; i++)
		(void)close(-1 - carrier->inner[i]);
	return status;
}

static void many_sessions_share_one_stream(void **state)
{
	struct suite *s = *state;
	struct client *clients[CLIENTS];
	struct job *jobs[CLIENTS];
	struct carrier carrier;
	char line[64];

	carrier_start(&carrier, &s->box);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = carrier_client(&carrier, i, 0);
		snprintf(line, sizeof(line), "echo %d; exit %d", i, i + 1);
		jobs[i] = job_line(clients[i], line);
	}
	for (int i = 0; i < CLIENTS; i++) {
		job_wait(clients[i], jobs[i]);
		snprintf(line, sizeof(line), "%d\n", i);
		assert_string_equal(jobs[i]->output[0].bytes, line);
		assert_int_equal(jobs[i]->record.code, i + 1);
		leave(clients[i]);
	}
	/* The one that came in by itself is not concerned. */
	assert_string_equal(run_text(&s->client, "echo direct"), "direct\n");
	assert_int_equal(carrier_stop(&carrier), 0);
}

static void a_large_stream_does_not_keep_others_waiting(void **state)
{
	struct suite *s = *state;
	struct carrier carrier;
	struct client *big, *small;
	struct job *job;

	carrier_start(&carrier, &s->box);
	big = carrier_client(&carrier, 0, 0);
	small = carrier_client(&carrier, 1, 0);
	job = job_line(big, "head -c 20000000 /dev/zero");
	job->output[0].window = 65536; /* what its socket holds: our carrier waits for nobody */
	for (int i = 0; i < 20; i++) {
		long long end = now_ms() + WAIT_MS;
		uint64_t want = job->output[0].total + 500000;

		assert_string_equal(run_text(small, "echo quick"), "quick\n");
		while (!job->record.present && job->output[0].total < want) {
			(void)client_step(big, 200);
			assert_true(now_ms() < end);
		}
	}
	job_wait(big, job);
	assert_true(job->output[0].total == 20000000);
	assert_true(job->record.stdout_bytes == 20000000);
	leave(big);
	leave(small);
	assert_int_equal(carrier_stop(&carrier), 0);
}

static void large_input_arrives_exactly(void **state)
{
	struct suite *s = *state;
	struct carrier carrier;
	struct description *d = describe();
	static uint8_t bytes[65536];
	struct client *c;
	struct job *job;
	long long end = now_ms() + WAIT_MS;

	carrier_start(&carrier, &s->box);
	c = carrier_client(&carrier, 0, 0);
	describe_text(d, ASB_SPEC_LINE, "cat");
	describe_number(d, ASB_SPEC_STDIN, 1, 1);
	job = job_start(c, d);
	while (job->stdin_sent < 4000000) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((job->stdin_sent + i) * 2654435761u >> 24);
		if (job_write(c, job, bytes, sizeof(bytes)) == 0)
			(void)client_step(c, 200);
		while (client_step(c, 0))
			;
		assert_true(now_ms() < end);
	}
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_true(job->record.stdout_bytes == job->stdin_sent);
	assert_true(job->output[0].total == job->stdin_sent);
	for (size_t i = 0; i < job->output[0].kept; i++)
		assert_int_equal((uint8_t)job->output[0].bytes[i],
				 (uint8_t)(i * 2654435761u >> 24));
	leave(c);
	assert_int_equal(carrier_stop(&carrier), 0);
}

static void who_leaves_takes_only_its_own_session_along(void **state)
{
	struct suite *s = *state;
	struct carrier carrier;
	struct client *leaving, *staying;
	struct job *job;

	carrier_start(&carrier, &s->box);
	leaving = carrier_client(&carrier, 0, 0);
	staying = carrier_client(&carrier, 1, 0);
	job = job_line(leaving, "exec sleep 1000");
	client_until(leaving, &job->started);
	job = job_line(staying, "exec sleep 1001");
	client_until(staying, &job->started);
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 2, WAIT_MS));
	leave(leaving);
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 1, WAIT_MS));
	assert_string_equal(run_text(staying, "echo still"), "still\n");
	leave(staying);
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 0, WAIT_MS));
	assert_int_equal(carrier_stop(&carrier), 0);
}

/* PID 1 ends a connection that breaks the rules: its own client is told, after the ERROR. */
static void an_end_by_pid_1_is_told(void **state)
{
	struct suite *s = *state;
	struct carrier carrier;
	struct client *bad, *good;

	carrier_start(&carrier, &s->box);
	bad = carrier_client(&carrier, 0, 0);
	good = carrier_client(&carrier, 1, 0);
	client_hello(bad, 0, ASB_PROTOCOL_VERSION);
	while (bad->error == 0)
		assert_true(client_step(bad, WAIT_MS));
	assert_int_equal(bad->error, ASB_ERROR_PROTOCOL);
	client_until_closed(bad);
	assert_string_equal(run_text(good, "echo fine"), "fine\n");
	leave(bad);
	leave(good);
	assert_int_equal(carrier_stop(&carrier), 0);
}

/* --- packets ---------------------------------------------------------------------------------- */

static void packets_are_taken_in_any_pieces(void **state)
{
	struct suite *s = *state;
	uint8_t bytes[512], answer[65536];
	struct pipe p;
	uint32_t index;
	size_t n;

	pipe_open(&p, &s->box);
	/* Two packets for one frame, an echo between them, byte by byte. */
	n = hello(bytes + ASB_MUX_HEADER, 1);
	asb_mux_header(bytes, 7, 9);
	memmove(bytes + 2 * ASB_MUX_HEADER + 2 + 9 + ASB_MUX_HEADER, bytes + ASB_MUX_HEADER + 9,
		n - 9);
	asb_mux_header(bytes + ASB_MUX_HEADER + 9, 0, 2);
	memcpy(bytes + 2 * ASB_MUX_HEADER + 9, "hi", 2);
	asb_mux_header(bytes + 2 * ASB_MUX_HEADER + 9 + 2, 7, (uint32_t)n - 9);
	for (size_t i = 0; i < 3 * ASB_MUX_HEADER + 2 + n; i++)
		assert_true(write_all(p.to, bytes + i, 1));
	assert_int_equal(packet_wait(&p, &index, answer), 2);
	assert_int_equal(index, 0);
	assert_true(packet_wait(&p, &index, answer) > 0);
	assert_int_equal(index, 7);
	assert_int_equal(answer[0], ASB_HELLO);
	assert_int_equal(pipe_close(&p), 0);
}

static void an_index_is_used_once(void **state)
{
	struct suite *s = *state;
	uint8_t bytes[128], answer[65536];
	struct pipe p;
	uint32_t index;
	size_t n = hello(bytes, 2);

	pipe_open(&p, &s->box);
	assert_true(packet_write(p.to, 5, bytes, (uint32_t)n));
	assert_true(packet_wait(&p, &index, answer) > 0);
	assert_true(packet_write(p.to, 5, NULL, 0));
	/* Late, and from below: neither opens anything, neither is answered. */
	assert_true(packet_write(p.to, 5, bytes, (uint32_t)n));
	assert_true(packet_write(p.to, 4, bytes, (uint32_t)n));
	/* Closed before it was opened, and therefore never to be. */
	assert_true(packet_write(p.to, 8, NULL, 0));
	assert_true(packet_write(p.to, 8, bytes, (uint32_t)n));
	expect_echo(&p);
	(void)hello(bytes, 3);
	assert_true(packet_write(p.to, 9, bytes, (uint32_t)n));
	assert_true(packet_wait(&p, &index, answer) > 0);
	assert_int_equal(index, 9);
	assert_int_equal(pipe_close(&p), 0);
}

/* However many are wanted: some are served, each of the others is told that it is closed. */
static void too_many_connections_are_refused_one_by_one(void **state)
{
	struct suite *s = *state;
	uint8_t bytes[128], answer[65536];
	unsigned served = 0, closed = 0;
	struct pipe p;

	pipe_open(&p, &s->box);
	for (uint32_t i = 1; i <= 300; i++) {
		size_t n = hello(bytes, 1000 + i);

		assert_true(packet_write(p.to, i, bytes, (uint32_t)n));
	}
	while (served + closed < 300) {
		uint32_t index;
		long n = packet_wait(&p, &index, answer);

		assert_true(n >= 0);
		if (n > 0 && answer[0] == ASB_HELLO)
			served++;
		else if (n == 0)
			closed++;
	}
	assert_true(served >= CLIENTS && closed >= 300 - ASB_MUX_CONNECTIONS);
	expect_echo(&p);
	assert_int_equal(pipe_close(&p), 0);
}

static void what_is_no_packet_ends_it(void **state)
{
	struct suite *s = *state;
	uint8_t bytes[ASB_MUX_ECHO_MAX + 1] = {0};
	struct pipe p;

	pipe_open(&p, &s->box);
	assert_true(packet_write(p.to, 0, bytes, sizeof(bytes)));
	assert_int_equal(packet_read(p.from, &(uint32_t){0}, bytes), -1);
	assert_int_equal(pipe_close(&p), 125);
}

static void a_lost_reader_ends_it(void **state)
{
	struct suite *s = *state;
	struct pipe p;

	pipe_open(&p, &s->box);
	expect_echo(&p);
	(void)close(p.from);
	p.from = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(sandbox_wait_count(&s->box, "agentsandbox-sh", "", 2, WAIT_MS));
	assert_int_equal(pipe_close(&p), 125);
}

/* A command may start it; PID 1 does not talk to what it starts. */
static void a_command_gets_no_connection(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	uint8_t bytes[128], packet[ASB_MUX_HEADER];
	size_t n = hello(bytes, 4);
	struct job *job;

	describe_arg(d, shim_path());
	describe_arg(d, "connect");
	describe_arg(d, "mux");
	describe_number(d, ASB_SPEC_STDIN, 1, 1);
	job = job_start(c, d);
	asb_mux_header(packet, 1, (uint32_t)n);
	(void)job_write(c, job, packet, sizeof(packet));
	(void)job_write(c, job, bytes, n);
	while (job->output[0].total < ASB_MUX_HEADER)
		assert_true(client_step(c, WAIT_MS));
	job_close_stdin(c, job);
	job_wait(c, job);
	asb_mux_header(packet, 1, 0);
	assert_int_equal(job->output[0].total, ASB_MUX_HEADER);
	assert_memory_equal(job->output[0].bytes, packet, ASB_MUX_HEADER);
}

int asb_test_mux(void)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(many_sessions_share_one_stream),
		SUITE_TEST(a_large_stream_does_not_keep_others_waiting),
		SUITE_TEST(large_input_arrives_exactly),
		SUITE_TEST(who_leaves_takes_only_its_own_session_along),
		SUITE_TEST(an_end_by_pid_1_is_told),
		SUITE_TEST(packets_are_taken_in_any_pieces),
		SUITE_TEST(an_index_is_used_once),
		SUITE_TEST(too_many_connections_are_refused_one_by_one),
		SUITE_TEST(what_is_no_packet_ends_it),
		SUITE_TEST(a_lost_reader_ends_it),
		SUITE_TEST(a_command_gets_no_connection),
	};

	return cmocka_run_group_tests_name("mux", tests, NULL, NULL);
}
