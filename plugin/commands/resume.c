/* SPDX-License-Identifier: Apache-2.0 */
/* resume.c - `resume`: a suspended sandbox gets a pod again. */
#include "plugin/commands/run.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/operate.h"
#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/served.h"

struct values {
	bool wait;
};

static const struct asb_command_option options[] = {
	{"wait", 0, ASB_OPTION_FLAG, offsetof(struct values, wait), NULL,
	 "wait until commands can be run in it (default true)"},
	{0},
};

static const struct values defaults = {.wait = true};

/* Its container runs our shim only if we have made it: for others that the pod is wanted has to do.
 */
static int resume(struct asb_run *run, const struct values *values, struct asb_error *err)
{
	const struct asb_sandbox_hooks hooks = asb_run_hooks(run);
	const struct asb_sandbox_options *plan = &run->plan.sandbox;
	const struct asb_api *api = asb_served(run->http, err);
	ASB_JSON root = NULL;
	ASB_JSON sandbox = NULL;
	const char *own = NULL;

	if (api != NULL)
		root = asb_roots_get(run->http, api, plan->namespace_, plan->name, err);
	if (root != NULL)
		own = asb_root_sandbox(root, err);
	if (own != NULL)
		sandbox = asb_operate_resume(run->http, api, plan->namespace_, own, err);
	if (sandbox == NULL)
		return -1;
	if (!values->wait || !asb_inventory_is_ours(root)) {
		printf("sandbox \"%s\" is being resumed\n", plan->name);
		return 0;
	}
	run->sandbox = asb_sandbox_open(run->http, plan->namespace_, plan->name, &hooks);
	if (asb_run_start(run, ASB_SANDBOX_RUNNING, err) != 0)
		return -1;
	asb_progress_clear(&run->progress);
	printf("sandbox \"%s\" resumed\n", plan->name);
	return 0;
}

static int run_resume(const struct asb_context *context, const void *values,
		      const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_run run = {.interrupts.fd = -1, .lasts = true};
	int rc;

	if (operands->count != 1)
		return asb_fail_usage(err, "resume takes the name of one sandbox");
	if (!asb_is_dns_label(operands->items[0]))
		return asb_fail_usage(err, "\"%s\" can't be the name of a sandbox",
				      operands->items[0]);
	run.plan.sandbox.namespace_ = context->namespace_;
	run.plan.sandbox.name = operands->items[0];
	rc = asb_run_open(&run, context, err);
	if (rc == 0)
		rc = resume(&run, values, err);
	asb_run_clean_up(&run);
	rc = asb_run_conclude(&run, rc, err);
	asb_run_release(&run);
	return rc;
}

const struct asb_command asb_command_resume = {
	.name = "resume",
	.summary = "Starts a suspended sandbox again",
	.usage = "resume NAME [--wait=false]",
	.description =
		"The sandbox gets a new pod, with what lies on volumes of its own. Waits until "
		"commands can be run in it, and says why when they never will. Nothing happens to "
		"a sandbox that is not suspended.",
	.examples = "resume box",
	.options = options,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.settings = true,
	.run = run_resume,
};
