/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer.h - bytes that grow at the end and are taken from the front.
 *
 * Invariants: `data` is owned by the buffer and always followed by a NUL that `length` doesn't
 * count, so that a buffer of text is a C string (an empty buffer points to a static ""). Length
 * never passes `limit` when one is set. Running out of memory ends the program (asb_out_of_memory).
 */
#ifndef ASB_BUFFER_H
#define ASB_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct asb_buffer {
	char *data;
	size_t length;
	size_t capacity; /* of the storage; 0: data is the static "" */
	size_t offset;	 /* bytes of the storage before data */
	size_t limit;	 /* largest length; 0: none */
};

extern char asb_buffer_empty[1];
#define ASB_BUFFER_INIT                  \
	{                                \
		.data = asb_buffer_empty \
	}

void asb_buffer_init(struct asb_buffer *buf);
void asb_buffer_release(struct asb_buffer *buf);

/* Releases after overwriting every byte: for tokens and keys. */
void asb_buffer_release_secret(struct asb_buffer *buf);

/* Appends; returns 0, or -1 when the limit would be passed (then nothing is appended). The bytes
 * must not lie in the buffer itself. */
int asb_buffer_add(struct asb_buffer *buf, const void *bytes, size_t n);
int asb_buffer_addstr(struct asb_buffer *buf, const char *text);
int asb_buffer_addch(struct asb_buffer *buf, char c);
int asb_buffer_addf(struct asb_buffer *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int asb_buffer_vaddf(struct asb_buffer *buf, const char *format, va_list ap);

/* Appends percent-encoded as one URL path segment or query value (RFC 3986 unreserved characters
 * stay). */
int asb_buffer_add_url(struct asb_buffer *buf, const char *text);

/* Appends as one word for a shell, in quotes where it has to be. */
void asb_buffer_add_word(struct asb_buffer *buf, const char *text);

/* Drops n bytes (at most length) from the front. */
void asb_buffer_drop(struct asb_buffer *buf, size_t n);
void asb_buffer_reset(struct asb_buffer *buf);

/* Hands the storage over to the caller (free()); the buffer is empty afterwards. Never NULL. */
char *asb_buffer_steal(struct asb_buffer *buf);

/* Overwrites a secret that is not needed any more; no compiler leaves this out. */
void asb_wipe(void *bytes, size_t n);
/* free() for one that is a text; NULL is legal. */
void asb_free_secret(char *text);

/* malloc, calloc and strdup that end the program instead of returning NULL. asb_strdup(NULL) is
 * NULL. */
void *asb_malloc(size_t n);
void *asb_calloc(size_t count, size_t size);
void *asb_realloc(void *p, size_t n);
char *asb_strdup(const char *text);
char *asb_strndup(const char *text, size_t n);
char *asb_strf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* free(*p) for __attribute__((cleanup(asb_free_text))) on char * variables. */
void asb_free_text(char **p);
#define ASB_TEXT __attribute__((cleanup(asb_free_text))) char *

/* Whether both are there and equal; NULL is like nothing. */
bool asb_same_text(const char *a, const char *b);
/* NULL for an empty text: an option or variable that says nothing takes back what was said before.
 */
const char *asb_given_text(const char *text);

#endif
