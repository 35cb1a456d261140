/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/error.h"

#define SMALLEST 64u /* first storage of a buffer */

char asb_buffer_empty[1];

void asb_buffer_init(struct asb_buffer *buf)
{
	*buf = (struct asb_buffer)ASB_BUFFER_INIT;
}

void asb_buffer_release(struct asb_buffer *buf)
{
	if (buf->capacity > 0)
		free(buf->data - buf->offset);
	*buf = (struct asb_buffer){.data = asb_buffer_empty, .limit = buf->limit};
}

void asb_wipe(void *bytes, size_t n)
{
	memset(bytes, 0, n);
	__asm__ volatile("" : : "r"(bytes) : "memory"); /* somebody might look */
}

void asb_free_secret(char *text)
{
	if (text != NULL)
		asb_wipe(text, strlen(text));
	free(text);
}

void asb_buffer_release_secret(struct asb_buffer *buf)
{
	if (buf->capacity > 0)
		asb_wipe(buf->data - buf->offset, buf->capacity);
	asb_buffer_release(buf);
}

/* Moves the bytes back to the front of their storage. */
static void compact(struct asb_buffer *buf)
{
	if (buf->offset == 0)
		return; /* also when there is no storage yet */
	memmove(buf->data - buf->offset, buf->data, buf->length + 1);
	buf->data -= buf->offset;
	buf->offset = 0;
}

/* Makes room for n more bytes and the NUL. */
static void reserve(struct asb_buffer *buf, size_t n)
{
	size_t capacity = buf->capacity;
	size_t need;

	if (n > SIZE_MAX / 4 - buf->length)
		asb_out_of_memory();
	need = buf->length + n + 1;
	if (need + buf->offset <= capacity)
		return;
	/* Moving the bytes back is enough when half of the storage becomes free by it. Otherwise a
	 * buffer that is nearly full would be moved again for every few bytes. */
	compact(buf);
	if (need <= capacity / 2)
		return;
	capacity = capacity == 0 ? SMALLEST : capacity * 2;
	while (capacity < need)
		capacity *= 2;
	buf->data = asb_realloc(buf->capacity > 0 ? buf->data : NULL, capacity);
	buf->capacity = capacity;
}

static bool fits(const struct asb_buffer *buf, size_t n)
{
	return buf->limit == 0 || (buf->length <= buf->limit && n <= buf->limit - buf->length);
}

int asb_buffer_add(struct asb_buffer *buf, const void *bytes, size_t n)
{
	if (!fits(buf, n))
		return -1;
	if (n == 0)
		return 0;
	reserve(buf, n);
	memcpy(buf->data + buf->length, bytes, n);
	buf->length += n;
	buf->data[buf->length] = '\0';
	return 0;
}

int asb_buffer_addstr(struct asb_buffer *buf, const char *text)
{
	return asb_buffer_add(buf, text, strlen(text));
}

int asb_buffer_addch(struct asb_buffer *buf, char c)
{
	return asb_buffer_add(buf, &c, 1);
}

int asb_buffer_addf(struct asb_buffer *buf, const char *format, ...)
{
	va_list ap;
	int rc;

	va_start(ap, format);
	rc = asb_buffer_vaddf(buf, format, ap);
	va_end(ap);
	return rc;
}

int asb_buffer_vaddf(struct asb_buffer *buf, const char *format, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0 || !fits(buf, (size_t)n))
		return -1;
	if (n == 0)
		return 0;
	reserve(buf, (size_t)n);
	vsnprintf(buf->data + buf->length, (size_t)n + 1, format, ap);
	buf->length += (size_t)n;
	return 0;
}

static bool unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

int asb_buffer_add_url(struct asb_buffer *buf, const char *text)
{
	size_t before = buf->length;
	const unsigned char *p;

	for (p = (const unsigned char *)text; *p != '\0'; p++) {
		int rc = unreserved(*p) ? asb_buffer_addch(buf, (char)*p)
					: asb_buffer_addf(buf, "%%%02X", *p);

		if (rc != 0) {
			buf->length = before;
			if (buf->capacity > 0)
				buf->data[before] = '\0';
			return -1;
		}
	}
	return 0;
}

void asb_buffer_add_word(struct asb_buffer *buf, const char *text)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-._/:@=";

	if (*text != '\0' && text[strspn(text, harmless)] == '\0') {
		asb_buffer_addstr(buf, text);
		return;
	}
	asb_buffer_addch(buf, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			asb_buffer_addstr(buf, "'\\''");
		else
			asb_buffer_addch(buf, *text);
	}
	asb_buffer_addch(buf, '\'');
}

void asb_buffer_drop(struct asb_buffer *buf, size_t n)
{
	if (n >= buf->length) {
		asb_buffer_reset(buf);
		return;
	}
	buf->data += n;
	buf->offset += n;
	buf->length -= n;
}

void asb_buffer_reset(struct asb_buffer *buf)
{
	if (buf->capacity == 0)
		return;
	buf->data -= buf->offset;
	buf->offset = 0;
	buf->length = 0;
	buf->data[0] = '\0';
}

char *asb_buffer_steal(struct asb_buffer *buf)
{
	char *data;

	if (buf->capacity == 0) {
		data = asb_strdup("");
	} else {
		compact(buf);
		data = buf->data;
	}
	*buf = (struct asb_buffer){.data = asb_buffer_empty, .limit = buf->limit};
	return data;
}

void *asb_malloc(size_t n)
{
	void *p = malloc(n > 0 ? n : 1);

	if (p == NULL)
		asb_out_of_memory();
	return p;
}

void *asb_calloc(size_t count, size_t size)
{
	void *p = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

	if (p == NULL)
		asb_out_of_memory();
	return p;
}

void *asb_realloc(void *p, size_t n)
{
	void *moved = realloc(p, n > 0 ? n : 1);

	if (moved == NULL)
		asb_out_of_memory();
	return moved;
}

char *asb_strdup(const char *text)
{
	return text == NULL ? NULL : asb_strndup(text, strlen(text));
}

char *asb_strndup(const char *text, size_t n)
{
	size_t length = strnlen(text, n);
	char *copy = asb_malloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *asb_strf(const char *format, ...)
{
	struct asb_buffer buf = ASB_BUFFER_INIT;
	va_list ap;

	va_start(ap, format);
	asb_buffer_vaddf(&buf, format, ap);
	va_end(ap);
	return asb_buffer_steal(&buf);
}

void asb_free_text(char **p)
{
	free(*p);
}

bool asb_same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

const char *asb_given_text(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}
