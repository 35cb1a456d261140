/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/base/yaml.h"

static void becomes(const char *yaml, const char *json)
{
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON tree = asb_yaml_parse(yaml, strlen(yaml), "f", &err);
	ASB_TEXT text = tree == NULL ? asb_strdup(err.message) : asb_json_print(tree);

	assert_string_equal(text, json);
	assert_int_equal(asb_failed(&err), tree == NULL);
}

static void refused(const char *yaml, const char *message)
{
	struct asb_error err = ASB_ERROR_INIT;
	cJSON *tree = asb_yaml_parse(yaml, strlen(yaml), "f", &err);

	assert_null(tree);
	assert_string_equal(err.message, message);
}

static void test_documents(void **state)
{
	(void)state;
	becomes("", "{}");
	becomes("# only a comment\n", "{}");
	becomes("---\n...\n", "{}");
	becomes("a: 1\n---\nb: 2\n", "{\"a\":1}");
	becomes("- a\n- - b\n  - c\n-\n", "[\"a\",[\"b\",\"c\"],null]");
	becomes("a:\n  b: {c: [1, two], d: }\n", "{\"a\":{\"b\":{\"c\":[1,\"two\"],\"d\":null}}}");
	becomes("a: |\n  x\n  y\nb: >-\n  p\n  q\n", "{\"a\":\"x\\ny\\n\",\"b\":\"p q\"}");
}

static void test_json_is_yaml(void **state)
{
	(void)state;
	becomes("{\"a\": [1, -2.5e3, true, null, \"\\u00e4\\n\\/\"],\n\t\"b\": {}}",
		"{\"a\":[1,-2500,true,null,\"\xc3\xa4\\n/\"],\"b\":{}}");
	becomes("{\"apiVersion\":\"v1\",\"clusters\":[]}",
		"{\"apiVersion\":\"v1\",\"clusters\":[]}");
}

static void test_scalars(void **state)
{
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{"~", "[null]"},
		{"Null", "[null]"},
		{"nULL", "[\"nULL\"]"},
		{"yes", "[true]"},
		{"Off", "[false]"},
		{"y", "[true]"},
		{"TRUE", "[true]"},
		{"tRUE", "[\"tRUE\"]"},
		{"\"yes\"", "[\"yes\"]"},
		{"'1'", "[\"1\"]"},
		{"12", "[12]"},
		{"+12", "[12]"},
		{"-12", "[-12]"},
		{"1_000", "[1000]"},
		{"0x1F", "[31]"},
		{"-0x10", "[-16]"},
		{"0b101", "[5]"},
		{"017", "[15]"},
		{"0o17", "[15]"},
		{"09", "[9]"},
		{"0", "[0]"},
		{"1.5", "[1.5]"},
		{".5", "[0.5]"},
		{"5.", "[5]"},
		{"1e3", "[1000]"},
		{"1e", "[\"1e\"]"},
		{".", "[\".\"]"},
		{"-", "[null]"},
		{"+", "[\"+\"]"},
		{"0x", "[\"0x\"]"},
		{"0x0x1", "[\"0x0x1\"]"},
		{".inf", "[\".inf\"]"},
		{"1e999", "[\"1e999\"]"},
		{"1.2.3", "[\"1.2.3\"]"},
		{"10:30", "[\"10:30\"]"},
		{"2001-01-01", "[\"2001-01-01\"]"},
		{"__", "[\"__\"]"},
		{"!!str 12", "[\"12\"]"},
		{"!!int 12", "[12]"},
		{"! 12", "[\"12\"]"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ASB_TEXT yaml = asb_strf("- %s\n", cases[i].yaml);
		ASB_TEXT nested = asb_strf("[%s]", cases[i].json);

		becomes(yaml, strcmp(cases[i].yaml, "-") == 0 ? nested : cases[i].json);
	}
}

static void test_keys(void **state)
{
	(void)state;
	becomes("1: a\ntrue: b\n0x10: c\n'2': d\n",
		"{\"1\":\"a\",\"true\":\"b\",\"16\":\"c\",\"2\":\"d\"}");
	refused("a: 1\nb: 2\na: 3\n", "f: line 3, column 1: key \"a\" is there twice");
	refused("1: a\n'1': b\n", "f: line 2, column 1: key \"1\" is there twice");
	refused("~: a\n", "f: line 1, column 1: a key must not be null");
	refused("? [a]\n: b\n", "f: line 1, column 3: a key must be a text");
}

static void test_aliases(void **state)
{
	(void)state;
	becomes("a: &x {k: 1}\nb: *x\nc: [*x, *x]\n",
		"{\"a\":{\"k\":1},\"b\":{\"k\":1},\"c\":[{\"k\":1},{\"k\":1}]}");
	becomes("- &x 1\n- &x 2\n- *x\n", "[1,2,2]");
	becomes("base: &b {x: 1, w: 2}\nd:\n  w: 3\n  <<: *b\n  z: 4\n",
		"{\"base\":{\"x\":1,\"w\":2},\"d\":{\"w\":3,\"z\":4,\"x\":1}}");
	becomes("d: {<<: [{a: 1}, &n {a: 2, b: 3}]}\ne: *n\n",
		"{\"d\":{\"a\":1,\"b\":3},\"e\":{\"a\":2,\"b\":3}}");
	refused("a: *x\n", "f: line 1, column 4: unknown anchor");
	refused("a: &x [*x]\n", "f: line 1, column 8: unknown anchor");
	refused("<<: [{a: 1}, 2]\n", "f: line 1, column 1: only mappings can be merged by <<");
	refused("a: 1\n<<: 5\n", "f: line 2, column 1: only mappings can be merged by <<");
}

static size_t line_of(const struct asb_yaml_lines *lines, const cJSON *tree, const char *path)
{
	const cJSON *member = asb_json_at(tree, path);

	assert_non_null(member);
	return asb_yaml_line(lines, member);
}

static void test_lines(void **state)
{
	static const char yaml[] = "# comment\n"
				   "a: &x\n"
				   "  k: |\n"
				   "    long\n"
				   "    text\n"
				   "b: *x\n"
				   "c: {d: 1,\n"
				   "    e:\n"
				   "      [1]}\n"
				   "<<: {m: 1}\n";
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_yaml_lines lines = {0};
	ASB_JSON tree = asb_yaml_parse_lines(yaml, strlen(yaml), "f", &lines, &err);

	(void)state;
	assert_int_equal(line_of(&lines, tree, "a"), 2);
	assert_int_equal(line_of(&lines, tree, "a/k"), 3);
	assert_int_equal(line_of(&lines, tree, "b"), 6);
	assert_int_equal(line_of(&lines, tree, "b/k"), 0);
	assert_int_equal(line_of(&lines, tree, "c/d"), 7);
	assert_int_equal(line_of(&lines, tree, "c/e"), 8);
	assert_int_equal(line_of(&lines, tree, "c/e/0"), 0);
	assert_int_equal(line_of(&lines, tree, "m"), 0);
	asb_yaml_lines_release(&lines);

	assert_null(asb_yaml_parse_lines("a: 1\nb: [", 9, "f", &lines, &err));
	asb_yaml_lines_release(&lines);
}

static void prints(const char *json, const char *yaml)
{
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON tree = asb_json_parse(json, strlen(json), &err);
	ASB_TEXT text = asb_yaml_print(tree);

	assert_string_equal(text, yaml);
	becomes(text, json);
}

static void test_print(void **state)
{
	(void)state;
	prints("{}", "{}\n");
	prints("[]", "[]\n");
	prints("\"a\"", "a\n");
	prints("{\"a\":{\"b\":[1,{\"c\":true,\"d\":null},[\"x\",[2]]],\"e\":{},\"f\":[]},\"g\":-1."
	       "5}",
	       "a:\n  b:\n  - 1\n  - c: true\n    d: null\n  - - x\n    - - 2\n  e: {}\n  f: []\n"
	       "g: -1.5\n");
	prints("[{\"k\":[1]},{\"k\":{\"l\":[{}]}}]", "- k:\n  - 1\n- k:\n    l:\n    - {}\n");
	prints("[\"\",\"yes\",\"1\",\"1e3\",\"~\",\"a b\",\"a:\",\"- "
	       "a\",\"#\",\"l1\\nl2\\t\\u0001\",\"\xc3\xa4\"]",
	       "- \"\"\n- \"yes\"\n- \"1\"\n- \"1e3\"\n- \"~\"\n- \"a b\"\n- \"a:\"\n- \"- a\"\n"
	       "- \"#\"\n- \"l1\\nl2\\t\\u0001\"\n- \"\xc3\xa4\"\n");
	prints("{\"n\":\"y\",\"a/b@c.d_e-f\":\"on\",\"<<\":\"x:y\"}",
	       "\"n\": \"y\"\na/b@c.d_e-f: \"on\"\n\"<<\": x:y\n");
}

static void test_bounds(void **state)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	char *large;
	int i;

	(void)state;
	/* each level is ten times the one before: 10^9 values in 500 bytes */
	asb_buffer_addstr(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (i = 1; i < 10; i++)
		asb_buffer_addf(
			&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i,
			i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	assert_null(asb_yaml_parse(text.data, text.length, "f", &err));
	assert_non_null(strstr(err.message, "too many values"));

	asb_buffer_reset(&text);
	for (i = 0; i < 100; i++)
		asb_buffer_addch(&text, '[');
	for (i = 0; i < 100; i++)
		asb_buffer_addch(&text, ']');
	cJSON_Delete(asb_yaml_parse(text.data, text.length, "f", &err));
	assert_false(asb_failed(&err));
	asb_buffer_reset(&text);
	for (i = 0; i < 101; i++)
		asb_buffer_addch(&text, '[');
	assert_null(asb_yaml_parse(text.data, text.length, "f", &err));
	assert_non_null(strstr(err.message, "column 101: nested too deeply"));
	asb_buffer_release(&text);

	large = asb_calloc(1, (16u << 20) + 1);
	assert_null(asb_yaml_parse(large, (16u << 20) + 1, "f", &err));
	assert_string_equal(err.message, "f: larger than 16 MiB");
	free(large);
}

static void test_mistakes(void **state)
{
	(void)state;
	refused("a: [1\n", "f: line 2, column 1: did not find expected ',' or ']'");
	refused("a: 1\n b: 2\n",
		"f: line 2, column 3: mapping values are not allowed in this context");
	refused("a: \"\\0\"\n", "f: line 1, column 4: a text with a NUL in it");
	refused("a: !!int x\n", "f: line 1, column 4: the value does not fit its tag");
	refused("a: !foo x\n", "f: line 1, column 4: unknown tag");
	refused("a: \xff\n", "f: byte 3: invalid leading UTF-8 octet");
}

static void test_many_documents(void **state)
{
	static const char text[] = "# none\n---\na: &x 1\n---\n\n---\nb: 2\n...\n";
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_yaml_lines lines = {0};
	cJSON *all = asb_yaml_parse_documents(text, strlen(text), "f", &lines, &err);

	(void)state;
	assert_int_equal(cJSON_GetArraySize(all), 2);
	assert_int_equal(asb_json_number(all, "0/a", 0), 1);
	assert_int_equal(asb_yaml_line(&lines, asb_json_at(all, "1/b")), 7);
	asb_yaml_lines_release(&lines);
	cJSON_Delete(all);
	/* an anchor is its document's own */
	all = asb_yaml_parse_documents("a: &x 1\n---\nb: *x\n", 18, "f", NULL, &err);
	assert_null(all);
	assert_non_null(strstr(err.message, "line 3"));
	assert_non_null(strstr(err.message, "unknown anchor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_documents), cmocka_unit_test(test_documents),
		cmocka_unit_test(test_json_is_yaml),   cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_keys),	       cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_bounds),	       cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_lines),	       cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
