/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/digest.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "plugin/base/error.h"

void asb_sha256(const void *bytes, size_t n, char out[ASB_SHA256_TEXT])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (EVP_Digest(bytes, n, digest, &length, EVP_sha256(), NULL) != 1)
		asb_out_of_memory();
	for (unsigned i = 0; i < length && i < 32; i++)
		snprintf(out + (size_t)i * 2, 3, "%02x", digest[i]);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

void asb_base64_encode(const void *bytes, size_t n, struct asb_buffer *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = bytes;

	for (size_t at = 0; at < n; at += 3) {
		unsigned bits = (unsigned)p[at] << 16 | (at + 1 < n ? p[at + 1] : 0u) << 8 |
				(at + 2 < n ? p[at + 2] : 0u);
		char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
				at + 1 < n ? digits[bits >> 6 & 63] : '=',
				at + 2 < n ? digits[bits & 63] : '='};

		asb_buffer_add(out, four, sizeof four);
	}
}

int asb_base64_decode(const char *text, struct asb_buffer *out)
{
	static const unsigned shift[4] = {0, 0, 4, 2}; /* after how many digits of four */
	unsigned bits = 0, digits = 0, padding = 0;

	for (; *text != '\0'; text++) {
		int value = base64_value(*text);

		if (strchr(" \t\r\n", *text) != NULL)
			continue;
		if (*text == '=' && ++padding <= 2)
			continue;
		if (value < 0 || padding > 0)
			return -1;
		bits = bits << 6 | (unsigned)value;
		digits++;
		if (digits % 4 != 1 &&
		    asb_buffer_addch(out, (char)(bits >> shift[digits % 4] & 0xff)) != 0)
			return -1;
	}
	return (digits + padding) % 4 == 0 && digits % 4 != 1 ? 0 : -1;
}
