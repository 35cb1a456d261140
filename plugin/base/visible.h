/* SPDX-License-Identifier: Apache-2.0 */
/*
 * visible.h - texts of others, shown so that nothing in them steers a terminal or hides. Pure.
 *
 * Hidden or steering are control characters (C0, DEL, C1), the marks that turn the direction of
 * writing (a command could look like another one), those that have no width, line and paragraph
 * separators, and bytes that are no UTF-8. They become \n, \r, \t or \xNN for each byte.
 */
#ifndef ASB_VISIBLE_H
#define ASB_VISIBLE_H

#include "plugin/base/buffer.h"

/* The text with those escaped, and everything else, backslashes too, as it is; heap. */
char *asb_visible_text(const char *text);

/* Appends the text as one word that bash reads as that text: bare, in '...' or, where something is
 * to be escaped, in $'...'. */
void asb_visible_word(struct asb_buffer *out, const char *text);

/* JSON with those in its strings written as \uNNNN, which means the same ('?' for what is no
 * UTF-8); heap. */
char *asb_visible_json(const char *json);

#endif
