/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - what a subcommand is: one constant struct is its whole interface.
 *
 * main.c finds the command, makes room for the values of its options, parses the words that follow
 * and calls `run`. Nothing of a command is global: its option table names places inside `values`,
 * which lives for one invocation. Help texts are made from the same struct.
 *
 * A command may be a group instead, such as `config`: it has `subcommands`, and the first operand
 * chooses one of them. A group has no options of its own and is never run; without an operand its
 * help is printed. Names, usages and examples of a subcommand follow the same rules: its `name` is
 * "view", its usage begins with "config view".
 */
#ifndef ASB_COMMAND_H
#define ASB_COMMAND_H

#include <stddef.h>

#include "plugin/base/options.h"
#include "plugin/kube/kubeconfig.h"

/* An option of a command; `offset` is where its value lies in the command's values. */
struct asb_command_option {
	const char *name; /* NULL ends the table */
	char letter;
	enum asb_option_kind kind;
	size_t offset;
	const char *argument;
	const char *help;
};

struct asb_command;
struct asb_settings;

/* What the command line says before any command is asked. kubeconfig.verbosity is unset:
 * asb_cluster_kubeconfig. */
struct asb_context {
	struct asb_kubeconfig_flags kubeconfig;
	const char *namespace_; /* -n, NULL: not given */
	int verbose;		/* -v: 0 none, 1 and more: each step; from 6 on requests, too */
	const char *program;	/* "kubectl agentsandbox" */
	const char *group;	/* "config" inside that group; NULL: in none */
	const struct asb_command *const *commands; /* NULL-ended: of the program, or of the group */
	const struct asb_option *global_options;   /* for the help text */
	const struct asb_context *outer;     /* what a group's context is a copy of, else NULL */
	const struct asb_settings *settings; /* for commands that have `settings`, else NULL */
};

struct asb_command {
	const char *name;
	const char *summary;	 /* one line of the list of commands */
	const char *usage;	 /* what follows the program's name; one form per line */
	const char *description; /* paragraphs, each one line, separated by newlines */
	const char *examples;	 /* what follows the program's name, one per line */
	const struct asb_command_option *options;
	size_t values_size;
	const void *defaults; /* the values before parsing; NULL: zeros */
	bool settings;	      /* options with the name of a setting's flag get its value first, and
				 the context's namespace_ and settings are set: settings.h */
	bool hidden;	      /* for ourselves to call: not listed and not suggested */
	const struct asb_command *const *subcommands; /* NULL-ended; NULL: this is no group */

	/*
	 * Returns the exit status. -1: err->status is. Whatever it returns, err is printed when it
	 * is set. `values` and `operands` are released by the caller.
	 */
	int (*run)(const struct asb_context *context, const void *values,
		   const struct asb_operands *operands, struct asb_error *err);
};

/* What stands before a command's name: "kubectl agentsandbox", or with the group's name. Heap. */
char *asb_command_path(const struct asb_context *context);

/* The one with that name among context->commands; NULL with a usage error that names the nearest.
 */
const struct asb_command *asb_command_find(const struct asb_context *context, const char *name,
					   struct asb_error *err);

/* The context as the subcommands of a group see it. */
struct asb_context asb_command_enter(const struct asb_context *context,
				     const struct asb_command *group);

/* Parses the words behind the command's name and runs it (or the subcommand that they name), or
 * prints its help when `help` has become true by them. Returns the exit status or -1 as `run` does.
 */
int asb_command_invoke(const struct asb_context *context, const struct asb_command *command,
		       int argc, char *const *argv, const bool *help, struct asb_error *err);

/* An option table with places inside `values`; heap. */
struct asb_option *asb_command_table(const struct asb_command_option *options, char *values);

/* The command's option table with places inside `values` (NULL: nowhere, for the help text); heap.
 */
struct asb_option *asb_command_options(const struct asb_command *command, char *values);

/* Help texts (help.c): of the program, of a command. */
void asb_help_program(const struct asb_context *context, struct asb_buffer *out);
void asb_help_command(const struct asb_context *context, const struct asb_command *command,
		      struct asb_buffer *out);

extern const struct asb_command asb_command_config, asb_command_run, asb_command_version,
	asb_command_help;

extern const struct asb_command asb_command_pool; /* sandboxes that wait */

/* Sandboxes that stay. */
extern const struct asb_command asb_command_create, asb_command_exec, asb_command_list,
	asb_command_suspend, asb_command_resume, asb_command_extend, asb_command_delete,
	asb_command_logs, asb_command_session, asb_command_port_forward;

/* Their files. */
extern const struct asb_command asb_command_cp;

/* What `exec` starts in the background: persist.h. */
extern const struct asb_command asb_command_hold;

/* Commands that were left there. */
extern const struct asb_command asb_command_jobs, asb_command_attach, asb_command_wait,
	asb_command_kill;

/* Around them. */
extern const struct asb_command asb_command_cleanup, asb_command_setup;

/* What is wrong. */
extern const struct asb_command asb_command_status;

#endif
