/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/commands/settings.h"
#include "plugin/term/progress.h"

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
	ASB_TEXT path = asb_command_path(context);

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

/* --- one command, once --- */

struct invocation {
	const struct asb_context *context;
	struct asb_context now; /* what it points to once the options have been read */
	const struct asb_command *command;
	void *values;
	struct asb_option *table; /* places in values */
	struct asb_settings settings;
	struct asb_texts words;	 /* the settings; values point into them */
	struct asb_error failed; /* to read the settings: nothing is wrong for who wants help */
	struct asb_operands operands;
};

static void init_invocation(struct invocation *invocation, const struct asb_context *context,
			    const struct asb_command *command)
{
	*invocation = (struct invocation){.context = context, .command = command};
	invocation->values = asb_calloc(1, command->values_size);
	invocation->table = asb_command_options(command, invocation->values);
	if (command->defaults != NULL)
		memcpy(invocation->values, command->defaults, command->values_size);
}

static void release_invocation(struct invocation *invocation)
{
	asb_operands_release(&invocation->operands);
	release_values(invocation->table, invocation->values);
	asb_texts_release(&invocation->words);
	asb_settings_release(&invocation->settings);
	free(invocation->table);
}

/* The settings as if they had been typed in front of the options. */
static void parse_settings(struct invocation *invocation)
{
	const struct asb_option *tables[] = {invocation->table, NULL};
	struct asb_texts *words = &invocation->words;
	struct asb_operands operands;

	if (asb_settings_load(&invocation->settings, &invocation->failed) != 0)
		return;
	asb_settings_words(&invocation->settings, invocation->table, words);
	asb_options_parse(tables, (int)words->count, words->items, false, &operands,
			  &invocation->failed);
	asb_operands_release(&operands);
}

static bool is_quiet(const struct asb_option *table)
{
	for (; table->name != NULL; table++)
		if (strcmp(table->name, "quiet") == 0)
			return *(const bool *)table->value;
	return false;
}

static void print_notes(const struct asb_texts *notes, bool quiet)
{
	struct asb_progress progress;
	size_t i;

	asb_progress_init(&progress, stderr, false, false, quiet);
	for (i = 0; i < notes->count; i++)
		asb_progress_note(&progress, "note", notes->items[i]);
}

static int run_configured(struct invocation *invocation, struct asb_error *err)
{
	struct asb_context context = *invocation->context;

	if (asb_failed(&invocation->failed)) {
		*err = invocation->failed;
		return -1;
	}
	context.settings = &invocation->settings;
	if (context.namespace_ == NULL)
		context.namespace_ = asb_settings_text(&invocation->settings, "namespace");
	print_notes(&invocation->settings.notes, is_quiet(invocation->table));
	return invocation->command->run(&context, invocation->values, &invocation->operands, err);
}

static int run_command(struct invocation *invocation, struct asb_error *err)
{
	if (invocation->command->settings)
		return run_configured(invocation, err);
	return invocation->command->run(invocation->context, invocation->values,
					&invocation->operands, err);
}

/* The options behind a subcommand's name came after its context had been copied. */
static struct asb_context up_to_date(const struct asb_context *context)
{
	struct asb_context now = *context;

	if (context->outer != NULL) {
		now.kubeconfig = context->outer->kubeconfig;
		now.namespace_ = context->outer->namespace_;
		now.verbose = context->outer->verbose;
	}
	return now;
}

static int parse_and_run(struct invocation *invocation, const struct asb_option *const *tables,
			 int argc, char *const *argv, const bool *help, struct asb_error *err)
{
	if (asb_options_parse(tables, argc, argv, false, &invocation->operands, err) != 0)
		return -1;
	invocation->now = up_to_date(invocation->context);
	invocation->context = &invocation->now;
	return *help ? print_help(invocation->context, invocation->command)
		     : run_command(invocation, err);
}

static int invoke_one(const struct asb_context *context, const struct asb_command *command,
		      int argc, char *const *argv, const bool *help, struct asb_error *err)
{
	struct invocation invocation;
	const struct asb_option *tables[] = {NULL, context->global_options, NULL};
	int status;

	init_invocation(&invocation, context, command);
	tables[0] = invocation.table;
	if (command->settings)
		parse_settings(&invocation);
	status = parse_and_run(&invocation, tables, argc, argv, help, err);
	if (status < 0)
		hint_at_help(context, command->name, err);
	release_invocation(&invocation);
	return status;
}

int asb_command_invoke(const struct asb_context *context, const struct asb_command *command,
		       int argc, char *const *argv, const bool *help, struct asb_error *err)
{
	return command->subcommands == NULL ? invoke_one(context, command, argc, argv, help, err)
					    : invoke_group(context, command, argc, argv, help, err);
}
