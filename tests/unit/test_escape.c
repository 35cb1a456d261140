/* SPDX-License-Identifier: Apache-2.0 */
/* What is typed at the beginning of a line and meant for us, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/term/escape.h"

/* Everything that is handed on, with <N> where action N was. */
static void typed(const char *text, size_t piece, char *out, size_t cap)
{
	struct asb_escape escape = {0};
	size_t length = strlen(text);
	size_t n = 0;

	for (size_t at = 0; at < length;) {
		size_t end = at + piece < length ? at + piece : length;

		while (at < end) {
			char put[64];
			size_t taken, count;
			enum asb_escape_action action =
				asb_escape_take(&escape, text + at, end - at, &taken, put, &count);

			assert_true(count <= end - at + 1);
			assert_true(taken > 0 || count > 0);
			assert_true(action != ASB_ESCAPE_NONE || taken == end - at);
			n += (size_t)snprintf(out + n, cap - n, "%.*s", (int)count, put);
			if (action != ASB_ESCAPE_NONE)
				n += (size_t)snprintf(out + n, cap - n, "<%d>", (int)action);
			at += taken;
		}
	}
	assert_true(n < cap);
}

static void escapes_are_found_however_they_are_read(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", ""},
		{"ls -l\r", "ls -l\r"},
		{"~.", "<1>"},
		{"~\032", "<2>"},
		{"~?", "<3>"},
		{"~~.", "~."},
		{"~~~.", "~~."},
		{"~/bin\r", "~/bin\r"},
		{"a~.", "a~."},
		{"a\r~.", "a\r<1>"},
		{"a\n~.", "a\n<1>"},
		{"a\r\n~?~.", "a\r\n<3><1>"},
		{"~?ls\r", "<3>ls\r"},
		{"~\r~.", "~\r<1>"},
		{"~a~.", "~a~."},
		{"\003~.", "\003~."},
		{"\r~x\r~\032y~.", "\r~x\r<2>y~."},
	};
	char got[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece < 12; piece++) {
			got[0] = '\0';
			typed(cases[i].text, piece, got, sizeof(got));
			assert_string_equal(got, cases[i].want);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_are_found_however_they_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
