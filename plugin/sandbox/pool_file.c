/* SPDX-License-Identifier: Apache-2.0 */
/* pool_file.c - what the documents say, and where in the file. */
#include "plugin/sandbox/pool_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/base/nearest.h"
#include "plugin/sandbox/pool_file_parts.h"
#include "plugin/sandbox/spec.h"

int asb_pool_file_fail(const struct asb_pool_file *file, const cJSON *member, const char *format,
		       ...)
{
	size_t line = member == NULL ? 0 : asb_yaml_line(&file->lines, member);
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (line > 0)
		return asb_fail_usage(file->err, "%s:%zu: %s", file->path, line, text);
	return asb_fail_usage(file->err, "%s: %s", file->path, text);
}

/* --- keys --- */

static int fail_unknown(const struct asb_pool_file *file, const cJSON *member, const char *where,
			const char *const *keys)
{
	struct asb_nearest nearest;
	struct asb_buffer all = ASB_BUFFER_INIT;

	asb_nearest_init(&nearest, member->string);
	for (; *keys != NULL; keys++) {
		asb_nearest_offer(&nearest, *keys);
		asb_buffer_addf(&all, "%s%s", all.length > 0 ? ", " : "", *keys);
	}
	asb_pool_file_fail(file, member, "unknown key \"%s\" in %s", member->string, where);
	if (nearest.found != NULL)
		asb_hint(file->err, "did you mean \"%s\"?", nearest.found);
	else
		asb_hint(file->err, "the keys there are: %s", all.data);
	asb_buffer_release(&all);
	return -1;
}

/* An object with none but these keys; absent is fine. */
static int check_keys(const struct asb_pool_file *file, const cJSON *object, const char *where,
		      const char *const *keys)
{
	const cJSON *member;

	if (object == NULL)
		return 0;
	if (!cJSON_IsObject(object))
		return asb_pool_file_fail(file, object, "%s is no mapping", where);
	cJSON_ArrayForEach(member, object)
	{
		size_t i = 0;

		while (keys[i] != NULL && strcmp(keys[i], member->string) != 0)
			i++;
		if (keys[i] == NULL)
			return fail_unknown(file, member, where, keys);
	}
	return 0;
}

static const char *const object_keys[] = {"apiVersion", "kind", "metadata", "spec", "status", NULL};
static const char *const metadata_keys[] = {
	"name", "namespace", "labels", "annotations",
	/* what the API server writes into an object that was read from it */
	"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", NULL};
static const char *const pool_keys[] = {
	"replicas", "minSize", "maxSize", "template", "sandboxTemplateRef", "updateStrategy", NULL};
static const char *const template_keys[] = {"podTemplate",
					    "volumeClaimTemplates",
					    "service",
					    "networkPolicy",
					    "networkPolicyManagement",
					    "envVarsInjectionPolicy",
					    "volumeClaimTemplatesPolicy",
					    NULL};
static const char *const pod_keys[] = {"metadata", "spec", NULL};
static const char *const ref_keys[] = {"name", NULL};

static int check_object(const struct asb_pool_file *file, const cJSON *object, const char *kind)
{
	ASB_TEXT metadata = asb_strf("metadata of the %s", kind);

	if (check_keys(file, object, kind, object_keys) != 0)
		return -1;
	return check_keys(file, asb_json_at(object, "metadata"), metadata, metadata_keys);
}

static int check_template(const struct asb_pool_file *file, const cJSON *spec, const char *where)
{
	ASB_TEXT pod = asb_strf("podTemplate of %s", where);

	if (check_keys(file, spec, where, template_keys) != 0)
		return -1;
	return check_keys(file, asb_json_at(spec, "podTemplate"), pod, pod_keys);
}

/* --- numbers --- */

static int read_count(const struct asb_pool_file *file, const char *key, int64_t *out)
{
	const cJSON *value = asb_json_member(asb_json_at(file->pool, "spec"), key);

	if (value == NULL)
		return 0;
	if (!cJSON_IsNumber(value) || value->valuedouble < 0 || value->valuedouble > 1000 ||
	    value->valuedouble != (double)(int64_t)value->valuedouble)
		return asb_pool_file_fail(file, value, "%s is no whole number from 0 to 1000", key);
	*out = (int64_t)value->valuedouble;
	return 1;
}

static int read_sizes(struct asb_pool_file *file)
{
	int replicas = read_count(file, "replicas", &file->size);
	int least = replicas < 0 ? -1 : read_count(file, "minSize", &file->size);
	int most = least < 0 ? -1 : read_count(file, "maxSize", &file->most);
	const cJSON *spec = asb_json_at(file->pool, "spec");

	if (most < 0)
		return -1;
	if (replicas > 0 && least > 0)
		return asb_pool_file_fail(file, asb_json_member(spec, "minSize"),
					  "minSize beside replicas, which mean the same");
	if (most > 0 && file->size >= 0 && file->most < file->size)
		return asb_pool_file_fail(file, asb_json_member(spec, "maxSize"),
					  "maxSize is less than %lld", (long long)file->size);
	return 0;
}

/* --- documents --- */

static const cJSON *item_of(const cJSON *document)
{
	return asb_same_text(asb_json_string(document, "kind"), "List")
		       ? asb_json_at(document, "items/0")
		       : document;
}

static int take_pool(struct asb_pool_file *file, const cJSON *document)
{
	if (file->pool != NULL)
		return asb_pool_file_fail(file, asb_json_member(document, "kind"),
					  "a second SandboxWarmPool");
	file->pool = document;
	return 0;
}

static int take_document(struct asb_pool_file *file, const cJSON *document, const cJSON **template)
{
	const char *kind = asb_json_string(document, "kind");

	if (asb_same_text(kind, "SandboxWarmPool"))
		return take_pool(file, document);
	if (asb_same_text(kind, "SandboxTemplate") && *template == NULL) {
		*template = document;
		return 0;
	}
	if (asb_same_text(kind, "SandboxTemplate"))
		return asb_pool_file_fail(file, asb_json_member(document, "kind"),
					  "a second SandboxTemplate");
	asb_pool_file_fail(file, asb_json_member(document, "kind"), "%s is no part of a warm pool",
			   kind != NULL ? kind : "a document without kind");
	return asb_hint(file->err, "the file holds a SandboxWarmPool and its SandboxTemplate");
}

static int take_documents(struct asb_pool_file *file, const cJSON **template)
{
	const cJSON *document, *item;

	cJSON_ArrayForEach(document, file->documents)
	{
		bool list = asb_same_text(asb_json_string(document, "kind"), "List");

		for (item = item_of(document); item != NULL; item = list ? item->next : NULL) {
			if (take_document(file, item, template) != 0)
				return -1;
		}
	}
	return file->pool != NULL ? 0
				  : asb_pool_file_fail(file, NULL, "there is no SandboxWarmPool");
}

/* --- the template --- */

static void set_copy(cJSON *to, const char *path, const cJSON *value)
{
	cJSON *copy = value == NULL ? NULL : cJSON_Duplicate(value, true);

	if (value != NULL && copy == NULL)
		asb_out_of_memory();
	if (copy != NULL)
		asb_json_set(to, path, copy);
}

static int take_inline(struct asb_pool_file *file, const cJSON *inside)
{
	if (check_keys(file, inside, "the template", pod_keys) != 0 ||
	    check_template(file, asb_json_at(inside, "spec"), "the template") != 0)
		return -1;
	file->template = inside;
	return 0;
}

static int take_referred(struct asb_pool_file *file, const cJSON *template)
{
	const cJSON *ref = asb_json_at(file->pool, "spec/sandboxTemplateRef");
	const char *wanted = asb_json_string(ref, "name");
	const char *name = asb_json_string(template, "metadata/name");

	if (check_keys(file, ref, "sandboxTemplateRef", ref_keys) != 0)
		return -1;
	if (template == NULL || !asb_same_text(wanted, name != NULL ? name : "")) {
		asb_pool_file_fail(file, ref, "there is no SandboxTemplate \"%s\" in the file",
				   wanted != NULL ? wanted : "");
		return asb_hint(file->err,
				"put the template into the same file, behind \"---\": the "
				"plugin's pools need the plugin's shim in theirs");
	}
	if (check_object(file, template, "SandboxTemplate") != 0 ||
	    check_template(file, asb_json_at(template, "spec"), "the SandboxTemplate") != 0)
		return -1;
	file->template = template;
	return 0;
}

static int take_template(struct asb_pool_file *file, const cJSON *template)
{
	const cJSON *inside = asb_json_at(file->pool, "spec/template");
	const cJSON *ref = asb_json_at(file->pool, "spec/sandboxTemplateRef");
	int rc;

	if (inside != NULL && (ref != NULL || template != NULL))
		return asb_pool_file_fail(file, inside, "a template beside a SandboxTemplate");
	if (inside == NULL && ref == NULL)
		return asb_pool_file_fail(file, asb_json_at(file->pool, "spec"),
					  "the pool has no template");
	rc = inside != NULL ? take_inline(file, inside) : take_referred(file, template);
	if (rc != 0)
		return -1;
	file->base = asb_json_literal("{\"spec\":{\"podTemplate\":{\"spec\":{}}}}");
	set_copy(file->base, "metadata", asb_json_at(file->template, "metadata"));
	set_copy(file->base, "spec", asb_json_at(file->template, "spec"));
	return 0;
}

/* --- all of it --- */

static int interpret(struct asb_pool_file *file)
{
	const cJSON *template = NULL, *spec;

	if (take_documents(file, &template) != 0 ||
	    check_object(file, file->pool, "SandboxWarmPool") != 0)
		return -1;
	spec = asb_json_at(file->pool, "spec");
	file->name = asb_json_string(file->pool, "metadata/name");
	if (file->name == NULL)
		return asb_pool_file_fail(file, asb_json_member(file->pool, "kind"),
					  "the SandboxWarmPool has no name");
	if (spec == NULL)
		return asb_pool_file_fail(file, asb_json_member(file->pool, "kind"),
					  "the SandboxWarmPool has no spec");
	if (check_keys(file, spec, "the SandboxWarmPool", pool_keys) != 0 || read_sizes(file) != 0)
		return -1;
	file->update_strategy = asb_json_member(spec, "updateStrategy");
	return take_template(file, template);
}

int asb_pool_file_parse(struct asb_pool_file *file, const char *text, size_t n, const char *path,
			struct asb_error *err)
{
	*file = (struct asb_pool_file){.path = path, .size = -1, .most = -1, .err = err};
	file->notes = cJSON_CreateArray();
	file->documents = asb_yaml_parse_documents(text, n, path, &file->lines, err);
	if (file->documents == NULL) {
		err->status = ASB_STATUS_USAGE;
		return -1;
	}
	return interpret(file);
}

void asb_pool_file_release(struct asb_pool_file *file)
{
	cJSON_Delete(file->documents);
	cJSON_Delete(file->base);
	cJSON_Delete(file->notes);
	asb_yaml_lines_release(&file->lines);
	*file = (struct asb_pool_file){0};
}
