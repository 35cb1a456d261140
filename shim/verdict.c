/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/verdict.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/limits.h"
#include "shim/oom.h"
#include "shim/reap.h"
#include "shim/report.h"

#define STATUS_KILLED SIGKILL /* a wait status: killed, no core */

static void started(struct asb_job *job)
{
	const struct asb_audit_job what = asb_job_audit(job);

	if (job->state != ASB_JOB_STARTING)
		return;
	job->state = ASB_JOB_RUNNING;
	job->say_started = true;
	asb_audit_start(&what);
	for (int number = 1; number < 64 && job->tree != NULL; number++) {
		if ((job->pending_signals >> number & 1) != 0)
			asb_tree_signal(job->tree, number);
	}
	job->pending_signals = 0;
}

/* docs/protocol.md §4: which answer a failed step is. */
static struct asb_refusal refusal_of(int step, int error)
{
	switch (step) {
	case ASB_STEP_CWD:
		return (struct asb_refusal){ASB_FAILED_CWD, error,
					    "cannot enter the working directory"};
	case ASB_STEP_FORK:
	case ASB_STEP_STDIO:
		return (struct asb_refusal){ASB_FAILED_SYSTEM, error, "cannot start a process"};
	default:
		break;
	}
	if (error == E2BIG)
		return (struct asb_refusal){ASB_FAILED_SYSTEM, error,
					    "arguments and environment are too large, or one of "
					    "them is longer than 128 KiB"};
	if (error == ENOMEM || error == EAGAIN || error == ENFILE || error == EMFILE ||
	    error == EIO)
		return (struct asb_refusal){ASB_FAILED_SYSTEM, error, "cannot execute the program"};
	if (step == ASB_STEP_SHELL)
		return (struct asb_refusal){ASB_FAILED_NO_SHELL, error,
					    "neither bash nor sh can be executed"};
	if (error == ENOENT || error == ENOTDIR)
		return (struct asb_refusal){ASB_FAILED_NOT_FOUND, error, "program not found"};
	return (struct asb_refusal){ASB_FAILED_NOT_EXECUTABLE, error,
				    "the program cannot be executed"};
}

static void failed(struct asb_job *job, int step, int error)
{
	const struct asb_audit_job what = asb_job_audit(job);

	job->refusal = refusal_of(step, error);
	job->state = ASB_JOB_FAILED;
	job->say_failed = true;
	job->in.say_stop = false;
	asb_audit_failed(&what, job->refusal.text);
	/* The keeper reaps what was to be the command and leaves. */
	if (job->tree != NULL)
		asb_tree_command_died(job->tree);
	asb_tree_let_go(job->tree);
	asb_job_close_streams(job);
}

static void ended(struct asb_job *job, const struct asb_report *report)
{
	if (job->verdict.known || job->state == ASB_JOB_FAILED)
		return;
	started(job);
	job->verdict = (struct asb_verdict){.known = true,
					    .status = report->value,
					    .duration_ns = report->duration_ns,
					    .user_us = report->user_us,
					    .system_us = report->system_us,
					    .maxrss_kib = report->maxrss_kib};
	job->oom = WIFSIGNALED(report->value) && WTERMSIG(report->value) == SIGKILL &&
		   asb_oom_kills() > job->oom_before;
	job->out.active = asb_now();
	job->err.active = job->out.active;
	asb_input_stop(&job->in);
	if (job->tree != NULL)
		asb_tree_command_died(job->tree);
}

static void take_report(struct asb_job *job, const struct asb_report *report)
{
	switch (report->kind) {
	case ASB_REPORT_PID:
		job->pid = report->value;
		if (job->tree != NULL) {
			job->tree->command = job->pid;
			job->tree->group = job->pid;
		}
		break;
	case ASB_REPORT_EXECED:
		started(job);
		break;
	case ASB_REPORT_FAILED:
		failed(job, report->value, report->error);
		break;
	case ASB_REPORT_EXITED:
		ended(job, report);
		break;
	default:
		break;
	}
}

void asb_verdict_read(struct asb_job *job)
{
	while (asb_watch_is_open(&job->report)) {
		struct asb_report report;
		ssize_t n = read(job->report.fd, &report, sizeof(report));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n == (ssize_t)sizeof(report))
			take_report(job, &report);
		else
			asb_watch_close(&job->report);
	}
}

static void report_ready(struct asb_watch *watch, short events)
{
	(void)events;
	asb_verdict_read(watch->owner);
}

void asb_verdict_watch(struct asb_job *job, int fd)
{
	if (asb_watch_open(&job->report, fd, report_ready, job) < 0)
		(void)close(fd);
	else
		asb_watch_want(&job->report, POLLIN);
}

/* The verdict when PID 1 itself has to give it. */
static void ended_here(struct asb_job *job, int status, const struct rusage *usage)
{
	struct asb_report report;

	asb_reap_verdict(&report, status, usage);
	report.duration_ns = (uint64_t)(asb_now() - job->started_ns);
	ended(job, &report);
}

/*
 * A keeper is gone. Normally it has reported everything. If it was killed, its command is PID 1's
 * own child by now, alive or a zombie that will be reaped next; if it is not, its status died with
 * the keeper.
 */
static void keeper_died(struct asb_tree *tree, bool by_signal)
{
	const struct rusage nothing = {.ru_maxrss = 0};
	struct asb_job *job = asb_job_of_tree(tree);

	if (job != NULL)
		asb_verdict_read(job);
	if (job != NULL && job->state != ASB_JOB_FAILED && !job->verdict.known) {
		if (asb_reap_is_child(job->pid))
			started(job);
		else
			ended_here(job, STATUS_KILLED, &nothing);
	}
	asb_tree_keeper_died(tree, by_signal);
}

static void command_died(struct asb_tree *tree, int status, const struct rusage *usage)
{
	struct asb_job *job = asb_job_of_tree(tree);

	if (job != NULL)
		ended_here(job, status, usage);
	else
		asb_tree_command_died(tree);
}

void asb_verdict_child_changed(pid_t pid, int status, const struct rusage *usage)
{
	struct asb_tree *tree = asb_tree_of_keeper(pid);

	if (WIFSTOPPED(status)) {
		/* A command may stop its keeper, and nobody would tell us of its end. */
		if (tree != NULL)
			(void)kill(pid, SIGCONT);
		return;
	}
	if (tree != NULL) {
		keeper_died(tree, WIFSIGNALED(status));
		return;
	}
	/* A command can die, come to us and be reaped before its pid was read; an unknown pid may
	 * be it. */
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		struct asb_job *job = asb_job_at(i);

		if (job->state == ASB_JOB_STARTING && job->pid == 0)
			asb_verdict_read(job);
	}
	tree = asb_tree_of_command(pid);
	if (tree != NULL)
		command_died(tree, status, usage);
}

void asb_verdict_settle(struct asb_job *job)
{
	const struct rusage nothing = {.ru_maxrss = 0};

	/* Nobody is left to tell: what survived KILL is stuck in the kernel and never returns from
	 * there. */
	if (job->tree == NULL && !job->verdict.known)
		ended_here(job, STATUS_KILLED, &nothing);
}
