/* SPDX-License-Identifier: Apache-2.0 */
/* converse.c - the middle of `run`: one job, from the exec stream to its exit status. */
#include <string.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/options.h"
#include "plugin/commands/attach.h"
#include "plugin/commands/connection.h"
#include "plugin/commands/run.h"

#define EARLY_MS 3000
#define LONG_LOSS_MS 5000

static const char *name_of(const struct asb_run *run)
{
	return run->sandbox != NULL ? asb_sandbox_name(run->sandbox) : run->plan.sandbox.name;
}

static void on_started(void *context)
{
	struct asb_run *run = context;

	run->outcome.began = true;
	asb_timeline_enter(&run->outcome.timeline, ASB_RUN_RUN);
	if (run->began != NULL)
		run->began(run->began_context);
	if (run->terminal != NULL) {
		asb_progress_finish(&run->progress);
		asb_terminal_enter(run->terminal, run->job);
		run->progress.raw = true;
		return;
	}
	asb_progress_show(&run->progress, "sandbox %s: running", name_of(run));
}

static void on_output(void *context)
{
	struct asb_run *run = context;

	if (run->streams == NULL) /* else nobody but us writes to the terminal */
		asb_progress_finish(&run->progress);
}

/* Lost for longer: that is worth a word, also to who has read output since. */
static void note_loss(struct asb_run *run, const char *cause)
{
	char length[32];
	ASB_TEXT text = asb_strf(
		"the connection to sandbox %s is lost (%s); trying again for up to %s",
		asb_sandbox_name(run->sandbox), cause, asb_duration_format(ASB_LEASE_MS, length));

	asb_progress_note(&run->progress, "note", text);
	run->loss_noted = true;
}

/* That a connection is lost and made again at once is worth none. */
static void on_changed(void *context, const struct asb_error *why)
{
	struct asb_run *run = context;
	const char *name = name_of(run);

	if (why == NULL) {
		asb_progress_show(&run->progress, "sandbox %s: connected again", name);
		if (run->loss_noted)
			asb_progress_note(&run->progress, "note", "connected again");
		if (run->loss_noted && run->terminal != NULL)
			asb_job_signal(run->job, "WINCH"); /* what we said is drawn over */
		run->lost_ms = 0;
		run->loss_noted = false;
		return;
	}
	asb_progress_show(&run->progress, "sandbox %s: connection lost, trying again (%s)", name,
			  why->message);
	if (run->lost_ms == 0)
		run->lost_ms = asb_monotonic_ms();
	else if (!run->loss_noted && asb_poll_timeout(run->lost_ms + LONG_LOSS_MS) == 0)
		note_loss(run, why->message);
}

static void on_turn(void *context)
{
	const struct asb_run *run = context;

	run->streams->turn(run->streams->context);
}

/* The command talks to other descriptors than 0, 1 and 2. */
static void set_other_streams(const struct asb_run *run, struct asb_attach *attach)
{
	asb_stream_in_init(&attach->in, run->plan.stdin_ ? run->streams->fds[ASB_STDIN] : -1);
	asb_stream_out_init(&attach->outs[0], run->streams->fds[ASB_STDOUT], ASB_STDOUT);
	asb_stream_out_init(&attach->outs[1], run->streams->fds[ASB_STDERR], ASB_STDERR);
	attach->turn = on_turn;
}

/* With -o json stdout belongs to the object. */
static void set_streams(struct asb_run *run, struct asb_attach *attach)
{
	if (run->streams != NULL) {
		set_other_streams(run, attach);
		return;
	}
	attach->terminal = run->terminal;
	asb_stream_in_init(&attach->in,
			   run->plan.stdin_ && run->terminal == NULL ? STDIN_FILENO : -1);
	asb_stream_out_init(&attach->outs[0], run->plan.json ? STDERR_FILENO : STDOUT_FILENO,
			    ASB_STDOUT);
	asb_stream_out_init(&attach->outs[1], STDERR_FILENO, ASB_STDERR);
}

static void release_streams(struct asb_attach *attach)
{
	asb_stream_in_release(&attach->in);
	asb_stream_out_release(&attach->outs[0]);
	asb_stream_out_release(&attach->outs[1]);
}

/* What is known about the job now, for the report. */
static void note_job(struct asb_run *run, const struct asb_connection *connection,
		     const struct asb_attach *attach)
{
	const struct asb_job_view *view = asb_job_view(attach->job);
	struct asb_outcome *outcome = &run->outcome;
	uint64_t sent, received;

	outcome->ended = view->state == ASB_JOB_ENDED;
	outcome->record = view->record;
	outcome->bytes[ASB_STDIN] =
		attach->in.bytes + (attach->terminal == NULL ? 0 : attach->terminal->bytes);
	outcome->bytes[ASB_STDOUT] = view->received[ASB_STDOUT];
	outcome->bytes[ASB_STDERR] = view->received[ASB_STDERR];
	asb_session_traffic(connection->session, &sent, &received);
	outcome->wire_sent = sent;
	outcome->wire_received = received;
	outcome->reconnects = asb_session_resumptions(connection->session);
}

/* No exit record: whatever the stream's end looked like, that is a failure. `err` says how it was
 * noticed. */
static int explain_loss(struct asb_run *run, const struct asb_attach *attach, struct asb_error *err)
{
	bool from_sandbox = asb_failed(&attach->failed);
	struct asb_error pod = ASB_ERROR_INIT;
	ASB_TEXT cause = asb_strdup(err->message);
	int status;

	if (from_sandbox && err->status != ASB_STATUS_PLUGIN)
		return -1;
	if (from_sandbox || run->sandbox == NULL)
		return asb_wrap(err, "no exit status was received");
	status = asb_sandbox_post_mortem(run->sandbox, &pod);
	if (status == ASB_STATUS_PLUGIN)
		asb_fail(err, "%s (%s)", pod.message, cause);
	else
		asb_fail(err, "%s", pod.message);
	err->status = status;
	if (pod.hint[0] != '\0')
		return asb_hint(err, "%s", pod.hint);
	if (run->outcome.began)
		asb_hint(err, "the command may have done a part of its work: look before you run "
			      "it again");
	return -1;
}

/* The session has ended without an exit record. */
static int judge_loss(struct asb_run *run, const struct asb_attach *attach, struct asb_error *err)
{
	if (asb_failed(&attach->failed))
		return explain_loss(run, attach, err);
	if (asb_connection_explain(attach->connection, err) != ASB_WAY_LOST &&
	    !asb_session_ready(attach->connection->session))
		return -1;
	return explain_loss(run, attach, err);
}

/* Opens the sandbox of a shortcut after all, to be asked. -1: that can't be done, which tells why
 * it was stopped. */
static int open_to_ask(struct asb_run *run, bool stopped, struct asb_error *err)
{
	struct asb_error why = ASB_ERROR_INIT;
	int own = err->status;

	if (run->sandbox != NULL || run->shortcut->leave(run, &why) == 0)
		return 0;
	if (stopped) {
		asb_wrap(&why, "%s", err->message);
		*err = why;
		err->status = own;
	}
	return -1;
}

/* From the exit record to its status, with what the sandbox can tell about the reason. */
static int take_end(struct asb_run *run, const struct asb_job_view *view, struct asb_error *err)
{
	const struct asb_exit_record *record = &view->record;
	int status = asb_outcome_of_job(view, &run->plan.job, err);
	bool ended = view->state == ASB_JOB_ENDED && asb_failed(err);
	bool oom = ended && record->oom_killed && !record->timed_out;
	bool stopped = ended && record->shutdown;

	if ((!oom && !stopped) || open_to_ask(run, stopped, err) != 0)
		return status;
	if (stopped)
		asb_sandbox_explain_shutdown(run->sandbox, err);
	if (oom)
		asb_sandbox_explain_oom(run->sandbox, err);
	return status;
}

/* Runs the job over that connection. */
static int go_through(struct asb_run *run, struct asb_connection *connection, struct asb_error *err)
{
	struct asb_attach attach = {
		.http = run->http,
		.sandbox = run->sandbox,
		.connection = connection,
		.interrupts = &run->interrupts,
		.started = on_started,
		.output = on_output,
		.context = run,
	};
	struct asb_job_spec spec = run->plan.job;
	enum asb_attach_end end;

	if (run->terminal != NULL)
		asb_terminal_describe(run->terminal, &spec);
	run->job = attach.job = asb_job_start(connection->session, &spec, err);
	if (attach.job == NULL)
		return -1;
	set_streams(run, &attach);
	run->attach = &attach;
	end = asb_attach_run(&attach, err);
	run->attach = NULL;
	if (run->terminal != NULL)
		asb_terminal_leave(run->terminal);
	run->progress.raw = false;
	note_job(run, connection, &attach);
	release_streams(&attach);
	if (end != ASB_ATTACH_LOST && (run->lasts || run->plan.sandbox.keep))
		asb_connection_bye(connection);
	switch (end) {
	case ASB_ATTACH_ENDED:
		run->outcome.status = take_end(run, asb_job_view(attach.job), err);
		return 0;
	case ASB_ATTACH_LOST:
		return judge_loss(run, &attach, err);
	case ASB_ATTACH_INTERRUPTED:
		run->outcome.signal = attach.signal;
		return -1;
	case ASB_ATTACH_FAILED:
		break;
	}
	return -1;
}

struct asb_way asb_run_way(struct asb_run *run, const char *pod, bool early)
{
	struct asb_exec *prepared = run->prepared;

	run->prepared = NULL;
	return asb_way_exec(&run->kubeconfig, run->sandbox, run->plan.sandbox.namespace_, pod,
			    early, prepared);
}

bool asb_run_has_command(const struct asb_run *run)
{
	return run->plan.job.line != NULL || run->plan.job.argv != NULL;
}

int asb_run_prepare_stream(struct asb_run *run, struct asb_error *err)
{
	struct asb_error ignored = ASB_ERROR_INIT; /* it is tried again when it counts */

	/* Credentials are had once and for all, or the whole run fails for them. */
	if (asb_kubeconfig_authenticate(&run->kubeconfig, err) != 0)
		return -1;
	run->prepared = asb_exec_prepare(&run->kubeconfig, &ignored);
	return 0;
}

void asb_run_connect_early(struct asb_run *run, const char *pod)
{
	struct asb_error ignored = ASB_ERROR_INIT; /* it is tried again when it counts */
	struct asb_way way;

	if (!asb_run_has_command(run) || pod == NULL || run->early_pod != NULL ||
	    run->shortcut != NULL)
		return;
	run->early_pod = asb_strdup(pod);
	run->early_ms = asb_monotonic_ms();
	way = asb_run_way(run, pod, true);
	asb_connection_open(&run->early, &way, &ignored);
}

/* One that was opened early will do if it leads to the right pod. An old one may be stale. */
static int open_connection(struct asb_run *run, struct asb_connection *connection,
			   struct asb_error *err)
{
	const char *pod;
	struct asb_way way;

	if (run->shortcut != NULL) {
		asb_progress_show(&run->progress,
				  "sandbox %s: connecting, by a stream that is held", name_of(run));
		return asb_connection_open(connection, &run->shortcut->way, err);
	}
	pod = asb_sandbox_pod(run->sandbox);
	if (run->early.session != NULL && strcmp(run->early_pod, pod) == 0 &&
	    asb_poll_timeout(run->early_ms + EARLY_MS) > 0) {
		*connection = run->early;
		run->early = (struct asb_connection){0};
		return 0;
	}
	way = asb_run_way(run, pod, false);
	return asb_connection_open(connection, &way, err);
}

int asb_run_converse(struct asb_run *run, struct asb_error *err)
{
	struct asb_connection *connection = &run->connection;
	struct asb_terminal terminal;
	int rc;

	asb_terminal_init(&terminal, STDIN_FILENO);
	run->terminal = run->plan.job.tty ? &terminal : NULL;
	if (open_connection(run, connection, err) != 0)
		return -1;
	connection->give_up_ms = run->give_up_ms;
	connection->changed = on_changed;
	connection->context = run;
	rc = go_through(run, connection, err);
	run->terminal = NULL;
	return rc;
}
