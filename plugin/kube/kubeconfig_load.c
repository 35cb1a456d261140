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

/* The entry's own mapping has the name of the kind: users[].user. */
static int check_entry(const cJSON *list, int at, const char *kind, struct asb_error *err)
{
	const cJSON *entry = cJSON_GetArrayItem(list, at);
	const cJSON *name = asb_json_member(entry, "name");
	const cJSON *body = asb_json_member(entry, kind);

	if (!cJSON_IsObject(entry))
		return asb_fail(err, "%ss[%d]: expected a mapping with name and %s", kind, at,
				kind);
	if (!cJSON_IsString(name))
		return asb_fail(err, "%ss[%d].name: expected a text", kind, at);
	if (body != NULL && !cJSON_IsObject(body) && !cJSON_IsNull(body))
		return asb_fail(err, "%ss[%d].%s: expected a mapping", kind, at, kind);
	for (int i = 0; i < at; i++) {
		const char *other = asb_json_string(cJSON_GetArrayItem(list, i), "name");

		if (strcmp(other, name->valuestring) == 0)
			return asb_fail(err, "duplicate name \"%s\" in list %ss", other, kind);
	}
	return 0;
}

static int check_list(const cJSON *root, const char *kind, struct asb_error *err)
{
	ASB_TEXT list_name = asb_strf("%ss", kind);
	const cJSON *list = asb_json_member(root, list_name);
	int count = cJSON_GetArraySize(list);

	if (list == NULL || cJSON_IsNull(list))
		return 0;
	if (!cJSON_IsArray(list))
		return asb_fail(err, "%s: expected a list", list_name);
	for (int i = 0; i < count; i++) {
		if (check_entry(list, i, kind, err) != 0)
			return -1;
	}
	return 0;
}

static int check_outline(const cJSON *root, struct asb_error *err)
{
	const cJSON *kind = asb_json_member(root, "kind");
	const cJSON *current = asb_json_member(root, "current-context");

	if (!cJSON_IsObject(root))
		return asb_fail(err,
				"line 1: expected a mapping with clusters, users and contexts");
	if (kind != NULL && (!cJSON_IsString(kind) || strcmp(kind->valuestring, "Config") != 0))
		return asb_fail(err, "kind: expected \"Config\"");
	if (current != NULL && !cJSON_IsString(current) && !cJSON_IsNull(current))
		return asb_fail(err, "current-context: expected a text");
	for (size_t i = 0; i < KINDS; i++) {
		if (check_list(root, kinds[i], err) != 0)
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
	cJSON *root = asb_yaml_parse(text, n, path, err);

	if (root == NULL) {
		asb_wrap(err, "error loading config file");
		return asb_hint(err, "a configuration file is YAML as `kubectl config view` "
				     "prints it");
	}
	if (check_outline(root, err) != 0) {
		asb_kubeconfig_tree_free(root);
		return asb_wrap(err, "error loading config file: %s", path);
	}
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
