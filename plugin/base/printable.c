/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/printable.h"

static char harmless(unsigned char c, unsigned char before)
{
	if (c == '\n' || c == '\r' || c == '\t')
		return ' ';
	/* Some terminals obey U+0080 to U+009F as they obey ESC and a letter. */
	if (c < 0x20 || c == 0x7f || (before == 0xc2 && c >= 0x80 && c < 0xa0))
		return '?';
	return (char)c;
}

size_t asb_printable(char *out, size_t cap, const void *bytes, size_t n)
{
	const unsigned char *from = bytes;
	unsigned char before = 0;
	size_t i;

	for (i = 0; i < n && i + 1 < cap; i++) {
		out[i] = harmless(from[i], before);
		before = from[i];
	}
	while (i > 0 && out[i - 1] == ' ')
		i--;
	out[i] = '\0';
	return i;
}
