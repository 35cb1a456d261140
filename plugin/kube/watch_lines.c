/* SPDX-License-Identifier: Apache-2.0 */
/* watch_lines.c - the bytes of a watch's answer become lines, however they were cut. */
#include <string.h>

#include "plugin/kube/watch.h"

/* Without the line's end; empty lines are no lines. */
static int give_line(const char *text, size_t n,
		     int (*line)(void *context, const char *text, size_t n), void *context)
{
	if (n > 0 && text[n - 1] == '\r')
		n--;
	return n == 0 || line(context, text, n) == 0 ? 0 : -1;
}

int asb_watch_lines_feed(struct asb_watch_lines *lines, const char *bytes, size_t n,
			 int (*line)(void *context, const char *text, size_t n), void *context)
{
	struct asb_buffer *pending = &lines->pending;

	while (n > 0) {
		const char *end = memchr(bytes, '\n', n);
		size_t length = end == NULL ? n : (size_t)(end - bytes);
		int rc = 0;

		if (end == NULL || pending->length > 0) {
			if (asb_buffer_add(pending, bytes, length) != 0)
				return -1;
			if (end == NULL)
				return 0;
			rc = give_line(pending->data, pending->length, line, context);
			asb_buffer_reset(pending);
		} else {
			rc = give_line(bytes, length, line, context);
		}
		if (rc != 0)
			return -1;
		bytes += length + 1;
		n -= length + 1;
	}
	return 0;
}
