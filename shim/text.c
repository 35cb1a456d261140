/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void add_bytes(struct asb_text *text, const char *s, size_t n)
{
	if (text->cut || n > text->size - text->length) {
		text->cut = true;
		return;
	}
	memcpy(text->bytes + text->length, s, n);
	text->length += n;
}

void asb_text_add(struct asb_text *text, const char *s)
{
	add_bytes(text, s, strlen(s));
}

void asb_text_addf(struct asb_text *text, const char *format, ...)
{
	char piece[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(piece, sizeof(piece), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(piece))
		text->cut = true;
	else
		add_bytes(text, piece, (size_t)n);
}

/* Length of the UTF-8 character at s (RFC 3629: no overlong forms, no surrogates), 0 when it is
 * none. */
static size_t character(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char first, last, low, high; /* range of the first byte, of the second */
		unsigned char length;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		if (n < forms[i].length || s[1] < forms[i].low || s[1] > forms[i].high)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].length;
	}
	return 0;
}

static void add_character(struct asb_text *text, const char *s, size_t n)
{
	unsigned char c = (unsigned char)s[0];

	if (n == 0)
		asb_text_addf(text, "\\\\x%02x", c);
	else if (c == '"' || c == '\\')
		asb_text_addf(text, "\\%c", c);
	else if (c < 0x20 || c == 0x7f)
		asb_text_addf(text, "\\u%04x", c);
	else
		add_bytes(text, s, n);
}

void asb_text_add_json(struct asb_text *text, const char *s, long n)
{
	size_t left = n < 0 ? strlen(s) : (size_t)n;

	while (left > 0 && !text->cut) {
		size_t length = character((const unsigned char *)s, left);

		add_character(text, s, length);
		length = length == 0 ? 1 : length;
		s += length;
		left -= length;
	}
}
