/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/inventory.h"

#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/resources.h"
#include "plugin/sandbox/spec.h"

#define PAGE 500
#define OURS "app.kubernetes.io/managed-by=" ASB_MANAGED_BY

char *asb_inventory_path(const struct asb_resource *resource,
			 const struct asb_inventory_scope *scope)
{
	ASB_TEXT plain = asb_api_path(resource, scope->namespace_, NULL, NULL);
	struct asb_buffer selector = ASB_BUFFER_INIT;
	struct asb_buffer path = ASB_BUFFER_INIT;

	if (plain == NULL)
		return NULL;
	if (!scope->foreign)
		asb_buffer_addstr(&selector, OURS);
	if (scope->selector != NULL)
		asb_buffer_addf(&selector, "%s%s", selector.length > 0 ? "," : "", scope->selector);
	asb_buffer_addstr(&path, plain);
	if (selector.length > 0) {
		asb_buffer_addstr(&path, "?labelSelector=");
		asb_buffer_add_url(&path, selector.data);
	}
	asb_buffer_release(&selector);
	return asb_buffer_steal(&path);
}

static cJSON *get_page(struct asb_http *http, const char *path, const char *more,
		       struct asb_error *err)
{
	struct asb_buffer url = ASB_BUFFER_INIT;
	cJSON *page;

	asb_buffer_addf(&url, "%s%climit=%d", path, strchr(path, '?') == NULL ? '?' : '&', PAGE);
	if (more != NULL) {
		asb_buffer_addstr(&url, "&continue=");
		asb_buffer_add_url(&url, more);
	}
	page = asb_api_get(http, url.data, err);
	asb_buffer_release(&url);
	return page;
}

/* Moves the items of a page behind those of the list. */
static void move_items(cJSON *list, cJSON *page)
{
	cJSON *from = cJSON_GetObjectItemCaseSensitive(page, "items");

	while (from != NULL && from->child != NULL)
		asb_json_append(list, "items", cJSON_DetachItemViaPointer(from, from->child));
}

static const char *continuation(const cJSON *page)
{
	const char *more = asb_json_string(page, "metadata/continue");

	return more != NULL && more[0] != '\0' ? more : NULL;
}

cJSON *asb_inventory_list(struct asb_http *http, const char *path, struct asb_error *err)
{
	cJSON *list = get_page(http, path, NULL, err);
	ASB_TEXT more = asb_strdup(continuation(list));
	cJSON *metadata;

	while (more != NULL) {
		ASB_JSON page = get_page(http, path, more, err);

		if (page == NULL) {
			cJSON_Delete(list);
			return NULL;
		}
		move_items(list, page);
		asb_free_text(&more);
		more = asb_strdup(continuation(page));
	}
	metadata = cJSON_GetObjectItemCaseSensitive(list, "metadata");
	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "continue");
	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "remainingItemCount");
	return list;
}

/* The Ready condition's reasons that have a word of their own. */
static const char *word_of(const char *reason)
{
	static const struct {
		const char *reason, *word;
	} words[] = {
		{"PodSucceeded", "Completed"},	  {"PodFailed", "Failed"},
		{"SandboxExpired", "Expired"},	  {"ReconcilerError", "Error"},
		{"SandboxSuspended", "Resuming"}, {"MultiplePods", "Error"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (asb_same_text(reason, words[i].reason))
			return words[i].word;
	}
	return "Starting";
}

/* v1alpha1 has no such condition, but counts the pods (and leaves out 0). */
static bool has_no_pod(const cJSON *sandbox)
{
	const cJSON *suspended = asb_json_find(sandbox, "status/conditions", "type", "Suspended");

	if (asb_api_of(sandbox) == &asb_api_v1alpha1)
		return asb_json_number(sandbox, "status/replicas", 0) == 0;
	return asb_same_text(asb_json_string(suspended, "status"), "True");
}

const char *asb_inventory_status(const cJSON *sandbox)
{
	const cJSON *ready = asb_json_find(sandbox, "status/conditions", "type", "Ready");

	if (asb_json_string(sandbox, "metadata/deletionTimestamp") != NULL)
		return "Terminating";
	if (asb_is_suspended(sandbox))
		return has_no_pod(sandbox) ? "Suspended" : "Suspending";
	if (ready == NULL)
		return "Pending";
	if (asb_same_text(asb_json_string(ready, "status"), "True"))
		return "Running";
	return word_of(asb_json_string(ready, "reason"));
}

const char *asb_inventory_image(const cJSON *sandbox)
{
	const cJSON *main =
		asb_json_find(sandbox, "spec/podTemplate/spec/containers", "name", ASB_CONTAINER);

	if (main == NULL)
		main = asb_json_at(sandbox, "spec/podTemplate/spec/containers/0");
	return asb_json_string(main, "image");
}

bool asb_inventory_is_ours(const cJSON *object)
{
	const cJSON *labels = asb_json_at(object, "metadata/labels");
	const char *manager =
		cJSON_GetStringValue(asb_json_member(labels, "app.kubernetes.io/managed-by"));

	return asb_same_text(manager, ASB_MANAGED_BY);
}
