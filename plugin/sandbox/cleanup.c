/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/cleanup.h"

#include <string.h>
#include <time.h>

#include "plugin/base/buffer.h"
#include "plugin/kube/access.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/leftover.h"
#include "plugin/sandbox/object.h"

#define SECOND_LOOK_MS 1000

/* ConfigMaps come first: whatever one belongs to was made before it, so that it is in the lists
 * that follow, if it lives. */
enum kind { CONFIGMAPS, PODS, SANDBOXES, CLAIMS, TEMPLATES, POOLS, KINDS };

static const struct {
	const char *noun;
	bool foreign; /* others of that kind are looked at too */
} kinds[KINDS] = {
	[CONFIGMAPS] = {"configmap", false},	  [PODS] = {"pod", false},
	[SANDBOXES] = {"sandbox", false},	  [CLAIMS] = {"sandboxclaim", true},
	[TEMPLATES] = {"sandboxtemplate", false}, [POOLS] = {"sandboxwarmpool", true},
};

struct cleanup {
	struct asb_http *http;
	const struct asb_api *api;
	const struct asb_cleanup_options *options;
	const struct asb_cleanup_hooks *hooks;
	cJSON *lists[KINDS]; /* NULL: could not be looked at */
	struct asb_access missing[KINDS];
	size_t missing_count;
	cJSON *owners;		 /* UIDs that live */
	cJSON *used;		 /* ConfigMaps in use in ... */
	const char *used_in;	 /* ... this namespace, borrowed */
	struct asb_error failed; /* the first deletion that failed */
};

static const struct asb_resource *resource_of(const struct cleanup *cleanup, enum kind kind)
{
	const struct asb_resource *const own[KINDS] = {
		[CONFIGMAPS] = &asb_configmaps,
		[PODS] = &asb_pods,
	};
	const struct asb_api *api = cleanup->api;

	if (own[kind] != NULL || api == NULL)
		return own[kind];
	switch (kind) {
	case SANDBOXES:
		return &api->sandboxes;
	case CLAIMS:
		return &api->claims;
	case TEMPLATES:
		return &api->templates;
	default:
		return &api->pools;
	}
}

/* --- looking --- */

static void note_missing(struct cleanup *cleanup, const struct asb_resource *resource)
{
	cleanup->missing[cleanup->missing_count++] = (struct asb_access){
		.group = resource->group,
		.resource = resource->plural,
		.verb = "list",
		.namespace_ = cleanup->options->namespace_,
	};
}

/* NULL, without an error, for what may not be listed. A kind that isn't served has no objects. */
static cJSON *list(struct cleanup *cleanup, enum kind kind, const char *namespace_, bool foreign,
		   struct asb_error *err)
{
	const struct asb_resource *resource = resource_of(cleanup, kind);
	const struct asb_inventory_scope scope = {.namespace_ = namespace_, .foreign = foreign};
	ASB_TEXT path = resource == NULL ? NULL : asb_inventory_path(resource, &scope);
	cJSON *found;

	if (resource == NULL)
		return asb_json_literal("{}");
	found = asb_inventory_list(cleanup->http, path, err);
	if (found != NULL)
		return found;
	if (err->http == 404 || err->http == 403) {
		bool absent = err->http == 404;

		asb_error_clear(err);
		return absent ? asb_json_literal("{}") : NULL;
	}
	asb_wrap(err, "looking for %s", resource->plural);
	return NULL;
}

static int look(struct cleanup *cleanup, struct asb_error *err)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		cleanup->lists[kind] =
			list(cleanup, kind, cleanup->options->namespace_, kinds[kind].foreign, err);
		if (asb_failed(err))
			return -1;
		if (cleanup->lists[kind] == NULL)
			note_missing(cleanup, resource_of(cleanup, kind));
	}
	return 0;
}

/* --- deleting --- */

/* 1: it has changed since, 0: deleted, or gone before. */
static int delete_seen(const struct cleanup *cleanup, enum kind kind, const cJSON *object,
		       struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(resource_of(cleanup, kind),
				     asb_json_string(object, "metadata/namespace"),
				     asb_json_string(object, "metadata/name"), NULL);
	ASB_JSON options = asb_json_literal("{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
					    "\"propagationPolicy\":\"Background\"}");
	const char *version = asb_json_string(object, "metadata/resourceVersion");
	const char *uid = asb_json_string(object, "metadata/uid");
	int rc;

	if (uid == NULL || version == NULL)
		return asb_fail(err, "the API server's answer names no UID");
	asb_json_set_string(options, "preconditions/uid", uid);
	asb_json_set_string(options, "preconditions/resourceVersion", version);
	rc = asb_api_delete_with(cleanup->http, path, options, err);
	if (rc == 0 || (err->http != 404 && err->http != 409))
		return rc;
	rc = err->http == 409 ? 1 : 0;
	asb_error_clear(err);
	return rc;
}

static char *noun_of(const struct cleanup *cleanup, enum kind kind)
{
	const char *group = resource_of(cleanup, kind)->group;

	return asb_strf("%s%s%s", kinds[kind].noun, group[0] == '\0' ? "" : ".", group);
}

static bool is_due(const struct cleanup *cleanup, int64_t since_ms)
{
	int64_t for_ms = asb_http_now_ms(cleanup->http) - since_ms;

	return since_ms >= 0 && for_ms >= 0 && for_ms >= cleanup->options->older_ms;
}

/* Deletes what has been left since then for long enough; -1: never. Whether it is gone. */
static bool weigh(struct cleanup *cleanup, enum kind kind, const cJSON *object, int64_t since_ms,
		  const char *reason)
{
	int64_t for_ms = asb_http_now_ms(cleanup->http) - since_ms;
	const struct asb_cleanup_hooks *hooks = cleanup->hooks;
	const char *name = asb_json_string(object, "metadata/name");
	struct asb_error failure = ASB_ERROR_INIT;
	ASB_TEXT noun = NULL;
	int rc = 0;

	if (!is_due(cleanup, since_ms))
		return false;
	noun = noun_of(cleanup, kind);
	if (!cleanup->options->dry_run)
		rc = delete_seen(cleanup, kind, object, &failure);
	if (rc == 0) {
		hooks->deleted(hooks->context, noun, object, reason, for_ms);
	} else if (rc > 0) {
		ASB_TEXT text = asb_strf("%s/%s has just been changed: it stays", noun, name);

		hooks->note(hooks->context, text);
	} else if (!asb_failed(&cleanup->failed)) {
		cleanup->failed = failure;
		asb_wrap(&cleanup->failed, "deleting %s/%s", noun, name);
	}
	return rc == 0 && !cleanup->options->dry_run;
}

static void clean_kind(struct cleanup *cleanup, enum kind kind,
		       int64_t (*judge)(const cJSON *object, const char **reason))
{
	const cJSON *object;

	cJSON_ArrayForEach(object, asb_json_member(cleanup->lists[kind], "items"))
	{
		const char *reason = "";
		int64_t since_ms = judge(object, &reason);

		weigh(cleanup, kind, object, since_ms, reason);
	}
}

static void note_endless(const struct cleanup *cleanup)
{
	const cJSON *claim;

	cJSON_ArrayForEach(claim, asb_json_member(cleanup->lists[CLAIMS], "items"))
	{
		const char *name = asb_json_string(claim, "metadata/name");
		const char *namespace_ = asb_json_string(claim, "metadata/namespace");
		ASB_TEXT text = NULL;

		if (!asb_leftover_is_endless(claim))
			continue;
		text = asb_strf(
			"sandboxclaim/%s has no end and may be in use; if it isn't: kubectl "
			"-n %s delete sandboxclaim %s",
			name, namespace_, name);
		cleanup->hooks->note(cleanup->hooks->context, text);
	}
}

/* Without knowing all pools and claims nobody can tell. */
static void clean_templates(struct cleanup *cleanup)
{
	const cJSON *template;

	if (cleanup->lists[POOLS] == NULL || cleanup->lists[CLAIMS] == NULL)
		return;
	cJSON_ArrayForEach(template, asb_json_member(cleanup->lists[TEMPLATES], "items"))
	{
		const char *reason = "";
		int64_t since_ms = asb_leftover_template(template, cleanup->lists[POOLS],
							 cleanup->lists[CLAIMS], &reason);

		weigh(cleanup, TEMPLATES, template, since_ms, reason);
	}
}

/* --- ConfigMaps --- */

static void collect_owners(struct cleanup *cleanup)
{
	static const enum kind owning[] = {PODS, SANDBOXES, TEMPLATES, CLAIMS};
	const cJSON *object;

	cleanup->owners = asb_json_literal("{}");
	for (size_t i = 0; i < sizeof(owning) / sizeof(owning[0]); i++) {
		cJSON_ArrayForEach(object, asb_json_member(cleanup->lists[owning[i]], "items"))
		{
			const char *uid = asb_json_string(object, "metadata/uid");

			if (uid != NULL)
				cJSON_AddTrueToObject(cleanup->owners, uid);
		}
	}
}

/* cleanup->used for a namespace; false when it can't be found out. */
static bool find_used(struct cleanup *cleanup, const char *namespace_)
{
	static const enum kind using[] = {PODS, SANDBOXES, TEMPLATES};

	if (cleanup->used_in != NULL && strcmp(cleanup->used_in, namespace_) == 0)
		return cleanup->used != NULL;
	cJSON_Delete(cleanup->used);
	cleanup->used = asb_json_literal("{}");
	cleanup->used_in = namespace_;
	for (size_t i = 0; i < sizeof(using) / sizeof(using[0]); i++) {
		struct asb_error failure = ASB_ERROR_INIT;
		ASB_JSON all = list(cleanup, using[i], namespace_, true, &failure);

		if (asb_failed(&failure) && !asb_failed(&cleanup->failed))
			cleanup->failed = failure;
		if (all == NULL) {
			asb_json_free(&cleanup->used);
			return false;
		}
		asb_leftover_add_used(cleanup->used, all);
	}
	return true;
}

static void put_back(struct cleanup *cleanup, const cJSON *configmap)
{
	static const char *const kept[] = {"immutable", "data", "binaryData"};
	const char *namespace_ = asb_json_string(configmap, "metadata/namespace");
	const char *name = asb_json_string(configmap, "metadata/name");
	ASB_TEXT path = asb_api_path(&asb_configmaps, namespace_, NULL, NULL);
	ASB_JSON again = asb_json_literal("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}");
	ASB_JSON made = NULL;
	ASB_TEXT text =
		asb_strf("configmap/%s is put back: a run needs it that has just begun", name);
	struct asb_error failure = ASB_ERROR_INIT;

	asb_json_set_string(again, "metadata/name", name);
	asb_json_set(again, "metadata/labels",
		     cJSON_Duplicate(asb_json_at(configmap, "metadata/labels"), true));
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const cJSON *member = asb_json_member(configmap, kept[i]);

		if (member != NULL)
			asb_json_set(again, kept[i], cJSON_Duplicate(member, true));
	}
	made = asb_api_create(cleanup->http, path, again, &failure);
	if (made != NULL)
		cleanup->hooks->note(cleanup->hooks->context, text);
	else if (failure.http != 409 && !asb_failed(&cleanup->failed)) { /* 409: by the run */
		cleanup->failed = failure;
		asb_wrap(&cleanup->failed, "putting back configmap/%s, which a run needs", name);
	}
}

/* `deleted`: array of references. */
static void look_again(struct cleanup *cleanup, const cJSON *deleted)
{
	const cJSON *configmap;

	if (deleted->child == NULL)
		return;
	asb_object_pause(cleanup->http, SECOND_LOOK_MS);
	cleanup->used_in = NULL;
	cJSON_ArrayForEach(configmap, deleted)
	{
		const char *name = asb_json_string(configmap, "metadata/name");

		if (find_used(cleanup, asb_json_string(configmap, "metadata/namespace")) &&
		    asb_json_member(cleanup->used, name) != NULL)
			put_back(cleanup, configmap);
	}
}

/* Who uses it is asked only for those that may go. */
static bool clean_configmap(struct cleanup *cleanup, const cJSON *configmap)
{
	const char *namespace_ = asb_json_string(configmap, "metadata/namespace");
	ASB_JSON none = asb_json_literal("{}");
	const char *reason = "";
	int64_t since_ms = asb_leftover_configmap(configmap, cleanup->owners, none, &reason);

	if (namespace_ == NULL || !is_due(cleanup, since_ms) || !find_used(cleanup, namespace_))
		return false;
	since_ms = asb_leftover_configmap(configmap, cleanup->owners, cleanup->used, &reason);
	return weigh(cleanup, CONFIGMAPS, configmap, since_ms, reason);
}

/* Without knowing all that could own or use one nobody can tell. */
static void clean_configmaps(struct cleanup *cleanup)
{
	ASB_JSON deleted = asb_json_literal("[]");
	cJSON *configmap;

	if (cleanup->lists[PODS] == NULL || cleanup->lists[SANDBOXES] == NULL ||
	    cleanup->lists[TEMPLATES] == NULL || cleanup->lists[CLAIMS] == NULL)
		return;
	collect_owners(cleanup);
	cJSON_ArrayForEach(configmap,
			   cJSON_GetObjectItemCaseSensitive(cleanup->lists[CONFIGMAPS], "items"))
	{
		if (clean_configmap(cleanup, configmap))
			cJSON_AddItemReferenceToArray(deleted, configmap);
	}
	look_again(cleanup, deleted);
}

/* --- all of it --- */

static int clean(struct cleanup *cleanup, struct asb_error *unseen, struct asb_error *err)
{
	const char *namespace_ = cleanup->options->namespace_;

	if (look(cleanup, err) != 0)
		return -1;
	asb_access_require(cleanup->missing, cleanup->missing_count,
			   namespace_ == NULL ? "all" : namespace_, unseen);
	if (cleanup->missing_count == KINDS - (cleanup->api == NULL ? 4 : 0)) {
		*err = *unseen;
		asb_error_clear(unseen);
		return -1;
	}
	clean_kind(cleanup, SANDBOXES, asb_leftover_sandbox);
	clean_kind(cleanup, CLAIMS, asb_leftover_claim);
	clean_kind(cleanup, PODS, asb_leftover_pod);
	note_endless(cleanup);
	clean_templates(cleanup);
	clean_configmaps(cleanup);
	if (!asb_failed(&cleanup->failed))
		return 0;
	*err = cleanup->failed;
	return -1;
}

int asb_cleanup_run(struct asb_http *http, const struct asb_api *api,
		    const struct asb_cleanup_options *options,
		    const struct asb_cleanup_hooks *hooks, struct asb_error *unseen,
		    struct asb_error *err)
{
	struct cleanup cleanup = {.http = http, .api = api, .options = options, .hooks = hooks};
	int rc = clean(&cleanup, unseen, err);

	for (enum kind kind = 0; kind < KINDS; kind++)
		cJSON_Delete(cleanup.lists[kind]);
	cJSON_Delete(cleanup.owners);
	cJSON_Delete(cleanup.used);
	return rc;
}
