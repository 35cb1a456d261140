/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shim/limits.h"
#include "shim/oom.h"
#include "shim/pty.h"
#include "shim/session.h"
#include "shim/spawn.h"
#include "shim/verdict.h"

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

/* Hands the pipes to their watches; those that found no place are closed, which the command sees as
 * an end of file. */
static void connect_streams(struct asb_job *job, const struct asb_spec *spec,
			    const struct asb_spawned *spawned)
{
	if (asb_input_open(&job->in, spawned->stdin_fd, spec->has_pty) < 0)
		(void)close(spawned->stdin_fd);
	if (asb_output_open(&job->out, ASB_STDOUT, spawned->stdout_fd, spec->stdout_limit) < 0)
		(void)close(spawned->stdout_fd);
	if (asb_output_open(&job->err, ASB_STDERR, spawned->stderr_fd, spec->stderr_limit) < 0)
		(void)close(spawned->stderr_fd);
	asb_verdict_watch(job, spawned->report);
}

static void expiry_fired(struct asb_timer *timer)
{
	asb_job_expire(timer->owner);
}

static uint64_t since_1970_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void detach(struct asb_job *job, const struct asb_spec *spec)
{
	job->detached = true;
	job->keep_ms = spec->keep_ms;
	job->expiry = (struct asb_timer){.fire = expiry_fired, .owner = job};
	job->tree->session = NULL;
	asb_output_keep(&job->out, spec->drops);
	asb_output_keep(&job->err, spec->drops);
}

int asb_run_start(struct asb_session *session, uint32_t channel, const uint8_t id[ASB_ID_LEN],
		  const struct asb_spec *spec, struct asb_refusal *why)
{
	struct asb_job *job = asb_job_place();
	struct asb_spawned spawned;

	if (job == NULL || asb_tree_full()) {
		*why = (struct asb_refusal){ASB_FAILED_BUSY, 0, "no free job"};
		return -1;
	}
	job->oom_before = asb_oom_kills();
	job->started_ns = asb_now();
	job->started_ms = since_1970_ms();
	if (asb_spawn(spec, &spawned) < 0) {
		*why = (struct asb_refusal){ASB_FAILED_SYSTEM, errno, spawned.failed};
		return -1;
	}
	job->timeout = (struct asb_timer){.fire = timeout_fired, .owner = job};
	job->quiet = (struct asb_timer){.fire = quiet_fired, .owner = job};
	asb_tree_new(&job->tree, spawned.keeper, session, spec->grace_ms);
	connect_streams(job, spec, &spawned);
	job->state = ASB_JOB_STARTING;
	if (spec->detached)
		detach(job, spec);
	memcpy(job->session_id, session->id, ASB_ID_LEN);
	asb_job_join(job, session, channel);
	memcpy(job->id, id, ASB_ID_LEN);
	asb_job_describe(job, spec);
	if (spec->timeout_ms > 0)
		asb_timer_arm(&job->timeout, spec->timeout_ms);
	return 0;
}

void asb_run_again(struct asb_job *job)
{
	job->say_failed = job->state == ASB_JOB_FAILED;
	if (job->state == ASB_JOB_TOLD)
		job->state = ASB_JOB_ENDED;
	else if (job->state == ASB_JOB_RUNNING || job->state == ASB_JOB_ENDED)
		job->say_started = true;
}

/* On a terminal whoever is in the foreground is meant, as with its keys. KILL means the command. */
static void send_signal(struct asb_job *job, int number)
{
	bool terminal = job->in.terminal && asb_watch_is_open(&job->in.watch);
	bool sent = terminal && asb_pty_signal(job->in.watch.fd, number);

	if (!sent || number == SIGKILL)
		asb_tree_signal(job->tree, number);
}

void asb_run_signal(struct asb_job *job, int number)
{
	asb_verdict_read(job);
	if (job->state == ASB_JOB_STARTING && number < 64)
		job->pending_signals |= UINT64_C(1) << number;
	else if (job->state == ASB_JOB_RUNNING && job->tree != NULL)
		send_signal(job, number);
}

void asb_run_resize(struct asb_job *job, struct asb_pty_size size)
{
	if (job->in.terminal && asb_watch_is_open(&job->in.watch))
		asb_pty_resize(job->in.watch.fd, size);
}

void asb_run_acknowledge(struct asb_job *job)
{
	if (!job->told)
		return;
	if (job->detached && job->state != ASB_JOB_FAILED)
		asb_job_let_go(job);
	else
		asb_job_release(job);
}

void asb_run_end(struct asb_job *job)
{
	if (job->tree != NULL)
		asb_tree_end(job->tree);
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
	job->ended_ns = asb_now();
	if (job->detached)
		asb_timer_arm(&job->expiry, job->keep_ms);
	asb_job_audit_end(job);
}

/* A client that reads slowly is waited for; one that is not there can't be. */
static bool may_spool(const struct asb_job *job)
{
	return job->detached || job->session->conn == NULL;
}

void asb_run_settle(void)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		struct asb_job *job = asb_job_at(i);

		/* A detached one whose client did not wait for the answer. */
		if (job->state == ASB_JOB_FAILED && job->session == NULL)
			asb_job_release(job);
		if (job->state != ASB_JOB_STARTING && job->state != ASB_JOB_RUNNING)
			continue;
		/* A terminal that nobody looks at any more hangs up, as a pipe breaks. */
		if (job->in.terminal && job->out.stopped)
			asb_input_stop(&job->in);
		job->out.spools = job->err.spools = may_spool(job);
		asb_input_settle(&job->in);
		asb_output_settle(&job->out);
		asb_output_settle(&job->err);
		asb_verdict_settle(job);
		if (job->verdict.known)
			wait_for_silence(job);
	}
}

void asb_run_shutdown(void)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		struct asb_job *job = asb_job_at(i);

		if (job->state == ASB_JOB_STARTING || job->state == ASB_JOB_RUNNING)
			job->shutdown = true;
	}
}
