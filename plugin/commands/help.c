/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - the help texts, made from the commands' structs, and the command that prints them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/wrap.h"
#include "plugin/commands/command.h"

#define WIDTH 100u
#define SUMMARY_COLUMN 12u

/* Takes the next line off *text; false at the end. */
static bool next_line(const char **text, const char **line, size_t *n)
{
	if (**text == '\0')
		return false;
	*line = *text;
	*n = strcspn(*text, "\n");
	*text += *n;
	*text += **text == '\n' ? 1 : 0;
	return true;
}

static void add_paragraphs(struct asb_buffer *out, const char *text)
{
	const char *line;
	size_t n;

	while (next_line(&text, &line, &n)) {
		ASB_TEXT paragraph = asb_strndup(line, n);

		asb_buffer_addch(out, '\n');
		asb_wrap_text(out, paragraph, 0, 0, WIDTH);
	}
}

/* Each line behind the program's name. */
static void add_invocations(struct asb_buffer *out, const char *title, const char *program,
			    const char *text)
{
	const char *line;
	size_t n;

	asb_buffer_addf(out, "\n%s:\n", title);
	while (next_line(&text, &line, &n))
		asb_buffer_addf(out, "  %s %.*s\n", program, (int)n, line);
}

static void add_commands(const struct asb_command *const *commands, struct asb_buffer *out)
{
	asb_buffer_addstr(out, "\nCommands:\n");
	for (; *commands != NULL; commands++) {
		if ((*commands)->hidden)
			continue;
		asb_buffer_addf(out, "  %s", (*commands)->name);
		asb_wrap_text(out, (*commands)->summary, 2 + strlen((*commands)->name),
			      SUMMARY_COLUMN, WIDTH);
	}
}

static void add_global_options(const struct asb_context *context, struct asb_buffer *out)
{
	asb_buffer_addstr(out, "\nGlobal options:\n");
	asb_options_help(context->global_options, out);
}

void asb_help_program(const struct asb_context *context, struct asb_buffer *out)
{
	asb_buffer_addstr(out,
			  "Runs the commands of AI agents in isolated Kubernetes Sandboxes.\n");
	add_invocations(out, "Usage", context->program, "COMMAND [options] [operands]");
	add_commands(context->commands, out);
	add_global_options(context, out);
	add_invocations(out, "Example", context->program, "run \"kubectl get pods -A\"");
	asb_buffer_addf(out, "\n\"%s COMMAND --help\" tells more about a command.\n",
			context->program);
}

void asb_help_command(const struct asb_context *context, const struct asb_command *command,
		      struct asb_buffer *out)
{
	struct asb_option *options = asb_command_options(command, NULL);

	asb_buffer_addf(out, "%s.\n", command->summary);
	add_invocations(out, "Usage", context->program, command->usage);
	add_paragraphs(out, command->description);
	if (command->subcommands != NULL)
		add_commands(command->subcommands, out);
	if (options[0].name != NULL) {
		asb_buffer_addstr(out, "\nOptions:\n");
		asb_options_help(options, out);
	}
	add_global_options(context, out);
	add_invocations(out, strchr(command->examples, '\n') == NULL ? "Example" : "Examples",
			context->program, command->examples);
	free(options);
}

/* The words name a command, or a group and a command of it. */
static int print_named(const struct asb_context *context, const struct asb_operands *operands,
		       struct asb_error *err)
{
	const struct asb_command *command = asb_command_find(context, operands->items[0], err);
	struct asb_buffer text = ASB_BUFFER_INIT;
	size_t named = 1;

	if (command != NULL && command->subcommands != NULL && operands->count > 1) {
		struct asb_context inside = asb_command_enter(context, command);

		command = asb_command_find(&inside, operands->items[1], err);
		named = 2;
	}
	if (command == NULL)
		return -1;
	if (operands->count > named)
		return asb_fail_usage(err, "help takes one command, not %zu", operands->count);
	asb_help_command(context, command, &text);
	fputs(text.data, stdout);
	asb_buffer_release(&text);
	return ASB_STATUS_OK;
}

static int run_help(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_buffer text = ASB_BUFFER_INIT;

	(void)values;
	if (operands->count > 0)
		return print_named(context, operands, err);
	asb_help_program(context, &text);
	fputs(text.data, stdout);
	asb_buffer_release(&text);
	return ASB_STATUS_OK;
}

const struct asb_command asb_command_help = {
	.name = "help",
	.summary = "Explains a command",
	.usage = "help [COMMAND]",
	.description = "Prints what a command does, its options and an example. Without a command, "
		       "lists all of them.",
	.examples = "help run",
	.run = run_help,
};
