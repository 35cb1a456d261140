/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/leftover.h"

#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/sandbox/roots.h"

/* Ours, nobody else's business, and not on its way out. */
static bool is_candidate(const cJSON *object)
{
	return asb_inventory_is_ours(object) &&
	       asb_json_string(object, "metadata/deletionTimestamp") == NULL;
}

static bool is_owned(const cJSON *object)
{
	return asb_json_at(object, "metadata/ownerReferences/0") != NULL;
}

static int64_t time_at(const cJSON *object, const char *path)
{
	return asb_time_parse(asb_json_string(object, path));
}

/* --- what has an end --- */

/* `path` leads to where shutdownTime and shutdownPolicy stand. "Retain" is said by who wants to
 * keep it. */
static int64_t past_end(const cJSON *object, const char *path, const char **reason)
{
	const cJSON *lifecycle = asb_json_at(object, path);

	*reason = "its end has passed";
	if (!is_candidate(object) || is_owned(object) ||
	    asb_same_text(asb_json_string(lifecycle, "shutdownPolicy"), "Retain"))
		return -1;
	return time_at(lifecycle, "shutdownTime");
}

int64_t asb_leftover_sandbox(const cJSON *sandbox, const char **reason)
{
	return past_end(sandbox, "spec", reason);
}

int64_t asb_leftover_claim(const cJSON *claim, const char **reason)
{
	return past_end(claim, "spec/lifecycle", reason);
}

bool asb_leftover_is_endless(const cJSON *claim)
{
	return is_candidate(claim) && !is_owned(claim) &&
	       asb_json_string(claim, "spec/lifecycle/shutdownTime") == NULL;
}

static int64_t started(const cJSON *pod)
{
	int64_t start = time_at(pod, "status/startTime");

	return start >= 0 ? start : time_at(pod, "metadata/creationTimestamp");
}

/* An evicted pod has no state of containers: then it counts from its start. */
static int64_t finished(const cJSON *pod)
{
	int64_t last = started(pod);
	const cJSON *status;

	cJSON_ArrayForEach(status,
			   asb_json_member(asb_json_member(pod, "status"), "containerStatuses"))
	{
		int64_t end = time_at(status, "state/terminated/finishedAt");

		last = end > last ? end : last;
	}
	return last;
}

/* The deadline counts from the start; a pod that no node takes never starts. */
int64_t asb_leftover_pod(const cJSON *pod, const char **reason)
{
	const char *phase = asb_json_string(pod, "status/phase");
	double deadline = asb_json_number(pod, "spec/activeDeadlineSeconds", -1);
	int64_t start = started(pod);

	*reason = "it has ended";
	if (!is_candidate(pod) || !asb_root_is_plain_pod(pod) || start < 0)
		return -1;
	if (asb_same_text(phase, "Succeeded") || asb_same_text(phase, "Failed"))
		return finished(pod);
	*reason = "its end has passed";
	return deadline < 0 ? -1 : start + (int64_t)deadline * 1000;
}

/* --- what others need --- */

/* Whether an object of the list, in that namespace, names the template. */
static bool is_named(const cJSON *list, const char *namespace_, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, asb_json_member(list, "items"))
	{
		if (asb_same_text(asb_json_string(item, "spec/sandboxTemplateRef/name"), name) &&
		    asb_same_text(asb_json_string(item, "metadata/namespace"), namespace_))
			return true;
	}
	return false;
}

int64_t asb_leftover_template(const cJSON *template, const cJSON *pools, const cJSON *claims,
			      const char **reason)
{
	const char *namespace_ = asb_json_string(template, "metadata/namespace");
	const char *name = asb_json_string(template, "metadata/name");

	*reason = "no pool uses it";
	if (!is_candidate(template) || is_owned(template) || is_named(pools, namespace_, name) ||
	    is_named(claims, namespace_, name))
		return -1;
	return time_at(template, "metadata/creationTimestamp");
}

/* Kinds whose objects are all among the owners. */
static bool is_known_kind(const char *kind)
{
	return asb_same_text(kind, "Sandbox") || asb_same_text(kind, "Pod") ||
	       asb_same_text(kind, "SandboxTemplate") || asb_same_text(kind, "SandboxClaim");
}

static bool has_living_owner(const cJSON *object, const cJSON *owners)
{
	const cJSON *owner;

	cJSON_ArrayForEach(owner, asb_json_at(object, "metadata/ownerReferences"))
	{
		const char *uid = asb_json_string(owner, "uid");

		if (uid == NULL || !is_known_kind(asb_json_string(owner, "kind")) ||
		    asb_json_member(owners, uid) != NULL)
			return true;
	}
	return false;
}

int64_t asb_leftover_configmap(const cJSON *configmap, const cJSON *owners, const cJSON *used,
			       const char **reason)
{
	const char *name = asb_json_string(configmap, "metadata/name");

	*reason = "nothing uses it";
	if (!is_candidate(configmap) || name == NULL || has_living_owner(configmap, owners) ||
	    asb_json_member(used, name) != NULL)
		return -1;
	return time_at(configmap, "metadata/creationTimestamp");
}

static void add_name(cJSON *used, const char *name)
{
	if (name != NULL && asb_json_member(used, name) == NULL)
		cJSON_AddTrueToObject(used, name);
}

static void add_volumes(cJSON *used, const cJSON *pod_spec)
{
	const cJSON *volume, *source;

	cJSON_ArrayForEach(volume, asb_json_member(pod_spec, "volumes"))
	{
		add_name(used, asb_json_string(volume, "configMap/name"));
		cJSON_ArrayForEach(source, asb_json_at(volume, "projected/sources"))
		{
			add_name(used, asb_json_string(source, "configMap/name"));
		}
	}
}

void asb_leftover_add_used(cJSON *used, const cJSON *list)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, asb_json_member(list, "items"))
	{
		add_volumes(used, asb_json_at(item, "spec"));
		add_volumes(used, asb_json_at(item, "spec/podTemplate/spec"));
	}
}
