/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - builds bounded text, JSON strings above all, in storage of the caller. The shim formats
 * with this and not with stdio, which would be a quarter of its size.
 */
#ifndef ASB_TEXT_H
#define ASB_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Full: what does not fit is left out, `cut` is set, and every later addition does nothing. There
 * is no terminator. */
struct asb_text {
	char *bytes;
	size_t size;
	size_t length;
	bool cut;
};

void asb_text_add(struct asb_text *text, const char *s);

/*
 * Of printf(3) only %s, %c, %d, %u, %x, %llu and %ld, with a width only as in %04d or %02x.
 * Anything else ends the text. A piece that does not fit is left out, those before it are not.
 */
void asb_text_addf(struct asb_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void asb_text_vaddf(struct asb_text *text, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));

/*
 * The string as the inside of a JSON string, up to the last character that fits. Bytes that are no
 * UTF-8 become the four characters \xNN, which a reader can't tell from a text that holds these.
 */
void asb_text_add_json(struct asb_text *text, const char *s);

/* The decimal number at *at, which is moved behind it; 0, and *at unmoved, when there is none.
 * Wraps when it is too large. */
uint64_t asb_text_number(const char **at);

#endif
