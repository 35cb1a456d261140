/* SPDX-License-Identifier: Apache-2.0 */
/* wrap.h - text in columns. */
#ifndef ASB_WRAP_H
#define ASB_WRAP_H

#include "plugin/base/buffer.h"

/*
 * Appends `text` word by word and a newline, each line starting at `column` and ending before
 * `width`. `at` is the column where the current line of `out` stands now; when it is beyond
 * `column` a new line is begun. A word that is longer than a line gets one of its own.
 */
void asb_wrap_text(struct asb_buffer *out, const char *text, size_t at, size_t column,
		   size_t width);

#endif
