/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - `run`: a sandbox of its own for one command. */
#include "plugin/commands/run.h"

/* 0, or -1: interrupted or err. */
static int go_through(struct asb_run *run, const struct asb_context *context, struct asb_error *err)
{
	const struct asb_sandbox_hooks hooks = asb_run_hooks(run);

	if (asb_run_open(run, context, err) != 0)
		return -1;
	run->sandbox = asb_sandbox_new(run->http, &run->plan.sandbox, &hooks);
	return asb_run_start(run, ASB_SANDBOX_RUNNING, err) != 0 ? -1 : asb_run_converse(run, err);
}

static void say_kept(struct asb_run *run)
{
	ASB_TEXT text = NULL;

	if (run->sandbox == NULL || !run->plan.sandbox.keep || !run->outcome.began)
		return;
	text = asb_strf("delete sandbox %s with: kubectl -n %s delete %s %s",
			asb_sandbox_name(run->sandbox), run->plan.sandbox.namespace_,
			asb_sandbox_noun(run->sandbox), asb_sandbox_name(run->sandbox));
	asb_progress_note(&run->progress, "note", text);
}

static int run_run(const struct asb_context *context, const void *values,
		   const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_run run = {.interrupts.fd = -1};
	int status;

	if (asb_run_plan_init(&run.plan, context, values, operands, err) != 0) {
		asb_run_plan_release(&run.plan);
		return -1;
	}
	status = go_through(&run, context, err);
	asb_run_clean_up(&run);
	say_kept(&run);
	status = asb_run_conclude(&run, status, err);
	asb_run_release(&run);
	return status;
}

const struct asb_command asb_command_run = {
	.name = "run",
	.summary = "Runs one command in a sandbox of its own",
	.usage = "run [options] \"LINE\"\n"
		 "run [options] -- PROGRAM [ARG...]",
	.description =
		"Creates a Sandbox, runs the command in it, shows its output as it comes, deletes "
		"the Sandbox and ends with the command's own exit status. LINE is one operand, a "
		"line for bash (or sh) in the sandbox; PROGRAM is run as it is, without a shell.\n"
		"Nothing of the local machine gets in by itself: no file, no variable, and stdin "
		"only with -i; -it gives the command a terminal (see exec). The first Ctrl-C goes "
		"to the command, a second one ends everything at once. A connection that is lost "
		"is made again, for two minutes, and the command goes on: no byte of its input or "
		"output is lost, and it runs once. Whatever happens to this program, the Sandbox "
		"ends when its lease runs out.\n"
		"Exit status: that of the command; 128+n when signal n killed it, 124 when "
		"--timeout was reached, 126 when the program can't be executed, 127 when there is "
		"none, 125 when the plugin failed or no exit status was received, 2 when the "
		"command line can't be understood.",
	.examples = "run \"kubectl get pods -A\"\n"
		    "run -it -- bash\n"
		    "run --timeout 30s --env TEAM=blue -- printenv TEAM\n"
		    "run -i -- jq .items <report.json",
	.options = asb_run_options,
	.values_size = sizeof(struct asb_run_values),
	.defaults = &asb_run_defaults,
	.settings = true,
	.run = run_run,
};
