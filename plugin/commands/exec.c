/* SPDX-License-Identifier: Apache-2.0 */
/* exec.c - `exec`: a command in a sandbox that is there already: one that stays, or, with --pool,
 * one that waits in a warm pool. */
#include "plugin/commands/held.h"
#include "plugin/commands/jobs_attach.h"

/* 0, or -1: interrupted or err. */
static int go_through(struct asb_run *run, struct asb_held *held, const struct asb_context *context,
		      struct asb_error *err)
{
	const struct asb_sandbox_hooks hooks = asb_run_hooks(run);

	if (asb_run_open_locally(run, context, err) != 0)
		return -1;
	if (run->lasts && run->plan.persist && asb_held_find(held, run, context, err) != 0)
		return -1;
	if (run->shortcut != NULL)
		return asb_run_converse(run, err);
	if (asb_run_open_client(run, err) != 0)
		return -1;
	run->sandbox = run->lasts ? asb_sandbox_open(run->http, run->plan.sandbox.namespace_,
						     run->plan.sandbox.name, &hooks)
				  : asb_sandbox_new(run->http, &run->plan.sandbox, &hooks);
	return asb_run_start(run, ASB_SANDBOX_RUNNING, err) != 0 ? -1 : asb_run_converse(run, err);
}

static int run_exec(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	bool claims = asb_operands_gave(operands, "pool"); /* not because of the settings */
	struct asb_run run = {.interrupts.fd = -1, .lasts = !claims};
	struct asb_held held;
	int status;

	if ((claims ? asb_run_plan_init : asb_exec_plan_init)(&run.plan, context, values, operands,
							      err) != 0) {
		asb_run_plan_release(&run.plan);
		return -1;
	}
	if (((const struct asb_run_values *)values)->detach)
		status = asb_exec_detach(&run, context, err);
	else
		status = go_through(&run, &held, context, err);
	asb_run_clean_up(&run);
	status = asb_run_conclude(&run, status, err);
	asb_run_release(&run);
	return status;
}

const struct asb_command asb_command_exec = {
	.name = "exec",
	.summary = "Runs one more command in a sandbox that stays",
	.usage = "exec NAME [options] \"LINE\"\n"
		 "exec NAME [options] -- PROGRAM [ARG...]\n"
		 "exec --pool POOL [options] \"LINE\"",
	.description =
		"Runs the command as \"run\" does, with the same exit status, in a sandbox that "
		"\"create\" or \"run --keep\" has made. Files in /workspace and in the home "
		"directory stay from one command to the next; variables and the directory do "
		"not.\n"
		"While the command runs the sandbox does not end; afterwards its end is where it "
		"was, or some minutes ahead. It waits for a sandbox that still starts.\n"
		"With -it the command has a terminal as in ssh: all keys go there, Ctrl-C and "
		"Ctrl-Z too, the size follows, and full-screen programs work. At the beginning of "
		"a line \"~.\" ends the command and leaves with exit status 130, \"~\" and Ctrl-Z "
		"suspend this program (no longer than the lease, two minutes), \"~?\" shows what "
		"there is. A command without a shell around it has no job control: Ctrl-Z does "
		"nothing to it.\n"
		"The first command leaves a process in the background that keeps its connection "
		"for the next ones, which are much faster; it ends a minute after the last one. "
		"KUBECTL_AGENTSANDBOX_PERSIST is another time, or \"no\".\n"
		"With --detach it prints the id of the command and leaves it in the sandbox, which "
		"it does not keep from ending.\n"
		"With --pool there is no NAME: a sandbox of the warm pool is claimed for this "
		"command and deleted after it, as \"run --pool\" does.",
	.examples = "exec box \"git status\"\n"
		    "exec box --timeout 10m -- make test\n"
		    "exec -it box -- bash\n"
		    "exec box --detach -- ./server --port 80\n"
		    "exec box -i -- tee notes.txt <notes.txt",
	.options = asb_exec_options,
	.values_size = sizeof(struct asb_run_values),
	.defaults = &asb_run_defaults,
	.settings = true,
	.run = run_exec,
};
