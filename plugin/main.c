/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - global options, the command table, error -> exit code; nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/commands/globals.h"

#define DEFAULT_PROGRAM "kubectl agentsandbox"

/* One on a line, in the order of the help text. */
/* clang-format off */
static const struct asb_command *const commands[] = {
	&asb_command_run,
	&asb_command_create,
	&asb_command_exec,
	&asb_command_cp,
	&asb_command_session,
	&asb_command_port_forward,
	&asb_command_jobs,
	&asb_command_attach,
	&asb_command_wait,
	&asb_command_kill,
	&asb_command_list,
	&asb_command_suspend,
	&asb_command_resume,
	&asb_command_extend,
	&asb_command_delete,
	&asb_command_logs,
	&asb_command_cleanup,
	&asb_command_status,
	&asb_command_pool,
	&asb_command_setup,
	&asb_command_config,
	&asb_command_version,
	&asb_command_help,
	&asb_command_hold,
	NULL,
};
/* clang-format on */

/* A descriptor that was closed by our parent must not become one of ours: output would go into a
 * connection. What takes its place reads as empty and can't be written, as a closed one. */
static void fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* "kubectl-agent_sandbox" is called as "kubectl agent-sandbox". Heap. */
static char *program_name(const char *argv0)
{
	const char *slash = argv0 == NULL ? NULL : strrchr(argv0, '/');
	char *name = asb_strdup(slash == NULL ? argv0 : slash + 1);
	char *p;

	if (name == NULL || strncmp(name, "kubectl-", strlen("kubectl-")) != 0) {
		free(name);
		return asb_strdup(DEFAULT_PROGRAM);
	}
	for (p = name; *p != '\0'; p++) {
		if (*p == '-')
			*p = ' ';
		else if (*p == '_')
			*p = '-';
	}
	return name;
}

static int print_program_help(const struct asb_globals *globals)
{
	struct asb_buffer text = ASB_BUFFER_INIT;

	asb_help_program(&globals->context, &text);
	fputs(text.data, stdout);
	asb_buffer_release(&text);
	return ASB_STATUS_OK;
}

/* The first operand is the command's name; what follows is its business. */
static int dispatch(struct asb_globals *globals, const struct asb_operands *operands,
		    struct asb_error *err)
{
	const struct asb_command *command;

	if (globals->version)
		return asb_command_invoke(&globals->context, &asb_command_version, 0, NULL,
					  &globals->help, err);
	if (operands->count == 0)
		return print_program_help(globals);
	command = asb_command_find(&globals->context, operands->items[0], err);
	if (command == NULL)
		return -1;
	/* The words are those of argv, which getopt-like interfaces take without const. */
	return asb_command_invoke(&globals->context, command, (int)operands->count - 1,
				  (char *const *)(operands->items + 1), &globals->help, err);
}

static int run_program(struct asb_globals *globals, int argc, char *const *argv,
		       struct asb_error *err)
{
	struct asb_option *table = asb_globals_options(globals);
	const struct asb_option *tables[] = {table, NULL};
	struct asb_operands operands;
	int status = -1;

	globals->context.global_options = table;
	if (asb_options_parse(tables, argc - 1, argv + 1, true, &operands, err) == 0)
		status = dispatch(globals, &operands, err);
	asb_operands_release(&operands);
	asb_globals_release(globals);
	free(table);
	return status;
}

/* A full disk is an error, also when it shows in the last line only. */
static int flush_stdout(struct asb_error *err)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return errno == EPIPE ? 0 : asb_fail_errno(err, "stdout can't be written");
	return 0;
}

int main(int argc, char **argv)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_globals globals = {.context.commands = commands};
	char *program;
	int status;

	fill_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	program = program_name(argc > 0 ? argv[0] : NULL);
	globals.context.program = program;
	status = run_program(&globals, argc, argv, &err);
	if (status < 0 && err.status == ASB_STATUS_USAGE && err.hint[0] == '\0')
		asb_hint(&err, "see: %s --help", program);
	if (asb_failed(&err)) {
		asb_error_print(&err);
		status = status < 0 ? err.status : status;
	}
	if (flush_stdout(&err) != 0) {
		asb_error_print(&err);
		status = status > 0 ? status : err.status;
	}
	free(program);
	return status < 0 ? ASB_STATUS_PLUGIN : status;
}
