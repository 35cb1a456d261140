/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/base/error.h"

static void test_fail_sets_everything(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_false(asb_failed(&err));
	asb_hint(&err, "old hint");
	assert_int_equal(asb_fail(&err, "no such %s", "thing"), -1);
	assert_true(asb_failed(&err));
	assert_int_equal(err.status, ASB_STATUS_PLUGIN);
	assert_string_equal(err.message, "no such thing");
	assert_string_equal(err.hint, "");
	assert_int_equal(asb_fail_usage(&err, "what"), -1);
	assert_int_equal(err.status, ASB_STATUS_USAGE);
	errno = ENOENT;
	assert_int_equal(asb_fail_errno(&err, "%s", "/x"), -1);
	assert_string_equal(err.message, "/x: No such file or directory");
	asb_error_clear(&err);
	assert_false(asb_failed(&err));
}

static void test_wrap_keeps_what_it_wraps(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	asb_fail_usage(&err, "inner");
	asb_hint(&err, "do %d", 7);
	assert_int_equal(asb_wrap(&err, "outer %d", 1), -1);
	assert_string_equal(err.message, "outer 1: inner");
	assert_string_equal(err.hint, "do 7");
	assert_int_equal(err.status, ASB_STATUS_USAGE);
}

/* Texts of every length around the size of the field, made of two-byte characters. */
static void test_long_texts_are_cut_between_characters(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	char text[sizeof err.message + 8];
	size_t n;

	(void)state;
	for (n = sizeof err.message - 8; n < sizeof text; n++) {
		size_t i, length;

		for (i = 0; i < n; i++)
			text[i] = i % 2 == 0 ? '\xc3' : '\xa4';
		text[n] = '\0';
		asb_fail(&err, "%s", text);
		length = strlen(err.message);
		assert_true(length < sizeof err.message);
		if (n < sizeof err.message) {
			assert_string_equal(err.message, text);
			continue;
		}
		assert_string_equal(err.message + length - 3, "...");
		assert_int_equal((length - 3) % 2, 0);
	}
	asb_wrap(&err, "%s", "prefix");
	assert_int_equal(strncmp(err.message, "prefix: ", 8), 0);
	assert_string_equal(err.message + strlen(err.message) - 3, "...");
}

/* What asb_error_print says, through a pipe in place of stderr. */
static void printed(const struct asb_error *err, char *out, size_t size)
{
	int ends[2], saved;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	asb_error_print(err);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	n = read(ends[0], out, size - 1);
	assert_true(n >= 0);
	out[n] = '\0';
	close(ends[0]);
}

static void test_print_is_safe_for_terminals(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	char out[256];

	(void)state;
	asb_fail(&err, "a\033[31mb\xc2\x9b"
		       "c\rd \xc3\xa4");
	printed(&err, out, sizeof out);
	assert_string_equal(out, "error: a?[31mb?c?d \xc3\xa4\n");
	asb_hint(&err, "first\n\tsecond");
	printed(&err, out, sizeof out);
	assert_string_equal(out, "error: a?[31mb?c?d \xc3\xa4\nhint: first\n\tsecond\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fail_sets_everything),
		cmocka_unit_test(test_wrap_keeps_what_it_wraps),
		cmocka_unit_test(test_long_texts_are_cut_between_characters),
		cmocka_unit_test(test_print_is_safe_for_terminals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
