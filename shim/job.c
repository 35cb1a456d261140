/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/job.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "shim/limits.h"
#include "shim/memory.h"
#include "shim/oom.h"
#include "shim/spawn.h"
#include "shim/verdict.h"

static struct asb_job jobs[ASB_MAX_JOBS];

/* Storage of the jobs, apart from them so that whole pages can be given back. */
static uint8_t stdin_bytes[ASB_MAX_JOBS][ASB_STDIN_RING] __attribute__((aligned(ASB_PAGE)));
static uint8_t stdout_bytes[ASB_MAX_JOBS][ASB_STDOUT_RING] __attribute__((aligned(ASB_PAGE)));
static uint8_t stderr_bytes[ASB_MAX_JOBS][ASB_STDERR_RING] __attribute__((aligned(ASB_PAGE)));
static char commands[ASB_MAX_JOBS][ASB_AUDIT_TEXT] __attribute__((aligned(ASB_PAGE)));

void asb_job_init(void)
{
	asb_memory_private(stdin_bytes, sizeof(stdin_bytes));
	asb_memory_private(stdout_bytes, sizeof(stdout_bytes));
	asb_memory_private(stderr_bytes, sizeof(stderr_bytes));
	asb_memory_private(commands, sizeof(commands));
}

struct asb_job *asb_job_at(int i)
{
	return &jobs[i];
}

bool asb_job_any(void)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		if (jobs[i].state != ASB_JOB_FREE)
			return true;
	}
	return false;
}

struct asb_job *asb_job_find(const struct asb_session *session, uint32_t channel)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		if (jobs[i].state != ASB_JOB_FREE && jobs[i].session == session &&
		    jobs[i].channel == channel)
			return &jobs[i];
	}
	return NULL;
}

struct asb_job *asb_job_find_id(const struct asb_session *session, const uint8_t id[ASB_ID_LEN])
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		if (jobs[i].state != ASB_JOB_FREE && jobs[i].session == session &&
		    memcmp(jobs[i].id, id, ASB_ID_LEN) == 0)
			return &jobs[i];
	}
	return NULL;
}

struct asb_job *asb_job_of_tree(const struct asb_tree *tree)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		if (jobs[i].state != ASB_JOB_FREE && jobs[i].tree == tree)
			return &jobs[i];
	}
	return NULL;
}

struct asb_audit_job asb_job_audit(const struct asb_job *job)
{
	return (struct asb_audit_job){.session = job->session_id,
				      .id = job->id,
				      .command = job->command,
				      .pid = job->pid};
}

static void audit_end(struct asb_job *job)
{
	const struct asb_audit_job what = asb_job_audit(job);
	const struct asb_audit_end end = {.status = job->verdict.status,
					  .timed_out = job->timed_out,
					  .oom = job->oom,
					  .shutdown = job->shutdown,
					  .stdin_bytes = job->in.written,
					  .stdout_bytes = job->out.ring.end,
					  .stderr_bytes = job->err.ring.end,
					  .duration_ns = job->verdict.duration_ns};

	if (job->audited || !job->verdict.known)
		return;
	job->audited = true;
	asb_audit_finish(&what, &end);
}

static void give_back(const struct asb_ring *ring)
{
	if (ring->end > 0)
		asb_memory_give_back(ring->bytes, ring->size);
}

void asb_job_close_streams(struct asb_job *job)
{
	asb_input_stop(&job->in);
	asb_output_close(&job->out);
	asb_output_close(&job->err);
	asb_watch_close(&job->report);
	asb_timer_stop(&job->timeout);
	asb_timer_stop(&job->quiet);
}

void asb_job_release(struct asb_job *job)
{
	audit_end(job);
	asb_job_close_streams(job);
	asb_tree_let_go(job->tree);
	give_back(&job->in.ring);
	give_back(&job->out.ring);
	give_back(&job->err.ring);
	job->state = ASB_JOB_FREE;
	job->session = NULL;
}

static void timeout_fired(struct asb_timer *timer)
{
	struct asb_job *job = timer->owner;

	/* With no process left the command was in time; only what it said is still on its way. */
	if (job->tree == NULL)
		return;
	job->timed_out = true;
	asb_tree_end(job->tree);
}

/* A full ring is not silence: the client has to take something first. */
static bool is_held(const struct asb_job *job)
{
	return (asb_watch_is_open(&job->out.watch) && job->out.full) ||
	       (asb_watch_is_open(&job->err.watch) && job->err.full);
}

static void quiet_fired(struct asb_timer *timer)
{
	struct asb_job *job = timer->owner;
	int64_t last = job->out.active > job->err.active ? job->out.active : job->err.active;
	int64_t silent_ms = (asb_now() - last) / 1000000;

	if (is_held(job))
		return;
	if (silent_ms < ASB_DRAIN_MS) {
		asb_timer_arm(timer, (uint64_t)(ASB_DRAIN_MS - silent_ms));
		return;
	}
	/* Whoever still holds the pipes writes into the void from here on, as after a closed
	 * terminal. */
	asb_output_close(&job->out);
	asb_output_close(&job->err);
}

static struct asb_job *find_free(void)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		struct asb_job *job = &jobs[i];

		if (job->state != ASB_JOB_FREE)
			continue;
		*job = (struct asb_job){
			.in.ring = {.bytes = stdin_bytes[i], .size = ASB_STDIN_RING},
			.out.ring = {.bytes = stdout_bytes[i], .size = ASB_STDOUT_RING},
			.err.ring = {.bytes = stderr_bytes[i], .size = ASB_STDERR_RING},
			.command = commands[i],
			.timeout = {.fire = timeout_fired, .owner = job},
			.quiet = {.fire = quiet_fired, .owner = job},
		};
		return job;
	}
	return NULL;
}

/* Hands the pipes to their watches; those that found no place are closed, which the command sees as
 * an end of file. */
static void connect_streams(struct asb_job *job, const struct asb_spec *spec,
			    const struct asb_spawned *spawned)
{
	if (asb_input_open(&job->in, spawned->stdin_fd) < 0)
		(void)close(spawned->stdin_fd);
	if (asb_output_open(&job->out, ASB_STDOUT, spawned->stdout_fd, spec->stdout_limit) < 0)
		(void)close(spawned->stdout_fd);
	if (asb_output_open(&job->err, ASB_STDERR, spawned->stderr_fd, spec->stderr_limit) < 0)
		(void)close(spawned->stderr_fd);
	asb_verdict_watch(job, spawned->report);
}

int asb_job_start(struct asb_session *session, const uint8_t *session_id, uint32_t channel,
		  const uint8_t id[ASB_ID_LEN], const struct asb_spec *spec,
		  struct asb_refusal *why)
{
	struct asb_job *job = find_free();
	struct asb_spawned spawned;

	if (job == NULL || asb_tree_full()) {
		*why = (struct asb_refusal){ASB_FAILED_BUSY, 0, "no free job"};
		return -1;
	}
	job->oom_before = asb_oom_kills();
	job->started_ns = asb_now();
	if (asb_spawn(spec, &spawned) < 0) {
		*why = (struct asb_refusal){ASB_FAILED_SYSTEM, errno, "cannot start a process"};
		return -1;
	}
	asb_tree_new(&job->tree, spawned.keeper, session, spec->grace_ms);
	connect_streams(job, spec, &spawned);
	job->state = ASB_JOB_STARTING;
	job->session = session;
	job->session_id = session_id;
	job->channel = channel;
	memcpy(job->id, id, ASB_ID_LEN);
	asb_audit_describe(spec, job->command);
	if (spec->timeout_ms > 0)
		asb_timer_arm(&job->timeout, spec->timeout_ms);
	return 0;
}

void asb_job_again(struct asb_job *job)
{
	if (job->state == ASB_JOB_TOLD)
		job->state = ASB_JOB_ENDED;
	else if (job->state == ASB_JOB_RUNNING || job->state == ASB_JOB_ENDED)
		job->say_started = true;
}

void asb_job_signal(struct asb_job *job, int number)
{
	asb_verdict_read(job);
	if (job->state == ASB_JOB_STARTING && number < 64)
		job->pending_signals |= UINT64_C(1) << number;
	else if (job->state == ASB_JOB_RUNNING && job->tree != NULL)
		asb_tree_signal(job->tree, number);
}

void asb_job_acknowledge(struct asb_job *job)
{
	if (job->state == ASB_JOB_TOLD)
		asb_job_release(job);
}

/* A tree that is being killed is waited for: the record of a timeout says that nothing is left. */
static bool tree_is_settled(const struct asb_job *job)
{
	return job->tree == NULL || job->tree->phase == ASB_TREE_LIVE;
}

static void wait_for_silence(struct asb_job *job)
{
	bool open = asb_watch_is_open(&job->out.watch) || asb_watch_is_open(&job->err.watch);

	if (open && !is_held(job) && !job->quiet.armed)
		asb_timer_arm(&job->quiet, ASB_DRAIN_MS);
	if (open || !tree_is_settled(job))
		return;
	asb_timer_stop(&job->quiet);
	asb_timer_stop(&job->timeout);
	job->state = ASB_JOB_ENDED;
	audit_end(job);
}

void asb_job_settle(void)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		struct asb_job *job = &jobs[i];

		if (job->state != ASB_JOB_STARTING && job->state != ASB_JOB_RUNNING)
			continue;
		asb_input_settle(&job->in);
		asb_output_settle(&job->out);
		asb_output_settle(&job->err);
		asb_verdict_settle(job);
		if (job->verdict.known)
			wait_for_silence(job);
	}
}

bool asb_job_clear(const struct asb_session *session)
{
	bool left = false;

	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		struct asb_job *job = &jobs[i];

		if (job->state == ASB_JOB_FREE || job->session != session)
			continue;
		if (job->tree == NULL)
			asb_job_release(job);
		else
			left = true;
	}
	return left;
}

void asb_job_shutdown(void)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		if (jobs[i].state == ASB_JOB_STARTING || jobs[i].state == ASB_JOB_RUNNING)
			jobs[i].shutdown = true;
	}
}
