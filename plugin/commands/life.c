/* SPDX-License-Identifier: Apache-2.0 */
/* life.c - what commands that wait for a sandbox do alike: from the kubeconfig to the running
 * container, and the end of it all. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/commands/cluster.h"
#include "plugin/commands/run.h"

/* What the user sees and what the clock is called while the sandbox is in a phase. */
static const struct {
	const char *text;
	enum asb_run_phase phase;
} phases[] = {
	[ASB_SANDBOX_CHECKING] = {"checking rights", ASB_RUN_CHECK},
	[ASB_SANDBOX_CREATING] = {"creating", ASB_RUN_CREATE},
	[ASB_SANDBOX_SCHEDULING] = {"waiting for a node", ASB_RUN_SCHEDULE},
	[ASB_SANDBOX_STARTING] = {"starting", ASB_RUN_START},
	[ASB_SANDBOX_RUNNING] = {"connecting", ASB_RUN_CONNECT},
	[ASB_SANDBOX_GONE] = {"deleted", ASB_RUN_DELETE},
};

static void on_phase(void *context, enum asb_sandbox_phase phase)
{
	struct asb_run *run = context;

	/* Once the command was started the clock follows it, not its pod. */
	if (run->outcome.began || run->outcome.timeline.current == ASB_RUN_DELETE)
		return;
	asb_timeline_enter(&run->outcome.timeline, phases[phase].phase);
	asb_progress_show(&run->progress, "sandbox %s: %s", asb_sandbox_name(run->sandbox),
			  phases[phase].text);
}

static void on_notice(void *context, const char *text)
{
	struct asb_run *run = context;

	asb_progress_note(&run->progress, "note", text);
}

bool asb_run_interrupted(struct asb_run *run)
{
	int number = asb_interrupts_take(&run->interrupts);

	if (number != 0)
		run->outcome.signal = number;
	return run->outcome.signal != 0;
}

static void on_promised(void *context, const char *pod)
{
	asb_run_connect_early(context, pod);
}

struct asb_sandbox_hooks asb_run_hooks(struct asb_run *run)
{
	return (struct asb_sandbox_hooks){on_phase, on_notice, run, on_promised};
}

int asb_run_open_locally(struct asb_run *run, const struct asb_context *context,
			 struct asb_error *err)
{
	asb_progress_init(&run->progress, stderr, asb_progress_terminal(STDERR_FILENO),
			  context->verbose, run->plan.quiet);
	if (run->plan.note != NULL)
		asb_progress_note(&run->progress, "note", run->plan.note);
	asb_timeline_enter(&run->outcome.timeline, ASB_RUN_CHECK);
	run->give_up_ms = asb_monotonic_ms() + run->plan.sandbox.ready_timeout_ms;
	if (asb_interrupts_open(&run->interrupts, err) != 0 ||
	    asb_cluster_kubeconfig(context, &run->kubeconfig, err) != 0)
		return -1;
	run->plan.sandbox.inner_namespace = run->kubeconfig.namespace_;
	return 0;
}

int asb_run_open_client(struct asb_run *run, struct asb_error *err)
{
	run->http = asb_http_new(&run->kubeconfig, err);
	if (run->http == NULL)
		return -1;
	/* What waits for a container has time enough later, and the API server little now. */
	return run->lasts && asb_run_has_command(run) ? asb_run_prepare_stream(run, err) : 0;
}

int asb_run_open(struct asb_run *run, const struct asb_context *context, struct asb_error *err)
{
	return asb_run_open_locally(run, context, err) != 0 ? -1 : asb_run_open_client(run, err);
}

/* Nothing has been made yet: whoever waits for a silent API server may leave at any time. */
static int prepare(struct asb_run *run, struct asb_error *err)
{
	int rc;

	asb_http_set_interrupt(run->http, run->interrupts.fd);
	rc = asb_sandbox_prepare(run->sandbox, err);
	asb_http_set_interrupt(run->http, -1);
	return asb_run_interrupted(run) ? -1 : rc;
}

/* While others make the sandbox: the connection, for the moment when its container runs. */
static int use_the_time(struct asb_run *run, struct asb_error *err)
{
	if (run->used_time || run->lasts || run->early_pod != NULL || !asb_run_has_command(run) ||
	    !asb_sandbox_settled(run->sandbox))
		return 0;
	run->used_time = true;
	return asb_run_prepare_stream(run, err);
}

static int wait_for(struct asb_run *run, enum asb_sandbox_phase phase, struct asb_error *err)
{
	while (asb_sandbox_phase(run->sandbox) < phase || !asb_sandbox_settled(run->sandbox)) {
		struct pollfd fd = {.fd = run->interrupts.fd, .events = POLLIN};
		int timeout = asb_sandbox_timeout(run->sandbox);

		if (asb_http_poll(run->http, &fd, 1, timeout, err) != 0 ||
		    asb_run_interrupted(run) || asb_sandbox_step(run->sandbox, err) != 0 ||
		    use_the_time(run, err) != 0)
			return -1;
		asb_run_connect_early(run, asb_sandbox_promised_pod(run->sandbox));
	}
	return 0;
}

int asb_run_start(struct asb_run *run, enum asb_sandbox_phase phase, struct asb_error *err)
{
	if (prepare(run, err) != 0 || asb_sandbox_create(run->sandbox, err) != 0)
		return -1;
	return wait_for(run, phase, err);
}

/* Not the error of the run, which may have gone well; --quiet doesn't hide it. */
static void warn(const struct asb_error *err)
{
	fputs("warning: ", stderr);
	asb_print_safely(stderr, err->message);
	fputs("\nhint: ", stderr);
	asb_print_safely(stderr, err->hint);
	putc('\n', stderr);
}

/* Nothing of a run stays behind, whatever became of it; what can't be deleted now ends by its
 * lease. */
void asb_run_clean_up(struct asb_run *run)
{
	struct asb_error err = ASB_ERROR_INIT;

	if (run->sandbox == NULL)
		return;
	run->pod = asb_strdup(asb_sandbox_pod(run->sandbox));
	asb_interrupts_last_steps(&run->interrupts);
	asb_timeline_enter(&run->outcome.timeline, ASB_RUN_DELETE);
	if (!run->lasts)
		asb_progress_show(&run->progress, "sandbox %s: %s", asb_sandbox_name(run->sandbox),
				  run->plan.sandbox.keep && run->outcome.began ? "keeping"
									       : "deleting");
	if (asb_sandbox_delete(run->sandbox, !run->outcome.began, &err) != 0) {
		asb_progress_clear(&run->progress);
		warn(&err);
	}
	asb_timeline_stop(&run->outcome.timeline);
	asb_progress_clear(&run->progress);
}

static void print_json(const struct asb_run *run, const struct asb_error *err)
{
	const struct asb_sandbox *sandbox = run->sandbox;
	const char *name = run->lasts ? run->plan.sandbox.name : NULL;
	ASB_TEXT text =
		asb_outcome_json(&run->outcome, &run->plan.sandbox,
				 sandbox == NULL ? name : asb_sandbox_name(sandbox), run->pod, err);

	puts(text);
}

void asb_run_release(struct asb_run *run)
{
	asb_connection_close(&run->connection);
	asb_connection_close(&run->early);
	asb_exec_close(run->prepared);
	free(run->early_pod);
	asb_sandbox_free(run->sandbox);
	asb_http_free(run->http);
	asb_kubeconfig_release(&run->kubeconfig);
	asb_interrupts_close(&run->interrupts);
	asb_run_plan_release(&run->plan);
	free(run->pod);
}

/* From what happened to what is reported. */
int asb_run_conclude(struct asb_run *run, int rc, struct asb_error *err)
{
	if (rc != 0)
		run->outcome.status =
			run->outcome.signal != 0 ? 128 + run->outcome.signal : err->status;
	if (rc != 0 && run->outcome.signal != 0)
		asb_error_clear(err);
	if (run->plan.json)
		print_json(run, err);
	if (run->plan.quiet && run->outcome.ended && run->outcome.record.timed_out)
		asb_error_clear(err); /* exit status 124 says it */
	return run->outcome.status;
}
