/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escape.h - what is typed at the beginning of a line and meant for us and not for the command, as
 * ssh has it: `~.`, `~?`, `~` and Ctrl-Z; `~~` is one `~`. The beginning of a line is the first
 * byte of all and what follows CR or LF, in whatever pieces it is read.
 */
#ifndef ASB_ESCAPE_H
#define ASB_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

enum asb_escape_action {
	ASB_ESCAPE_NONE,    /* all bytes were taken */
	ASB_ESCAPE_LEAVE,   /* ~. */
	ASB_ESCAPE_SUSPEND, /* ~^Z */
	ASB_ESCAPE_HELP,    /* ~? */
};

struct asb_escape {
	bool inside; /* of a line */
	bool tilde;  /* one was typed at its beginning and is held back */
};

/*
 * Takes bytes up to and with the next escape. *taken: how many; *put: how many went into `out`,
 * which has room for n + 1. An escape at the end of what was read is known with the next bytes.
 */
enum asb_escape_action asb_escape_take(struct asb_escape *escape, const char *bytes, size_t n,
				       size_t *taken, char *out, size_t *put);

#endif
