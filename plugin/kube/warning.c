/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/warning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/printable.h"

#define MOST 64u

/* A quoted-string (RFC 7230 3.2.6); a control character in it makes it malformed. */
static bool take_quoted(const char **at, struct asb_buffer *text)
{
	const char *p = *at;

	if (*p++ != '"')
		return false;
	for (; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
		asb_buffer_addch(text, *p);
	}
	*at = p + 1;
	return true;
}

/* code SP agent SP quoted-text [SP quoted-date] */
static bool take_warning(const char **at, bool *wanted, struct asb_buffer *text)
{
	const char *p = *at + strspn(*at, " \t,");
	struct asb_buffer date = ASB_BUFFER_INIT;
	bool fine;

	asb_buffer_reset(text);
	if (strspn(p, "0123456789") != 3 || p[3] != ' ')
		return false;
	*wanted = strncmp(p, "299", 3) == 0;
	p += 4;
	p += strcspn(p, " ,\"");
	if (*p != ' ')
		return false;
	p++;
	fine = take_quoted(&p, text);
	if (fine && p[0] == ' ' && p[1] == '"') {
		p++;
		fine = take_quoted(&p, &date);
	}
	asb_buffer_release(&date);
	p += strspn(p, " \t");
	*at = p;
	return fine && (*p == ',' || *p == '\0');
}

bool asb_warning_next(const char **value, struct asb_buffer *text)
{
	bool wanted = false;

	while (!wanted) {
		if (!take_warning(value, &wanted, text))
			return false;
	}
	return true;
}

static bool is_new(struct asb_warnings *warnings, const char *text)
{
	for (unsigned i = 0; i < warnings->count; i++) {
		if (strcmp(warnings->seen[i], text) == 0)
			return false;
	}
	if (warnings->count == MOST)
		return false;
	if (warnings->seen == NULL)
		warnings->seen = asb_calloc(MOST, sizeof(warnings->seen[0]));
	warnings->seen[warnings->count++] = asb_strdup(text);
	return true;
}

void asb_warnings_print(struct asb_warnings *warnings, const char *value)
{
	struct asb_buffer text = ASB_BUFFER_INIT;

	while (asb_warning_next(&value, &text)) {
		ASB_TEXT shown = NULL;

		if (!is_new(warnings, text.data))
			continue;
		shown = asb_malloc(text.length + 1);
		asb_printable(shown, text.length + 1, text.data, text.length);
		fprintf(stderr, "Warning: %s\n", shown);
	}
	asb_buffer_release(&text);
}

void asb_warnings_release(struct asb_warnings *warnings)
{
	for (unsigned i = 0; i < warnings->count; i++)
		free(warnings->seen[i]);
	free(warnings->seen);
	*warnings = (struct asb_warnings){0};
}
