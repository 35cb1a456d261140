/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/nearest.h"
#include "plugin/base/options.h"

#define WORDS 16

struct values {
	bool quiet, stdin_;
	const char *name, *namespace_;
	struct asb_strings env;
	int64_t timeout, number;
};

/* Parses words up to NULL. Lists and operands are released by the caller. */
static int parse_until(struct values *v, bool stop, struct asb_operands *operands,
		       struct asb_error *err, const char *const *words)
{
	const struct asb_option own[] = {
		{"quiet", 'q', ASB_OPTION_FLAG, &v->quiet, NULL, "say less"},
		{"stdin", 'i', ASB_OPTION_FLAG, &v->stdin_, NULL, "send stdin"},
		{"name", 0, ASB_OPTION_STRING, &v->name, "NAME", "name"},
		{"env", 'e', ASB_OPTION_LIST, &v->env, "K=V", "variable"},
		{"timeout", 0, ASB_OPTION_DURATION, &v->timeout, "DURATION", "limit"},
		{"number", 0, ASB_OPTION_INT, &v->number, "N", "number"},
		{"secret", 0, ASB_OPTION_FLAG, &v->quiet, NULL, NULL},
		{0},
	};
	const struct asb_option global[] = {
		{"namespace", 'n', ASB_OPTION_STRING, &v->namespace_, "NAME", "where"},
		{0},
	};
	const struct asb_option *tables[] = {own, global, NULL};
	char *argv[WORDS];
	int argc = 0;

	for (; words[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	asb_error_clear(err);
	return asb_options_parse(tables, argc, argv, stop, operands, err);
}

#define PARSE(v, operands, err, ...) \
	parse_until(v, false, operands, err, (const char *const[]){__VA_ARGS__, NULL})

static void test_forms(void **state)
{
	struct values v = {0};
	struct asb_operands operands;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(PARSE(&v, &operands, &err, "one", "--name", "x", "-iq", "-nspace", "two",
			       "--timeout=1m30s", "-e", "A=1", "--env=B=2", "-", "--number=-5"),
			 0);
	assert_string_equal(v.name, "x");
	assert_true(v.quiet);
	assert_true(v.stdin_);
	assert_string_equal(v.namespace_, "space");
	assert_int_equal(v.timeout, 90000);
	assert_int_equal(v.number, -5);
	assert_int_equal(v.env.count, 2);
	assert_string_equal(v.env.items[0], "A=1");
	assert_string_equal(v.env.items[1], "B=2");
	assert_int_equal(operands.count, 3);
	assert_int_equal(operands.dashdash, -1);
	assert_string_equal(operands.items[2], "-");
	assert_true(asb_operands_gave(&operands, "stdin"));
	assert_true(asb_operands_gave(&operands, "namespace"));
	assert_false(asb_operands_gave(&operands, "secret"));
	asb_operands_release(&operands);
	asb_strings_release(&v.env);

	assert_int_equal(PARSE(&v, &operands, &err, "-n=a", "-n", "b", "--quiet=false", "--name="),
			 0);
	assert_string_equal(v.namespace_, "b");
	assert_false(v.quiet);
	assert_string_equal(v.name, "");
	asb_operands_release(&operands);
}

static void test_dashdash(void **state)
{
	struct values v = {0};
	struct asb_operands operands;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(PARSE(&v, &operands, &err, "a", "-q", "--", "--name", "-i", "--"), 0);
	assert_int_equal(operands.dashdash, 1);
	assert_int_equal(operands.count, 4);
	assert_string_equal(operands.items[1], "--name");
	assert_string_equal(operands.items[3], "--");
	assert_true(v.quiet);
	assert_false(v.stdin_);
	asb_operands_release(&operands);

	assert_int_equal(PARSE(&v, &operands, &err, "--name", "--", "--"), 0);
	assert_string_equal(v.name, "--");
	assert_int_equal(operands.dashdash, 0);
	assert_int_equal(operands.count, 0);
	asb_operands_release(&operands);
}

static void test_stop_at_operand(void **state)
{
	static const char *const words[] = {"-q", "run", "--unknown", "--", "-x", NULL};
	struct values v = {0};
	struct asb_operands operands;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(parse_until(&v, true, &operands, &err, words), 0);
	assert_int_equal(operands.count, 4);
	assert_int_equal(operands.dashdash, -1);
	assert_string_equal(operands.items[1], "--unknown");
	asb_operands_release(&operands);
}

static void refused(const char *word, const char *second, const char *message, const char *hint)
{
	struct values v = {0};
	struct asb_operands operands;
	struct asb_error err = ASB_ERROR_INIT;

	assert_int_equal(PARSE(&v, &operands, &err, word, second), -1);
	assert_int_equal(err.status, ASB_STATUS_USAGE);
	assert_string_equal(err.message, message);
	assert_string_equal(err.hint, hint);
	asb_operands_release(&operands);
	asb_strings_release(&v.env);
}

static void test_refusals(void **state)
{
	(void)state;
	refused("--tiemout=5", NULL, "unknown option --tiemout", "did you mean --timeout?");
	refused("--namesp", NULL, "unknown option --namesp", "did you mean --namespace?");
	refused("--xyzzy", NULL, "unknown option --xyzzy", "");
	refused("--secre", NULL, "unknown option --secre", "");
	refused("-x", NULL, "unknown option -x", "");
	refused("-qx", NULL, "unknown option -x", "");
	refused("-timeout", NULL, "unknown option -t", "did you mean --timeout?");
	refused("--name", NULL, "--name needs a value: --name NAME", "");
	refused("--quiet=maybe", NULL, "--quiet: \"maybe\" is neither true nor false", "");
	refused("--number", "1x", "--number: \"1x\" is not a whole number", "");
	refused("--number=99999999999999999999", NULL,
		"--number: \"99999999999999999999\" is not a whole number", "");
	refused("--timeout", "soon", "--timeout: \"soon\" is not a duration",
		"write it as 90s, 1m30s or 500ms");
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{"0", 0},
		{"90s", 90000},
		{"1m30s", 90000},
		{"500ms", 500},
		{"2", 2000},
		{"1.5h", 5400000},
		{"1.234s", 1234},
		{"0.5", 500},
		{"100h", 360000000},
		{"", -1},
		{"s", -1},
		{"5x", -1},
		{"-1s", -1},
		{" 1s", -1},
		{"1s ", -1},
		{"1.s", -1},
		{"1s5", -1},
		{"1.2345s", -1},
		{"99999999999999999999h", -1},
	};
	char out[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(asb_duration_parse(cases[i].text), cases[i].ms);
	assert_string_equal(asb_duration_format(90000, out), "1m30s");
	assert_string_equal(asb_duration_format(1234, out), "1.234s");
	assert_string_equal(asb_duration_format(12, out), "12ms");
	assert_string_equal(asb_duration_format(0, out), "0s");
	assert_string_equal(asb_duration_format(3600000, out), "1h");
	for (i = 0; i < 100; i++) {
		int64_t ms = (int64_t)(i * i * i * 7919);

		assert_int_equal(asb_duration_parse(asb_duration_format(ms, out)), ms);
	}
}

static void test_help(void **state)
{
	static const struct asb_option table[] = {
		{"name", 'n', ASB_OPTION_STRING, NULL, "NAME", "a name"},
		{"quiet", 0, ASB_OPTION_FLAG, NULL, NULL,
		 "a sentence that is long enough to need more than a single line of the help text "
		 "that people read"},
		{"hidden", 0, ASB_OPTION_FLAG, NULL, NULL, NULL},
		{"with-a-name-too-long-for-the-column", 0, ASB_OPTION_STRING, NULL, "X", "below"},
		{0},
	};
	struct asb_buffer out = ASB_BUFFER_INIT;

	(void)state;
	asb_options_help(table, &out);
	assert_string_equal(out.data, "  -n, --name NAME  a name\n"
				      "      --quiet      a sentence that is long enough to need "
				      "more than a single line of "
				      "the help text\n"
				      "                   that people read\n"
				      "      --with-a-name-too-long-for-the-column X\n"
				      "                   below\n");
	asb_buffer_release(&out);
}

static void test_nearest(void **state)
{
	struct asb_nearest nearest;

	(void)state;
	asb_nearest_init(&nearest, "rnu");
	asb_nearest_offer(&nearest, "help");
	assert_null(nearest.found);
	asb_nearest_offer(&nearest, "run");
	asb_nearest_offer(&nearest, "rub");
	assert_string_equal(nearest.found, "run");
	asb_nearest_init(&nearest, "");
	asb_nearest_offer(&nearest, "run");
	assert_null(nearest.found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),		cmocka_unit_test(test_dashdash),
		cmocka_unit_test(test_stop_at_operand), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_durations),	cmocka_unit_test(test_help),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
