/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - columns as kubectl prints them: headings in capitals, three blanks between, nothing
 * behind the last one.
 *
 * Rows wait until asb_table_print, which makes every column as wide as its widest cell so far, and
 * never narrower again: a table that grows while it is watched keeps its columns as long as it can.
 * Control characters in cells become blanks or '?'.
 */
#ifndef ASB_TABLE_H
#define ASB_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "plugin/base/buffer.h"

#define ASB_TABLE_COLUMNS 16u
#define ASB_TABLE_CELL 4096u /* bytes; a longer one is cut */

struct asb_table {
	size_t columns;
	size_t widths[ASB_TABLE_COLUMNS]; /* in characters */
	char **cells;			  /* owned, row by row */
	size_t count, room;
};

/* `headings` is NULL-ended, at most ASB_TABLE_COLUMNS; they are the first row. */
void asb_table_init(struct asb_table *table, const char *const *headings);

/* Appends a row, one cell for each heading, copied. NULL is shown as "<none>", "" as nothing. */
void asb_table_add(struct asb_table *table, const char *const *cells);

/* Prints the rows that wait and forgets them. */
void asb_table_print(struct asb_table *table, FILE *out);

void asb_table_release(struct asb_table *table);

#endif
