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

static void add_global_options(const struct asb_context *context, struct asb_buffer *out)
{
	asb_buffer_addstr(out, "\nGlobal options:\n");
	asb_options_help(context->global_options, out);
}

void asb_help_program(const struct asb_context *context, struct asb_buffer *out)
{
	const struct asb_command *const *command;

	asb_buffer_addstr(out,
			  "Runs the commands of AI agents in isolated Kubernetes Sandboxes.\n");
	add_invocations(out, "Usage", context->program, "COMMAND [options] [operands]");
	asb_buffer_addstr(out, "\nCommands:\n");
	for (command = context->commands; *command != NULL; command++) {
		asb_buffer_addf(out, "  %s", (*command)->name);
		asb_wrap_text(out, (*command)->summary, 2 + strlen((*command)->name),
			      SUMMARY_COLUMN, WIDTH);
	}
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
	if (options[0].name != NULL) {
		asb_buffer_addstr(out, "\nOptions:\n");
		asb_options_help(options, out);
	}
	add_global_options(context, out);
	add_invocations(out, strchr(command->examples, '\n') == NULL ? "Example" : "Examples",
			context->program, command->examples);
	free(options);
}

static int run_help(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	const struct asb_command *command = NULL;

	(void)values;
	if (operands->count > 1)
		return asb_fail_usage(err, "help takes one command, not %zu", operands->count);
	if (operands->count == 1) {
		command = asb_command_find(context, operands->items[0], err);
		if (command == NULL)
			return -1;
	}
	if (command == NULL)
		asb_help_program(context, &text);
	else
		asb_help_command(context, command, &text);
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
