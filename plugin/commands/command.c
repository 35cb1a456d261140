/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/nearest.h"

/* What stands before the command's name: "kubectl agentsandbox", or with the group's name. Heap. */
static char *path_of(const struct asb_context *context)
{
	return context->group == NULL ? asb_strdup(context->program)
				      : asb_strf("%s %s", context->program, context->group);
}

const struct asb_command *asb_command_find(const struct asb_context *context, const char *name,
					   struct asb_error *err)
{
	const struct asb_command *const *command;
	ASB_TEXT path = path_of(context);
	struct asb_nearest nearest;

	asb_nearest_init(&nearest, name);
	for (command = context->commands; *command != NULL; command++) {
		if (strcmp((*command)->name, name) == 0)
			return *command;
		asb_nearest_offer(&nearest, (*command)->name);
	}
	asb_fail_usage(err, "unknown command \"%s\"", name);
	if (nearest.found != NULL)
		asb_hint(err, "did you mean \"%s %s\"?", path, nearest.found);
	return NULL;
}

struct asb_context asb_command_enter(const struct asb_context *context,
				     const struct asb_command *group)
{
	struct asb_context inside = *context;

	inside.group = group->name;
	inside.commands = group->subcommands;
	return inside;
}

static size_t count_options(const struct asb_command *command)
{
	size_t n = 0;

	while (command->options != NULL && command->options[n].name != NULL)
		n++;
	return n;
}

struct asb_option *asb_command_options(const struct asb_command *command, char *values)
{
	size_t n = count_options(command), i;
	struct asb_option *table = asb_calloc(n + 1, sizeof *table);

	for (i = 0; i < n; i++) {
		const struct asb_command_option *from = &command->options[i];

		table[i] = (struct asb_option){
			.name = from->name,
			.letter = from->letter,
			.kind = from->kind,
			.value = values == NULL ? NULL : values + from->offset,
			.argument = from->argument,
			.help = from->help,
		};
	}
	return table;
}

static void release_values(const struct asb_option *table, void *values)
{
	for (; table->name != NULL; table++)
		if (table->kind == ASB_OPTION_LIST)
			asb_strings_release(table->value);
	free(values);
}

static int print_help(const struct asb_context *context, const struct asb_command *command)
{
	struct asb_buffer text = ASB_BUFFER_INIT;

	asb_help_command(context, command, &text);
	fputs(text.data, stdout);
	asb_buffer_release(&text);
	return ASB_STATUS_OK;
}

static void hint_at_help(const struct asb_context *context, const char *name, struct asb_error *err)
{
	ASB_TEXT path = path_of(context);

	if (err->status == ASB_STATUS_USAGE && err->hint[0] == '\0')
		asb_hint(err, "see: %s %s --help", path, name);
}

/* The words in front of the subcommand's name can only be global options. */
static int invoke_group(const struct asb_context *context, const struct asb_command *group,
			int argc, char *const *argv, const bool *help, struct asb_error *err)
{
	const struct asb_option *tables[] = {context->global_options, NULL};
	const struct asb_command *command = NULL;
	struct asb_operands operands;
	int status = asb_options_parse(tables, argc, argv, true, &operands, err);

	if (status == 0 && operands.count == 0) {
		status = print_help(context, group);
	} else if (status == 0) {
		struct asb_context inside = asb_command_enter(context, group);

		command = asb_command_find(&inside, operands.items[0], err);
		status = command == NULL
				 ? -1
				 : asb_command_invoke(&inside, command, (int)operands.count - 1,
						      (char *const *)(operands.items + 1), help,
						      err);
	}
	if (status < 0 && command == NULL)
		hint_at_help(context, group->name, err);
	asb_operands_release(&operands);
	return status;
}

static int invoke_one(const struct asb_context *context, const struct asb_command *command,
		      int argc, char *const *argv, const bool *help, struct asb_error *err)
{
	void *values = asb_calloc(1, command->values_size);
	struct asb_option *table = asb_command_options(command, values);
	const struct asb_option *tables[] = {table, context->global_options, NULL};
	struct asb_operands operands;
	int status = -1;

	if (command->defaults != NULL)
		memcpy(values, command->defaults, command->values_size);
	if (asb_options_parse(tables, argc, argv, false, &operands, err) == 0)
		status = *help ? print_help(context, command)
			       : command->run(context, values, &operands, err);
	if (status < 0)
		hint_at_help(context, command->name, err);
	asb_operands_release(&operands);
	release_values(table, values);
	free(table);
	return status;
}

int asb_command_invoke(const struct asb_context *context, const struct asb_command *command,
		       int argc, char *const *argv, const bool *help, struct asb_error *err)
{
	return command->subcommands == NULL ? invoke_one(context, command, argc, argv, help, err)
					    : invoke_group(context, command, argc, argv, help, err);
}
