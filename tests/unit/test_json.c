/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/base/json.h"

static void test_reading(void **state)
{
	ASB_JSON json = asb_json_literal(
		"{\"a\":{\"b\":[{\"n\":1.5},{\"type\":\"Ready\",\"status\":\"True\"}]},"
		"\"yes\":true,\"a/b\":\"slash\",\"0\":\"zero\",\"none\":null}");

	(void)state;
	assert_true(asb_json_number(json, "a/b/0/n", 0) == 1.5);
	assert_true(asb_json_number(json, "a/b/7/n", -2) == -2);
	assert_true(asb_json_number(json, "yes", -2) == -2);
	assert_string_equal(asb_json_string(json, "a/b/1/type"), "Ready");
	assert_null(asb_json_string(json, "a/b/x/type"));
	assert_null(asb_json_string(json, "a/b//type"));
	assert_null(asb_json_string(json, "none"));
	assert_null(asb_json_string(NULL, "a"));
	assert_string_equal(asb_json_string(json, "0"), "zero");
	assert_true(asb_json_bool(json, "yes", false));
	assert_true(asb_json_bool(json, "no", true));
	assert_string_equal(asb_json_member(json, "a/b")->valuestring, "slash");
	assert_string_equal(asb_json_string(asb_json_find(json, "a/b", "type", "Ready"), "status"),
			    "True");
	assert_null(asb_json_find(json, "a/b", "type", "Other"));
	assert_null(asb_json_find(json, "yes", "type", "Ready"));
}

static void test_building(void **state)
{
	ASB_JSON json = cJSON_CreateObject();
	ASB_TEXT text = NULL;

	(void)state;
	asb_json_set_string(json, "metadata/name", "old");
	asb_json_set_string(json, "metadata/name", "x");
	asb_json_set_string(json, "metadata/other", NULL);
	asb_json_set_number(json, "spec/n", 3);
	asb_json_set_bool(json, "spec/b", false);
	asb_json_append(json, "spec/list", cJSON_CreateString("one"));
	asb_json_append(json, "spec/list", cJSON_CreateString("two"));
	text = asb_json_print(json);
	assert_string_equal(text, "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"n\":3,\"b\":false,"
				  "\"list\":[\"one\",\"two\"]}}");
}

static void refused(const char *text, size_t n, const char *where)
{
	struct asb_error err = ASB_ERROR_INIT;
	cJSON *json = asb_json_parse(text, n, &err);

	assert_null(json);
	assert_non_null(strstr(err.message, where));
}

static void test_parsing(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON json = asb_json_parse("{\"a\":1} \n\tzzz", 10, &err);

	(void)state;
	assert_non_null(json);
	refused("{\"a\":1} x", 9, "byte 8");
	refused("{\"a\":1", 6, "byte");
	refused("{\"a\":\"b\0c\"}", 11, "byte 7");
	refused("\x01{}", 3, "byte 0");
	refused("", 0, "byte 0");
	refused("{\"1\":1,\"\\", 9, "byte");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_building),
		cmocka_unit_test(test_parsing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
