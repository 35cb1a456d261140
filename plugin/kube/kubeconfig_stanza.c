/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig_stanza.c - entries found by name in the files' order, and their members read by type.
 * A member of the wrong type is an error, as it is for kubectl: a token that YAML takes for a
 * number must not become "no token".
 */
#include "plugin/kube/kubeconfig_parts.h"

#include <stdlib.h>
#include <string.h>

static const cJSON *list_of(const struct asb_kubeconfig_file *file, const char *kind)
{
	ASB_TEXT name = asb_strf("%ss", kind);

	return asb_json_member(file->root, name);
}

bool asb_stanza_find(const struct asb_kubeconfig_files *files, const char *kind, const char *name,
		     struct asb_stanza *stanza)
{
	for (size_t i = 0; i < files->count; i++) {
		const cJSON *entry;

		cJSON_ArrayForEach(entry, list_of(&files->items[i], kind))
		{
			if (strcmp(asb_json_string(entry, "name"), name) != 0)
				continue;
			*stanza = (struct asb_stanza){
				.kind = kind,
				.name = asb_json_string(entry, "name"),
				.file = files->items[i].path,
				.body = asb_json_member(entry, kind),
				.read = files->read != NULL ? files->read : asb_file_read,
			};
			return true;
		}
	}
	return false;
}

/* Whether an earlier file has an entry of that name. */
static bool hidden(const struct asb_kubeconfig_files *files, size_t file, const char *kind,
		   const char *name)
{
	struct asb_kubeconfig_files before = {files->items, file, NULL};
	struct asb_stanza ignored;

	return asb_stanza_find(&before, kind, name, &ignored);
}

void asb_stanza_names(const struct asb_kubeconfig_files *files, const char *kind,
		      struct asb_buffer *out)
{
	for (size_t i = 0; i < files->count; i++) {
		const cJSON *entry;

		cJSON_ArrayForEach(entry, list_of(&files->items[i], kind))
		{
			const char *name = asb_json_string(entry, "name");

			if (!hidden(files, i, kind, name))
				asb_buffer_addf(out, "%s%s", out->length == 0 ? "" : ", ", name);
		}
	}
}

const char *asb_stanza_type_name(const cJSON *json)
{
	if (cJSON_IsNumber(json))
		return "a number (put it in quotes)";
	if (cJSON_IsBool(json))
		return "true or false (put it in quotes)";
	if (cJSON_IsString(json))
		return "a text";
	return cJSON_IsArray(json) ? "a list" : "a mapping";
}

static int wrong_type(const struct asb_stanza *stanza, const char *key, const char *wanted,
		      struct asb_error *err)
{
	const cJSON *value = asb_json_member(stanza->body, key);

	return asb_fail(err, "%s: %s \"%s\": %s: expected %s, found %s", stanza->file, stanza->kind,
			stanza->name, key, wanted, asb_stanza_type_name(value));
}

int asb_stanza_text(const struct asb_stanza *stanza, const char *key, const char **value,
		    struct asb_error *err)
{
	const cJSON *item = asb_json_member(stanza->body, key);

	*value = NULL;
	if (item == NULL || cJSON_IsNull(item))
		return 0;
	if (!cJSON_IsString(item))
		return wrong_type(stanza, key, "a text", err);
	if (item->valuestring[0] != '\0')
		*value = item->valuestring;
	return 0;
}

int asb_stanza_flag(const struct asb_stanza *stanza, const char *key, bool *value,
		    struct asb_error *err)
{
	const cJSON *item = asb_json_member(stanza->body, key);

	*value = cJSON_IsTrue(item);
	if (item == NULL || cJSON_IsNull(item) || cJSON_IsBool(item))
		return 0;
	return wrong_type(stanza, key, "true or false", err);
}

bool asb_stanza_has(const struct asb_stanza *stanza, const char *key)
{
	const cJSON *item = asb_json_member(stanza->body, key);

	if (item == NULL || cJSON_IsNull(item))
		return false;
	if (cJSON_IsString(item))
		return item->valuestring[0] != '\0';
	return cJSON_IsNumber(item) || cJSON_IsBool(item) || item->child != NULL;
}

int asb_stanza_path(const struct asb_stanza *stanza, const char *key, char **path,
		    struct asb_error *err)
{
	const char *text;

	*path = NULL;
	if (asb_stanza_text(stanza, key, &text, err) != 0)
		return -1;
	if (text != NULL)
		*path = asb_file_relative(stanza->file, text);
	return 0;
}

static int read_data(const struct asb_stanza *stanza, const char *key, const char *data,
		     struct asb_buffer *out, struct asb_error *err)
{
	if (asb_base64_decode(data, out) == 0)
		return 0;
	return asb_fail(err, "%s: %s \"%s\": %s-data: expected base64", stanza->file, stanza->kind,
			stanza->name, key);
}

static int read_named(const struct asb_stanza *stanza, const char *key, const char *path,
		      struct asb_buffer *out, struct asb_error *err)
{
	if (stanza->read(path, ASB_KUBECONFIG_PART_LIMIT, out, err) == 0)
		return 0;
	return asb_wrap(err, "unable to read %s of %s \"%s\"", key, stanza->kind, stanza->name);
}

/* Found here rather than by the TLS library, which can't say where the bad text came from. */
static int check_pem(const struct asb_stanza *stanza, const char *key, const char *what,
		     const struct asb_buffer *pem, struct asb_error *err)
{
	const char *begin = strstr(pem->data, "-----BEGIN ");

	for (; begin != NULL; begin = strstr(begin + 1, "-----BEGIN ")) {
		const char *label = begin + strlen("-----BEGIN ");
		size_t n = strcspn(label, "-\r\n");

		/* "RSA PRIVATE KEY" and "EC PRIVATE KEY" are private keys too. */
		if (n >= strlen(what) && strncmp(label + n - strlen(what), what, strlen(what)) == 0)
			return 0;
	}
	return asb_fail(err, "%s: %s \"%s\": %s: no PEM block \"%s\" in it", stanza->file,
			stanza->kind, stanza->name, key, what);
}

int asb_stanza_pem(const struct asb_stanza *stanza, const char *key, const char *what, char **pem,
		   struct asb_error *err)
{
	ASB_TEXT data_key = asb_strf("%s-data", key);
	ASB_TEXT path = NULL;
	struct asb_buffer bytes = ASB_BUFFER_INIT;
	const char *data;
	int rc;

	*pem = NULL;
	if (asb_stanza_text(stanza, data_key, &data, err) != 0 ||
	    asb_stanza_path(stanza, key, &path, err) != 0)
		return -1;
	if (data == NULL && path == NULL)
		return 0;
	if (data != NULL && path != NULL)
		return asb_fail(err, "%s-data and %s are both specified for %s \"%s\"", key, key,
				stanza->kind, stanza->name);
	if (data != NULL)
		rc = read_data(stanza, key, data, &bytes, err);
	else
		rc = read_named(stanza, key, path, &bytes, err);
	if (rc == 0 && bytes.length > 0)
		rc = check_pem(stanza, key, what, &bytes, err);
	if (rc == 0 && bytes.length > 0)
		*pem = asb_strdup(bytes.data);
	asb_buffer_release_secret(&bytes);
	return rc;
}
