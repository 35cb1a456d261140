/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/term/table.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/printable.h"

#define GAP 3u

/* Characters of UTF-8: bytes that continue one don't count. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void add_cell(struct asb_table *table, size_t column, const char *text)
{
	char safe[ASB_TABLE_CELL];
	size_t width;

	if (text == NULL)
		text = "<none>";
	asb_printable(safe, sizeof(safe), text, strlen(text));
	width = width_of(safe);
	if (width > table->widths[column])
		table->widths[column] = width;
	if (table->count == table->room) {
		table->room = table->room == 0 ? 64 : table->room * 2;
		table->cells = asb_realloc(table->cells, table->room * sizeof(table->cells[0]));
	}
	table->cells[table->count++] = asb_strdup(safe);
}

void asb_table_init(struct asb_table *table, const char *const *headings)
{
	memset(table, 0, sizeof(*table));
	while (table->columns < ASB_TABLE_COLUMNS && headings[table->columns] != NULL)
		table->columns++;
	asb_table_add(table, headings);
}

void asb_table_add(struct asb_table *table, const char *const *cells)
{
	for (size_t i = 0; i < table->columns; i++)
		add_cell(table, i, cells[i]);
}

/* The last column isn't filled up. */
static void print_cell(const struct asb_table *table, size_t column, const char *text, FILE *out)
{
	size_t gap = table->widths[column] - width_of(text) + GAP;

	fputs(text, out);
	if (column + 1 == table->columns)
		putc('\n', out);
	else
		fprintf(out, "%*s", (int)gap, "");
}

void asb_table_print(struct asb_table *table, FILE *out)
{
	for (size_t i = 0; i < table->count; i++) {
		print_cell(table, i % table->columns, table->cells[i], out);
		free(table->cells[i]);
	}
	table->count = 0;
}

void asb_table_release(struct asb_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	memset(table, 0, sizeof(*table));
}
