/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/utf8.h"

/* Of the character that begins with that byte; 0: none does. */
static size_t length_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static bool continues(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t asb_utf8_char(const void *bytes, size_t n, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = bytes;
	size_t length = n == 0 ? 0 : length_of(p[0]);

	if (length < 2 || length > n) {
		*code = n == 0 ? 0 : p[0];
		return length > n ? 0 : length;
	}
	*code = p[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if (!continues(p[i]))
			return 0;
		*code = *code << 6 | (p[i] & 0x3fu);
	}
	if (*code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return length;
}

bool asb_utf8_valid(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint32_t code;
	size_t length;

	for (size_t at = 0; at < n; at += length) {
		length = p[at] < 0x80 ? 1 : asb_utf8_char(p + at, n - at, &code);
		if (length == 0)
			return false;
	}
	return true;
}

size_t asb_utf8_whole(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t back = 1; back <= 3 && back <= n; back++) {
		if (!continues(p[n - back]))
			return length_of(p[n - back]) > back ? n - back : n;
	}
	return n;
}
