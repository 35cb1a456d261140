/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"

/* Offset of the first raw control character, which JSON allows nowhere but between tokens; n when
 * there is none. cJSON takes them for blanks and would end strings at a NUL. */
static size_t control_character(const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
			break;
	}
	return i;
}

cJSON *asb_json_parse(const char *text, size_t n, struct asb_error *err)
{
	size_t bad = control_character(text, n);
	const char *end = NULL;
	char *copy;
	cJSON *json;

	if (bad < n) {
		asb_fail(err, "not valid JSON at byte %zu: control character", bad);
		return NULL;
	}
	/* Some releases of cJSON read one byte too far in cut-off text; a NUL behind it makes that
	 * harmless. */
	copy = asb_strndup(text, n);
	json = cJSON_ParseWithLengthOpts(copy, n + 1, &end, true);
	if (json == NULL)
		asb_fail(err, "not valid JSON at byte %zu", end == NULL ? 0 : (size_t)(end - copy));
	free(copy);
	return json;
}

char *asb_json_print(const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	if (text == NULL)
		asb_out_of_memory();
	return text;
}

/* Number of an element ("0", "12"), -1 when the name isn't one. */
static int element_number(const char *name)
{
	int number = 0;
	const char *p;

	for (p = name; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || number > 100000000)
			return -1;
		number = number * 10 + (*p - '0');
	}
	return p == name ? -1 : number;
}

static cJSON *child(const cJSON *json, const char *name)
{
	int number;

	if (cJSON_IsObject(json))
		return cJSON_GetObjectItemCaseSensitive(json, name);
	if (!cJSON_IsArray(json))
		return NULL;
	number = element_number(name);
	return number < 0 ? NULL : cJSON_GetArrayItem(json, number);
}

/* Cuts the first name off a path; returns the rest or NULL at its end. */
static const char *first_name(const char *path, char **name)
{
	const char *slash = strchr(path, '/');

	*name = asb_strndup(path, slash == NULL ? strlen(path) : (size_t)(slash - path));
	return slash == NULL ? NULL : slash + 1;
}

const cJSON *asb_json_at(const cJSON *json, const char *path)
{
	while (json != NULL && path != NULL) {
		ASB_TEXT name = NULL;

		path = first_name(path, &name);
		json = child(json, name);
	}
	return json;
}

const cJSON *asb_json_member(const cJSON *json, const char *name)
{
	return cJSON_IsObject(json) ? cJSON_GetObjectItemCaseSensitive(json, name) : NULL;
}

const char *asb_json_string(const cJSON *json, const char *path)
{
	const cJSON *item = asb_json_at(json, path);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

double asb_json_number(const cJSON *json, const char *path, double otherwise)
{
	const cJSON *item = asb_json_at(json, path);

	return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

bool asb_json_bool(const cJSON *json, const char *path, bool otherwise)
{
	const cJSON *item = asb_json_at(json, path);

	return cJSON_IsBool(item) ? cJSON_IsTrue(item) : otherwise;
}

const cJSON *asb_json_find(const cJSON *json, const char *path, const char *key, const char *value)
{
	const cJSON *array = asb_json_at(json, path);
	const cJSON *item;

	if (!cJSON_IsArray(array))
		return NULL;
	cJSON_ArrayForEach(item, array)
	{
		const cJSON *member = asb_json_member(item, key);

		if (cJSON_IsString(member) && strcmp(member->valuestring, value) == 0)
			return item;
	}
	return NULL;
}

/* The object that holds the last name of the path; `name` (heap) becomes that name. */
static cJSON *make_parents(cJSON *root, const char *path, char **name)
{
	const char *rest = first_name(path, name);

	while (rest != NULL) {
		cJSON *next = cJSON_GetObjectItemCaseSensitive(root, *name);

		if (next == NULL)
			next = cJSON_AddObjectToObject(root, *name);
		if (next == NULL)
			asb_out_of_memory();
		root = next;
		free(*name);
		rest = first_name(rest, name);
	}
	return root;
}

void asb_json_set(cJSON *root, const char *path, cJSON *value)
{
	ASB_TEXT name = NULL;
	cJSON *parent = make_parents(root, path, &name);

	if (value == NULL)
		asb_out_of_memory();
	if (cJSON_HasObjectItem(parent, name))
		cJSON_DeleteItemFromObjectCaseSensitive(parent, name);
	if (!cJSON_AddItemToObject(parent, name, value))
		asb_out_of_memory();
}

void asb_json_set_string(cJSON *root, const char *path, const char *value)
{
	if (value != NULL)
		asb_json_set(root, path, cJSON_CreateString(value));
}

void asb_json_set_number(cJSON *root, const char *path, double value)
{
	asb_json_set(root, path, cJSON_CreateNumber(value));
}

void asb_json_set_bool(cJSON *root, const char *path, bool value)
{
	asb_json_set(root, path, cJSON_CreateBool(value));
}

cJSON *asb_json_append(cJSON *root, const char *path, cJSON *item)
{
	ASB_TEXT name = NULL;
	cJSON *parent = make_parents(root, path, &name);
	cJSON *array = cJSON_GetObjectItemCaseSensitive(parent, name);

	if (array == NULL)
		array = cJSON_AddArrayToObject(parent, name);
	if (item == NULL || !cJSON_AddItemToArray(array, item))
		asb_out_of_memory();
	return item;
}

cJSON *asb_json_literal(const char *text)
{
	struct asb_error err = ASB_ERROR_INIT;
	cJSON *json = asb_json_parse(text, strlen(text), &err);

	if (json == NULL) {
		asb_error_print(&err);
		fprintf(stderr, "this is a bug: %s\n", text);
		abort();
	}
	return json;
}

void asb_json_free(cJSON **json)
{
	cJSON_Delete(*json);
}
