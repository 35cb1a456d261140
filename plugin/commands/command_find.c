/* SPDX-License-Identifier: Apache-2.0 */
/* command_find.c - from a name to its command, from a command to its options. */
#include <string.h>

#include "plugin/base/nearest.h"
#include "plugin/commands/command.h"

char *asb_command_path(const struct asb_context *context)
{
	return context->group == NULL ? asb_strdup(context->program)
				      : asb_strf("%s %s", context->program, context->group);
}

const struct asb_command *asb_command_find(const struct asb_context *context, const char *name,
					   struct asb_error *err)
{
	const struct asb_command *const *command;
	ASB_TEXT path = asb_command_path(context);
	struct asb_nearest nearest;

	asb_nearest_init(&nearest, name);
	for (command = context->commands; *command != NULL; command++) {
		if (strcmp((*command)->name, name) == 0)
			return *command;
		if (!(*command)->hidden)
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
	inside.outer = context;
	inside.commands = group->subcommands;
	return inside;
}

struct asb_option *asb_command_table(const struct asb_command_option *options, char *values)
{
	struct asb_option *table;
	size_t n = 0, i;

	while (options != NULL && options[n].name != NULL)
		n++;
	table = asb_calloc(n + 1, sizeof *table);
	for (i = 0; i < n; i++) {
		const struct asb_command_option *from = &options[i];

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

struct asb_option *asb_command_options(const struct asb_command *command, char *values)
{
	return asb_command_table(command->options, values);
}
