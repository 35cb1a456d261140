/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - one line that says what is being waited for, and notes worth reading.
 *
 * On a terminal the line is rewritten in place and erased before anything else may be written
 * there: whoever writes to the terminal calls asb_progress_clear first. Elsewhere nothing is shown,
 * or, with `verbose`, each text on a line of its own. Notes are always lines of their own. With
 * `quiet` there is neither.
 */
#ifndef ASB_PROGRESS_H
#define ASB_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

struct asb_progress {
	FILE *out; /* borrowed */
	bool rewrite, lines, notes;
	bool raw;   /* set by the caller while the terminal does not begin lines itself (raw.h) */
	bool shown; /* the line stands on the terminal now */
	char text[256]; /* of the line, empty when there is none */
};

/* `terminal`: out is a terminal that can erase a line. */
void asb_progress_init(struct asb_progress *progress, FILE *out, bool terminal, bool verbose,
		       bool quiet);

/* Whether descriptor `fd` is such a terminal (TERM is set and not "dumb"). */
bool asb_progress_terminal(int fd);

/* Shows a text in place of the one before. One that is the same is not shown again. */
void asb_progress_show(struct asb_progress *progress, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Erases the line; it is over. */
void asb_progress_clear(struct asb_progress *progress);

/* The same, for good: from now on somebody else writes to the terminal, perhaps half lines, and
 * nothing of that may be erased. Notes and `verbose` go on. */
void asb_progress_finish(struct asb_progress *progress);

/* Writes "<label>: <text>" above the line, on a raw terminal wherever the cursor is. Control
 * characters in it become '?'. */
void asb_progress_note(struct asb_progress *progress, const char *label, const char *text);

#endif
