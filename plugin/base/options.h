/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - command lines from a table; the same table makes the help text.
 *
 * Accepts "--name value", "--name=value", "-n value", "-nvalue", "-n=value", grouped switches
 * "-iq", and "--" which ends the options. Options may stand before and after operands as kubectl
 * allows, except behind "--" or, with `stop_at_operand`, the first operand. A lone "-" is an
 * operand. Unknown options are usage errors that name the nearest known one. Of an option that is
 * given twice the last value counts, except in lists.
 */
#ifndef ASB_OPTIONS_H
#define ASB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buffer.h"
#include "plugin/base/error.h"

enum asb_option_kind {
	ASB_OPTION_FLAG,     /* bool *; "--name", "--name=false" */
	ASB_OPTION_STRING,   /* const char ** into argv */
	ASB_OPTION_LIST,     /* struct asb_strings *, repeated */
	ASB_OPTION_DURATION, /* int64_t * milliseconds; "90s", "1m30s", "500ms", plain number =
				seconds; >= 0 */
	ASB_OPTION_INT,	     /* int64_t * */
	ASB_OPTION_LEVEL,    /* int *; "--name" and "-n" are 1; "--name=6", "-n=6", "-n6", "-n 6" */
};

struct asb_strings { /* borrowed strings, owned array */
	const char **items;
	size_t count;
};

struct asb_option {
	const char *name; /* without "--"; NULL ends the table */
	char letter;	  /* 0: none */
	enum asb_option_kind kind;
	void *value;	      /* where it goes, as the kind says */
	const char *argument; /* name of the value in the help text, NULL for flags */
	const char *help;     /* one sentence, lower case start, no full stop; NULL: hidden */
};

/* The words that are no options. `dashdash` is the index of the first operand behind "--", or -1
 * when there was no "--". */
struct asb_operands {
	const char **items; /* owned array of borrowed strings */
	size_t count;
	int dashdash;
	struct asb_strings options; /* names of the options that were there */
};

/* Parses argv[0..argc-1] (no program name) against the tables (a NULL-ended list of tables, e.g.
 * own and global ones). With `stop_at_operand` the first operand and everything behind it, whatever
 * it looks like, are the operands. After an error `operands` and lists must still be released. */
int asb_options_parse(const struct asb_option *const *tables, int argc, char *const *argv,
		      bool stop_at_operand, struct asb_operands *operands, struct asb_error *err);
/* Whether an option of that name was there. */
bool asb_operands_gave(const struct asb_operands *operands, const char *option);
void asb_operands_release(struct asb_operands *operands);
void asb_strings_release(struct asb_strings *strings);

/* Appends the help lines of a table, aligned, wrapped at 100 columns. */
void asb_options_help(const struct asb_option *table, struct asb_buffer *out);

/* "1m30s" -> 90000. Returns -1 on anything else than a duration. "0" is 0. */
int64_t asb_duration_parse(const char *text);
/* 90000 -> "1m30s", 1234 -> "1.234s", 12 -> "12ms". */
const char *asb_duration_format(int64_t ms, char out[32]);

#endif
