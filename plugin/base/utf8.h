/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - characters in bytes (RFC 3629): over-long forms, surrogates and what is above U+10FFFF
 * are none. Pure. */
#ifndef ASB_UTF8_H
#define ASB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes the character has that the n bytes begin with, *code is which one; 0: there is
 * none. */
size_t asb_utf8_char(const void *bytes, size_t n, uint32_t *code);

bool asb_utf8_valid(const void *bytes, size_t n);

/* n, less the bytes at the end that begin a character and do not finish it. */
size_t asb_utf8_whole(const void *bytes, size_t n);

#endif
