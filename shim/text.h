/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - builds bounded text, JSON strings above all, in storage of the caller. */
#ifndef ASB_TEXT_H
#define ASB_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Full: what does not fit is left out, `cut` is set, and every later addition does nothing. */
struct asb_text {
	char *bytes;
	size_t size;
	size_t length;
	bool cut;
};

void asb_text_add(struct asb_text *text, const char *s);
void asb_text_addf(struct asb_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* n bytes (n < 0: up to the terminator) as the inside of a JSON string, up to the last character
 * that fits. Bytes that are no UTF-8 become \\xNN. */
void asb_text_add_json(struct asb_text *text, const char *s, long n);

#endif
