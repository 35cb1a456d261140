/* SPDX-License-Identifier: Apache-2.0 */
/* The holder's copying: packets on one side, local connections on the other. The test is both the
 * shim at the end of the stream and the callers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/session/mux.h"

#define WAIT_MS 10000

struct rig {
	struct asb_mux *mux;
	int stream; /* its end of the exec stream */
	int shim;   /* ours */
	struct asb_error err;
};

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
}

/* Turns of the holder's loop until there is nothing to do for it. -1: the stream is lost. */
static int turn(struct rig *rig)
{
	struct pollfd fds[ASB_MUX_FDS];
	int ready = 1, rc = 0;

	while (ready > 0 && rc == 0) {
		unsigned n = asb_mux_fds(rig->mux, fds);

		ready = poll(fds, n, 0);
		rc = asb_mux_step(rig->mux, fds, &rig->err);
	}
	return rc;
}

static void shim_sends(struct rig *rig, uint32_t index, const void *bytes, uint32_t n)
{
	uint8_t header[ASB_MUX_HEADER];

	asb_mux_header(header, index, n);
	assert_int_equal(send(rig->shim, header, sizeof(header), 0), sizeof(header));
	if (n > 0)
		assert_int_equal(send(rig->shim, bytes, n, 0), n);
}

/* The next packet that has arrived at the shim: its length, -1: none. */
static long shim_takes(struct rig *rig, uint32_t *index, char *bytes)
{
	uint8_t header[ASB_MUX_HEADER];
	long n;

	if (recv(rig->shim, header, sizeof(header), 0) != sizeof(header))
		return -1;
	*index = asb_get32(header);
	n = asb_get32(header + 4);
	if (n > 0)
		assert_int_equal(recv(rig->shim, bytes, (size_t)n, 0), n);
	bytes[n] = '\0';
	return n;
}

static void expect_packet(struct rig *rig, uint32_t index, const char *text)
{
	char bytes[65537];
	uint32_t got;
	long n;

	do /* on a slow machine it asks in between whether we are there */
		n = shim_takes(rig, &got, bytes);
	while (n > 0 && got == 0 && index != 0);
	assert_int_equal(n, strlen(text));
	assert_int_equal(got, index);
	assert_string_equal(bytes, text);
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int pair[2];

	assert_non_null(rig);
	make_pair(pair);
	rig->stream = pair[0];
	rig->shim = pair[1];
	rig->mux = asb_mux_new(rig->stream);
	assert_int_equal(turn(rig), 0);
	assert_false(asb_mux_ready(rig->mux));
	expect_packet(rig, 0, "?");
	shim_sends(rig, 0, "?", 1);
	assert_int_equal(turn(rig), 0);
	assert_true(asb_mux_ready(rig->mux));
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	asb_mux_free(rig->mux);
	close(rig->stream);
	close(rig->shim);
	free(rig);
	return 0;
}

/* The caller's end. */
static int add(struct rig *rig)
{
	int pair[2];

	make_pair(pair);
	asb_mux_add(rig->mux, pair[0]);
	return pair[1];
}

/* The same for one that has said something, and so has the next index. */
static int add_open(struct rig *rig, uint32_t index)
{
	int caller = add(rig);

	assert_int_equal(send(caller, "hello", 5, 0), 5);
	assert_int_equal(turn(rig), 0);
	expect_packet(rig, index, "hello");
	return caller;
}

static void expect_text(int fd, const char *text)
{
	char bytes[65536];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(bytes, text, (size_t)n);
}

static void expect_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void expect_open(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void bytes_go_to_whom_they_belong(void **state)
{
	struct rig *rig = *state;
	int a = add(rig), b = add(rig);

	/* Who speaks first has the lower index, whoever came first. */
	assert_int_equal(send(b, "from b", 6, 0), 6);
	assert_int_equal(turn(rig), 0);
	expect_packet(rig, 1, "from b");
	assert_int_equal(send(a, "from a", 6, 0), 6);
	assert_int_equal(turn(rig), 0);
	expect_packet(rig, 2, "from a");
	shim_sends(rig, 1, "to b", 4);
	shim_sends(rig, 2, "to a", 4);
	shim_sends(rig, 1, ", too", 5);
	assert_int_equal(turn(rig), 0);
	expect_text(a, "to a");
	expect_text(b, "to b, too");
	assert_int_equal(asb_mux_count(rig->mux), 2);
	close(a);
	close(b);
}

static void packets_may_come_in_pieces(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[2 * ASB_MUX_HEADER + 8];
	int a = add_open(rig, 1);

	asb_mux_header(bytes, 1, 4);
	memcpy(bytes + ASB_MUX_HEADER, "abcd", 4);
	asb_mux_header(bytes + ASB_MUX_HEADER + 4, 1, 4);
	memcpy(bytes + 2 * ASB_MUX_HEADER + 4, "efgh", 4);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(send(rig->shim, bytes + i, 1, 0), 1);
		assert_int_equal(turn(rig), 0);
	}
	expect_text(a, "abcdefgh");
	close(a);
}

static void an_end_is_told_to_the_other_side(void **state)
{
	struct rig *rig = *state;
	int a = add_open(rig, 1), b = add_open(rig, 2);

	/* The caller leaves: what it said last is still handed on. */
	assert_int_equal(send(a, "bye", 3, 0), 3);
	close(a);
	assert_int_equal(turn(rig), 0);
	expect_packet(rig, 1, "bye");
	expect_packet(rig, 1, "");
	assert_int_equal(asb_mux_count(rig->mux), 1);
	/* What comes for it now is nobody's. */
	shim_sends(rig, 1, "late", 4);
	/* The shim ends one: what it said last is still handed on. */
	shim_sends(rig, 2, "last", 4);
	shim_sends(rig, 2, NULL, 0);
	assert_int_equal(turn(rig), 0);
	expect_text(b, "last");
	expect_end(b);
	assert_int_equal(asb_mux_count(rig->mux), 0);
	close(b);
	/* No index is used again. */
	a = add(rig);
	assert_int_equal(send(a, "new", 3, 0), 3);
	assert_int_equal(turn(rig), 0);
	expect_packet(rig, 3, "new");
	close(a);
}

/* It has said BYE and gone, while output is on its way to it. */
static void the_last_word_of_who_does_not_listen_arrives(void **state)
{
	struct rig *rig = *state;
	int a = add_open(rig, 1);

	assert_int_equal(send(a, "bye", 3, 0), 3);
	close(a);
	shim_sends(rig, 1, "nobody reads this", 17);
	assert_int_equal(turn(rig), 0);
	expect_packet(rig, 1, "bye");
	expect_packet(rig, 1, "");
	assert_int_equal(asb_mux_count(rig->mux), 0);
}

static void a_slow_reader_keeps_nobody_waiting(void **state)
{
	struct rig *rig = *state;
	int slow = add_open(rig, 1), quick = add_open(rig, 2);
	static char bytes[65536];
	size_t total = 0;
	ssize_t n;

	for (int i = 0; i < 64; i++) {
		shim_sends(rig, 1, bytes, sizeof(bytes));
		assert_int_equal(turn(rig), 0);
	}
	shim_sends(rig, 2, "quick", 5);
	assert_int_equal(turn(rig), 0);
	expect_text(quick, "quick");
	for (n = 1; n > 0;) {
		n = recv(slow, bytes, sizeof(bytes), 0);
		total += n > 0 ? (size_t)n : 0;
		assert_int_equal(turn(rig), 0);
	}
	assert_int_equal(total, 64 * sizeof(bytes));
	expect_open(slow);
	close(slow);
	close(quick);
}

static void who_never_reads_is_ended_some_time(void **state)
{
	struct rig *rig = *state;
	int never = add_open(rig, 1), other = add_open(rig, 2);
	static char bytes[65536];

	for (unsigned i = 0; i <= ASB_MUX_BACKLOG / sizeof(bytes) + 16; i++) {
		shim_sends(rig, 1, bytes, sizeof(bytes));
		assert_int_equal(turn(rig), 0);
	}
	expect_packet(rig, 1, "");
	assert_int_equal(asb_mux_count(rig->mux), 1);
	shim_sends(rig, 2, "fine", 4);
	assert_int_equal(turn(rig), 0);
	expect_text(other, "fine");
	close(never);
	close(other);
}

static void who_leaves_without_a_word_is_nobody(void **state)
{
	struct rig *rig = *state;
	char bytes[65537];
	uint32_t index;
	int caller;

	close(add(rig));
	assert_int_equal(turn(rig), 0);
	assert_int_equal(asb_mux_count(rig->mux), 0);
	/* Nor is who was heard too late: by now its command may have run another way. */
	caller = add(rig);
	assert_int_equal(send(caller, "late", 4, 0), 4);
	close(caller);
	assert_int_equal(turn(rig), 0);
	assert_int_equal(asb_mux_count(rig->mux), 0);
	assert_int_equal(shim_takes(rig, &index, bytes), -1);
}

/* A stream that takes nothing holds up who writes, not our memory. */
static void a_stalled_stream_is_not_filled(void **state)
{
	struct rig *rig = *state;
	static char bytes[65536];
	size_t total = 0;
	int a = add(rig);
	ssize_t n;

	do {
		n = send(a, bytes, sizeof(bytes), 0);
		total += n > 0 ? (size_t)n : 0;
		assert_int_equal(turn(rig), 0);
		assert_true(total < (8u << 20));
	} while (n > 0);
	/* Nothing is lost once it takes some again. */
	for (size_t got = 0; got < total;) {
		char taken[65537];
		uint32_t index;
		uint8_t header[ASB_MUX_HEADER];
		size_t left;

		assert_int_equal(turn(rig), 0);
		assert_int_equal(recv(rig->shim, header, sizeof(header), 0), sizeof(header));
		index = asb_get32(header);
		for (left = asb_get32(header + 4); left > 0;) {
			n = recv(rig->shim, taken, left, 0);
			if (n > 0)
				left -= (size_t)n;
			got += n > 0 && index == 1 ? (size_t)n : 0;
			assert_int_equal(turn(rig), 0);
		}
	}
	close(a);
}

static void one_too_many_is_closed(void **state)
{
	struct rig *rig = *state;
	int callers[ASB_MUX_CONNECTIONS + 1];

	for (unsigned i = 0; i <= ASB_MUX_CONNECTIONS; i++)
		callers[i] = add(rig);
	assert_int_equal(asb_mux_count(rig->mux), ASB_MUX_CONNECTIONS);
	expect_end(callers[ASB_MUX_CONNECTIONS]);
	expect_open(callers[0]);
	assert_int_equal(turn(rig), 0);
	for (unsigned i = 0; i <= ASB_MUX_CONNECTIONS; i++)
		close(callers[i]);
	assert_int_equal(turn(rig), 0);
	assert_int_equal(asb_mux_count(rig->mux), 0);
}

static void the_end_of_the_stream_is_the_end(void **state)
{
	struct rig *rig = *state;
	int a = add(rig);

	shutdown(rig->shim, SHUT_RDWR);
	assert_int_equal(turn(rig), -1);
	assert_string_equal(rig->err.message, "the connection to the sandbox was lost");
	expect_open(a); /* until it is freed */
	close(a);
}

static void who_is_no_shim_is_found_out(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(send(rig->shim, "usage: agentsandbox-shim\n", 25, 0), 25);
	/* Once it was greeted a wrong index is a late one; the way itself is one byte. */
	shim_sends(rig, 0, "much too long", 13);
	asb_mux_free(rig->mux);
	rig->mux = asb_mux_new(rig->stream);
	assert_int_equal(turn(rig), -1);
	assert_string_equal(rig->err.message, "what answers in the sandbox is not the shim");
}

/* It asks in time whether the other end is there, and hears the answer. */
static void the_heart_beats(void **state)
{
	struct rig *rig = *state;
	int a = add(rig);
	int64_t deadline = asb_monotonic_ms() + WAIT_MS;
	char bytes[65537];
	uint32_t index = 1;

	assert_in_range(asb_mux_timeout(rig->mux), 0, 5000);
	while (shim_takes(rig, &index, bytes) < 0) {
		struct pollfd nothing = {.fd = -1};

		assert_true(asb_monotonic_ms() < deadline);
		(void)poll(&nothing, 1, asb_mux_timeout(rig->mux));
		assert_int_equal(turn(rig), 0);
	}
	assert_int_equal(index, 0);
	shim_sends(rig, 0, bytes, 1);
	assert_int_equal(turn(rig), 0);
	close(a);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_go_to_whom_they_belong),
		TEST(packets_may_come_in_pieces),
		TEST(an_end_is_told_to_the_other_side),
		TEST(the_last_word_of_who_does_not_listen_arrives),
		TEST(a_slow_reader_keeps_nobody_waiting),
		TEST(who_never_reads_is_ended_some_time),
		TEST(who_leaves_without_a_word_is_nobody),
		TEST(a_stalled_stream_is_not_filled),
		TEST(one_too_many_is_closed),
		TEST(the_end_of_the_stream_is_the_end),
		TEST(who_is_no_shim_is_found_out),
		TEST(the_heart_beats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
