/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/cp_plan.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/sandbox/labels.h"
#include "shim/protocol/archive_send.h"

/* The path behind NAME:, with the length of NAME; NULL: a local one. */
static const char *inside(const char *operand, size_t *name)
{
	*name = strcspn(operand, ":/");
	if (operand[*name] != ':')
		return NULL;
	return operand + *name + 1;
}

static const char *path_or_here(const char *path)
{
	return path[0] == '\0' ? "." : path;
}

static int fail_sides(const struct asb_context *context, const char *what, struct asb_error *err)
{
	asb_fail_usage(err, "%s", what);
	return asb_hint(err,
			"%s cp ./src box:/workspace\n"
			"%s cp box:/workspace/report.txt .",
			context->program, context->program);
}

/* All that names a sandbox names the same one. */
static int take_sandbox(struct asb_cp_plan *plan, const char *operand, size_t n,
			struct asb_error *err)
{
	ASB_TEXT name = asb_strndup(operand, n);

	if (!asb_is_dns_label(name)) {
		asb_fail_usage(err, "\"%s\" can't be the name of a sandbox", name);
		return asb_hint(err, "a local file is meant by: ./%s", operand);
	}
	if (plan->sandbox == NULL) {
		plan->sandbox = asb_strdup(name);
	} else if (strcmp(plan->sandbox, name) != 0) {
		asb_fail_usage(err, "sandboxes %s and %s can't be copied from at once",
			       plan->sandbox, name);
		return asb_hint(err, "copy from one after the other");
	}
	return 0;
}

/* Which of the operands are in a sandbox. */
static int take_sides(struct asb_cp_plan *plan, const struct asb_context *context,
		      const struct asb_operands *operands, struct asb_error *err)
{
	size_t last = operands->count - 1;
	size_t remote = 0;

	plan->paths = asb_calloc(operands->count, sizeof(*plan->paths));
	for (size_t i = 0; i <= last; i++) {
		size_t n;
		const char *path = inside(operands->items[i], &n);
		const char *taken = path == NULL ? operands->items[i] : path_or_here(path);

		if (taken[0] == '\0')
			return fail_sides(context, "the name of a file is empty", err);
		if (path != NULL && take_sandbox(plan, operands->items[i], n, err) != 0)
			return -1;
		if (i == last)
			plan->target = taken;
		else
			plan->paths[plan->count++] = taken;
		remote += path != NULL && i < last;
		plan->upload = path != NULL && i == last;
	}
	if (remote > 0 && plan->upload)
		return fail_sides(context, "only one side can be in a sandbox", err);
	if (remote == 0 && !plan->upload)
		return fail_sides(context, "none of the names is one in a sandbox (NAME:PATH)",
				  err);
	if (remote > 0 && remote < plan->count)
		return fail_sides(context, "all sources must be in the sandbox, or none", err);
	return 0;
}

static void name_paths(struct asb_cp_plan *plan)
{
	plan->names = asb_calloc(plan->count + 1, sizeof(*plan->names));
	for (size_t i = 0; i < plan->count; i++) {
		plan->names[i] = asb_malloc(ASB_ARCHIVE_NAME + 1);
		asb_archive_name_of(plan->paths[i], plan->names[i]);
	}
}

/* The shim's `put` or `get`. */
static void make_argv(struct asb_cp_plan *plan, bool preserve)
{
	size_t at = 1;

	plan->argv = asb_calloc(plan->count + 7, sizeof(*plan->argv));
	plan->argv[at++] = plan->upload ? "put" : "get";
	if (!plan->upload) {
		memcpy(plan->argv + at, plan->paths, plan->count * sizeof(*plan->paths));
		return;
	}
	if (plan->count > 1)
		plan->argv[at++] = "-d";
	if (!preserve)
		plan->argv[at++] = "-n";
	plan->argv[at++] = "--";
	plan->argv[at] = plan->target;
}

int asb_cp_plan_init(struct asb_cp_plan *plan, const struct asb_context *context,
		     const struct asb_operands *operands, bool preserve, struct asb_error *err)
{
	*plan = (struct asb_cp_plan){0};
	if (operands->count < 2)
		return fail_sides(context, "cp takes what to copy, and where to", err);
	if (take_sides(plan, context, operands, err) != 0)
		return -1;
	name_paths(plan);
	make_argv(plan, preserve);
	return 0;
}

void asb_cp_plan_release(struct asb_cp_plan *plan)
{
	for (size_t i = 0; plan->names != NULL && i < plan->count; i++)
		free(plan->names[i]);
	free(plan->names);
	free(plan->paths);
	free(plan->argv);
	free(plan->sandbox);
	*plan = (struct asb_cp_plan){0};
}
