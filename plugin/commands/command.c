/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/nearest.h"

const struct asb_command *asb_command_find(const struct asb_context *context, const char *name,
					   struct asb_error *err)
{
	const struct asb_command *const *command;
	struct asb_nearest nearest;

	asb_nearest_init(&nearest, name);
	for (command = context->commands; *command != NULL; command++) {
		if (strcmp((*command)->name, name) == 0)
			return *command;
		asb_nearest_offer(&nearest, (*command)->name);
	}
	asb_fail_usage(err, "unknown command \"%s\"", name);
	if (nearest.found != NULL)
		asb_hint(err, "did you mean \"%s %s\"?", context->program, nearest.found);
	return NULL;
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

int asb_command_invoke(const struct asb_context *context, const struct asb_command *command,
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
	if (status < 0 && err->status == ASB_STATUS_USAGE && err->hint[0] == '\0')
		asb_hint(err, "see: %s %s --help", context->program, command->name);
	asb_operands_release(&operands);
	release_values(table, values);
	free(table);
	return status;
}
