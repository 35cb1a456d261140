/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/roots.h"

#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/claim_object.h"

static const struct {
	const char *kind, *noun;
} kinds[ASB_ROOT_KINDS] = {
	[ASB_ROOT_SANDBOX] = {"Sandbox", "sandbox"},
	[ASB_ROOT_CLAIM] = {"SandboxClaim", "sandboxclaim"},
	[ASB_ROOT_POD] = {"Pod", "pod"},
};

static const char *name_of(const cJSON *object)
{
	const char *name = asb_json_string(object, "metadata/name");

	return name != NULL ? name : "";
}

/* --- one object --- */

enum asb_root_kind asb_root_kind(const cJSON *root)
{
	const char *kind = asb_json_string(root, "kind");

	for (int i = 0; i < ASB_ROOT_KINDS; i++) {
		if (asb_same_text(kind, kinds[i].kind))
			return (enum asb_root_kind)i;
	}
	return ASB_ROOT_SANDBOX;
}

const struct asb_resource *asb_root_resource(const struct asb_api *api, enum asb_root_kind kind)
{
	switch (kind) {
	case ASB_ROOT_CLAIM:
		return &api->claims;
	case ASB_ROOT_POD:
		return &asb_pods;
	case ASB_ROOT_SANDBOX:
		break;
	}
	return &api->sandboxes;
}

const char *asb_root_noun(enum asb_root_kind kind)
{
	return kinds[kind].noun;
}

const char *asb_root_sandbox(const cJSON *root, struct asb_error *err)
{
	const char *name;

	switch (asb_root_kind(root)) {
	case ASB_ROOT_SANDBOX:
		return asb_json_string(root, "metadata/name");
	case ASB_ROOT_CLAIM:
		name = asb_claim_sandbox(root);
		if (name == NULL)
			asb_fail(err, "sandbox \"%s\" still waits for its warm pool",
				 name_of(root));
		return name;
	case ASB_ROOT_POD:
		break;
	}
	asb_fail(err, "\"%s\" is a plain pod, which can't be suspended", name_of(root));
	return NULL;
}

const char *asb_root_end_path(const cJSON *root, struct asb_error *err)
{
	switch (asb_root_kind(root)) {
	case ASB_ROOT_SANDBOX:
		return "spec/shutdownTime";
	case ASB_ROOT_CLAIM:
		return "spec/lifecycle/shutdownTime";
	case ASB_ROOT_POD:
		break;
	}
	asb_fail(err, "\"%s\" is a plain pod, whose end can't be moved", name_of(root));
	return NULL;
}

const char *asb_root_owner(const cJSON *object, const char *kind)
{
	const cJSON *owner;

	cJSON_ArrayForEach(owner, asb_json_at(object, "metadata/ownerReferences"))
	{
		if (asb_same_text(asb_json_string(owner, "kind"), kind) &&
		    asb_json_bool(owner, "controller", false))
			return asb_json_string(owner, "name");
	}
	return NULL;
}

bool asb_root_is_plain_pod(const cJSON *pod)
{
	const cJSON *labels = asb_json_at(pod, "metadata/labels");
	const char *component =
		cJSON_GetStringValue(asb_json_member(labels, "app.kubernetes.io/component"));

	return asb_inventory_is_ours(pod) && asb_same_text(component, "sandbox") &&
	       asb_json_at(pod, "metadata/ownerReferences/0") == NULL;
}

/* A claim may have a Sandbox of another name, and somebody else's Sandbox the claim's. */
static bool belongs(const cJSON *claim, const cJSON *sandbox)
{
	return asb_same_text(asb_claim_sandbox(claim), name_of(sandbox)) ||
	       asb_same_text(asb_root_owner(sandbox, "SandboxClaim"), name_of(claim));
}

int asb_root_choose(const cJSON *claim, const cJSON *sandbox, const cJSON *pod,
		    const cJSON **chosen, struct asb_error *err)
{
	*chosen = claim != NULL ? claim : sandbox;
	if (claim != NULL && sandbox != NULL && !belongs(claim, sandbox)) {
		asb_fail(err,
			 "\"%s\" is the name of two: of a sandbox, and of one from a warm pool",
			 name_of(claim));
		return asb_hint(err,
				"kubectl names them apart: sandbox/%s and sandboxclaim/%s; the "
				"latter's Sandbox is \"%s\"",
				name_of(claim), name_of(claim),
				asb_claim_sandbox(claim) != NULL ? asb_claim_sandbox(claim) : "");
	}
	if (*chosen == NULL && pod != NULL && asb_root_is_plain_pod(pod))
		*chosen = pod;
	return *chosen == NULL ? 0 : 1;
}

int asb_roots_fail_missing(const cJSON *missing, struct asb_error *err)
{
	struct asb_buffer names = ASB_BUFFER_INIT;
	const cJSON *name;

	cJSON_ArrayForEach(name, missing)
	{
		asb_buffer_addf(&names, "%s\"%s\"", names.length > 0 ? ", " : "",
				name->valuestring);
	}
	asb_fail(err, "Error from server (NotFound): sandboxes.%s %s not found",
		 asb_sandboxes.group, names.data);
	err->http = 404;
	asb_buffer_release(&names);
	return -1;
}

/* --- all of a scope --- */

char *asb_roots_path(const struct asb_api *api, enum asb_root_kind kind,
		     const struct asb_inventory_scope *scope)
{
	struct asb_inventory_scope own = *scope;
	ASB_TEXT selector = NULL;

	if (kind == ASB_ROOT_POD) { /* of others' pods none is a sandbox */
		own.foreign = false;
		selector = asb_strf("app.kubernetes.io/component=sandbox%s%s",
				    scope->selector != NULL ? "," : "",
				    scope->selector != NULL ? scope->selector : "");
		own.selector = selector;
	}
	return asb_inventory_path(asb_root_resource(api, kind), &own);
}

/* Items of a list of built-in kinds don't say what they are. */
static void name_kind(cJSON *item, const struct asb_api *api, enum asb_root_kind kind)
{
	if (asb_json_string(item, "kind") != NULL)
		return;
	asb_json_set_string(item, "apiVersion",
			    kind == ASB_ROOT_POD     ? "v1"
			    : kind == ASB_ROOT_CLAIM ? api->extension
						     : api->sandbox);
	asb_json_set_string(item, "kind", kinds[kind].kind);
}

static bool wanted(const cJSON *item, enum asb_root_kind kind, const cJSON *claims)
{
	const char *owner = kind == ASB_ROOT_SANDBOX ? asb_root_owner(item, "SandboxClaim") : NULL;
	const char *namespace_ = asb_json_string(item, "metadata/namespace");
	const cJSON *claim;

	if (kind == ASB_ROOT_POD)
		return asb_root_is_plain_pod(item);
	if (owner == NULL || namespace_ == NULL)
		return true;
	cJSON_ArrayForEach(claim, asb_json_member(claims, "items"))
	{
		if (asb_same_text(owner, name_of(claim)) &&
		    asb_same_text(asb_json_string(claim, "metadata/namespace"), namespace_))
			return false;
	}
	return true;
}

static void move_items(cJSON *to, cJSON *from, const struct asb_api *api, enum asb_root_kind kind,
		       const cJSON *claims)
{
	cJSON *items = cJSON_GetObjectItemCaseSensitive(from, "items");

	while (items != NULL && items->child != NULL) {
		cJSON *item = cJSON_DetachItemViaPointer(items, items->child);

		name_kind(item, api, kind);
		if (wanted(item, kind, claims))
			asb_json_append(to, "items", item);
		else
			cJSON_Delete(item);
	}
}

static bool may_be_missing(enum asb_root_kind kind, const struct asb_error *err)
{
	return err->http == 404 || (kind != ASB_ROOT_SANDBOX && err->http == 403);
}

/* -1: what there must be to list can't be. */
static int list_kinds(struct asb_http *http, const struct asb_api *api,
		      const struct asb_inventory_scope *scope, cJSON *lists[ASB_ROOT_KINDS],
		      struct asb_error *err)
{
	struct asb_error failure[ASB_ROOT_KINDS] = {0};

	for (int kind = 0; kind < ASB_ROOT_KINDS; kind++) {
		ASB_TEXT path = asb_roots_path(api, (enum asb_root_kind)kind, scope);

		lists[kind] = asb_inventory_list(http, path, &failure[kind]);
		if (lists[kind] == NULL &&
		    !may_be_missing((enum asb_root_kind)kind, &failure[kind])) {
			*err = failure[kind];
			return -1;
		}
	}
	/* Without agent-sandbox there may be pods; without these it is to be said. */
	if (lists[ASB_ROOT_SANDBOX] != NULL || asb_json_at(lists[ASB_ROOT_POD], "items/0") != NULL)
		return 0;
	*err = failure[ASB_ROOT_SANDBOX];
	return -1;
}

cJSON *asb_roots_list(struct asb_http *http, const struct asb_api *api,
		      const struct asb_inventory_scope *scope, char *versions[ASB_ROOT_KINDS],
		      struct asb_error *err)
{
	cJSON *lists[ASB_ROOT_KINDS] = {NULL};
	cJSON *all = asb_json_literal("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[],"
				      "\"metadata\":{\"resourceVersion\":\"\"}}");
	int rc = list_kinds(http, api, scope, lists, err);

	for (int kind = 0; rc == 0 && kind < ASB_ROOT_KINDS; kind++) {
		if (versions != NULL)
			versions[kind] = asb_strdup(
				asb_json_string(lists[kind], "metadata/resourceVersion"));
		move_items(all, lists[kind], api, (enum asb_root_kind)kind, lists[ASB_ROOT_CLAIM]);
	}
	for (size_t i = 0; i < ASB_ROOT_KINDS; i++)
		cJSON_Delete(lists[i]);
	if (rc == 0)
		return all;
	cJSON_Delete(all);
	return NULL;
}
