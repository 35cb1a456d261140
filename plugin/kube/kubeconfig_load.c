/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig_load.c - one configuration file becomes a tree whose outline is known to be right:
 * clusters, contexts and users are lists of entries with a name of their own and a mapping.
 */
#include "plugin/kube/kubeconfig_parts.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/yaml.h"

static const char *const kinds[] = {"cluster", "context", "user"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Members of entries that are of one type. As for kubectl a wrong one spoils the whole file, even
 * in an entry that isn't used. */
static const struct member {
	const char *kind, *name;
	bool flag; /* else a text */
} members[] = {
	{"cluster", "server", false},
	{"cluster", "tls-server-name", false},
	{"cluster", "certificate-authority", false},
	{"cluster", "certificate-authority-data", false},
	{"cluster", "proxy-url", false},
	{"cluster", "insecure-skip-tls-verify", true},
	{"cluster", "disable-compression", true},
	{"context", "cluster", false},
	{"context", "user", false},
	{"context", "namespace", false},
	{"user", "client-certificate", false},
	{"user", "client-certificate-data", false},
	{"user", "client-key", false},
	{"user", "client-key-data", false},
	{"user", "token", false},
	{"user", "tokenFile", false},
	{"user", "as", false},
	{"user", "as-uid", false},
	{"user", "username", false},
	{"user", "password", false},
};

struct reader {
	struct asb_yaml_lines lines;
	struct asb_error *err;
};

/* "line 3: " where the member's line is known. Returns -1. */
static int at_line(const struct reader *reader, const cJSON *member)
{
	size_t line = member == NULL ? 0 : asb_yaml_line(&reader->lines, member);

	return line == 0 ? -1 : asb_wrap(reader->err, "line %zu", line);
}

static int check_member(const struct reader *reader, const struct member *member, int at,
			const cJSON *body)
{
	const cJSON *item = asb_json_member(body, member->name);

	if (item == NULL || cJSON_IsNull(item) ||
	    (member->flag ? cJSON_IsBool(item) : cJSON_IsString(item)))
		return 0;
	asb_fail(reader->err, "%ss[%d].%s.%s: expected %s, found %s", member->kind, at,
		 member->kind, member->name, member->flag ? "true or false" : "a text",
		 asb_stanza_type_name(item));
	return at_line(reader, item);
}

static int check_members(const struct reader *reader, const char *kind, int at, const cJSON *body)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(members[i].kind, kind) == 0 &&
		    check_member(reader, &members[i], at, body) != 0)
			return -1;
	}
	return 0;
}

static int check_name(const struct reader *reader, const cJSON *list, int at, const char *kind)
{
	const cJSON *name = asb_json_member(cJSON_GetArrayItem(list, at), "name");

	if (!cJSON_IsString(name)) {
		asb_fail(reader->err, "%ss[%d].name: expected a text", kind, at);
		return at_line(reader, name);
	}
	for (int i = 0; i < at; i++) {
		const char *other = asb_json_string(cJSON_GetArrayItem(list, i), "name");

		if (strcmp(other, name->valuestring) != 0)
			continue;
		asb_fail(reader->err, "duplicate name \"%s\" in list %ss", other, kind);
		return at_line(reader, name);
	}
	return 0;
}

/* The entry's own mapping has the name of the kind: users[].user. */
static int check_entry(const struct reader *reader, const cJSON *list, int at, const char *kind)
{
	const cJSON *entry = cJSON_GetArrayItem(list, at);
	const cJSON *body = asb_json_member(entry, kind);

	if (!cJSON_IsObject(entry))
		return asb_fail(reader->err, "%ss[%d]: expected a mapping with name and %s", kind,
				at, kind);
	if (check_name(reader, list, at, kind) != 0)
		return -1;
	if (body != NULL && !cJSON_IsObject(body) && !cJSON_IsNull(body)) {
		asb_fail(reader->err, "%ss[%d].%s: expected a mapping", kind, at, kind);
		return at_line(reader, body);
	}
	return check_members(reader, kind, at, body);
}

static int check_list(const struct reader *reader, const cJSON *root, const char *kind)
{
	ASB_TEXT list_name = asb_strf("%ss", kind);
	const cJSON *list = asb_json_member(root, list_name);
	int count = cJSON_GetArraySize(list);

	if (list == NULL || cJSON_IsNull(list))
		return 0;
	if (!cJSON_IsArray(list)) {
		asb_fail(reader->err, "%s: expected a list", list_name);
		return at_line(reader, list);
	}
	for (int i = 0; i < count; i++) {
		if (check_entry(reader, list, i, kind) != 0)
			return -1;
	}
	return 0;
}

static int check_outline(const struct reader *reader, const cJSON *root)
{
	const cJSON *kind = asb_json_member(root, "kind");
	const cJSON *current = asb_json_member(root, "current-context");

	if (!cJSON_IsObject(root))
		return asb_fail(reader->err,
				"line 1: expected a mapping with clusters, users and contexts");
	if (kind != NULL && (!cJSON_IsString(kind) || strcmp(kind->valuestring, "Config") != 0)) {
		asb_fail(reader->err, "kind: expected \"Config\"");
		return at_line(reader, kind);
	}
	if (current != NULL && !cJSON_IsString(current) && !cJSON_IsNull(current)) {
		asb_fail(reader->err, "current-context: expected a text");
		return at_line(reader, current);
	}
	for (size_t i = 0; i < KINDS; i++) {
		if (check_list(reader, root, kinds[i]) != 0)
			return -1;
	}
	return 0;
}

/* Overwrites every text of the tree: tokens, passwords and keys are among them. */
static void wipe(cJSON *json)
{
	for (; json != NULL; json = json->next) {
		if (cJSON_IsString(json))
			asb_wipe(json->valuestring, strlen(json->valuestring));
		wipe(json->child);
	}
}

void asb_kubeconfig_tree_free(cJSON *root)
{
	wipe(root);
	cJSON_Delete(root);
}

int asb_kubeconfig_files_add_text(struct asb_kubeconfig_files *files, const char *path,
				  const char *text, size_t n, struct asb_error *err)
{
	struct reader reader = {.err = err};
	cJSON *root = asb_yaml_parse_lines(text, n, path, &reader.lines, err);
	int rc = -1;

	if (root == NULL) {
		asb_wrap(err, "error loading config file");
		asb_hint(err, "a configuration file is YAML as `kubectl config view` prints it");
	} else if (check_outline(&reader, root) != 0) {
		asb_kubeconfig_tree_free(root);
		asb_wrap(err, "error loading config file: %s", path);
	} else {
		rc = 0;
	}
	asb_yaml_lines_release(&reader.lines);
	if (rc != 0)
		return -1;
	files->items = asb_realloc(files->items, (files->count + 1) * sizeof(files->items[0]));
	files->items[files->count++] = (struct asb_kubeconfig_file){asb_strdup(path), root};
	return 0;
}

int asb_kubeconfig_files_add(struct asb_kubeconfig_files *files, const char *path,
			     struct asb_error *err)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	int rc = asb_file_read(path, ASB_KUBECONFIG_FILE_LIMIT, &text, err);

	if (rc != 0)
		asb_wrap(err, "error loading config file");
	else
		rc = asb_kubeconfig_files_add_text(files, path, text.data, text.length, err);
	asb_buffer_release_secret(&text);
	return rc;
}

void asb_kubeconfig_files_release(struct asb_kubeconfig_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->items[i].path);
		asb_kubeconfig_tree_free(files->items[i].root);
	}
	free(files->items);
	files->items = NULL;
	files->count = 0;
}
