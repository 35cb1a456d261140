/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.h - reads one YAML document into a JSON tree (the only user of libyaml), and prints trees.
 *
 * Scalars follow YAML 1.1 as kubectl's parser (sigs.k8s.io/yaml) does: plain null/~/empty,
 * true/false (also yes/no/on/off), integers and floats become JSON values, everything quoted is a
 * string. Aliases are refused beyond a bounded expansion (no "billion laughs"), nesting beyond 100
 * levels and input beyond 16 MiB are errors, a duplicate key is an error. Errors name line and
 * column: "line 3, column 7: did not find expected ':'".
 */
#ifndef ASB_YAML_H
#define ASB_YAML_H

#include "plugin/base/json.h"

/* `name` is the file's name for messages. An empty document gives an empty object. */
cJSON *asb_yaml_parse(const char *text, size_t n, const char *name, struct asb_error *err);

/* Where the members of mappings are, for messages about what they mean. Zeros: empty. */
struct asb_yaml_lines {
	struct asb_yaml_line *items; /* owned */
	size_t count, room;
};

/* The same, and notes the lines. Release them in any case; they name nodes of this tree only. */
cJSON *asb_yaml_parse_lines(const char *text, size_t n, const char *name,
			    struct asb_yaml_lines *lines, struct asb_error *err);

/* All documents of a stream, parted by "---", in an array; empty ones are left out. */
cJSON *asb_yaml_parse_documents(const char *text, size_t n, const char *name,
				struct asb_yaml_lines *lines, struct asb_error *err);

/* The line, from 1, of a member's key; 0 for what came in through an alias or "<<", and for
 * elements of a sequence. Takes time by the number of members. */
size_t asb_yaml_line(const struct asb_yaml_lines *lines, const cJSON *member);

void asb_yaml_lines_release(struct asb_yaml_lines *lines);

/* The tree as YAML in block style, as kubectl prints it, with a newline at the end; heap. Reading
 * it gives the same tree. Texts that any reader could take for something else are in quotes. */
char *asb_yaml_print(const cJSON *json);

#endif
