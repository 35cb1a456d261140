/* SPDX-License-Identifier: Apache-2.0 */
/* suspend.c - `suspend`: a sandbox without a pod. */
#include <unistd.h>

#include "plugin/commands/cluster.h"
#include "plugin/sandbox/operate.h"
#include "plugin/sandbox/roots.h"
#include "plugin/term/progress.h"

struct values {
	bool wait;
	int64_t timeout_ms;
};

static const struct asb_command_option options[] = {
	{"wait", 0, ASB_OPTION_FLAG, offsetof(struct values, wait), NULL,
	 "wait until its pod has gone (default true)"},
	{"wait-timeout", 0, ASB_OPTION_DURATION, offsetof(struct values, timeout_ms), "DURATION",
	 "give up waiting by then (default 2m)"},
	{0},
};

static const struct values defaults = {.wait = true, .timeout_ms = 2 * 60 * 1000};

static int suspend(const struct asb_context *context, const struct values *values,
		   const struct asb_cluster *cluster, const char *name, struct asb_error *err)
{
	ASB_JSON root = asb_roots_get(cluster->http, cluster->api, cluster->namespace_, name, err);
	const char *own = root == NULL ? NULL : asb_root_sandbox(root, err);
	ASB_JSON sandbox = own == NULL ? NULL
				       : asb_operate_suspend(cluster->http, cluster->api,
							     cluster->namespace_, own, err);
	struct asb_progress progress;
	int rc;

	if (sandbox == NULL)
		return asb_cluster_explain(cluster, err);
	if (!values->wait) {
		printf("sandbox \"%s\" is being suspended\n", name);
		return 0;
	}
	asb_progress_init(&progress, stderr, asb_progress_terminal(STDERR_FILENO), context->verbose,
			  false);
	asb_progress_show(&progress, "sandbox %s: suspending", name);
	rc = asb_operate_await_suspended(cluster->http, sandbox, values->timeout_ms, err);
	asb_progress_clear(&progress);
	if (rc == 0)
		printf("sandbox \"%s\" suspended\n", name);
	return rc;
}

static int run_suspend(const struct asb_context *context, const void *values,
		       const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_cluster cluster = {0};
	int rc;

	if (operands->count != 1)
		return asb_fail_usage(err, "suspend takes the name of one sandbox");
	if (asb_cluster_check_name("sandbox", operands->items[0], err) != 0)
		return -1;
	rc = asb_cluster_open_roots(&cluster, context, err);
	if (rc == 0)
		rc = suspend(context, values, &cluster, operands->items[0], err);
	asb_cluster_close(&cluster);
	return rc;
}

const struct asb_command asb_command_suspend = {
	.name = "suspend",
	.summary = "Ends the pod of a sandbox and keeps the sandbox",
	.usage = "suspend NAME [--wait=false]",
	.description =
		"Commands that run in the sandbox end, and so does its use of CPU and memory. "
		"What lies on volumes of its own (volumeClaimTemplates) stays, other files are "
		"lost. \"resume\" starts it again. Its end stays where it is.",
	.examples = "suspend box",
	.options = options,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.settings = true,
	.run = run_suspend,
};
