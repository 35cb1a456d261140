/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_print.c - JSON trees as YAML in block style. */
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/base/yaml.h"
#include "plugin/base/yaml_scalar.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SAFE LETTERS "0123456789._/@:-"

static void print_node(struct asb_buffer *out, const cJSON *node, size_t indent);

/* Letters and the like in which no YAML 1.1 reader sees anything else than a text. */
static bool is_plain(const char *text)
{
	struct asb_yaml_scalar scalar = {.text = text, .length = strlen(text), .plain = true};
	const char *problem;
	ASB_JSON value = NULL;

	if (text[0] == '\0' || strchr(LETTERS "/", text[0]) == NULL ||
	    text[strspn(text, SAFE)] != '\0' || text[scalar.length - 1] == ':')
		return false;
	value = asb_yaml_scalar_value(&scalar, &problem);
	return cJSON_IsString(value);
}

static void print_text(struct asb_buffer *out, const char *text)
{
	cJSON *node;
	ASB_TEXT quoted = NULL;

	if (is_plain(text)) {
		asb_buffer_addstr(out, text);
		return;
	}
	/* what JSON has in quotes means the same in YAML */
	node = cJSON_CreateString(text);
	quoted = asb_json_print(node);
	asb_buffer_addstr(out, quoted);
	cJSON_Delete(node);
}

static void print_scalar(struct asb_buffer *out, const cJSON *node)
{
	ASB_TEXT text = NULL;

	if (cJSON_IsString(node)) {
		print_text(out, node->valuestring);
		return;
	}
	text = asb_json_print(node); /* number, true, false, null, {}, [] */
	asb_buffer_addstr(out, text);
}

static void print_indent(struct asb_buffer *out, size_t indent)
{
	while (indent-- > 0)
		asb_buffer_addch(out, ' ');
}

/* The first line of a collection follows where the caller stands, at `indent`. */
static void print_members(struct asb_buffer *out, const cJSON *object, size_t indent)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, object)
	{
		bool nested = member->child != NULL;

		if (member != object->child)
			print_indent(out, indent);
		print_text(out, member->string);
		asb_buffer_addstr(out, nested ? ":\n" : ": ");
		if (nested)
			print_indent(out, indent + (cJSON_IsArray(member) ? 0 : 2));
		print_node(out, member, indent + (nested && cJSON_IsArray(member) ? 0 : 2));
	}
}

static void print_items(struct asb_buffer *out, const cJSON *array, size_t indent)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array)
	{
		if (item != array->child)
			print_indent(out, indent);
		asb_buffer_addstr(out, "- ");
		print_node(out, item, indent + 2);
	}
}

static void print_node(struct asb_buffer *out, const cJSON *node, size_t indent)
{
	if (cJSON_IsObject(node) && node->child != NULL) {
		print_members(out, node, indent);
	} else if (cJSON_IsArray(node) && node->child != NULL) {
		print_items(out, node, indent);
	} else {
		print_scalar(out, node);
		asb_buffer_addch(out, '\n');
	}
}

char *asb_yaml_print(const cJSON *json)
{
	struct asb_buffer out = ASB_BUFFER_INIT;

	print_node(&out, json, 0);
	return asb_buffer_steal(&out);
}
