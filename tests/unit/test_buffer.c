/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"

static void test_empty_is_a_string(void **state)
{
	struct asb_buffer buf = ASB_BUFFER_INIT;
	ASB_TEXT stolen = NULL;

	(void)state;
	assert_string_equal(buf.data, "");
	asb_buffer_drop(&buf, 5);
	asb_buffer_reset(&buf);
	assert_int_equal(asb_buffer_add(&buf, NULL, 0), 0);
	assert_int_equal(asb_buffer_addf(&buf, "%s", ""), 0);
	assert_string_equal(buf.data, "");
	stolen = asb_buffer_steal(&buf);
	assert_string_equal(stolen, "");
	asb_buffer_release(&buf);
}

static void test_appending(void **state)
{
	struct asb_buffer buf;
	ASB_TEXT stolen = NULL;

	(void)state;
	asb_buffer_init(&buf);
	asb_buffer_addstr(&buf, "abc");
	asb_buffer_addch(&buf, '-');
	asb_buffer_addf(&buf, "%d %s", 42, "x");
	asb_buffer_add_url(&buf, "/a b~\xc3\xa4?");
	assert_string_equal(buf.data, "abc-42 x%2Fa%20b~%C3%A4%3F");
	assert_int_equal(buf.length, strlen(buf.data));
	asb_buffer_drop(&buf, 4);
	stolen = asb_buffer_steal(&buf);
	assert_string_equal(stolen, "42 x%2Fa%20b~%C3%A4%3F");
	assert_int_equal(buf.length, 0);
	assert_string_equal(buf.data, "");
}

static void test_limit(void **state)
{
	struct asb_buffer buf = ASB_BUFFER_INIT;

	(void)state;
	buf.limit = 5;
	assert_int_equal(asb_buffer_addstr(&buf, "12345"), 0);
	assert_int_equal(asb_buffer_addch(&buf, 'x'), -1);
	assert_int_equal(asb_buffer_addf(&buf, "%d", 1), -1);
	assert_string_equal(buf.data, "12345");
	asb_buffer_drop(&buf, 2);
	assert_int_equal(asb_buffer_add_url(&buf, "a/"), -1);
	assert_string_equal(buf.data, "345");
	assert_int_equal(asb_buffer_add_url(&buf, "ab"), 0);
	assert_string_equal(buf.data, "345ab");
	asb_buffer_release(&buf);
	assert_int_equal(buf.limit, 5);
}

/* A queue of random pieces against a plain model: bytes come out as they went in, and the storage
 * stays in proportion to what is queued. */
static void test_queue(void **state)
{
	enum { LARGEST = 5000 };
	struct asb_buffer buf = ASB_BUFFER_INIT;
	uint8_t in = 0, out = 0;
	unsigned round;

	(void)state;
	srand(1);
	for (round = 0; round < 20000; round++) {
		uint8_t piece[200];
		size_t n = (size_t)rand() % sizeof piece, i;

		if (buf.length < LARGEST) {
			for (i = 0; i < n; i++)
				piece[i] = in++;
			asb_buffer_add(&buf, piece, n);
		}
		n = (size_t)rand() % sizeof piece;
		if (n > buf.length)
			n = buf.length;
		for (i = 0; i < n; i++)
			assert_int_equal((uint8_t)buf.data[i], out++);
		asb_buffer_drop(&buf, n);
		assert_int_equal(buf.data[buf.length], '\0');
		assert_true(buf.capacity <= 4 * (LARGEST + sizeof piece));
	}
	asb_buffer_release_secret(&buf);
	assert_string_equal(buf.data, "");
}

static void test_texts(void **state)
{
	ASB_TEXT a = asb_strdup("abc");
	ASB_TEXT b = asb_strndup("abcdef", 3);
	ASB_TEXT c = asb_strndup("ab", 30);
	ASB_TEXT d = asb_strf("%s/%d", "x", 5);

	(void)state;
	assert_null(asb_strdup(NULL));
	assert_string_equal(a, b);
	assert_string_equal(c, "ab");
	assert_string_equal(d, "x/5");
}

static void test_words(void **state)
{
	static const char *const cases[][2] = {
		{"jane@example.com", "jane@example.com"},
		{"", "''"},
		{"a b", "'a b'"},
		{"o'hara; rm -r $HOME", "'o'\\''hara; rm -r $HOME'"},
		{"a\nb", "'a\nb'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_buffer buf = ASB_BUFFER_INIT;

		asb_buffer_add_word(&buf, cases[i][0]);
		assert_string_equal(buf.data, cases[i][1]);
		asb_buffer_release(&buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_is_a_string),
		cmocka_unit_test(test_appending),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
