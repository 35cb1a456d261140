/* SPDX-License-Identifier: Apache-2.0 */
/* settings_file.c - settings from YAML: our own file, and what can be used of kubectl-ai's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/file.h"
#include "plugin/base/nearest.h"
#include "plugin/base/yaml.h"
#include "plugin/commands/settings_parts.h"

#define LARGEST_FILE (1u << 20)

struct reader {
	struct asb_settings *settings;
	enum asb_setting_source source;
	const char *path;
	cJSON *json; /* NULL: there is no file */
	struct asb_yaml_lines lines;
	struct asb_error *err;
};

/* 0 also when there is none, unless it was named. */
static int open_reader(struct reader *reader, bool named)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	int rc = 0;

	if (!named && access(reader->path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	rc = asb_file_read(reader->path, LARGEST_FILE, &text, reader->err);
	if (rc == 0)
		reader->json = asb_yaml_parse_lines(text.data, text.length, reader->path,
						    &reader->lines, reader->err);
	if (rc == 0 && reader->json == NULL)
		rc = -1;
	if (rc == 0 && !cJSON_IsObject(reader->json))
		rc = asb_fail(reader->err, "%s: holds no settings, as KEY: VALUE", reader->path);
	asb_buffer_release(&text);
	return rc;
}

static void close_reader(struct reader *reader)
{
	cJSON_Delete(reader->json);
	asb_yaml_lines_release(&reader->lines);
}

/* "FILE:3", or the file alone for what has no line of its own. Heap. */
static char *place_of(const struct reader *reader, const cJSON *member)
{
	size_t line = asb_yaml_line(&reader->lines, member);

	return line == 0 ? asb_strdup(reader->path) : asb_strf("%s:%zu", reader->path, line);
}

static const char *type_of(const cJSON *json)
{
	if (cJSON_IsString(json))
		return "a text";
	if (cJSON_IsNumber(json))
		return "a number";
	if (cJSON_IsBool(json))
		return "true or false";
	if (cJSON_IsArray(json))
		return "a list";
	return cJSON_IsNull(json) ? "nothing" : "a mapping";
}

/* What YAML takes for a number or a boolean is most often a text that lacks its quotes. */
static int wrong_type(struct reader *reader, const cJSON *member, const char *key,
		      const char *wanted)
{
	ASB_TEXT place = place_of(reader, member);

	asb_fail_usage(reader->err, "%s: %s is %s, not %s", place, key, type_of(member), wanted);
	if (strcmp(wanted, "a text") == 0 && (cJSON_IsNumber(member) || cJSON_IsBool(member)))
		return asb_hint(reader->err, "put it in quotes: %s: \"...\"", member->string);
	if (strcmp(wanted, "a mapping") == 0)
		return asb_hint(reader->err, "write it as %s: {NAME: VALUE}", member->string);
	return asb_hint(reader->err, "write it as %s: VALUE", member->string);
}

/* --- values --- */

/* As the user has written it. */
static const char *key_of(const struct reader *reader, const struct asb_setting *setting)
{
	return reader->source == ASB_SETTING_KUBECTL_AI ? setting->kubectl_ai : setting->key;
}

static int read_scalar(struct reader *reader, const struct asb_setting *setting,
		       const cJSON *member, struct asb_texts *texts)
{
	static const char *const wanted[] = {
		[ASB_SETTING_TEXT] = "a text",
		[ASB_SETTING_AMOUNT] = "an amount",
		[ASB_SETTING_FLAG] = "true or false",
	};
	bool right = cJSON_IsString(member);

	if (setting->kind == ASB_SETTING_FLAG)
		right = cJSON_IsBool(member);
	else if (setting->kind == ASB_SETTING_AMOUNT)
		right = right || cJSON_IsNumber(member);
	if (!right)
		return wrong_type(reader, member, key_of(reader, setting), wanted[setting->kind]);
	asb_texts_add(texts, cJSON_IsString(member) ? asb_strdup(member->valuestring)
						    : asb_json_print(member));
	return 0;
}

static int read_map(struct reader *reader, const struct asb_setting *setting, const cJSON *map,
		    struct asb_texts *texts)
{
	const cJSON *member;

	if (!cJSON_IsObject(map))
		return wrong_type(reader, map, setting->key, "a mapping");
	cJSON_ArrayForEach(member, map)
	{
		ASB_TEXT key = asb_strf("%s.%s", setting->key, member->string);

		if (member->string[0] == '\0' || strchr(member->string, '=') != NULL) {
			ASB_TEXT place = place_of(reader, member);

			asb_fail_usage(reader->err, "%s: \"%s\" can't be the name of a variable",
				       place, member->string);
			return asb_hint(reader->err, "write it as %s: {NAME: VALUE}", setting->key);
		}
		if (!cJSON_IsString(member))
			return wrong_type(reader, member, key, "a text");
		asb_texts_add(texts, asb_strf("%s=%s", member->string, member->valuestring));
	}
	return 0;
}

static int check_texts(struct reader *reader, const struct asb_setting *setting, const char *place,
		       const struct asb_texts *texts)
{
	ASB_TEXT name = asb_strf("%s: %s", place, key_of(reader, setting));
	size_t i;

	/* Of a map only the names could be wrong, and its values must not show. */
	if (setting->kind == ASB_SETTING_MAP)
		return 0;
	for (i = 0; i < texts->count; i++)
		if (asb_setting_check(setting, texts->items[i], name, reader->err) != 0)
			return -1;
	return 0;
}

static int read_setting(struct reader *reader, const struct asb_setting *setting,
			const cJSON *member)
{
	struct asb_texts texts = {0};
	char *place = place_of(reader, member);
	int rc = setting->kind == ASB_SETTING_MAP ? read_map(reader, setting, member, &texts)
						  : read_scalar(reader, setting, member, &texts);

	if (rc == 0)
		rc = check_texts(reader, setting, place, &texts);
	if (rc == 0) {
		asb_settings_put(reader->settings, setting, texts, reader->source, place);
		return 0;
	}
	asb_texts_release(&texts);
	free(place);
	return -1;
}

/* --- our file --- */

/* A flag's name or kubectl-ai's is as good as ours for knowing what was meant. */
static const char *meant(const char *key, const char *name)
{
	const struct asb_setting *setting;
	struct asb_nearest nearest;

	asb_nearest_init(&nearest, key);
	for (setting = asb_setting_table; setting->key != NULL; setting++) {
		if (strcmp(setting->flag, name) == 0 ||
		    (setting->kubectl_ai != NULL && strcmp(setting->kubectl_ai, name) == 0))
			return setting->key;
		asb_nearest_offer(&nearest, setting->key);
	}
	return nearest.found;
}

/* "did you mean "image"?", or for a key with a dot how that is written. */
static int hint_at_key(const char *key, struct asb_error *err)
{
	const char *dot = strchr(key, '.');

	if (dot == NULL)
		return asb_hint(err, "did you mean \"%s\"?", key);
	return asb_hint(err, "did you mean \"%.*s: {%s: VALUE}\"?", (int)(dot - key), key, dot + 1);
}

static int unknown_key(struct reader *reader, const cJSON *member, const char *key)
{
	const char *known = meant(key, member->string);
	struct asb_buffer keys = ASB_BUFFER_INIT;
	ASB_TEXT place = place_of(reader, member);
	const struct asb_setting *setting;

	asb_fail_usage(reader->err, "%s: unknown key \"%s\"", place, key);
	if (known != NULL)
		return hint_at_key(known, reader->err);
	for (setting = asb_setting_table; setting->key != NULL; setting++)
		asb_buffer_addf(&keys, "%s%s", keys.length == 0 ? "" : ", ", setting->key);
	asb_hint(reader->err, "the keys are: %s", keys.data);
	asb_buffer_release(&keys);
	return -1;
}

/* Whether keys begin with this one and a dot. */
static bool is_mapping(const char *key)
{
	const struct asb_setting *setting;
	size_t n = strlen(key);

	for (setting = asb_setting_table; setting->key != NULL; setting++)
		if (strncmp(setting->key, key, n) == 0 && setting->key[n] == '.')
			return true;
	return false;
}

static int read_members(struct reader *reader, const cJSON *object, const char *prefix)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, object)
	{
		ASB_TEXT key = asb_strf("%s%s", prefix, member->string);
		bool dotted = strchr(member->string, '.') != NULL;
		const struct asb_setting *setting = dotted ? NULL : asb_setting_find(key);
		ASB_TEXT inner = asb_strf("%s.", key);
		int rc = 0;

		if (setting == NULL && !is_mapping(key))
			rc = unknown_key(reader, member, key);
		else if (cJSON_IsNull(member))
			continue; /* "image:" with nothing behind it says nothing */
		else if (setting != NULL)
			rc = read_setting(reader, setting, member);
		else if (!cJSON_IsObject(member))
			rc = wrong_type(reader, member, key, "a mapping");
		else
			rc = read_members(reader, member, inner);
		if (rc != 0)
			return -1;
	}
	return 0;
}

int asb_settings_read_file(struct asb_settings *settings, const char *path, bool named,
			   struct asb_error *err)
{
	struct reader reader = {settings, ASB_SETTING_FILE, path, .err = err};
	int rc = open_reader(&reader, named);

	if (rc == 0)
		rc = read_members(&reader, reader.json, "");
	if (rc != 0 && err->hint[0] == '\0')
		asb_hint(err, named ? "AGENTSANDBOX_CONFIG names this file"
				    : "correct the file, or move it away");
	if (rc != 0)
		err->status = ASB_STATUS_USAGE;
	close_reader(&reader);
	return rc;
}

/* --- kubectl-ai's file --- */

static void note(struct reader *reader, const char *what)
{
	asb_texts_add(&reader->settings->notes,
		      asb_strf("%s not used: %s", what, reader->err->message));
}

void asb_settings_read_kubectl_ai(struct asb_settings *settings, const char *path)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct reader reader = {settings, ASB_SETTING_KUBECTL_AI, path, .err = &err};
	const struct asb_setting *setting;

	if (open_reader(&reader, false) != 0)
		note(&reader, "kubectl-ai's settings are");
	for (setting = asb_setting_table; setting->key != NULL; setting++) {
		const cJSON *member = setting->kubectl_ai == NULL
					      ? NULL
					      : asb_json_member(reader.json, setting->kubectl_ai);
		ASB_TEXT what = NULL;

		if (member == NULL || cJSON_IsNull(member) ||
		    asb_settings_said(settings, setting) ||
		    read_setting(&reader, setting, member) == 0)
			continue;
		what = asb_strf("kubectl-ai's %s is", setting->kubectl_ai);
		note(&reader, what);
	}
	close_reader(&reader);
}
