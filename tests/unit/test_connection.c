/* SPDX-License-Identifier: Apache-2.0 */
/* A session and the streams it goes over, one after another: which losses are borne, and how long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "plugin/base/clock.h"
#include "plugin/commands/connection.h"
#include "tests/unit/resume_shim.h"

#define FOR_EVER UINT64_MAX

static const char *const CAT[] = {"cat", NULL};
static const struct asb_job_spec READER = {.argv = CAT, .has_stdin = true};

/* What a try to have a stream comes to. */
struct attempt {
	uint64_t give;	      /* bytes the shim may send over it; 0: nor does it hear anything */
	enum asb_way_end end; /* what is said of it afterwards */
	bool fails;	      /* it can't even be asked for */
};

struct rig {
	struct resume_shim shim;
	struct asb_connection connection;
	struct asb_job *job;
	struct asb_error err;
	const struct attempt *attempts; /* the last one stands for all that follow */
	unsigned attempt_count, opened;
	unsigned lost, found; /* how often we were told */
	int fd;
	bool freed;
};

static const struct attempt *attempt(const struct rig *rig, unsigned n)
{
	return &rig->attempts[n < rig->attempt_count ? n : rig->attempt_count - 1];
}

static int open_way(void *context, struct asb_error *err)
{
	struct rig *rig = context;
	const struct attempt *a = attempt(rig, rig->opened++);

	if (a->fails)
		return asb_fail(err, "can't be asked for");
	rig->fd = shim_connect(&rig->shim, a->give == 0 ? 0 : FOR_EVER, a->give);
	return rig->fd;
}

static enum asb_way_end close_way(void *context, bool heard, struct asb_error *err)
{
	struct rig *rig = context;
	const struct attempt *a = attempt(rig, rig->opened - 1);

	(void)heard;
	close(rig->fd);
	rig->fd = -1;
	if (err != NULL)
		asb_fail(err, "the stream says why");
	return a->end;
}

static void free_way(void *context)
{
	struct rig *rig = context;

	assert_false(rig->freed);
	rig->freed = true;
}

static void on_changed(void *context, const struct asb_error *why)
{
	struct rig *rig = context;

	rig->lost += why != NULL;
	rig->found += why == NULL;
}

static void set_up(struct rig *rig, const struct attempt *attempts, unsigned count)
{
	const struct asb_way way = {
		.open = open_way, .close = close_way, .free = free_way, .context = rig};

	*rig = (struct rig){.attempts = attempts, .attempt_count = count};
	rig->shim.fd = rig->fd = -1;
	asb_buffer_init(&rig->shim.in);
	asb_buffer_init(&rig->shim.spec);
	assert_int_equal(asb_connection_open(&rig->connection, &way, &rig->err), 0);
	rig->connection.changed = on_changed;
	rig->connection.context = rig;
	rig->job = asb_job_start(rig->connection.session, &READER, &rig->err);
	asb_job_close_stdin(rig->job);
	asb_job_signal(rig->job, "INT");
}

static void tear_down(struct rig *rig)
{
	asb_connection_close(&rig->connection);
	asb_connection_close(&rig->connection);
	assert_true(rig->freed);
	asb_buffer_release(&rig->shim.in);
	asb_buffer_release(&rig->shim.spec);
	if (rig->shim.fd >= 0)
		close(rig->shim.fd);
}

/* The caller's loop, until the job has ended or the session has failed. */
static int run(struct rig *rig)
{
	int64_t deadline = asb_monotonic_ms() + 30000;

	while (asb_job_view(rig->job)->state != ASB_JOB_ENDED) {
		struct pollfd p = {.fd = asb_connection_fd(&rig->connection),
				   .events = asb_connection_events(&rig->connection)};
		int timeout = asb_connection_timeout(&rig->connection);

		assert_true(asb_poll_timeout(deadline) > 0);
		poll(&p, 1, timeout < 0 || timeout > 1000 ? 1000 : timeout);
		if (asb_connection_step(&rig->connection, p.revents, &rig->err) != 0)
			return -1;
		shim_turn(&rig->shim);
	}
	return 0;
}

static void assert_ran_once(struct rig *rig)
{
	assert_int_equal(asb_job_exit_status(asb_job_view(rig->job)), 7);
	assert_int_equal(rig->shim.jobs[0].runs, 1);
	assert_int_equal(rig->shim.jobs[0].signals, 1);
}

static void assert_gives_up(struct rig *rig, enum asb_way_end end, const char *words)
{
	assert_int_equal(run(rig), -1);
	assert_int_equal(asb_job_view(rig->job)->state, ASB_JOB_LOST);
	assert_int_equal(asb_connection_explain(&rig->connection, &rig->err), end);
	if (strstr(rig->err.message, words) == NULL)
		fail_msg("\"%s\" does not hold \"%s\"", rig->err.message, words);
}

#define SET_UP(rig, attempts) set_up(rig, attempts, sizeof(attempts) / sizeof((attempts)[0]))

static void waits_until_it_is_let_in(void **state)
{
	static const struct attempt attempts[] = {
		{0, ASB_WAY_EARLY, false}, {0, ASB_WAY_EARLY, false}, {FOR_EVER, ASB_WAY_LOST, 0}};
	struct rig rig;

	(void)state;
	SET_UP(&rig, attempts);
	assert_int_equal(run(&rig), 0);
	assert_ran_once(&rig);
	assert_int_equal(rig.opened, 3);
	assert_int_equal(asb_session_resumptions(rig.connection.session), 0);
	assert_int_equal(rig.lost + rig.found, 0);
	tear_down(&rig);
}

static void does_not_wait_for_ever_to_be_let_in(void **state)
{
	static const struct attempt attempts[] = {{0, ASB_WAY_EARLY, false}};
	struct rig rig;

	(void)state;
	SET_UP(&rig, attempts);
	rig.connection.give_up_ms = asb_monotonic_ms() + 500;
	assert_gives_up(&rig, ASB_WAY_EARLY, "lets nobody in: the stream says why");
	assert_in_range(rig.opened, 2, 8);
	tear_down(&rig);
}

static void takes_a_refusal_for_one(void **state)
{
	static const struct attempt attempts[] = {{0, ASB_WAY_REFUSED, false}};
	struct rig rig;

	(void)state;
	SET_UP(&rig, attempts);
	assert_gives_up(&rig, ASB_WAY_REFUSED, "the stream says why");
	assert_int_equal(rig.opened, 1);
	tear_down(&rig);
}

/* A stream may break before the shim was heard: its HELLO, cut anywhere. */
static void bears_two_losses_before_the_greeting(void **state)
{
	static const struct attempt attempts[] = {
		{1, ASB_WAY_LOST, false}, {11, ASB_WAY_LOST, false}, {FOR_EVER, ASB_WAY_LOST, 0}};
	struct rig rig;

	(void)state;
	SET_UP(&rig, attempts);
	assert_int_equal(run(&rig), 0);
	assert_ran_once(&rig);
	tear_down(&rig);
	SET_UP(&rig, ((const struct attempt[]){{0, ASB_WAY_LOST, false}}));
	assert_gives_up(&rig, ASB_WAY_LOST, "the stream says why");
	assert_int_equal(rig.opened, 3);
	tear_down(&rig);
}

static void comes_back_through_whatever_is_in_the_way(void **state)
{
	static const struct attempt attempts[] = {{100, ASB_WAY_LOST, false},
						  {0, ASB_WAY_REFUSED, false},
						  {0, ASB_WAY_LOST, true},
						  {0, ASB_WAY_EARLY, false},
						  {FOR_EVER, ASB_WAY_LOST, 0}};
	int64_t begin = asb_monotonic_ms();
	struct rig rig;

	(void)state;
	SET_UP(&rig, attempts);
	assert_int_equal(run(&rig), 0);
	assert_ran_once(&rig);
	assert_int_equal(rig.opened, 5);
	assert_int_equal(asb_session_resumptions(rig.connection.session), 1);
	assert_int_equal(rig.lost, 4);
	assert_int_equal(rig.found, 1);
	/* 100, 200, 400 and 800 ms, or half of that. */
	assert_true(asb_monotonic_ms() - begin >= 750);
	tear_down(&rig);
}

static void gives_up_when_the_lease_is_over(void **state)
{
	static const struct attempt attempts[] = {{100, ASB_WAY_LOST, false},
						  {0, ASB_WAY_REFUSED, false}};
	struct rig rig;

	(void)state;
	SET_UP(&rig, attempts);
	while (rig.lost == 0) {
		assert_int_equal(asb_connection_step(&rig.connection, POLLIN, &rig.err), 0);
		shim_turn(&rig.shim);
	}
	rig.connection.lost_ms -= ASB_LEASE_MS;
	assert_gives_up(&rig, ASB_WAY_REFUSED, "could not be reached again for 2m");
	assert_int_equal(rig.opened, 2);
	tear_down(&rig);
}

static void does_not_open_what_can_not_be_asked_for(void **state)
{
	static const struct attempt attempts[] = {{0, ASB_WAY_LOST, true}};
	struct rig rig = {.attempts = attempts, .attempt_count = 1};
	const struct asb_way way = {
		.open = open_way, .close = close_way, .free = free_way, .context = &rig};

	(void)state;
	assert_int_equal(asb_connection_open(&rig.connection, &way, &rig.err), -1);
	assert_true(rig.freed);
	asb_connection_close(&rig.connection);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_until_it_is_let_in),
		cmocka_unit_test(does_not_wait_for_ever_to_be_let_in),
		cmocka_unit_test(takes_a_refusal_for_one),
		cmocka_unit_test(bears_two_losses_before_the_greeting),
		cmocka_unit_test(comes_back_through_whatever_is_in_the_way),
		cmocka_unit_test(gives_up_when_the_lease_is_over),
		cmocka_unit_test(does_not_open_what_can_not_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
