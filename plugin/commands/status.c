/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - `status`: the examination of the installation, or of one sandbox. */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/printable.h"
#include "plugin/commands/cluster.h"
#include "plugin/commands/run_rows.h"
#include "plugin/commands/status_parts.h"
#include "plugin/sandbox/checkup.h"

#define STATUS_WIDTH 9 /* "problem", and two blanks */

static const struct asb_command_option options[] = {
	{"output", 'o', ASB_OPTION_STRING, ASB_RUN_AT(output), "FORMAT",
	 "\"json\": one object for programs instead of text for people"},
	{"sandbox", 0, ASB_OPTION_STRING, ASB_RUN_AT(sandbox), "KIND",
	 "what commands are to run in: agent-sandbox or k8s (default " ASB_DEFAULT_SANDBOX ")"},
	{"pool", 0, ASB_OPTION_STRING, ASB_RUN_AT(pool), "NAME",
	 "warm pool that sandboxes are to be taken from (default none)"},
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

/* --- the installation --- */

static size_t widest_name(const struct asb_checkup *checkup)
{
	size_t widest = 0;

	for (size_t i = 0; i < checkup->count; i++) {
		size_t width = strlen(checkup->items[i].name);

		widest = width > widest ? width : widest;
	}
	return widest;
}

static void print_line(const char *text)
{
	size_t room = strlen(text) + 1;
	ASB_TEXT safe = asb_malloc(room);

	asb_printable(safe, room, text, strlen(text));
	puts(safe);
}

/* Several lines stand at the margin, where they can be copied as they are. */
static void print_step(const char *step)
{
	if (strchr(step, '\n') == NULL) {
		printf("%*s", STATUS_WIDTH, "");
		fputs("next: ", stdout);
		print_line(step);
		return;
	}
	printf("%*snext:\n", STATUS_WIDTH, "");
	asb_print_safely(stdout, step);
	putchar('\n');
}

static void print_check(const struct asb_check *check, size_t width)
{
	printf("%-*s%-*s  ", STATUS_WIDTH, asb_check_word(check->status), (int)width, check->name);
	print_line(check->evidence);
	if (check->next_step != NULL)
		print_step(check->next_step);
}

static void print_text(const struct asb_checkup *checkup)
{
	size_t problems = asb_checkup_count(checkup, ASB_CHECK_PROBLEM);
	size_t width = widest_name(checkup);

	for (size_t i = 0; i < checkup->count; i++)
		print_check(&checkup->items[i], width);
	putchar('\n');
	if (problems == 0)
		puts("no problem found");
	else if (problems == 1)
		puts("1 problem");
	else
		printf("%zu problems; the first may be the cause of others\n", problems);
}

static void print_json(const struct asb_checkup *checkup)
{
	ASB_JSON json = asb_checkup_json(checkup);
	ASB_TEXT text = asb_json_print(json);

	puts(text);
}

static int check_up(const struct asb_context *context, const struct asb_kubeconfig *kubeconfig,
		    const struct asb_sandbox_options *sandbox, bool json, struct asb_error *err)
{
	const struct asb_checkup_options wanted = {
		.sandbox = sandbox,
		.server = kubeconfig->server,
		.program = context->program,
	};
	struct asb_http *http = asb_http_new(kubeconfig, err);
	struct asb_checkup checkup = {0};
	int rc = -1;

	if (http != NULL && asb_checkup(http, &wanted, &checkup, err) == 0) {
		if (json)
			print_json(&checkup);
		else
			print_text(&checkup);
		rc = asb_checkup_count(&checkup, ASB_CHECK_PROBLEM) > 0 ? ASB_STATUS_PROBLEMS
									: ASB_STATUS_OK;
	}
	asb_checkup_release(&checkup);
	asb_http_free(http);
	return rc;
}

static int examine(const struct asb_context *context, const struct asb_run_values *values,
		   const struct asb_operands *operands, bool json, struct asb_error *err)
{
	struct asb_kubeconfig kubeconfig = {0};
	struct asb_run_plan plan;
	int rc = -1;

	if (asb_create_plan_init(&plan, context, values, operands, err) == 0 &&
	    asb_cluster_kubeconfig(context, &kubeconfig, err) == 0)
		rc = check_up(context, &kubeconfig, &plan.sandbox, json, err);
	asb_kubeconfig_release(&kubeconfig);
	asb_run_plan_release(&plan);
	return rc;
}

/* --- the command --- */

/* What a sandbox is like that is there is not to be said again. */
static int check_typed(const struct asb_operands *operands, struct asb_error *err)
{
	for (const struct asb_command_option *option = options; option->name != NULL; option++) {
		if (strcmp(option->name, "output") != 0 &&
		    asb_operands_gave(operands, option->name))
			return asb_fail_usage(err,
					      "--%s with the name of a sandbox: it is for "
					      "status without one",
					      option->name);
	}
	return 0;
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
		return examine(context, own, operands, json, err);
	if (check_typed(operands, err) != 0 ||
	    asb_cluster_check_name("sandbox", operands->items[0], err) != 0)
		return -1;
	return asb_status_sandbox(context, operands->items[0], json, err);
}

const struct asb_command asb_command_status = {
	.name = "status",
	.summary = "Says what is wrong with the installation, or with a sandbox, and what to do",
	.usage = "status [options]\n"
		 "status NAME [-o json]",
	.description =
		"Without a name everything is examined that `run` with these options would need: "
		"API server and nodes, agent-sandbox and its controller, namespace, rights, quota, "
		"RuntimeClass, network, warm pools, and what has been left behind. Each check is a "
		"line; problems come first, the cause before what follows from it, each with what "
		"to paste next. What you may not read is \"unknown\", and no problem. Nothing is "
		"changed: objects are read, and a pod is sent as a dry run.\n"
		"With a name that sandbox is explained: what keeps it from working, and what has "
		"happened to it since it was made.\n"
		"Exit status: 0 when no problem was found (warnings are none), 1 when there is one "
		"or the API server does not answer, 125 when that can't be found out.",
	.examples = "status\n"
		    "status --runtime-class gvisor\n"
		    "status box",
	.options = options,
	.values_size = sizeof(struct asb_run_values),
	.defaults = &asb_run_defaults,
	.settings = true,
	.run = run_status,
};
