/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes in any cuts (the first byte seeds them) give the lines that a plain split gives, and a
 * limit is kept.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
	if (!truth)
		abort();
}

static int add_line(void *context, const char *text, size_t n)
{
	struct asb_buffer *out = context;

	require(n > 0 && memchr(text, '\n', n) == NULL);
	asb_buffer_add(out, text, n);
	asb_buffer_addch(out, '\n');
	return 0;
}

/* The same by another way: one line after the other, without what has no end. */
static void split(const char *text, size_t n, struct asb_buffer *out)
{
	const char *end = memchr(text, '\n', n);

	while (end != NULL) {
		size_t length = (size_t)(end - text);
		size_t kept = length > 0 && text[length - 1] == '\r' ? length - 1 : length;

		if (kept > 0)
			add_line(out, text, kept);
		text += length + 1;
		n -= length + 1;
		end = memchr(text, '\n', n);
	}
}

static void feed(const char *text, size_t n, unsigned cut, struct asb_watch_lines *lines,
		 struct asb_buffer *out)
{
	while (n > 0) {
		size_t piece = cut % 7 + 1 < n ? cut % 7 + 1 : n;

		require(asb_watch_lines_feed(lines, text, piece, add_line, out) == 0);
		text += piece;
		n -= piece;
		cut = cut * 31 + 7;
	}
}

static void keep_the_limit(const char *text, size_t n, unsigned limit)
{
	struct asb_watch_lines lines = {ASB_BUFFER_INIT};
	struct asb_buffer out = ASB_BUFFER_INIT;

	lines.pending.limit = limit;
	for (size_t i = 0; i < n; i++) {
		if (asb_watch_lines_feed(&lines, text + i, 1, add_line, &out) != 0)
			break;
		require(lines.pending.length <= limit);
	}
	asb_buffer_release(&out);
	asb_buffer_release(&lines.pending);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct asb_watch_lines lines = {ASB_BUFFER_INIT};
	struct asb_buffer got = ASB_BUFFER_INIT, wanted = ASB_BUFFER_INIT;
	const char *text = (const char *)data + 1;

	if (size < 2)
		return 0;
	split(text, size - 1, &wanted);
	feed(text, size - 1, data[0], &lines, &got);
	require(got.length == wanted.length && memcmp(got.data, wanted.data, got.length) == 0);
	keep_the_limit(text, size - 1, data[0] + 1u);
	asb_buffer_release(&got);
	asb_buffer_release(&wanted);
	asb_buffer_release(&lines.pending);
	return 0;
}
