/* SPDX-License-Identifier: Apache-2.0 */
/* A session on more than one connection: not a byte lost or doubled, and every command run once. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

#define MANY 8
#define PIECE (1u << 20) /* all of an output of this size is kept by the client */

/* A job that appends a line to a file of its own whenever it is run. */
static struct job *counted(struct client *c, const char *name, const char *line, bool has_stdin)
{
	struct description *d = describe();
	char text[512];

	snprintf(text, sizeof(text), "echo ran >>/tmp/asb-resume-%d-%s; %s", (int)getpid(), name,
		 line);
	describe_text(d, ASB_SPEC_LINE, text);
	if (has_stdin)
		describe_number(d, ASB_SPEC_STDIN, 1, 1);
	return job_start(c, d);
}

/* How often it was run; forgets it. */
static int runs(const char *name)
{
	char path[64];
	char text[64];
	FILE *file;
	int n = 0;

	snprintf(path, sizeof(path), "/tmp/asb-resume-%d-%s", (int)getpid(), name);
	file = fopen(path, "re");
	while (file != NULL && fgets(text, sizeof(text), file) != NULL)
		n++;
	if (file != NULL)
		(void)fclose(file);
	(void)unlink(path);
	return n;
}

static void fill_random(uint8_t *bytes, size_t n, uint64_t seed)
{
	uint64_t x = seed * 2654435761u + 88172645463325252u;

	for (size_t i = 0; i + 8 <= n; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(bytes + i, &x, 8);
	}
}

/* Takes and sends until the job has ended; again and again cut after so many bytes either way. */
static int finish(struct suite *s, struct client *c, struct job *job, long (*next)(void))
{
	long long end = now_ms() + 6 * WAIT_MS;
	int cuts = 0;

	while (!job->record.present && job->failed == 0) {
		if (!client_step(c, 50) && (c->closed || c->to_send < 0)) {
			client_cut(c);
			client_resume(c, &s->box, ASB_RESUME_KNOWN);
			c->to_read = next == NULL ? 0 : next();
			c->to_send = next == NULL ? 0 : next();
			cuts++;
		}
		assert_int_equal(c->error, 0);
		client_pump(c);
		if (now_ms() > end)
			fail_msg("the job does not end");
	}
	return cuts;
}

static void output_goes_on_where_it_was_cut(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = counted(c, "a", "for i in 1 2 3; do echo $i; read x; done; exit 7", true);

	assert_true(c->can_resume);
	while (job->output[0].total < 2)
		assert_true(client_step(c, WAIT_MS));
	for (int i = 0; i < 3; i++) {
		client_cut(c);
		client_resume(c, &s->box, ASB_RESUME_KNOWN);
		client_until(c, &c->hello);
		assert_true(c->resumed);
		job->stdin_sent = (uint64_t)i;
		assert_int_equal(job_write(c, job, "\n", 1), 1);
	}
	job_wait(c, job);
	assert_string_equal(job->output[0].bytes, "1\n2\n3\n");
	assert_int_equal(job->record.code, 7);
	assert_int_equal(runs("a"), 1);
}

/* The whole conversation of a job, cut after `k` bytes to the shim. */
static bool one_cut(struct suite *s, struct client *c, long k, bool *whole)
{
	static const uint8_t text[] = "some text for stdin";
	struct job *job;

	client_connect(c, &s->box);
	c->to_send = k > 0 ? k : -1;
	client_hello(c, 60000, ASB_PROTOCOL_VERSION);
	job = counted(c, "cut", "cat; exit 5", true);
	job->source = text;
	job->source_length = sizeof(text) - 1;
	client_pump(c);
	*whole = c->to_send >= 0;
	client_cut(c);
	client_resume(c, &s->box, ASB_RESUME_EITHER);
	(void)finish(s, c, job, NULL);
	assert_string_equal(job->output[0].bytes, (const char *)text);
	assert_int_equal(job->record.code, 5);
	assert_true(job->record.stdin_bytes == sizeof(text) - 1);
	assert_int_equal(runs("cut"), 1);
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	client_close(c);
	return true;
}

static void a_cut_anywhere_on_the_way_in_runs_once(void **state)
{
	struct suite *s = *state;
	bool whole = false;

	for (long k = 0; !whole; k += k % 8 == 4 ? 1 : 3)
		(void)one_cut(s, &s->other, k, &whole);
}

static void a_cut_anywhere_on_the_way_out_loses_nothing(void **state)
{
	static const uint8_t text[] = "some text for stdin";
	struct suite *s = *state;
	struct client *c = &s->client;
	int cuts = 1;

	for (long k = 1; cuts > 0; k += 2) {
		struct job *job;

		/* The rest of this connection, from here on: */
		c->to_read = k;
		job = counted(c, "out", "cat; echo err >&2; exit 6", true);
		job->source = text;
		job->source_length = sizeof(text) - 1;
		client_pump(c);
		cuts = finish(s, c, job, NULL);
		assert_string_equal(job->output[0].bytes, (const char *)text);
		assert_string_equal(job->output[1].bytes, "err\n");
		assert_int_equal(job->record.code, 6);
		assert_int_equal(runs("out"), 1);
		if (c->job_count > CLIENT_JOBS - 2)
			break;
	}
}

static uint64_t random_state = 1;

static long random_cut(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (long)(random_state >> 33) % 700000 + 1;
}

static void random_cuts_of_many_jobs_lose_nothing(void **state)
{
	static uint8_t sources[MANY][PIECE];
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *jobs[MANY];
	char name[16];
	int cuts = 0;

	for (int i = 0; i < MANY; i++) {
		fill_random(sources[i], PIECE, (uint64_t)i + 1);
		snprintf(name, sizeof(name), "m%d", i);
		jobs[i] = counted(c, name, i % 2 == 0 ? "exec cat" : "exec cat >&2", true);
		jobs[i]->source = sources[i];
		jobs[i]->source_length = PIECE;
	}
	c->to_read = 300000;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		cuts += finish(s, c, jobs[i], random_cut);
		assert_int_equal(jobs[i]->record.code, 0);
		assert_true(jobs[i]->record.stdin_bytes == PIECE);
		assert_true(jobs[i]->output[i % 2].total == PIECE);
		assert_memory_equal(jobs[i]->output[i % 2].bytes, sources[i], PIECE);
		assert_int_equal(runs(name), 1);
	}
	print_message("           %d cuts\n", cuts);
	assert_true(cuts >= 10);
	client_cut(c);
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	assert_string_equal(run_text(c, "echo next"), "next\n");
}

static void an_exit_waits_for_its_client(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = counted(c, "e", "echo before; read x; echo after; exit 9", true);

	while (job->output[0].total < 7)
		assert_true(client_step(c, WAIT_MS));
	job_close_stdin(c, job);
	client_cut(c);
	assert_true(file_wait(s->box.audit, "\"code\":9", WAIT_MS));
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	job_close_stdin(c, job);
	c->no_ack = true;
	job_wait(c, job);
	assert_string_equal(job->output[0].bytes, "before\nafter\n");
	/* Not acknowledged, it is told on every connection; then no more. */
	for (int i = 0; i < 3; i++) {
		client_cut(c);
		job->record.present = job->output[0].ended = job->output[1].ended = false;
		client_resume(c, &s->box, ASB_RESUME_KNOWN);
		job_wait(c, job);
		assert_int_equal(job->record.code, 9);
	}
	assert_string_equal(job->output[0].bytes, "before\nafter\n");
	c->no_ack = false;
	client_cut(c);
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	client_ping(c);
	client_ping(c);
	job->exits = 0;
	client_cut(c);
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	client_ping(c);
	assert_int_equal(job->exits, 0);
	assert_int_equal(runs("e"), 1);
}

static void a_refusal_is_kept_until_acknowledged(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;

	describe_arg(d, "/no/such/program");
	c->no_ack = true;
	job = job_start(c, d);
	job_wait(c, job);
	assert_int_equal(job->failed, ASB_FAILED_NOT_FOUND);
	for (int i = 0; i < 3; i++) {
		client_cut(c);
		job->failed = 0;
		client_resume(c, &s->box, ASB_RESUME_KNOWN);
		job_wait(c, job);
		assert_int_equal(job->failed, ASB_FAILED_NOT_FOUND);
	}
	/* A second START gets the same answer and is not tried anew. */
	job->failed = 0;
	job_start_again(c, job, job->channel, d);
	job_wait(c, job);
	c->no_ack = false;
	client_send(c, ASB_ACK, 0, job->channel, NULL, 0);
	client_cut(c);
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	client_ping(c);
	job->failed = 0;
	client_cut(c);
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	client_ping(c);
	assert_int_equal(job->failed, 0);
}

static void a_new_connection_takes_over(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *yes = job_line(c, "exec yes");
	struct client *old = malloc(sizeof(*old));
	struct job *job;

	assert_non_null(old);
	client_until(c, &yes->started);
	job = counted(c, "t", "read x; echo got $x; exit 3", true);
	client_until(c, &job->started);
	/* The old one does not read any more, and stays open. */
	*old = *c;
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	client_until(c, &c->hello);
	assert_true(c->resumed);
	assert_int_equal(job_write(c, job, "it\n", 3), 3);
	job_wait(c, job);
	assert_string_equal(job->output[0].bytes, "got it\n");
	/* Dropped without a word: nothing but what was on its way. */
	old->job_count = 0;
	(void)close(old->to);
	old->to = -1;
	for (char block[4096]; read(old->from, block, sizeof(block)) > 0;)
		;
	client_cut(old);
	free(old);
	job_signal(c, yes, "KILL");
	job_wait(c, yes);
	assert_string_equal(yes->record.signal, "KILL");
	assert_true(yes->output[0].total == yes->record.stdout_bytes);
	assert_int_equal(runs("t"), 1);
}

/* Nor does anybody close its stdin and stdout: it leaves all the same, or a sandbox would fill with
 * them. */
static void a_connect_that_nobody_reads_leaves(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *yes[MANY]; /* together more than its buffer and two pipes hold */
	struct client *old = malloc(sizeof(*old));
	long long end = now_ms() + 2 * WAIT_MS;

	assert_non_null(old);
	for (int i = 0; i < MANY; i++)
		yes[i] = job_line(c, "exec yes");
	client_until(c, &yes[MANY - 1]->started);
	*old = *c;
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	client_until(c, &c->hello);
	while (waitpid(old->pid, NULL, WNOHANG) == 0) {
		if (now_ms() > end)
			fail_msg("connect stays");
		(void)client_step(c, 100);
	}
	(void)close(old->to);
	(void)close(old->from);
	free(old);
	for (int i = 0; i < MANY; i++) {
		job_signal(c, yes[i], "KILL");
		job_wait(c, yes[i]);
		assert_true(yes[i]->output[0].total == yes[i]->record.stdout_bytes);
	}
}

static void an_expired_session_is_not_there(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->other;
	struct job *job;

	client_open(c, &s->box, 300);
	job = job_line(c, "sleep 600");
	client_until(c, &job->started);
	client_cut(c);
	assert_true(sandbox_wait_count(&s->box, "sleep", "", 0, WAIT_MS));
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	client_until_closed(c);
	assert_int_equal(c->error, ASB_ERROR_NO_SESSION);
	assert_false(c->hello);
	client_close(c);
	/* The other one is not concerned. */
	assert_string_equal(run_text(&s->client, "echo here"), "here\n");
}

static void a_session_exists_as_hello_says(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->other;

	client_open(c, &s->box, 60000);
	client_cut(c);
	client_resume(c, &s->box, ASB_RESUME_NEW);
	client_until_closed(c);
	assert_int_equal(c->error, ASB_ERROR_PROTOCOL);
	client_cut(c);
	client_resume(c, &s->box, ASB_RESUME_EITHER);
	client_until(c, &c->hello);
	assert_true(c->resumed);
	client_send(c, ASB_BYE, 0, 0, NULL, 0);
	client_until(c, &c->bye);
	/* It is over. What of it comes now was under way somewhere: it must not happen again. */
	for (unsigned how = ASB_RESUME_NEW; how <= ASB_RESUME_EITHER; how++) {
		client_cut(c);
		c->bye = false;
		c->error = 0;
		client_resume(c, &s->box, how);
		client_until_closed(c);
		assert_int_equal(c->error, ASB_ERROR_NO_SESSION);
		assert_false(c->hello);
	}
	client_close(c);
}

static void another_pid_1_is_told_apart(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	uint8_t before[ASB_ID_LEN];

	memcpy(before, c->instance, sizeof(before));
	client_cut(c);
	sandbox_stop(&s->box);
	sandbox_start(&s->box, false);
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	client_until_closed(c);
	assert_int_equal(c->error, ASB_ERROR_NO_SESSION);
	client_cut(c);
	client_resume(c, &s->box, ASB_RESUME_EITHER);
	client_until(c, &c->hello);
	assert_false(c->resumed);
	assert_memory_not_equal(c->instance, before, sizeof(before));
}

static void a_closed_stdin_is_told_again(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = counted(c, "s", "exec <&-; echo closed; sleep 600", true);

	client_until(c, &job->stdin_stopped);
	client_cut(c);
	job->stdin_stopped = false;
	client_resume(c, &s->box, ASB_RESUME_KNOWN);
	client_until(c, &job->stdin_stopped);
	client_send(c, ASB_END, 0, job->channel, NULL, 0);
	job_wait(c, job);
	assert_string_equal(job->record.signal, "TERM");
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 0);
	assert_int_equal(runs("s"), 1);
}

static void end_kills_the_whole_tree(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *other = job_line(c, "sleep 500.5");
	struct job *job =
		job_line(c, "trap '' TERM; setsid sleep 600 & setsid sh -c 'trap \"\" TERM; "
			    "sleep 600; sleep 600' & sleep 600; sleep 600");

	client_until(c, &other->started);
	assert_true(sandbox_wait_count(&s->box, "sleep", "S", 4, WAIT_MS));
	client_send(c, ASB_END, 0, job->channel, NULL, 0);
	job_wait(c, job);
	assert_string_equal(job->record.signal, "KILL");
	assert_int_equal(sandbox_count(&s->box, "sleep", ""), 1);
	assert_false(other->record.present);
}

/* One session that is cut and taken up a thousand times. */
static void a_thousand_connections_leave_nothing(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = counted(c, "thousand", "cat; exit 9", true);
	int rounds = shim_is_instrumented() ? 100 : 1000;
	int files = 0;
	long memory = 0;

	for (int i = 0; i < rounds; i++) {
		uint64_t all = 7 * ((uint64_t)i + 1);

		assert_int_equal(job_write(c, job, "a line\n", 7), 7);
		while (job->stdin_consumed < all || (i % 3 > 0 && job->output[0].total < all))
			assert_true(client_step(c, WAIT_MS));
		if (i == 20) {
			files = sandbox_open_files(&s->box);
			memory = sandbox_status(&s->box, "VmRSS");
		}
		client_cut(c);
		client_resume(c, &s->box, ASB_RESUME_KNOWN);
	}
	client_until(c, &c->hello);
	job_close_stdin(c, job);
	job_wait(c, job);
	assert_int_equal(job->record.code, 9);
	assert_int_equal(job->output[0].total, 7 * rounds);
	assert_int_equal(job->record.stdin_bytes, 7 * rounds);
	assert_int_equal(runs("thousand"), 1);
	assert_in_range(sandbox_open_files(&s->box), 0, files + 1);
	if (!shim_is_instrumented())
		assert_in_range(sandbox_status(&s->box, "VmRSS"), 0, memory + 128);
}

int asb_test_resume(void)
{
	const struct CMUnitTest tests[] = {
		RESUME_TEST(output_goes_on_where_it_was_cut),
		RESUME_TEST(a_cut_anywhere_on_the_way_in_runs_once),
		RESUME_TEST(a_cut_anywhere_on_the_way_out_loses_nothing),
		RESUME_TEST(random_cuts_of_many_jobs_lose_nothing),
		RESUME_TEST(an_exit_waits_for_its_client),
		RESUME_TEST(a_refusal_is_kept_until_acknowledged),
		RESUME_TEST(a_new_connection_takes_over),
		RESUME_TEST(a_connect_that_nobody_reads_leaves),
		RESUME_TEST(an_expired_session_is_not_there),
		RESUME_TEST(a_session_exists_as_hello_says),
		RESUME_TEST(another_pid_1_is_told_apart),
		RESUME_TEST(a_closed_stdin_is_told_again),
		RESUME_TEST(end_kills_the_whole_tree),
		RESUME_TEST(a_thousand_connections_leave_nothing),
	};

	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
