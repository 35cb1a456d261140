/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/wrap.h"

#include <string.h>

static void move_to(struct asb_buffer *out, size_t *at, size_t column)
{
	if (*at > column) {
		asb_buffer_addch(out, '\n');
		*at = 0;
	}
	for (; *at < column; (*at)++)
		asb_buffer_addch(out, ' ');
}

void asb_wrap_text(struct asb_buffer *out, const char *text, size_t at, size_t column, size_t width)
{
	move_to(out, &at, column);
	for (;;) {
		size_t n;

		text += strspn(text, " ");
		n = strcspn(text, " ");
		if (n == 0)
			break;
		if (at > column && at + 1 + n > width)
			move_to(out, &at, column);
		if (at > column) {
			asb_buffer_addch(out, ' ');
			at++;
		}
		asb_buffer_add(out, text, n);
		at += n;
		text += n;
	}
	asb_buffer_addch(out, '\n');
}
