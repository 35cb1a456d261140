/* SPDX-License-Identifier: Apache-2.0 */
/* warning.h - what an API server wants the user to know: the Warning header (RFC 7234 5.5). */
#ifndef ASB_WARNING_H
#define ASB_WARNING_H

#include <stdbool.h>

#include "plugin/base/buffer.h"

/*
 * Takes the next warning off the header's value (`*value` moves on) and sets `text` to it, quotes
 * and backslashes undone. Only code 299, the one Kubernetes uses, counts; others are passed over.
 * False at the end and when the rest can't be understood.
 */
bool asb_warning_next(const char **value, struct asb_buffer *text);

/* Texts that were printed before; at most 64 are kept, what comes then is not printed. */
struct asb_warnings {
	char **seen; /* owned */
	unsigned count;
};

/* Prints the new ones of a header's value on stderr: "Warning: <text>". */
void asb_warnings_print(struct asb_warnings *warnings, const char *value);
void asb_warnings_release(struct asb_warnings *warnings);

#endif
