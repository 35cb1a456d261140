/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/visible.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "plugin/base/utf8.h"

#define BARE                                                   \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789_@%+=:,./-"

static bool is_hidden(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

static void add_hidden(struct asb_buffer *out, const unsigned char *p, size_t n)
{
	if (*p == '\n')
		asb_buffer_addstr(out, "\\n");
	else if (*p == '\r')
		asb_buffer_addstr(out, "\\r");
	else if (*p == '\t')
		asb_buffer_addstr(out, "\\t");
	else
		for (size_t i = 0; i < n; i++)
			asb_buffer_addf(out, "\\x%02x", p[i]);
}

/* Escapes also the characters of `more`, with a backslash. Returns whether anything was escaped. */
static bool add_visible(struct asb_buffer *out, const char *text, const char *more)
{
	const unsigned char *p = (const unsigned char *)text;
	bool escaped = false;

	while (*p != '\0') {
		uint32_t code;
		size_t n = asb_utf8_char(p, strnlen((const char *)p, 4), &code);
		bool hidden = n == 0 || is_hidden(code);

		n = n == 0 ? 1 : n;
		if (!hidden && *p < 0x80 && strchr(more, *p) != NULL)
			asb_buffer_addch(out, '\\');
		if (hidden)
			add_hidden(out, p, n);
		else
			asb_buffer_add(out, p, n);
		escaped |= hidden;
		p += n;
	}
	return escaped;
}

char *asb_visible_text(const char *text)
{
	struct asb_buffer out = ASB_BUFFER_INIT;

	add_visible(&out, text, "");
	return asb_buffer_steal(&out);
}

static void add_quoted(struct asb_buffer *out, const char *text)
{
	asb_buffer_addch(out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			asb_buffer_addstr(out, "'\\''");
		else
			asb_buffer_addch(out, *text);
	}
	asb_buffer_addch(out, '\'');
}

void asb_visible_word(struct asb_buffer *out, const char *text)
{
	struct asb_buffer escaped = ASB_BUFFER_INIT;

	if (*text != '\0' && text[strspn(text, BARE)] == '\0')
		asb_buffer_addstr(out, text);
	else if (add_visible(&escaped, text, "\\'"))
		asb_buffer_addf(out, "$'%s'", escaped.data);
	else
		add_quoted(out, text);
	asb_buffer_release(&escaped);
}

char *asb_visible_json(const char *json)
{
	const unsigned char *p = (const unsigned char *)json;
	struct asb_buffer out = ASB_BUFFER_INIT;

	while (*p != '\0') {
		uint32_t code;
		size_t n = asb_utf8_char(p, strnlen((const char *)p, 4), &code);

		if (n == 0)
			asb_buffer_addch(&out, '?');
		else if (is_hidden(code))
			asb_buffer_addf(&out, "\\u%04x", (unsigned)code);
		else
			asb_buffer_add(&out, p, n);
		p += n == 0 ? 1 : n;
	}
	return asb_buffer_steal(&out);
}
