/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - whole files in and out of memory. */
#ifndef ASB_FILE_H
#define ASB_FILE_H

#include "plugin/base/buffer.h"
#include "plugin/base/error.h"

/* Appends the whole regular file (or pipe) to `out`; at most `limit` bytes, more is an error. */
int asb_file_read(const char *path, size_t limit, struct asb_buffer *out, struct asb_error *err);

/* `path` unless relative, else joined to the directory of `base`. Heap (free()). */
char *asb_file_relative(const char *base, const char *path);

#endif
