/* SPDX-License-Identifier: Apache-2.0 */
/* A session that outlives its connections: wherever they are cut, the result is the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <malloc.h>

#include <cmocka.h>

#include "tests/unit/resume_shim.h"

#define FOR_EVER UINT64_MAX
#define INPUT_SIZE 60

static const char *const CAT[] = {"cat", NULL};
static const char *const NO[] = {"no", NULL};
static const struct asb_job_spec READER = {.argv = CAT, .has_stdin = true};
static const struct asb_job_spec REFUSED = {.argv = NO};

/* The client's side of one whole exchange: two jobs with stdin and a signal, one that is refused
 * and forgotten as soon as that is known. */
struct exchange {
	struct resume_shim shim;
	struct asb_session *session;
	int fd; /* the session's end */
	struct asb_error err;
	struct asb_job *jobs[2], *refused;
	uint64_t written[2];
	bool signalled[2];
	char out[2][3][256];
	size_t got[2][3];
	uint64_t taken, given; /* bytes of the first connection */
};

static uint8_t input_byte(unsigned job, uint64_t at)
{
	return (uint8_t)(at * 31 + job * 7 + 1);
}

static void begin(struct exchange *x, uint64_t take, uint64_t give)
{
	*x = (struct exchange){.shim = {.fd = -1, .instance = "instance"}};
	asb_buffer_init(&x->shim.in);
	asb_buffer_init(&x->shim.spec);
	x->fd = shim_connect(&x->shim, take, give);
	x->session = asb_session_new(x->fd);
	asb_session_outlive(x->session);
	for (int i = 0; i < 2; i++)
		x->jobs[i] = asb_job_start(x->session, &READER, &x->err);
	x->refused = asb_job_start(x->session, &REFUSED, &x->err);
}

static void finish(struct exchange *x)
{
	asb_session_free(x->session);
	asb_buffer_release(&x->shim.in);
	asb_buffer_release(&x->shim.spec);
	close(x->fd);
	if (x->shim.fd >= 0)
		close(x->shim.fd);
}

static void read_output(struct exchange *x, int i, enum asb_stream stream)
{
	size_t n = asb_job_pending(x->jobs[i], stream);
	struct iovec iov[2];

	if (n == 0)
		return;
	asb_job_peek(x->jobs[i], stream, iov);
	n = iov[0].iov_len < 5 ? iov[0].iov_len : 5;
	assert_true(x->got[i][stream] + n < sizeof(x->out[i][stream]));
	memcpy(x->out[i][stream] + x->got[i][stream], iov[0].iov_base, n);
	x->got[i][stream] += n;
	asb_job_consumed(x->jobs[i], stream, n);
}

static void write_input(struct exchange *x, int i)
{
	size_t n = asb_job_stdin_room(x->jobs[i]);
	uint8_t bytes[16];

	n = n < sizeof(bytes) ? n : sizeof(bytes);
	if (n > INPUT_SIZE - x->written[i])
		n = (size_t)(INPUT_SIZE - x->written[i]);
	for (size_t k = 0; k < n; k++)
		bytes[k] = input_byte((unsigned)i, x->written[i] + k);
	asb_job_write(x->jobs[i], bytes, n);
	x->written[i] += n;
	if (x->written[i] == INPUT_SIZE)
		asb_job_close_stdin(x->jobs[i]);
}

static void drive(struct exchange *x, int i)
{
	if (!x->signalled[i] && x->written[i] > INPUT_SIZE / 2) {
		asb_job_signal(x->jobs[i], "INT");
		x->signalled[i] = true;
	}
	write_input(x, i);
	read_output(x, i, ASB_STDOUT);
	read_output(x, i, ASB_STDERR);
}

static bool over(const struct exchange *x)
{
	for (int i = 0; i < 2; i++) {
		if (asb_job_view(x->jobs[i])->state != ASB_JOB_ENDED ||
		    asb_job_pending(x->jobs[i], ASB_STDOUT) > 0 ||
		    asb_job_pending(x->jobs[i], ASB_STDERR) > 0)
			return false;
	}
	return x->refused == NULL;
}

/* One turn of both sides. */
static void turn(struct exchange *x)
{
	assert_int_equal(asb_session_step(x->session, POLLIN, &x->err), 0);
	shim_turn(&x->shim);
	assert_int_equal(asb_session_step(x->session, POLLIN, &x->err), 0);
	if (x->refused != NULL && asb_job_view(x->refused)->state == ASB_JOB_REFUSED) {
		asb_job_free(x->refused);
		x->refused = NULL;
	}
	for (int i = 0; i < 2; i++)
		drive(x, i);
}

static void reconnect(struct exchange *x, uint64_t take, uint64_t give)
{
	close(x->fd);
	x->fd = shim_connect(&x->shim, take, give);
	asb_session_resume(x->session, x->fd);
}

static void check(struct exchange *x)
{
	/* What the last ACKs have to say. */
	for (int i = 0; i < 4; i++) {
		turn(x);
		if (asb_session_lost(x->session) != NULL)
			reconnect(x, FOR_EVER, FOR_EVER);
	}
	for (int i = 0; i < 2; i++) {
		const struct shim_job *job = &x->shim.jobs[i];

		assert_int_equal(asb_job_exit_status(asb_job_view(x->jobs[i])), 7);
		assert_string_equal(x->out[i][ASB_STDOUT], RESUME_OUT);
		assert_string_equal(x->out[i][ASB_STDERR], RESUME_ERR);
		assert_int_equal(job->input_length, INPUT_SIZE);
		for (unsigned k = 0; k < INPUT_SIZE; k++)
			assert_int_equal((uint8_t)job->input[k], input_byte((unsigned)i, k));
		assert_int_equal(asb_job_view(x->jobs[i])->received[ASB_STDOUT],
				 strlen(RESUME_OUT));
	}
	for (int i = 0; i < 3; i++) {
		const struct shim_job *job = &x->shim.jobs[i];

		assert_int_equal(job->runs, 1);
		assert_int_equal(job->signals, i < 2 ? 1 : 0);
		assert_true(job->acked);
	}
	assert_true(asb_session_resumptions(x->session) <= x->shim.resumes);
	assert_int_equal(x->session->behind, false);
}

/* The whole exchange; the first connection is cut after so many bytes, the others by `seed` (0:
 * never). Returns the number of connections. */
static unsigned exchange(uint64_t take, uint64_t give, uint32_t seed, struct exchange *x)
{
	begin(x, take, give);
	for (unsigned i = 0; i < 20000 && !over(x); i++) {
		turn(x);
		if (asb_session_lost(x->session) == NULL)
			continue;
		take = give = FOR_EVER;
		if (seed != 0 && x->shim.connections < 200) {
			seed = seed * 1664525 + 1013904223;
			take = seed >> 22;
			seed = seed * 1664525 + 1013904223;
			give = seed >> 22;
		}
		reconnect(x, take, give);
	}
	assert_true(over(x));
	if (x->shim.connections == 1) {
		x->taken = take - x->shim.take;
		x->given = give - x->shim.give;
	}
	check(x);
	return x->shim.connections;
}

static void is_the_same_whatever_byte_is_the_last(void **state)
{
	struct exchange x;
	uint64_t taken, given;

	(void)state;
	exchange(FOR_EVER, FOR_EVER, 0, &x);
	taken = x.taken;
	given = x.given;
	finish(&x);
	assert_true(taken > 500 && given > 500);
	for (uint64_t n = 0; n < given; n++) {
		assert_true(exchange(FOR_EVER, n, 0, &x) >= 2);
		finish(&x);
	}
	for (uint64_t n = 1; n <= taken; n++) {
		exchange(n, FOR_EVER, 0, &x);
		finish(&x);
	}
}

static void is_the_same_after_many_cuts(void **state)
{
	unsigned connections = 0;
	struct exchange x;

	(void)state;
	for (uint32_t seed = 1; seed <= 150; seed++) {
		connections += exchange(seed % 50, 4 * seed, seed, &x);
		finish(&x);
	}
	assert_true(connections > 500);
}

/* --- what can't be resumed ---------------------------------------------------------------------
 */

/* An exchange whose first connection is lost in the middle. */
static void lose(struct exchange *x)
{
	begin(x, FOR_EVER, FOR_EVER);
	for (int i = 0; i < 3; i++)
		turn(x);
	shim_cut(&x->shim);
	assert_int_equal(asb_session_step(x->session, POLLIN | POLLHUP, &x->err), 0);
	assert_non_null(asb_session_lost(x->session));
	assert_int_equal(asb_session_events(x->session), 0);
	assert_int_equal(asb_session_timeout(x->session), -1);
}

static void assert_over(struct exchange *x, const char *words)
{
	reconnect(x, FOR_EVER, FOR_EVER);
	for (int i = 0; i < 3 && asb_session_step(x->session, POLLIN, &x->err) == 0; i++)
		shim_turn(&x->shim);
	assert_int_equal(asb_session_step(x->session, 0, &x->err), -1);
	if (strstr(x->err.message, words) == NULL)
		fail_msg("\"%s\" does not hold \"%s\"", x->err.message, words);
	assert_int_equal(asb_job_view(x->jobs[0])->state, ASB_JOB_LOST);
	assert_int_equal(asb_job_exit_status(asb_job_view(x->jobs[0])), 125);
	finish(x);
}

static void ends_with_the_session(void **state)
{
	struct exchange x;

	(void)state;
	lose(&x);
	x.shim.exists = false;
	assert_over(&x, "does not know the session any more");
}

static void ends_with_the_container(void **state)
{
	struct exchange x;

	(void)state;
	lose(&x);
	x.shim.instance[0]++;
	assert_over(&x, "the sandbox restarted");
}

static void can_be_given_up(void **state)
{
	struct exchange x;
	struct asb_error why = ASB_ERROR_INIT;

	(void)state;
	lose(&x);
	asb_fail(&why, "nobody waits any more");
	asb_session_give_up(x.session, &why);
	assert_null(asb_session_lost(x.session));
	assert_int_equal(asb_session_step(x.session, 0, &x.err), -1);
	assert_non_null(strstr(x.err.message, "no exit status was received: nobody waits"));
	assert_int_equal(asb_job_view(x.jobs[1])->state, ASB_JOB_LOST);
	finish(&x);
}

/* Who has said goodbye does not come back, nor does anybody to a shim that can't resume. */
static void is_not_always_resumed(void **state)
{
	for (int old = 0; old < 2; old++) {
		struct exchange x;

		(void)state;
		begin(&x, FOR_EVER, FOR_EVER);
		turn(&x);
		if (old)
			x.session->features = 0;
		else
			asb_session_bye(x.session);
		shim_cut(&x.shim);
		assert_int_equal(asb_session_step(x.session, POLLIN | POLLHUP, &x.err), -1);
		assert_int_equal(asb_job_view(x.jobs[0])->state, ASB_JOB_LOST);
		finish(&x);
	}
}

/* What is done while there is no connection is heard on the next. */
static void takes_orders_meanwhile(void **state)
{
	struct exchange x;
	struct asb_job *job;

	(void)state;
	lose(&x);
	assert_int_equal(asb_job_stdin_room(x.jobs[0]), 0);
	job = asb_job_start(x.session, &READER, &x.err);
	assert_non_null(job);
	asb_job_close_stdin(job);
	asb_job_signal(job, "INT");
	asb_job_discard(job, ASB_STDOUT);
	reconnect(&x, FOR_EVER, FOR_EVER);
	for (int i = 0; i < 100 && !over(&x); i++)
		turn(&x);
	check(&x);
	assert_int_equal(x.shim.jobs[3].runs, 1);
	assert_int_equal(x.shim.jobs[3].signals, 1);
	assert_true(x.shim.jobs[3].stopped[ASB_STDOUT]);
	finish(&x);
}

/* A stream that is taken over by others' words for a while is one that is lost. */
static void comes_back_after_somebody_else_answered(void **state)
{
	struct exchange x;
	int pair[2];

	(void)state;
	lose(&x);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	asb_session_resume(x.session, pair[0]);
	assert_int_equal(send(pair[1], "OCI runtime exec failed", 23, 0), 23);
	assert_int_equal(asb_session_step(x.session, POLLIN, &x.err), 0);
	assert_non_null(strstr(asb_session_lost(x.session)->message, "OCI runtime exec failed"));
	close(pair[0]);
	close(pair[1]);
	reconnect(&x, FOR_EVER, FOR_EVER);
	for (int i = 0; i < 100 && !over(&x); i++)
		turn(&x);
	check(&x);
	finish(&x);
}

/* Only the last signals are kept; none is obeyed twice, or before an older one. */
static void keeps_the_last_signals(void **state)
{
	struct exchange x;

	(void)state;
	lose(&x);
	asb_job_signal(x.jobs[0], "A-NAME-LONGER-THAN-ANY");
	asb_job_signal(x.jobs[0], "");
	for (int i = 0; i < ASB_SIGNALS_KEPT - 2; i++)
		asb_job_signal(x.jobs[0], "USR1");
	x.signalled[0] = true;
	reconnect(&x, FOR_EVER, FOR_EVER);
	for (int i = 0; i < 4; i++)
		turn(&x);
	assert_int_equal(x.shim.jobs[0].signals, x.session->jobs[0]->last_signal);
	assert_true(x.session->jobs[0]->last_signal >= ASB_SIGNALS_KEPT - 2);
	finish(&x);
}

/* Stdin of many jobs that has to be sent again goes through the queue in turns. */
static void sends_much_stdin_again(void **state)
{
	static uint8_t bytes[ASB_STDIN_LIMIT];
	struct asb_job *jobs[32];
	struct asb_session *session;
	struct asb_error err = ASB_ERROR_INIT;
	int first[2], second[2];
	uint64_t total = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, first), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, second), 0);
	session = asb_session_new(first[0]);
	asb_session_outlive(session);
	for (int i = 0; i < 32; i++)
		jobs[i] = asb_job_start(session, &READER, &err);
	for (int i = 0; i < 32; i++) {
		while (asb_job_stdin_room(jobs[i]) == 0) {
			assert_int_equal(asb_session_step(session, POLLOUT, &err), 0);
			while (recv(first[1], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
				continue;
		}
		asb_job_write(jobs[i], bytes, asb_job_stdin_room(jobs[i]));
		total += jobs[i]->in.kept.length;
	}
	close(first[1]);
	while (asb_session_lost(session) == NULL)
		assert_int_equal(asb_session_step(session, POLLIN | POLLOUT, &err), 0);
	asb_session_resume(session, second[0]);
	assert_true(session->out.length < 2 * ASB_SESSION_QUEUE);
	for (uint64_t heard = 0; heard < total;) {
		ssize_t n;

		assert_int_equal(asb_session_step(session, POLLOUT, &err), 0);
		n = recv(second[1], bytes, sizeof(bytes), MSG_DONTWAIT);
		heard += n > 0 ? (uint64_t)n : 0;
	}
	assert_int_equal(asb_session_step(session, POLLOUT, &err), 0);
	for (int i = 0; i < 32; i++)
		assert_int_equal(jobs[i]->in.next, jobs[i]->in.kept.length);
	asb_session_free(session);
	close(first[0]);
	close(second[0]);
	close(second[1]);
}

static size_t heap(void)
{
	return mallinfo2().uordblks;
}

/* A session on a thousand connections holds no more than on one. */
static void holds_nothing_of_former_connections(void **state)
{
	struct exchange x;
	size_t before = 0;

	(void)state;
	begin(&x, FOR_EVER, FOR_EVER);
	for (int i = 0; i < 1000; i++) {
		asb_job_signal(x.jobs[0], "USR1");
		for (int k = 0; k < 3; k++) {
			assert_int_equal(asb_session_step(x.session, POLLIN, &x.err), 0);
			shim_turn(&x.shim);
		}
		if (i == 100)
			before = heap();
		shim_cut(&x.shim);
		assert_int_equal(asb_session_step(x.session, POLLIN | POLLHUP, &x.err), 0);
		reconnect(&x, FOR_EVER, FOR_EVER);
	}
	assert_in_range(heap(), 0, before + 4096);
	assert_int_equal(x.shim.jobs[0].signals, 1000);
	assert_int_equal(x.shim.jobs[0].runs, 1);
	finish(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_same_whatever_byte_is_the_last),
		cmocka_unit_test(is_the_same_after_many_cuts),
		cmocka_unit_test(ends_with_the_session),
		cmocka_unit_test(ends_with_the_container),
		cmocka_unit_test(can_be_given_up),
		cmocka_unit_test(is_not_always_resumed),
		cmocka_unit_test(takes_orders_meanwhile),
		cmocka_unit_test(comes_back_after_somebody_else_answered),
		cmocka_unit_test(keeps_the_last_signals),
		cmocka_unit_test(sends_much_stdin_again),
		cmocka_unit_test(holds_nothing_of_former_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
