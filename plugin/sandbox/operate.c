/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/operate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/base/options.h"
#include "plugin/sandbox/lease.h"
#include "plugin/sandbox/object.h"
#include "plugin/sandbox/observer.h"
#include "plugin/sandbox/resources.h"
#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/source.h"

#define AT_ONCE 32u /* requests side by side */
#define READ_INTERVAL_MS 500

/* --- deleting --- */

struct deletion {
	struct asb_http *http;
	const struct asb_resource *resource;
	void (*deleted)(void *context, const cJSON *object);
	void *context;
};

static void delete_some(const struct deletion *deletion, const cJSON *const *trees, size_t n,
			struct asb_error *err)
{
	struct asb_object objects[AT_ONCE], *pointers[AT_ONCE] = {0};
	struct asb_error failure = ASB_ERROR_INIT;

	for (size_t i = 0; i < n; i++) {
		asb_object_init(&objects[i], deletion->resource,
				asb_json_string(trees[i], "metadata/namespace"),
				asb_json_string(trees[i], "metadata/name"));
		objects[i].uid = asb_strdup(asb_json_string(trees[i], "metadata/uid"));
		objects[i].state = ASB_OBJECT_PRESENT;
		pointers[i] = &objects[i];
	}
	asb_objects_delete(pointers, (unsigned)n, deletion->http, &failure);
	for (size_t i = 0; i < n; i++) {
		if (objects[i].state == ASB_OBJECT_GONE)
			deletion->deleted(deletion->context, trees[i]);
		asb_object_release(&objects[i], deletion->http);
	}
	if (asb_failed(&failure) && !asb_failed(err))
		*err = failure;
}

int asb_operate_delete(struct asb_http *http, const struct asb_resource *resource,
		       const cJSON *objects, void (*deleted)(void *context, const cJSON *object),
		       void *context, struct asb_error *err)
{
	const struct deletion deletion = {http, resource, deleted, context};
	const cJSON *some[AT_ONCE], *object;
	size_t n = 0;

	cJSON_ArrayForEach(object, objects)
	{
		some[n++] = object;
		if (n == AT_ONCE || object->next == NULL) {
			delete_some(&deletion, some, n, err);
			n = 0;
		}
	}
	return asb_failed(err) ? -1 : 0;
}

/* --- changing --- */

/* Takes over `spec`, what changes of it. */
static cJSON *change(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		     const char *name, cJSON *spec, struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&api->sandboxes, namespace_, name, NULL);
	ASB_JSON patch = asb_json_literal("{}");

	asb_json_set(patch, "spec", spec);
	return asb_api_merge_patch(http, path, patch, err);
}

cJSON *asb_operate_suspend(struct asb_http *http, const struct asb_api *api, const char *namespace_,
			   const char *name, struct asb_error *err)
{
	bool old = api == &asb_api_v1alpha1;

	return change(
		http, api, namespace_, name,
		asb_json_literal(old ? "{\"replicas\":0}" : "{\"operatingMode\":\"Suspended\"}"),
		err);
}

cJSON *asb_operate_resume(struct asb_http *http, const struct asb_api *api, const char *namespace_,
			  const char *name, struct asb_error *err)
{
	bool old = api == &asb_api_v1alpha1;

	return change(
		http, api, namespace_, name,
		asb_json_literal(old ? "{\"replicas\":1}" : "{\"operatingMode\":\"Running\"}"),
		err);
}

char *asb_operate_extend(struct asb_http *http, const struct asb_api *api, const cJSON *root,
			 int64_t ttl_ms, struct asb_error *err)
{
	const char *end_path = asb_root_end_path(root, err);
	const struct asb_resource *resource = asb_root_resource(api, asb_root_kind(root));
	ASB_TEXT path = asb_api_path(resource, asb_json_string(root, "metadata/namespace"),
				     asb_json_string(root, "metadata/name"), NULL);
	ASB_JSON patch = asb_json_literal("{}");
	ASB_JSON changed = NULL;
	char *end;

	if (end_path == NULL)
		return NULL;
	end = asb_lease_shutdown_time(ttl_ms, asb_http_clock_offset_ms(http));
	asb_json_set_string(patch, end_path, end);
	changed = asb_api_merge_patch(http, path, patch, err);
	if (changed != NULL &&
	    (asb_root_kind(root) != ASB_ROOT_CLAIM || asb_json_string(changed, end_path) != NULL))
		return end;
	if (changed != NULL)
		asb_fail(err, "claims of this agent-sandbox have no end (they do since v0.1.1)");
	free(end);
	return NULL;
}

/* --- waiting --- */

struct awaited {
	const char *uid, *name;
	bool suspended, gone;
	char trouble[512]; /* why it can't be suspended, or empty */
};

static void on_sandbox(void *context, enum asb_watch_event event, const cJSON *object)
{
	struct awaited *awaited = context;
	const cJSON *condition = asb_json_find(object, "status/conditions", "type", "Suspended");
	const char *status = asb_json_string(condition, "status");
	const char *reason = asb_json_string(condition, "reason");
	const char *message = asb_json_string(condition, "message");
	const char *uid = asb_json_string(object, "metadata/uid");

	if (event == ASB_WATCH_DELETED || uid == NULL || strcmp(uid, awaited->uid) != 0) {
		awaited->gone = true;
		return;
	}
	awaited->suspended = status != NULL && strcmp(status, "True") == 0;
	awaited->trouble[0] = '\0';
	if (reason != NULL && strcmp(reason, "PodNotOwned") == 0)
		snprintf(awaited->trouble, sizeof(awaited->trouble), "%s",
			 message != NULL ? message : reason);
}

static void on_pod(void *context, enum asb_watch_event event, const cJSON *object)
{
	struct awaited *awaited = context;

	(void)object;
	awaited->suspended = event == ASB_WATCH_DELETED;
}

/* 1: it is suspended. */
static int judge(const struct awaited *awaited, int64_t timeout_ms, bool late,
		 struct asb_error *err)
{
	char length[32];

	if (awaited->suspended)
		return 1;
	if (awaited->gone)
		return asb_fail(err, "sandbox \"%s\" was deleted by somebody", awaited->name);
	if (awaited->trouble[0] != '\0')
		return asb_fail(err, "sandbox \"%s\" can't be suspended: %s", awaited->name,
				awaited->trouble);
	if (!late)
		return 0;
	asb_fail(err, "sandbox \"%s\" is not suspended after %s: its pod is still there",
		 awaited->name, asb_duration_format(timeout_ms, length));
	return asb_hint(err,
			"it will be when the pod has ended; a longer --wait-timeout waits for it");
}

static int await(struct asb_source *source, struct awaited *awaited, int64_t timeout_ms,
		 struct asb_error *err)
{
	int64_t deadline = asb_monotonic_ms() + timeout_ms;
	int rc = 0;

	while (rc == 0) {
		int left = asb_poll_timeout(deadline);
		int timeout = asb_nearer_timeout(left, asb_source_timeout(source));

		rc = judge(awaited, timeout_ms, left == 0, err);
		if (rc == 0)
			rc = asb_http_poll(source->http, NULL, 0, timeout, err);
		if (rc == 0)
			rc = asb_source_step(source, err);
	}
	return rc < 0 ? -1 : 0;
}

int asb_operate_await_suspended(struct asb_http *http, const cJSON *sandbox, int64_t timeout_ms,
				struct asb_error *err)
{
	struct awaited awaited = {
		.uid = asb_json_string(sandbox, "metadata/uid"),
		.name = asb_json_string(sandbox, "metadata/name"),
	};
	/* No status of v1alpha1 says so: the pod has to be looked for until there is none. */
	bool old = asb_api_of(sandbox) == &asb_api_v1alpha1;
	const struct asb_source_target target = {
		.resource = old ? &asb_pods : &asb_api_v1beta1.sandboxes,
		.namespace_ = asb_json_string(sandbox, "metadata/namespace"),
		.name = old ? asb_observer_pod_name(sandbox) : awaited.name,
		.resource_version = asb_json_string(sandbox, "metadata/resourceVersion"),
		.may_watch = !old, /* a refusal (403) makes it read */
		.may_read = true,
		.interval_ms = READ_INTERVAL_MS,
	};
	struct asb_source source;
	int rc;

	if (awaited.uid == NULL || awaited.name == NULL)
		return asb_fail(err, "the API server's answer to the Sandbox names no UID");
	if (!old)
		on_sandbox(&awaited, ASB_WATCH_MODIFIED, sandbox);
	rc = asb_source_start(&source, http, &target, old ? on_pod : on_sandbox, &awaited, err);
	if (rc == 0)
		rc = await(&source, &awaited, timeout_ms, err);
	asb_source_release(&source);
	return rc;
}
