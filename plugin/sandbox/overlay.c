/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/overlay.h"

#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/spec.h"

#define POD "spec/podTemplate/spec"

/* --- what is refused --- */

static int check_kind(const cJSON *own, struct asb_error *err)
{
	const char *version = asb_json_string(own, "apiVersion");
	const char *kind = asb_json_string(own, "kind");

	if (asb_same_text(kind, "Sandbox") && version != NULL &&
	    strncmp(version, ASB_SANDBOX_GROUP "/", strlen(ASB_SANDBOX_GROUP "/")) == 0)
		return 0;
	asb_fail_usage(err, "it is no Sandbox: apiVersion is \"%s\", kind is \"%s\"",
		       version != NULL ? version : "", kind != NULL ? kind : "");
	return asb_hint(err,
			"one begins with:\napiVersion: " ASB_SANDBOX_API_VERSION "\nkind: Sandbox");
}

/* Each of them makes another process the first one, or brings foreign ones in. */
static int check_processes(const cJSON *pod, const cJSON *container, struct asb_error *err)
{
	static const char *const shared[] = {"shareProcessNamespace", "hostPID"};

	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		if (asb_json_bool(pod, shared[i], false))
			return asb_fail_usage(err,
					      "%s can't be true: the plugin's shim must be the "
					      "first process of its container",
					      shared[i]);
	}
	if (asb_json_at(container, "command") == NULL && asb_json_at(container, "args") == NULL)
		return 0;
	asb_fail_usage(err, "the container \"" ASB_CONTAINER "\" can't have command or args: the "
			    "plugin's shim is its command");
	return asb_hint(err, "leave them out, and run the program with \"exec\"");
}

static int check_volumes(const cJSON *pod, const cJSON *container, struct asb_error *err)
{
	static const char *const names[] = {"shim", "config"};
	static const char *const paths[] = {ASB_SHIM_MOUNT, ASB_CONFIG_MOUNT};

	for (size_t i = 0; i < 2; i++) {
		if (asb_json_find(pod, "volumes", "name", names[i]) != NULL)
			return asb_fail_usage(err, "the plugin has a volume \"%s\" of its own",
					      names[i]);
		if (asb_json_find(container, "volumeMounts", "mountPath", paths[i]) != NULL)
			return asb_fail_usage(err, "the plugin mounts a volume of its own at %s",
					      paths[i]);
	}
	return 0;
}

int asb_overlay_check(const cJSON *own, struct asb_error *err)
{
	const cJSON *pod = asb_json_at(own, POD);
	const cJSON *container = asb_json_find(pod, "containers", "name", ASB_CONTAINER);

	if (check_kind(own, err) != 0)
		return -1;
	if (container == NULL && asb_json_at(pod, "containers/0") != NULL) {
		asb_fail_usage(err, "there is no container \"" ASB_CONTAINER "\"");
		return asb_hint(err, "that is the name of the one in which commands run; others "
				     "may stand beside it");
	}
	if (check_processes(pod, container, err) != 0)
		return -1;
	return check_volumes(pod, container, err);
}

/* --- one over the other --- */

static void put(cJSON *to, const cJSON *item)
{
	cJSON *copy = cJSON_Duplicate(item, true);

	cJSON_DeleteItemFromObjectCaseSensitive(to, item->string);
	if (copy == NULL || !cJSON_AddItemToObject(to, item->string, copy))
		asb_out_of_memory();
}

/* The member that elements of the list are known by; NULL: by none. */
static const char *key_of(const char *list)
{
	static const struct {
		const char *list, *key;
	} keys[] = {
		{"containers", "name"},
		{"volumes", "name"},
		{"env", "name"},
		{"volumeMounts", "mountPath"},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (asb_same_text(list, keys[i].list))
			return keys[i].key;
	}
	return NULL;
}

static void merge(cJSON *to, const cJSON *from);

static void replace(cJSON *list, cJSON *old, const cJSON *item)
{
	cJSON *copy = cJSON_Duplicate(item, true);

	if (copy == NULL || !cJSON_ReplaceItemViaPointer(list, old, copy))
		asb_out_of_memory();
}

static void append(cJSON *list, const cJSON *item)
{
	cJSON *copy = cJSON_Duplicate(item, true);

	if (copy == NULL || !cJSON_AddItemToArray(list, copy))
		asb_out_of_memory();
}

static cJSON *find(cJSON *list, const char *key, const char *value)
{
	cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (value != NULL && asb_same_text(asb_json_string(item, key), value))
			return item;
	}
	return NULL;
}

/* Of a container single fields are taken; of a volume, variable or mount all or nothing. */
static void merge_list(cJSON *to, const cJSON *from, const char *key)
{
	bool deep = asb_same_text(from->string, "containers");
	const cJSON *item;

	cJSON_ArrayForEach(item, from)
	{
		cJSON *same = find(to, key, asb_json_string(item, key));

		if (same == NULL)
			append(to, item);
		else if (deep)
			merge(same, item);
		else
			replace(to, same, item);
	}
}

static void merge(cJSON *to, const cJSON *from)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, from)
	{
		cJSON *ours = cJSON_GetObjectItemCaseSensitive(to, item->string);
		const char *key = key_of(item->string);

		if (cJSON_IsNull(item))
			continue;
		if (cJSON_IsArray(ours) && cJSON_IsArray(item) && key != NULL)
			merge_list(ours, item, key);
		else if (cJSON_IsObject(ours) && cJSON_IsObject(item) &&
			 !asb_same_text(item->string, "resources"))
			merge(ours, item);
		else
			put(to, item);
	}
}

static void drop(cJSON *object, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cJSON_DeleteItemFromObjectCaseSensitive(object, names[i]);
}

/* The user's labels and annotations beside ours, without what belonged to one object only. */
static void merge_metadata(cJSON *to, const cJSON *from)
{
	static const char *const servers[] = {"namespace",	   "uid",
					      "resourceVersion",   "generation",
					      "creationTimestamp", "managedFields"};
	static const char *const annotations[] = {
		"agents.x-k8s.io/pod-name", "kubectl.kubernetes.io/last-applied-configuration"};
	ASB_JSON ours = cJSON_Duplicate(to, true);

	merge(to, from);
	merge(to, ours);
	drop(to, servers, sizeof(servers) / sizeof(servers[0]));
	drop(cJSON_GetObjectItemCaseSensitive(to, "annotations"), annotations, 2);
}

void asb_overlay_apply(cJSON *sandbox, const cJSON *own)
{
	cJSON *spec = cJSON_GetObjectItemCaseSensitive(sandbox, "spec");
	cJSON *template = cJSON_GetObjectItemCaseSensitive(spec, "podTemplate");
	cJSON *metadata = cJSON_DetachItemFromObjectCaseSensitive(template, "metadata");
	ASB_TEXT end = asb_strdup(asb_json_string(spec, "shutdownTime"));

	merge(spec, asb_json_at(own, "spec"));
	asb_json_set_string(spec, "shutdownTime", end);
	cJSON_DeleteItemFromObjectCaseSensitive(spec, "operatingMode");
	cJSON_DeleteItemFromObjectCaseSensitive(spec, "replicas");
	merge_metadata(metadata, asb_json_at(own, "spec/podTemplate/metadata"));
	asb_json_set(template, "metadata", metadata);
	merge_metadata(cJSON_GetObjectItemCaseSensitive(sandbox, "metadata"),
		       asb_json_at(own, "metadata"));
}
