/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - bytes as text, and what stands for them: base64 and SHA-256. */
#ifndef ASB_DIGEST_H
#define ASB_DIGEST_H

#include "plugin/base/buffer.h"

#define ASB_SHA256_TEXT 65

/* 64 lower case hex digits. */
void asb_sha256(const void *bytes, size_t n, char out[ASB_SHA256_TEXT]);

/* Appends the bytes; blanks are skipped. -1 when it isn't base64 (RFC 4648 with padding). */
int asb_base64_decode(const char *text, struct asb_buffer *out);
/* Appends the bytes as text, with padding. */
void asb_base64_encode(const void *bytes, size_t n, struct asb_buffer *out);

#endif
