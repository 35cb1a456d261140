/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - `status`: the examination of the installation, or of one sandbox. */
#include <string.h>

#include "plugin/commands/cluster.h"
#include "plugin/commands/run_rows.h"
#include "plugin/commands/status_parts.h"

static const struct asb_command_option options[] = {
	{"output", 'o', ASB_OPTION_STRING, ASB_RUN_AT(output), "FORMAT",
	 "\"json\": one object for programs instead of text for people"},
	ASB_SANDBOX_OPTIONS,
	{0},
};

static int parse_output(const char *text, bool *json, struct asb_error *err)
{
	*json = text != NULL && strcmp(text, "json") == 0;
	if (text == NULL || *json)
		return 0;
	asb_fail_usage(err, "--output: unknown format \"%s\"", text);
	return asb_hint(err, "use -o json, or leave it out");
}

static int examine(const struct asb_context *context, const struct asb_run_values *values,
		   bool json, struct asb_error *err)
{
	(void)context;
	(void)values;
	(void)json;
	return asb_fail(err, "the installation can't be examined yet");
}

static int run_status(const struct asb_context *context, const void *values,
		      const struct asb_operands *operands, struct asb_error *err)
{
	const struct asb_run_values *own = values;
	bool json;

	if (parse_output(own->output, &json, err) != 0)
		return -1;
	if (operands->count > 1)
		return asb_fail_usage(err, "status takes one name, not %zu", operands->count);
	if (operands->count == 0)
		return examine(context, own, json, err);
	if (asb_cluster_check_name("sandbox", operands->items[0], err) != 0)
		return -1;
	return asb_status_sandbox(context, operands->items[0], json, err);
}

const struct asb_command asb_command_status = {
	.name = "status",
	.summary = "Says what is wrong with a sandbox, or with the installation",
	.usage = "status [options]\n"
		 "status NAME [options]",
	.description = "Says what is wrong, and what to do about it.",
	.examples = "status\n"
		    "status box\n"
		    "status --runtime-class gvisor",
	.options = options,
	.values_size = sizeof(struct asb_run_values),
	.defaults = &asb_run_defaults,
	.settings = true,
	.run = run_status,
};
