/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/text.h"

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

static void add_number(struct asb_text *text, uint64_t value, unsigned base, unsigned width)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value > 0);
	while (sizeof(digits) - at < width && at > 0)
		digits[--at] = '0';
	add_bytes(text, digits + at, sizeof(digits) - at);
}

static void add_signed(struct asb_text *text, int64_t value, unsigned width)
{
	if (value < 0)
		asb_text_add(text, "-");
	add_number(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, width);
}

/* Long and long long are one size here, as they are wherever Linux has 64 bits; ints are not. */
static uint64_t next_unsigned(va_list *ap, unsigned longs)
{
	if (longs == 0)
		return va_arg(*ap, unsigned);
	return longs == 1 ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned long long);
}

static int64_t next_signed(va_list *ap, unsigned longs)
{
	if (longs == 0)
		return va_arg(*ap, int);
	return longs == 1 ? va_arg(*ap, long) : va_arg(*ap, long long);
}

/* One conversion; `at` is behind its %. Returns what follows it, NULL when it is none of ours. */
static const char *convert(struct asb_text *text, const char *at, va_list *ap)
{
	unsigned width = 0;
	unsigned longs = 0;
	char c;

	for (; *at >= '0' && *at <= '9'; at++)
		width = width * 10 + (unsigned)(*at - '0');
	for (; *at == 'l'; at++)
		longs++;
	switch (*at) {
	case 's':
		asb_text_add(text, va_arg(*ap, const char *));
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		add_bytes(text, &c, 1);
		break;
	case 'd':
		add_signed(text, next_signed(ap, longs), width);
		break;
	case 'u':
		add_number(text, next_unsigned(ap, longs), 10, width);
		break;
	case 'x':
		add_number(text, next_unsigned(ap, longs), 16, width);
		break;
	default:
		return NULL;
	}
	return at + 1;
}

void asb_text_vaddf(struct asb_text *text, const char *format, va_list ap)
{
	va_list args;

	va_copy(args, ap);
	while (format != NULL && *format != '\0') {
		size_t n = strcspn(format, "%");

		add_bytes(text, format, n);
		format += n;
		if (*format == '%')
			format = convert(text, format + 1, &args);
	}
	va_end(args);
}

void asb_text_addf(struct asb_text *text, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	asb_text_vaddf(text, format, ap);
	va_end(ap);
}

uint64_t asb_text_number(const char **at)
{
	uint64_t value = 0;

	for (; **at >= '0' && **at <= '9'; ++*at)
		value = value * 10 + (uint64_t)(**at - '0');
	return value;
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

/* In one piece: an escape must not be cut in two. */
static void add_escape(struct asb_text *text, const char *before, unsigned value, unsigned width)
{
	char bytes[8];
	struct asb_text escape = {.bytes = bytes, .size = sizeof(bytes)};

	asb_text_add(&escape, before);
	add_number(&escape, value, 16, width);
	add_bytes(text, bytes, escape.length);
}

static void add_character(struct asb_text *text, const char *s, size_t n)
{
	unsigned char c = (unsigned char)s[0];

	if (n == 0)
		add_escape(text, "\\\\x", c, 2);
	else if (c == '"')
		asb_text_add(text, "\\\"");
	else if (c == '\\')
		asb_text_add(text, "\\\\");
	else if (c < 0x20 || c == 0x7f)
		add_escape(text, "\\u", c, 4);
	else
		add_bytes(text, s, n);
}

void asb_text_add_json(struct asb_text *text, const char *s)
{
	size_t left = strlen(s);

	while (left > 0 && !text->cut) {
		size_t length = character((const unsigned char *)s, left);

		add_character(text, s, length);
		length = length == 0 ? 1 : length;
		s += length;
		left -= length;
	}
}
