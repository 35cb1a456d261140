/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/job.h"

#include <string.h>

#include "shim/limits.h"
#include "shim/memory.h"
#include "shim/session.h"

static struct asb_job jobs[ASB_MAX_JOBS];

/* Storage of the jobs, apart from them so that whole pages can be given back. */
static uint8_t (*stdin_bytes)[ASB_STDIN_RING];
static uint8_t (*stdout_bytes)[ASB_STDOUT_RING];
static uint8_t (*stderr_bytes)[ASB_STDERR_RING];
static char (*commands)[ASB_AUDIT_TEXT];

static void (*tell_gone)(int conn, const uint8_t id[ASB_ID_LEN]);

int asb_job_init(void)
{
	stdin_bytes = asb_memory_private_table(ASB_MAX_JOBS * sizeof(*stdin_bytes));
	stdout_bytes = asb_memory_private_table(ASB_MAX_JOBS * sizeof(*stdout_bytes));
	stderr_bytes = asb_memory_private_table(ASB_MAX_JOBS * sizeof(*stderr_bytes));
	commands = asb_memory_private_table(ASB_MAX_JOBS * sizeof(*commands));
	return stdin_bytes == NULL || stdout_bytes == NULL || stderr_bytes == NULL ||
			       commands == NULL
		       ? -1
		       : 0;
}

void asb_job_on_gone(void (*gone)(int conn, const uint8_t id[ASB_ID_LEN]))
{
	tell_gone = gone;
}

struct asb_job *asb_job_at(int i)
{
	return &jobs[i];
}

bool asb_job_has_ended(const struct asb_job *job)
{
	return job->state == ASB_JOB_ENDED || job->state == ASB_JOB_TOLD;
}

static bool is_mere_record(const struct asb_job *job)
{
	return job->session == NULL && job->state == ASB_JOB_ENDED;
}

bool asb_job_any(void)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		if (jobs[i].state != ASB_JOB_FREE && !is_mere_record(&jobs[i]))
			return true;
	}
	return false;
}

struct asb_job *asb_job_find(const struct asb_session *session, uint32_t channel)
{
	for (struct asb_job *job = session->first; job != NULL; job = job->next) {
		if (job->channel == channel)
			return job;
	}
	return NULL;
}

struct asb_job *asb_job_find_id(const struct asb_session *session, const uint8_t id[ASB_ID_LEN])
{
	for (struct asb_job *job = session->first; job != NULL; job = job->next) {
		if (memcmp(job->id, id, ASB_ID_LEN) == 0)
			return job;
	}
	return NULL;
}

struct asb_job *asb_job_find_any(const uint8_t id[ASB_ID_LEN])
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		if (jobs[i].state != ASB_JOB_FREE && memcmp(jobs[i].id, id, ASB_ID_LEN) == 0)
			return &jobs[i];
	}
	return NULL;
}

struct asb_job *asb_job_find_detached(const uint8_t id[ASB_ID_LEN])
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		if (jobs[i].state != ASB_JOB_FREE && jobs[i].detached &&
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

void asb_job_describe(struct asb_job *job, const struct asb_spec *spec)
{
	static char text[ASB_AUDIT_TEXT];
	char *to = job->brief;

	asb_audit_describe(spec, text);
	if (strlen(text) >= sizeof(job->brief))
		to = commands[job - jobs];
	memcpy(to, text, strlen(text) + 1);
	job->command = to;
}

struct asb_audit_job asb_job_audit(const struct asb_job *job)
{
	return (struct asb_audit_job){.session = job->session_id,
				      .id = job->id,
				      .command = job->command,
				      .pid = job->pid};
}

void asb_job_audit_end(struct asb_job *job)
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

void asb_job_join(struct asb_job *job, struct asb_session *session, uint32_t channel)
{
	job->session = session;
	job->channel = channel;
	job->next = NULL;
	if (session->first == NULL)
		session->first = job;
	else
		session->last->next = job;
	session->last = job;
	session->job_count++;
}

static void leave(struct asb_job *job)
{
	struct asb_session *session = job->session;
	struct asb_job *before = NULL;

	if (session == NULL)
		return;
	for (struct asb_job *at = session->first; at != job; at = at->next)
		before = at;
	if (before == NULL)
		session->first = job->next;
	else
		before->next = job->next;
	if (session->last == job)
		session->last = before;
	session->job_count--;
	job->session = NULL;
	job->next = NULL;
}

void asb_job_untell(struct asb_job *job)
{
	job->say_failed = job->state == ASB_JOB_FAILED;
	if (job->state == ASB_JOB_FAILED)
		return;
	if (job->state == ASB_JOB_TOLD)
		job->state = ASB_JOB_ENDED;
	/* One that is starting says so when it has. */
	job->say_started = job->state != ASB_JOB_STARTING;
	asb_output_untell(&job->out);
	asb_output_untell(&job->err);
	asb_input_untell(&job->in);
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

/* Whoever waits for its end learns that there will be none. */
static void tell_waiting(struct asb_job *job)
{
	for (int i = 0; i < ASB_MAX_CONNS; i++) {
		if ((job->waiting[i / 8] >> i % 8 & 1) != 0)
			tell_gone(i, job->id);
	}
}

void asb_job_release(struct asb_job *job)
{
	asb_job_audit_end(job);
	asb_job_close_streams(job);
	asb_timer_stop(&job->expiry);
	tell_waiting(job);
	asb_tree_let_go(job->tree);
	if (job->command == commands[job - jobs])
		asb_memory_give_back(commands[job - jobs], ASB_AUDIT_TEXT);
	give_back(&job->in.ring);
	asb_output_release(&job->out);
	asb_output_release(&job->err);
	job->state = ASB_JOB_FREE;
	leave(job);
}

void asb_job_let_go(struct asb_job *job)
{
	leave(job);
	job->attached = false;
	job->told = false;
	job->say_started = false;
	if (job->state == ASB_JOB_TOLD)
		job->state = ASB_JOB_ENDED;
	asb_output_detach(&job->out);
	asb_output_detach(&job->err);
	if (job->expired)
		asb_job_release(job);
}

void asb_job_let_go_all(struct asb_session *session)
{
	struct asb_job *next;

	for (struct asb_job *job = session->first; job != NULL; job = next) {
		next = job->next;
		if (job->detached && job->state != ASB_JOB_FAILED)
			asb_job_let_go(job);
	}
}

void asb_job_expire(struct asb_job *job)
{
	job->expired = true;
	if (job->session == NULL && job->state == ASB_JOB_ENDED)
		asb_job_release(job);
}

/* The places are all taken: what has ended first and nobody reads has to go. */
static void evict(void)
{
	struct asb_job *oldest = NULL;

	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		struct asb_job *job = &jobs[i];

		if (job->state == ASB_JOB_FREE)
			return;
		if (is_mere_record(job) && (oldest == NULL || job->ended_ns < oldest->ended_ns))
			oldest = job;
	}
	if (oldest != NULL)
		asb_job_release(oldest);
}

struct asb_job *asb_job_place(void)
{
	evict();
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		struct asb_job *job = &jobs[i];

		if (job->state != ASB_JOB_FREE)
			continue;
		*job = (struct asb_job){
			.in.ring = {.bytes = stdin_bytes[i], .size = ASB_STDIN_RING},
			.out.ring = {.bytes = stdout_bytes[i], .size = ASB_STDOUT_RING},
			.err.ring = {.bytes = stderr_bytes[i], .size = ASB_STDERR_RING},
			.command = "",
		};
		return job;
	}
	return NULL;
}

bool asb_job_clear(const struct asb_session *session)
{
	struct asb_job *next;

	for (struct asb_job *job = session->first; job != NULL; job = next) {
		next = job->next;
		if (job->tree == NULL)
			asb_job_release(job);
	}
	return session->first != NULL;
}
