/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.c - libyaml's events become a tree. What a plain scalar means is said in yaml_scalar.c.
 *
 * Memory is bounded by a budget of nodes and bytes that aliases and merges draw from as well, so a
 * small file can't grow into a large tree.
 */
#include "plugin/base/yaml.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "plugin/base/buffer.h"
#include "plugin/base/yaml_scalar.h"

#define MAX_INPUT (16u << 20)
#define MAX_DEPTH 100u
#define MAX_NODES 1000000u
#define MAX_BYTES (64u << 20) /* text of all scalars, repeated ones counted each time */

struct asb_yaml_line {
	const cJSON *member;
	size_t line;
};

struct anchor {
	char *name;
	const cJSON *node; /* in the tree, complete */
};

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct asb_error *err;
	struct anchor *anchors;
	size_t anchor_count;
	struct asb_yaml_lines *lines; /* NULL: nobody asks */
	cJSON *merged; /* array: values of "<<", kept to the end because anchors may name them */
	unsigned depth;
	size_t nodes, bytes; /* used of the budget */
};

/* A key of the mapping that is being read, for finding duplicates. */
struct key {
	const char *name; /* of the member in the tree */
	yaml_mark_t mark;
};

struct keys {
	struct key *items;
	size_t count, room;
};

static cJSON *read_node(struct reader *reader);

static void *fail_at(struct reader *reader, yaml_mark_t mark, const char *what)
{
	asb_fail(reader->err, "line %zu, column %zu: %s", mark.line + 1, mark.column + 1, what);
	return NULL;
}

static void *fail_here(struct reader *reader, const char *what)
{
	return fail_at(reader, reader->event.start_mark, what);
}

/* Replaces the current event. Its mark stays valid when it is over. */
static int next_event(struct reader *reader)
{
	const char *problem;

	yaml_event_delete(&reader->event);
	if (yaml_parser_parse(&reader->parser, &reader->event))
		return 0;
	problem = reader->parser.problem == NULL ? "not valid YAML" : reader->parser.problem;
	if (reader->parser.error == YAML_READER_ERROR)
		return asb_fail(reader->err, "byte %zu: %s", reader->parser.problem_offset,
				problem);
	fail_at(reader, reader->parser.problem_mark, problem);
	return -1;
}

static int spend(struct reader *reader, size_t nodes, size_t bytes)
{
	reader->nodes += nodes;
	reader->bytes += bytes;
	if (reader->nodes <= MAX_NODES && reader->bytes <= MAX_BYTES)
		return 0;
	fail_here(reader, "too many values");
	return -1;
}

/* Depth is bounded: a tree is never deeper than the text and its aliases are allowed to make it. */
static int spend_tree(struct reader *reader, const cJSON *node, unsigned depth)
{
	size_t text = node->valuestring == NULL ? 0 : strlen(node->valuestring);
	size_t name = node->string == NULL ? 0 : strlen(node->string);
	const cJSON *item;

	if (depth > MAX_DEPTH) {
		fail_here(reader, "nested too deeply");
		return -1;
	}
	if (spend(reader, 1, text + name) != 0)
		return -1;
	cJSON_ArrayForEach(item, node)
	{
		if (spend_tree(reader, item, depth + 1) != 0)
			return -1;
	}
	return 0;
}

static void remember(struct reader *reader, const char *name, const cJSON *node)
{
	struct anchor *anchor;

	if (name == NULL)
		return;
	reader->anchors = asb_realloc(reader->anchors,
				      (reader->anchor_count + 1) * sizeof reader->anchors[0]);
	anchor = &reader->anchors[reader->anchor_count++];
	anchor->name = asb_strdup(name);
	anchor->node = node;
}

static cJSON *read_alias(struct reader *reader)
{
	const char *name = (const char *)reader->event.data.alias.anchor;
	size_t i = reader->anchor_count;

	/* A name may be used again: the last one counts. */
	while (i > 0 && strcmp(reader->anchors[i - 1].name, name) != 0)
		i--;
	if (i == 0)
		return fail_here(reader, "unknown anchor");
	if (spend_tree(reader, reader->anchors[i - 1].node, reader->depth) != 0)
		return NULL;
	return cJSON_Duplicate(reader->anchors[i - 1].node, true);
}

/* The current event as the pure part wants it. */
static struct asb_yaml_scalar scalar_of(const yaml_event_t *event)
{
	return (struct asb_yaml_scalar){
		.text = (const char *)event->data.scalar.value,
		.length = event->data.scalar.length,
		.tag = (const char *)event->data.scalar.tag,
		.plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
	};
}

static cJSON *read_scalar(struct reader *reader)
{
	struct asb_yaml_scalar scalar = scalar_of(&reader->event);
	const char *problem = NULL;
	cJSON *node;

	if (spend(reader, 1, scalar.length) != 0)
		return NULL;
	node = asb_yaml_scalar_value(&scalar, &problem);
	return node == NULL ? fail_here(reader, problem) : node;
}

static cJSON *read_sequence(struct reader *reader)
{
	cJSON *array = cJSON_CreateArray();

	while (next_event(reader) == 0) {
		cJSON *item;

		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			return array;
		item = read_node(reader);
		if (item == NULL)
			break;
		cJSON_AddItemToArray(array, item);
	}
	cJSON_Delete(array);
	return NULL;
}

/* A mapping or a sequence of mappings. */
static bool can_merge(const cJSON *value)
{
	const cJSON *item;

	if (!cJSON_IsArray(value))
		return cJSON_IsObject(value);
	cJSON_ArrayForEach(item, value)
	{
		if (!cJSON_IsObject(item))
			return false;
	}
	return true;
}

/* Adds what `from` has and `object` has not. */
static int merge(struct reader *reader, cJSON *object, const cJSON *from)
{
	const cJSON *item;

	if (cJSON_IsArray(from)) {
		cJSON_ArrayForEach(item, from)
		{
			if (merge(reader, object, item) != 0)
				return -1;
		}
		return 0;
	}
	cJSON_ArrayForEach(item, from)
	{
		if (asb_json_member(object, item->string) != NULL)
			continue;
		if (spend_tree(reader, item, reader->depth) != 0)
			return -1;
		cJSON_AddItemToObject(object, item->string, cJSON_Duplicate(item, true));
	}
	return 0;
}

static void add_key(struct keys *keys, const char *name, yaml_mark_t mark)
{
	if (keys->count == keys->room) {
		keys->room = keys->room == 0 ? 16 : keys->room * 2;
		keys->items = asb_realloc(keys->items, keys->room * sizeof keys->items[0]);
	}
	keys->items[keys->count++] = (struct key){name, mark};
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	if (order != 0)
		return order;
	return left->mark.index < right->mark.index ? -1 : 1;
}

/* Sorted, because comparing each with each takes for ever on a large file. */
static int check_keys(struct reader *reader, struct keys *keys)
{
	size_t i;

	if (keys->count > 1)
		qsort(keys->items, keys->count, sizeof keys->items[0], compare_keys);
	for (i = 1; i < keys->count; i++) {
		ASB_TEXT what = NULL;

		if (strcmp(keys->items[i - 1].name, keys->items[i].name) != 0)
			continue;
		what = asb_strf("key \"%s\" is there twice", keys->items[i].name);
		fail_at(reader, keys->items[i].mark, what);
		return -1;
	}
	return 0;
}

static void note_line(struct asb_yaml_lines *lines, const cJSON *member, yaml_mark_t mark)
{
	if (lines == NULL)
		return;
	if (lines->count == lines->room) {
		lines->room = lines->room == 0 ? 16 : lines->room * 2;
		lines->items = asb_realloc(lines->items, lines->room * sizeof lines->items[0]);
	}
	lines->items[lines->count++] = (struct asb_yaml_line){member, mark.line + 1};
}

/* The current event is a key: reads it and its value into the object or, for "<<", into `merged`.
 */
static int read_pair(struct reader *reader, cJSON *object, struct keys *keys, cJSON *merged)
{
	yaml_mark_t mark = reader->event.start_mark;
	struct asb_yaml_scalar scalar = {0};
	const char *problem = "a key must be a text";
	ASB_TEXT name = NULL;
	bool is_merge = false;
	cJSON *value;

	if (reader->event.type == YAML_SCALAR_EVENT) {
		scalar = scalar_of(&reader->event);
		is_merge = asb_yaml_scalar_is_merge(&scalar);
		name = asb_yaml_scalar_key(&scalar, &problem);
	}
	if (name == NULL) {
		fail_here(reader, problem);
		return -1;
	}
	if (spend(reader, 0, strlen(name)) != 0 || next_event(reader) != 0)
		return -1;
	value = read_node(reader);
	if (value == NULL)
		return -1;
	if (is_merge) {
		cJSON_AddItemToArray(merged, value);
		if (can_merge(value))
			return 0;
		fail_at(reader, mark, "only mappings can be merged by <<");
		return -1;
	}
	cJSON_AddItemToObject(object, name, value);
	add_key(keys, value->string, mark);
	note_line(reader->lines, value, mark);
	return 0;
}

static int read_pairs(struct reader *reader, cJSON *object, struct keys *keys, cJSON *merged)
{
	const cJSON *item;

	while (next_event(reader) == 0) {
		if (reader->event.type != YAML_MAPPING_END_EVENT) {
			if (read_pair(reader, object, keys, merged) != 0)
				return -1;
			continue;
		}
		if (check_keys(reader, keys) != 0)
			return -1;
		cJSON_ArrayForEach(item, merged)
		{
			if (merge(reader, object, item) != 0)
				return -1;
		}
		return 0;
	}
	return -1;
}

static cJSON *read_mapping(struct reader *reader)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *merged = cJSON_CreateArray();
	struct keys keys = {0};

	cJSON_AddItemToArray(reader->merged, merged);
	if (read_pairs(reader, object, &keys, merged) != 0) {
		cJSON_Delete(object);
		object = NULL;
	}
	free(keys.items);
	return object;
}

static cJSON *read_collection(struct reader *reader)
{
	bool mapping = reader->event.type == YAML_MAPPING_START_EVENT;
	ASB_TEXT anchor =
		asb_strdup((const char *)(mapping ? reader->event.data.mapping_start.anchor
						  : reader->event.data.sequence_start.anchor));
	cJSON *node;

	if (reader->depth >= MAX_DEPTH)
		return fail_here(reader, "nested too deeply");
	if (spend(reader, 1, 0) != 0)
		return NULL;
	reader->depth++;
	node = mapping ? read_mapping(reader) : read_sequence(reader);
	reader->depth--;
	/* Known from here on, so a node can't hold itself. */
	if (node != NULL)
		remember(reader, anchor, node);
	return node;
}

/* Reads the node that the current event begins. */
static cJSON *read_node(struct reader *reader)
{
	cJSON *node;

	switch (reader->event.type) {
	case YAML_ALIAS_EVENT:
		return read_alias(reader);
	case YAML_SCALAR_EVENT:
		node = read_scalar(reader);
		if (node != NULL)
			remember(reader, (const char *)reader->event.data.scalar.anchor, node);
		return node;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return read_collection(reader);
	default:
		return fail_here(reader, "a value was expected");
	}
}

/* Reads up to the first node and it; what follows the first document isn't looked at. */
static cJSON *read_document(struct reader *reader)
{
	do {
		if (next_event(reader) != 0)
			return NULL;
		if (reader->event.type == YAML_STREAM_END_EVENT)
			return cJSON_CreateObject();
	} while (reader->event.type == YAML_STREAM_START_EVENT ||
		 reader->event.type == YAML_DOCUMENT_START_EVENT);
	return read_node(reader);
}

static void forget_anchors(struct reader *reader)
{
	while (reader->anchor_count > 0)
		free(reader->anchors[--reader->anchor_count].name);
}

/* All of them, without empty ones: an array. Anchors are each document's own. */
static cJSON *read_documents(struct reader *reader)
{
	cJSON *all = cJSON_CreateArray();

	while (next_event(reader) == 0) {
		cJSON *node;

		if (reader->event.type == YAML_STREAM_END_EVENT)
			return all;
		if (reader->event.type == YAML_DOCUMENT_START_EVENT)
			forget_anchors(reader);
		if (reader->event.type == YAML_STREAM_START_EVENT ||
		    reader->event.type == YAML_DOCUMENT_START_EVENT ||
		    reader->event.type == YAML_DOCUMENT_END_EVENT)
			continue;
		node = read_node(reader);
		if (node == NULL)
			break;
		if (cJSON_IsNull(node))
			cJSON_Delete(node);
		else
			cJSON_AddItemToArray(all, node);
	}
	cJSON_Delete(all);
	return NULL;
}

static cJSON *parse(const char *text, size_t n, const char *name, struct asb_yaml_lines *lines,
		    cJSON *(*read)(struct reader *), struct asb_error *err)
{
	struct reader reader = {.err = err, .lines = lines};
	cJSON *json;

	if (n > MAX_INPUT) {
		asb_fail(err, "%s: larger than %u MiB", name, MAX_INPUT >> 20);
		return NULL;
	}
	if (!yaml_parser_initialize(&reader.parser))
		asb_out_of_memory();
	asb_error_clear(err);
	reader.merged = cJSON_CreateArray();
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, n);
	json = read(&reader);
	/* An explicit "---" without a node is a null scalar; a file of comments has no document. */
	if (json != NULL && cJSON_IsNull(json)) {
		cJSON_Delete(json);
		json = cJSON_CreateObject();
	}
	yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	forget_anchors(&reader);
	free(reader.anchors);
	cJSON_Delete(reader.merged);
	if (json == NULL)
		asb_wrap(err, "%s", name);
	return json;
}

cJSON *asb_yaml_parse_lines(const char *text, size_t n, const char *name,
			    struct asb_yaml_lines *lines, struct asb_error *err)
{
	return parse(text, n, name, lines, read_document, err);
}

cJSON *asb_yaml_parse_documents(const char *text, size_t n, const char *name,
				struct asb_yaml_lines *lines, struct asb_error *err)
{
	return parse(text, n, name, lines, read_documents, err);
}

cJSON *asb_yaml_parse(const char *text, size_t n, const char *name, struct asb_error *err)
{
	return asb_yaml_parse_lines(text, n, name, NULL, err);
}

size_t asb_yaml_line(const struct asb_yaml_lines *lines, const cJSON *member)
{
	size_t i;

	for (i = 0; i < lines->count; i++)
		if (lines->items[i].member == member)
			return lines->items[i].line;
	return 0;
}

void asb_yaml_lines_release(struct asb_yaml_lines *lines)
{
	free(lines->items);
	*lines = (struct asb_yaml_lines){0};
}
