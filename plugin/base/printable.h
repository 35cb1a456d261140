/* SPDX-License-Identifier: Apache-2.0 */
/* printable.h - text from elsewhere, made harmless for a terminal. */
#ifndef ASB_PRINTABLE_H
#define ASB_PRINTABLE_H

#include <stddef.h>

/*
 * Copies what fits below `cap` (which counts the NUL): line ends and tabs become blanks, every
 * other control character '?'. UTF-8 stays, but for its own control characters (U+0080 to U+009F).
 * Blanks at the end are left out. Returns the length.
 */
size_t asb_printable(char *out, size_t cap, const void *bytes, size_t n);

#endif
