/* SPDX-License-Identifier: Apache-2.0 */
/* An installation is taken away again: what carries our label, and the namespace when nothing else
 * is in it. */
#include <stdlib.h>
#include <string.h>

#include "plugin/sandbox/contents.h"
#include "plugin/sandbox/installation_parts.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/resources.h"

#define NAMED 5 /* so many of what a namespace holds are named */

/* --- what lives --- */

/* Pods of a Sandbox are its own, and one that has ended is none to worry about. */
static bool lives(const cJSON *object)
{
	const char *phase = asb_json_string(object, "status/phase");

	return asb_json_at(object, "metadata/ownerReferences/0") == NULL &&
	       (phase == NULL || (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0));
}

static int add_living(struct asb_http *http, const struct asb_resource *resource, const char *noun,
		      const char *namespace_, cJSON *living, struct asb_error *err)
{
	const struct asb_inventory_scope scope = {.namespace_ = namespace_};
	ASB_TEXT path = asb_inventory_path(resource, &scope);
	ASB_JSON list = asb_inventory_list(http, path, err);
	const cJSON *item;

	if (list == NULL && err->http == 404) { /* such a kind isn't served */
		asb_error_clear(err);
		return 0;
	}
	if (list == NULL)
		return asb_wrap(err, "looking for what still lives");
	cJSON_ArrayForEach(item, asb_json_member(list, "items"))
	{
		ASB_TEXT name = asb_strf("%s/%s", noun, asb_json_string(item, "metadata/name"));

		if (lives(item))
			cJSON_AddItemToArray(living, cJSON_CreateString(name));
	}
	return 0;
}

cJSON *asb_installation_living(struct asb_http *http, const struct asb_api *api,
			       const char *namespace_, struct asb_error *err)
{
	cJSON *living = asb_json_literal("[]");
	int rc = add_living(http, &asb_pods, "pod", namespace_, living, err);

	if (rc == 0 && api != NULL)
		rc = add_living(http, &api->sandboxes, "sandbox", namespace_, living, err);
	if (rc == 0 && api != NULL)
		rc = add_living(http, &api->claims, "sandboxclaim", namespace_, living, err);
	if (rc == 0 && api != NULL)
		rc = add_living(http, &api->pools, "sandboxwarmpool", namespace_, living, err);
	if (rc == 0)
		return living;
	cJSON_Delete(living);
	return NULL;
}

/* --- what is to go --- */

/* Adds the object of that path to the front, unless there is none. */
static int add_present(struct asb_http *http, const char *path, const cJSON *like, cJSON *present,
		       struct asb_error *err)
{
	cJSON *object = asb_api_get(http, path, err);

	if (object == NULL && err->http == 404) {
		asb_error_clear(err);
		return 0;
	}
	if (object == NULL)
		return -1;
	asb_json_set_string(object, "kind", asb_json_string(like, "kind"));
	cJSON_InsertItemInArray(present, 0, object);
	return 0;
}

/* Those of --bind-user and --bind-group: items of a list don't say their kind. */
static int add_bindings(struct asb_http *http, const cJSON *like, cJSON *present,
			struct asb_error *err)
{
	const struct asb_resource *resource = &asb_installation_kind(like)->resource;
	ASB_TEXT path =
		asb_api_path(resource, asb_json_string(like, "metadata/namespace"), NULL, NULL);
	ASB_TEXT selected = asb_strf("%s?labelSelector=app.kubernetes.io%%2Fpart-of%%3D"
				     "kubectl-agentsandbox",
				     path);
	ASB_JSON list = asb_inventory_list(http, selected, err);
	const char *role = asb_json_string(like, "roleRef/name");
	const char *own = asb_json_string(like, "metadata/name");
	const cJSON *item;

	if (list == NULL)
		return -1;
	cJSON_ArrayForEach(item, asb_json_member(list, "items"))
	{
		const char *to = asb_json_string(item, "roleRef/name");
		const char *name = asb_json_string(item, "metadata/name");
		cJSON *copy;

		if (to == NULL || strcmp(to, role) != 0 || name == NULL || strcmp(name, own) == 0)
			continue;
		copy = cJSON_Duplicate(item, true);
		asb_json_set_string(copy, "kind", "RoleBinding");
		cJSON_InsertItemInArray(present, 0, copy);
	}
	return 0;
}

cJSON *asb_installation_present(struct asb_http *http, const char *namespace_,
				struct asb_error *err)
{
	ASB_JSON objects = asb_installation_objects(namespace_);
	cJSON *present = asb_json_literal("[]");
	const cJSON *object;
	int rc = 0;

	cJSON_ArrayForEach(object, objects)
	{
		ASB_TEXT path = asb_installation_path(object);

		if (rc == 0)
			rc = add_present(http, path, object, present, err);
		if (rc == 0 && strcmp(asb_json_string(object, "kind"), "RoleBinding") == 0)
			rc = add_bindings(http, object, present, err);
	}
	if (rc == 0)
		return present;
	cJSON_Delete(present);
	return NULL;
}

/* --- deleting --- */

/* What goes with the namespace: our own, and ConfigMaps that runs have left for the next one. */
static bool goes_along(const cJSON *object)
{
	return asb_installation_is_part(object) ||
	       (asb_inventory_is_ours(object) && asb_json_at(object, "spec") == NULL);
}

/* False: `why` it stays. */
static bool is_empty(struct asb_http *http, const char *namespace_, struct asb_buffer *why)
{
	struct asb_error unseen = ASB_ERROR_INIT;
	ASB_JSON found = asb_contents(http, namespace_, goes_along, &unseen);
	const cJSON *name;
	int n = 0;

	if (found == NULL) {
		asb_buffer_addf(why, "what it holds can't be seen: %s", unseen.message);
		return false;
	}
	cJSON_ArrayForEach(name, found)
	{
		if (n++ < NAMED)
			asb_buffer_addf(why, "%s%s", n == 1 ? "it holds " : ", ",
					name->valuestring);
	}
	if (n > NAMED)
		asb_buffer_addf(why, " and %d more", n - NAMED);
	return n == 0;
}

/* Gone already is fine. */
static int send_delete(struct asb_http *http, const cJSON *object, bool dry_run,
		       struct asb_error *err)
{
	ASB_TEXT path = asb_installation_path(object);
	ASB_TEXT name = asb_installation_name(object);
	ASB_JSON options = asb_json_literal("{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
					    "\"propagationPolicy\":\"Background\"}");

	asb_json_set_string(options, "preconditions/uid", asb_json_string(object, "metadata/uid"));
	if (dry_run)
		asb_json_append(options, "dryRun", cJSON_CreateString("All"));
	if (asb_api_delete_with(http, path, options, err) == 0)
		return 0;
	if (err->http != 404)
		return asb_wrap(err, "%s", name);
	asb_error_clear(err);
	return 0;
}

int asb_installation_delete(struct asb_http *http, const cJSON *object, bool dry_run,
			    struct asb_buffer *why, struct asb_error *err)
{
	bool is_namespace = strcmp(asb_json_string(object, "kind"), "Namespace") == 0;

	if (!asb_installation_is_part(object)) {
		asb_buffer_addstr(why, "setup has not made it");
		return 1;
	}
	if (is_namespace && !is_empty(http, asb_json_string(object, "metadata/name"), why))
		return 1;
	return send_delete(http, object, dry_run, err);
}
