/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of commands: which one is chosen, and what is said when none is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/commands/command.h"

#define RAN 42

struct values {
	const char *color;
};

static const struct asb_command_option options[] = {
	{"color", 0, ASB_OPTION_STRING, offsetof(struct values, color), "COLOR", "its color"},
	{0},
};

static int run_paint(const struct asb_context *context, const void *values,
		     const struct asb_operands *operands, struct asb_error *err);

static const struct asb_command paint = {
	.name = "paint",
	.summary = "Paints a wall",
	.usage = "wall paint [--color COLOR] WALL",
	.description = "With a brush.",
	.examples = "wall paint --color red north",
	.options = options,
	.values_size = sizeof(struct values),
	.run = run_paint,
};
static const struct asb_command *const walls[] = {&paint, NULL};
static const struct asb_command wall = {
	.name = "wall",
	.summary = "Works on walls",
	.usage = "wall COMMAND",
	.description = "Walls have two sides.",
	.examples = "wall paint north",
	.subcommands = walls,
};
static const struct asb_command *const commands[] = {&wall, &asb_command_help, NULL};

static struct asb_context context;
static bool help;
static const struct asb_option globals[] = {
	{"verbose", 'v', ASB_OPTION_LEVEL, &context.verbose, "LEVEL", "say more"},
	{"namespace", 'n', ASB_OPTION_STRING, &context.namespace_, "NAME", "where"},
	{"token", 0, ASB_OPTION_STRING, &context.kubeconfig.token, "TOKEN", "who"},
	{"help", 'h', ASB_OPTION_FLAG, &help, NULL, "explain"},
	{0},
};
static struct asb_context context = {
	.program = "kubectl agentsandbox",
	.commands = commands,
	.global_options = globals,
};
static struct asb_context seen; /* by run_paint */

/* The operands are what is left behind the command's name. */
static int run_paint(const struct asb_context *inside, const void *values,
		     const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *own = values;

	assert_string_equal(inside->group, "wall");
	seen = *inside;
	if (operands->count != 1)
		return asb_fail_usage(err, "what is to be painted");
	assert_string_equal(own->color, "red");
	assert_string_equal(operands->items[0], "north");
	return RAN;
}

static int invoke(const struct asb_command *command, struct asb_error *err,
		  const char *const *words)
{
	char *argv[16];
	int argc = 0;

	for (; words[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	help = false;
	context.verbose = 0;
	context.namespace_ = context.kubeconfig.token = NULL;
	asb_error_clear(err);
	return asb_command_invoke(&context, command, argc, argv, &help, err);
}

#define INVOKE(command, err, ...) invoke(command, err, (const char *const[]){__VA_ARGS__, NULL})

static void test_operand_chooses(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(INVOKE(&wall, &err, "paint", "--color", "red", "north"), RAN);
	assert_int_equal(INVOKE(&wall, &err, "-v", "paint", "north", "--color=red"), RAN);
	assert_int_equal(seen.verbose, 1);
}

/* Options of all commands count on either side of a subcommand's name. */
static void test_options_behind_a_subcommand(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(INVOKE(&wall, &err, "-v=7", "paint", "north", "--color=red", "-n", "ns",
				"--token=t"),
			 RAN);
	assert_int_equal(seen.verbose, 7);
	assert_string_equal(seen.namespace_, "ns");
	assert_string_equal(seen.kubeconfig.token, "t");
	assert_int_equal(
		INVOKE(&wall, &err, "-n", "a", "paint", "-nb", "north", "--color=red", "-v8"), RAN);
	assert_int_equal(seen.verbose, 8);
	assert_string_equal(seen.namespace_, "b");
	assert_int_equal(INVOKE(&wall, &err, "-v", "6", "paint", "-v", "north", "--color=red"),
			 RAN);
	assert_int_equal(seen.verbose, 1);
	assert_int_equal(INVOKE(&wall, &err, "paint", "north", "--color=red", "-v", "6"), RAN);
	assert_int_equal(seen.verbose, 6);
	assert_int_equal(INVOKE(&wall, &err, "paint", "north", "-v=100"), -1);
	assert_string_equal(err.message, "--verbose: \"100\" is not a level from 0 to 99");
	assert_int_equal(INVOKE(&wall, &err, "paint", "north", "-v=x"), -1);
}

static void test_usage_errors(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(INVOKE(&wall, &err, "pant"), -1);
	assert_int_equal(err.status, ASB_STATUS_USAGE);
	assert_string_equal(err.hint, "did you mean \"kubectl agentsandbox wall paint\"?");
	assert_int_equal(INVOKE(&wall, &err, "demolish"), -1);
	assert_string_equal(err.hint, "see: kubectl agentsandbox wall --help");
	assert_int_equal(INVOKE(&wall, &err, "--color=red", "paint"), -1);
	assert_string_equal(err.message, "unknown option --color");
	assert_string_equal(err.hint, "see: kubectl agentsandbox wall --help");
	assert_int_equal(INVOKE(&wall, &err, "paint"), -1);
	assert_string_equal(err.hint, "see: kubectl agentsandbox wall paint --help");
}

static void test_help(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_buffer text = ASB_BUFFER_INIT;

	(void)state;
	/* help is printed instead of running, on either side of the name */
	assert_int_equal(INVOKE(&wall, &err, NULL), 0);
	assert_int_equal(INVOKE(&wall, &err, "--help"), 0);
	assert_int_equal(INVOKE(&wall, &err, "paint", "--help"), 0);
	assert_int_equal(INVOKE(&wall, &err, "--help", "paint"), 0);
	assert_int_equal(INVOKE(&asb_command_help, &err, "wall", "paint"), 0);
	assert_int_equal(INVOKE(&asb_command_help, &err, "wall", "pant"), -1);
	assert_int_equal(INVOKE(&asb_command_help, &err, "wall", "paint", "x"), -1);

	asb_help_command(&context, &wall, &text);
	assert_non_null(strstr(text.data, "\nCommands:\n  paint     Paints a wall\n"));
	asb_buffer_reset(&text);
	asb_help_command(&context, &paint, &text);
	assert_non_null(strstr(text.data, "  kubectl agentsandbox wall paint [--color COLOR]"));
	asb_buffer_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operand_chooses),
		cmocka_unit_test(test_options_behind_a_subcommand),
		cmocka_unit_test(test_usage_errors),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
