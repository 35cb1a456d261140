/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/age.h"
#include "plugin/term/table.h"

static void prints(struct asb_table *table, const char *expected)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	asb_table_print(table, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

#define ADD(table, ...) asb_table_add(table, (const char *const[]){__VA_ARGS__})

static void columns_are_aligned(void **state)
{
	static const char *const headings[] = {"NAME", "AGE", "IMAGE", NULL};
	struct asb_table table;

	(void)state;
	asb_table_init(&table, headings);
	ADD(&table, "a-long-name", "3s", "busybox");
	ADD(&table, "b", NULL, "");
	prints(&table, "NAME          AGE      IMAGE\n"
		       "a-long-name   3s       busybox\n"
		       "b             <none>   \n");
	/* later rows keep the widths, and no heading comes again */
	ADD(&table, "c", "1s", "x");
	prints(&table, "c             1s       x\n");
	prints(&table, "");
	ADD(&table, "a-name-that-is-longer", "1s", "x");
	prints(&table, "a-name-that-is-longer   1s       x\n");
	asb_table_release(&table);
}

static void cells_are_harmless(void **state)
{
	static const char *const headings[] = {"A", "B", NULL};
	struct asb_table table;

	(void)state;
	asb_table_init(&table, headings);
	ADD(&table, "x\033[2Jy", "two\nlines");
	ADD(&table, "\xc3\xa4\xc3\xb6", "wide"); /* two characters, four bytes */
	prints(&table, "A        B\n"
		       "x?[2Jy   two lines\n"
		       "\xc3\xa4\xc3\xb6       wide\n");
	ADD(&table, "left", "behind");
	asb_table_release(&table);
}

static void ages(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{-5, "0s"},	{0, "0s"},	  {119, "119s"},  {120, "2m"},
		{330, "5m30s"}, {600, "10m"},	  {3599, "59m"},  {10799, "179m"},
		{10800, "3h"},	{11100, "3h5m"},  {28800, "8h"},  {172799, "47h"},
		{172800, "2d"}, {180000, "2d2h"}, {691200, "8d"}, {86400 * 400, "400d"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[ASB_AGE_SIZE];

		assert_string_equal(asb_age_format(cases[i].seconds * 1000, text), cases[i].text);
	}
}

static void times(void **state)
{
	static const char *const wrong[] = {
		"",
		"2026-11-23",
		"2026-11-23T02:00:00",
		"2026-11-23 02:00:00Z",
		"soon",
		"2026-11-23T02:00:00Zx",
		"2026-11-23T02:00:00+1",
		"-026-11-23T02:00:00Z",
	};

	(void)state;
	assert_int_equal(asb_time_parse("1970-01-01T00:00:00Z"), 0);
	assert_int_equal(asb_time_parse("2026-11-23T02:00:00Z"), 1795399200000);
	assert_int_equal(asb_time_parse("2026-11-23T02:00:00.1239Z"), 1795399200123);
	assert_int_equal(asb_time_parse("2026-11-23T03:30:00+01:30"), 1795399200000);
	assert_int_equal(asb_time_parse("2026-11-22T22:00:00-04:00"), 1795399200000);
	assert_int_equal(asb_time_parse(NULL), -1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(asb_time_parse(wrong[i]), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(cells_are_harmless),
		cmocka_unit_test(ages),
		cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
