/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ELLIPSIS "..."

/* A text of `n` bytes was cut to the size of its field: ends it with "..." at a border between two
 * UTF-8 characters. */
static void cut(char *text, size_t size)
{
	size_t at = size - sizeof ELLIPSIS;

	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	memcpy(text + at, ELLIPSIS, sizeof ELLIPSIS);
}

__attribute__((format(printf, 3, 0))) static void print_field(char *text, size_t size,
							      const char *format, va_list ap)
{
	int n = vsnprintf(text, size, format, ap);

	if (n < 0)
		text[0] = '\0';
	else if ((size_t)n >= size)
		cut(text, size);
}

static void add_to_message(struct asb_error *err, const char *text)
{
	size_t used = strlen(err->message);
	size_t n = strlen(text);
	size_t room = sizeof err->message - used - 1;

	memcpy(err->message + used, text, n < room ? n : room);
	err->message[used + (n < room ? n : room)] = '\0';
	if (n > room)
		cut(err->message, sizeof err->message);
}

int asb_fail(struct asb_error *err, const char *format, ...)
{
	va_list ap;

	asb_error_clear(err);
	va_start(ap, format);
	print_field(err->message, sizeof err->message, format, ap);
	va_end(ap);
	err->status = ASB_STATUS_PLUGIN;
	return -1;
}

int asb_fail_usage(struct asb_error *err, const char *format, ...)
{
	va_list ap;

	asb_error_clear(err);
	va_start(ap, format);
	print_field(err->message, sizeof err->message, format, ap);
	va_end(ap);
	err->status = ASB_STATUS_USAGE;
	return -1;
}

int asb_fail_errno(struct asb_error *err, const char *format, ...)
{
	int saved = errno; /* formatting may change it */
	va_list ap;

	asb_error_clear(err);
	va_start(ap, format);
	print_field(err->message, sizeof err->message, format, ap);
	va_end(ap);
	err->status = ASB_STATUS_PLUGIN;
	add_to_message(err, ": ");
	add_to_message(err, strerror(saved));
	return -1;
}

int asb_wrap(struct asb_error *err, const char *format, ...)
{
	char inner[sizeof err->message];
	va_list ap;

	memcpy(inner, err->message, sizeof inner);
	va_start(ap, format);
	print_field(err->message, sizeof err->message, format, ap);
	va_end(ap);
	add_to_message(err, ": ");
	add_to_message(err, inner);
	return -1;
}

int asb_hint(struct asb_error *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print_field(err->hint, sizeof err->hint, format, ap);
	va_end(ap);
	return -1;
}

bool asb_failed(const struct asb_error *err)
{
	return err->status != 0;
}

void asb_error_clear(struct asb_error *err)
{
	err->status = 0;
	err->http = 0;
	err->reason[0] = '\0';
	err->message[0] = '\0';
	err->hint[0] = '\0';
}

void asb_print_safely(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	for (; *p != '\0'; p++) {
		bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

		if (c1)
			p++;
		if (c1 || *p == 0x7f || (*p < 0x20 && *p != '\n' && *p != '\t'))
			putc('?', out);
		else
			putc(*p, out);
	}
}

void asb_error_print(const struct asb_error *err)
{
	fputs("error: ", stderr);
	asb_print_safely(stderr, err->message);
	putc('\n', stderr);
	if (err->hint[0] != '\0') {
		fputs("hint: ", stderr);
		asb_print_safely(stderr, err->hint);
		putc('\n', stderr);
	}
	fflush(stderr);
}

void asb_out_of_memory(void)
{
	static const char text[] = "error: out of memory\n";

	/* No stdio: it may want memory. Whether the text arrives no longer matters. */
	ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);

	(void)ignored;
	_exit(ASB_STATUS_PLUGIN);
}
