/* SPDX-License-Identifier: Apache-2.0 */
/* pool_file_adapt.c - from a template as the user wrote it to one in which the plugin can work. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/overlay.h"
#include "plugin/sandbox/pool_file_parts.h"
#include "plugin/sandbox/spec.h"

#define POD "spec/podTemplate/spec"
#define UNKNOWN "unknown field \""

/* --- what the API server says --- */

/* The member of the user's own that a path such as "spec.podTemplate.spec.containers[0].imagee"
 * names; NULL: it can't be found. */
static const cJSON *find_member(const cJSON *json, const char *path, size_t n)
{
	size_t at = 0;

	while (json != NULL && at < n) {
		size_t length = strcspn(path + at, ".[]\"");
		ASB_TEXT name = asb_strndup(path + at, length);

		json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, (int)strtol(name, NULL, 10))
					   : asb_json_member(json, name);
		at += length;
		at += strspn(path + at, ".[]");
	}
	return json;
}

static int fail_unknown(const struct asb_pool_file *file, const char *path)
{
	size_t n = strcspn(path, "\"");
	const cJSON *member = find_member(file->template, path, n);
	const char *last = path + n;

	while (last > path && last[-1] != '.')
		last--;
	if (member == NULL)
		return asb_pool_file_fail(file, NULL, "unknown key \"%.*s\"", (int)n, path);
	asb_pool_file_fail(file, member, "unknown key \"%.*s\"", (int)(path + n - last), last);
	return asb_hint(file->err, "the API server knows no %.*s", (int)n, path);
}

static cJSON *question(const struct asb_pool_file *file, const struct asb_api *api)
{
	cJSON *object = cJSON_Duplicate(file->base, true);

	if (object == NULL)
		asb_out_of_memory();
	cJSON_DeleteItemFromObjectCaseSensitive(object, "metadata");
	asb_json_set_string(object, "apiVersion", api->extension);
	asb_json_set_string(object, "kind", "SandboxTemplate");
	asb_json_set_string(object, "metadata/generateName", "check-");
	if (asb_json_at(object, POD "/containers") == NULL)
		asb_json_append(object, POD "/containers",
				asb_json_literal("{\"name\":\"" ASB_CONTAINER "\"}"));
	return object;
}

int asb_pool_file_check(const struct asb_pool_file *file, struct asb_http *http,
			const struct asb_api *api, const char *namespace_)
{
	struct asb_error *err = file->err;
	ASB_TEXT collection = asb_api_path(&api->templates, namespace_, NULL, NULL);
	ASB_TEXT path = asb_strf("%s?dryRun=All&fieldValidation=Strict", collection);
	ASB_JSON object = question(file, api);
	ASB_JSON answer = asb_api_create(http, path, object, err);
	const char *unknown = answer == NULL ? strstr(err->message, UNKNOWN) : NULL;
	ASB_TEXT message = NULL;

	if (answer != NULL)
		return 0;
	if (err->http == 403) {
		asb_error_clear(err);
		return 0;
	}
	if (err->http != 400 && err->http != 422)
		return asb_wrap(err, "checking %s", file->path);
	message = asb_strdup(unknown != NULL ? unknown + strlen(UNKNOWN) : err->message);
	if (unknown != NULL)
		return fail_unknown(file, message);
	return asb_pool_file_fail(file, NULL, "%s", message);
}

/* --- what is made of it --- */

__attribute__((format(printf, 2, 3))) static void note(struct asb_pool_file *file,
						       const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	cJSON_AddItemToArray(file->notes, cJSON_CreateString(text));
}

static const char *or_empty(const char *name)
{
	return name != NULL ? name : "";
}

/* The container in which commands run has our name and our command. */
static int adapt_container(struct asb_pool_file *file)
{
	cJSON *containers = (cJSON *)(uintptr_t)asb_json_at(file->base, POD "/containers");
	cJSON *main = (cJSON *)(uintptr_t)asb_json_find(file->base, POD "/containers", "name",
							ASB_CONTAINER);

	if (main == NULL && cJSON_GetArraySize(containers) > 1) {
		asb_pool_file_fail(file, asb_json_at(file->template, POD "/containers"),
				   "none of the containers is called \"" ASB_CONTAINER "\"");
		return asb_hint(file->err, "that is the name of the one in which commands run");
	}
	if (main == NULL && cJSON_GetArraySize(containers) == 1) {
		main = containers->child;
		note(file, "container \"%s\" becomes \"" ASB_CONTAINER "\"",
		     or_empty(asb_json_string(main, "name")));
		asb_json_set_string(main, "name", ASB_CONTAINER);
	}
	if (asb_json_member(main, "command") == NULL && asb_json_member(main, "args") == NULL)
		return 0;
	cJSON_DeleteItemFromObjectCaseSensitive(main, "command");
	cJSON_DeleteItemFromObjectCaseSensitive(main, "args");
	note(file, "command and args of container \"" ASB_CONTAINER
		   "\" are left out: the plugin's shim is its first process");
	return 0;
}

/* Rules that nobody puts into effect would be none. */
static void adapt_network(struct asb_pool_file *file)
{
	const char *management = asb_json_string(file->base, "spec/networkPolicyManagement");
	bool rules = asb_json_at(file->base, "spec/networkPolicy") != NULL;

	if (rules && management == NULL)
		asb_json_set_string(file->base, "spec/networkPolicyManagement", "Managed");
	if (rules || (management != NULL && strcmp(management, "Managed") == 0))
		note(file, "its NetworkPolicy holds: kubectl works inside only if that "
			   "lets the cluster's DNS and API server through");
}

static void note_names(struct asb_pool_file *file, const struct asb_api *api)
{
	const char *version = asb_json_string(file->pool, "apiVersion");
	const char *name = asb_json_string(file->template, "metadata/name");

	if (version != NULL && strcmp(version, api->extension) != 0)
		note(file, "%s is written as %s", version, api->extension);
	if (asb_json_at(file->pool, "spec/template") != NULL)
		note(file, "the pool's inline template becomes SandboxTemplate \"%s\"", file->name);
	else if (name != NULL && strcmp(name, file->name) != 0)
		note(file, "SandboxTemplate \"%s\" becomes \"%s\", the pool's own", name,
		     file->name);
	if (asb_json_at(file->pool, "spec/minSize") != NULL)
		note(file, "minSize: %lld becomes replicas: %lld", (long long)file->size,
		     (long long)file->size);
	if (file->most >= 0)
		note(file,
		     "maxSize: %lld becomes HorizontalPodAutoscaler \"%s\" with maxReplicas: %lld",
		     (long long)file->most, file->name, (long long)file->most);
}

static void note_additions(struct asb_pool_file *file)
{
	static const struct {
		const char *path, *what;
	} open[] = {
		{POD "/automountServiceAccountToken", "the ServiceAccount's token"},
		{POD "/dnsPolicy", "the cluster's DNS"},
		{"spec/networkPolicyManagement", "no NetworkPolicy of the controller's"},
	};
	struct asb_buffer added = ASB_BUFFER_INIT;

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		if (asb_json_at(file->base, open[i].path) == NULL)
			asb_buffer_addf(&added, ", %s", open[i].what);
	}
	note(file, "added so that commands and kubectl work inside: the plugin's shim%s",
	     added.length > 0 ? added.data : "");
	asb_buffer_release(&added);
}

int asb_pool_file_adapt(struct asb_pool_file *file, const struct asb_api *api)
{
	ASB_JSON like = asb_json_literal("{\"apiVersion\":\"" ASB_SANDBOX_API_VERSION
					 "\",\"kind\":\"Sandbox\"}");

	note_names(file, api);
	if (adapt_container(file) != 0)
		return -1;
	asb_json_set(like, "spec", cJSON_Duplicate(asb_json_at(file->base, "spec"), true));
	if (asb_overlay_check(like, file->err) != 0)
		return asb_wrap(file->err, "%s", file->path);
	adapt_network(file);
	note_additions(file);
	return 0;
}
