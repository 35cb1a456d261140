/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - the one door to cJSON: reading and building API objects.
 *
 * Paths are member names separated by '/', an element of an array by its number:
 * "status/conditions/0/type". A member whose name holds a '/' is reached with asb_json_member.
 * Readers never fail: what is absent, or of another type, is NULL or `otherwise`. Trees are owned
 * by whoever holds the root (cJSON_Delete).
 */
#ifndef ASB_JSON_H
#define ASB_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "plugin/base/error.h"

/* Parses exactly n bytes; trailing blanks are fine, anything else is an error that names the byte
 * offset. Depth is bounded by cJSON. */
cJSON *asb_json_parse(const char *text, size_t n, struct asb_error *err);

/* Compact text on the heap (free()). Never NULL. */
char *asb_json_print(const cJSON *json);

const cJSON *asb_json_at(const cJSON *json, const char *path);
const cJSON *asb_json_member(const cJSON *json, const char *name);
const char *asb_json_string(const cJSON *json, const char *path);
double asb_json_number(const cJSON *json, const char *path, double otherwise);
bool asb_json_bool(const cJSON *json, const char *path, bool otherwise);

/* The element of array `path` whose string member `key` equals `value` ("status/conditions",
 * "type", "Ready"). */
const cJSON *asb_json_find(const cJSON *json, const char *path, const char *key, const char *value);

/* Builders: set string/number/bool/tree at a path of objects, making the objects between. `set`
 * takes ownership of `value`. asb_json_set_string with a NULL value does nothing. */
void asb_json_set(cJSON *root, const char *path, cJSON *value);
void asb_json_set_string(cJSON *root, const char *path, const char *value);
void asb_json_set_number(cJSON *root, const char *path, double value);
void asb_json_set_bool(cJSON *root, const char *path, bool value);

/* Appends to the array at path, making it when absent. Takes ownership; returns the item. */
cJSON *asb_json_append(cJSON *root, const char *path, cJSON *item);

/* Builds a tree from text that is part of the program; a mistake in it ends the program (a bug). */
cJSON *asb_json_literal(const char *text);

void asb_json_free(cJSON **json); /* for cleanup attributes */
#define ASB_JSON __attribute__((cleanup(asb_json_free))) cJSON *

#endif
