/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/observer.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/sandbox/resources.h"

#define SANDBOX_INTERVAL_MS 1000
#define POD_INTERVAL_MS 500
#define EVENT_INTERVAL_MS 1000
#define MOST_EVENTS 64

static void replace(cJSON **tree, const cJSON *object)
{
	cJSON_Delete(*tree);
	*tree = object != NULL ? cJSON_Duplicate(object, true) : NULL;
	if (object != NULL && *tree == NULL)
		asb_out_of_memory();
}

/* ≤v0.5 wrote this annotation, and a warm Sandbox keeps the name of the pod it was made with. */
const char *asb_observer_pod_name(const cJSON *sandbox)
{
	const cJSON *annotations = asb_json_at(sandbox, "metadata/annotations");
	const char *name =
		cJSON_GetStringValue(asb_json_member(annotations, "agents.x-k8s.io/pod-name"));

	return name != NULL && *name != '\0' ? name : asb_json_string(sandbox, "metadata/name");
}

bool asb_observer_is_owned(const cJSON *object, const char *uid)
{
	return asb_json_find(object, "metadata/ownerReferences", "uid", uid) != NULL;
}

/* The controller refuses to adopt a pod that somebody else has put under the Sandbox's name, and so
 * do we: nothing of ours may run in it. */
static bool is_owned(const struct asb_observer *observer, const cJSON *pod)
{
	if (observer->plain)
		return asb_same_text(asb_json_string(pod, "metadata/uid"), observer->uid);
	return asb_observer_is_owned(pod, observer->uid);
}

static void on_pod(void *context, enum asb_watch_event event, const cJSON *object)
{
	struct asb_observer *observer = context;

	if (event != ASB_WATCH_DELETED && is_owned(observer, object)) {
		replace(&observer->pod, object);
		observer->pod_gone = false;
	} else if (observer->pod != NULL) {
		replace(&observer->former_pod, is_owned(observer, object) ? object : observer->pod);
		replace(&observer->pod, NULL);
		observer->pod_gone = true;
		observer->sandbox_gone |= observer->plain;
	}
}

/* The same event comes again with a higher count: it moves to the end, as the newest. */
static void on_event(void *context, enum asb_watch_event event, const cJSON *object)
{
	struct asb_observer *observer = context;
	const char *uid = asb_json_string(object, "metadata/uid");
	cJSON *copy;
	int i = 0;

	for (const cJSON *known = observer->events->child; known != NULL; known = known->next) {
		if (asb_same_text(asb_json_string(known, "metadata/uid"), uid)) {
			cJSON_DeleteItemFromArray(observer->events, i);
			break;
		}
		i++;
	}
	if (event == ASB_WATCH_DELETED)
		return;
	copy = cJSON_Duplicate(object, true);
	if (copy == NULL)
		asb_out_of_memory();
	cJSON_AddItemToArray(observer->events, copy);
	if (cJSON_GetArraySize(observer->events) > MOST_EVENTS)
		cJSON_DeleteItemFromArray(observer->events, 0);
}

static bool may(const struct asb_observer *observer, enum asb_right right)
{
	return asb_rights_allow(observer->rights, right);
}

/* Nothing but the diagnosis suffers without events: they never fail. */
static void start_events(struct asb_observer *observer)
{
	ASB_TEXT selector = asb_strf("involvedObject.name=%s", observer->pod_name);
	struct asb_source_target target = {
		.resource = &asb_events,
		.namespace_ = observer->namespace_,
		.selector = selector,
		.may_watch =
			may(observer, ASB_RIGHT_EVENT_WATCH) && may(observer, ASB_RIGHT_EVENT_LIST),
		.may_read = may(observer, ASB_RIGHT_EVENT_LIST),
		.interval_ms = EVENT_INTERVAL_MS,
	};
	struct asb_error ignored = ASB_ERROR_INIT;

	observer->events_visible = asb_source_start(&observer->event_source, observer->http,
						    &target, on_event, observer, &ignored) == 0;
}

static int start_pod(struct asb_observer *observer, struct asb_error *err)
{
	struct asb_source_target target = {
		.resource = &asb_pods,
		.namespace_ = observer->namespace_,
		.name = observer->pod_name,
		.resource_version = asb_json_string(observer->pod, "metadata/resourceVersion"),
		.may_watch =
			may(observer, ASB_RIGHT_POD_WATCH) && may(observer, ASB_RIGHT_POD_LIST),
		.may_read = true,
		.interval_ms = POD_INTERVAL_MS,
	};

	return asb_source_start(&observer->pod_source, observer->http, &target, on_pod, observer,
				err);
}

/* The pod is another one than was thought: what is known belongs to the wrong one. */
static int follow_pod(struct asb_observer *observer, struct asb_error *err)
{
	const char *name = asb_observer_pod_name(observer->sandbox);

	if (name == NULL || asb_same_text(name, observer->pod_name))
		return 0;
	free(observer->pod_name);
	observer->pod_name = asb_strdup(name);
	replace(&observer->pod, NULL);
	observer->pod_gone = false;
	asb_source_release(&observer->pod_source);
	asb_source_release(&observer->event_source);
	start_events(observer);
	return start_pod(observer, err);
}

static void on_sandbox(void *context, enum asb_watch_event event, const cJSON *object)
{
	struct asb_observer *observer = context;

	/* Another one of the same name means that ours has gone. */
	if (event == ASB_WATCH_DELETED ||
	    !asb_same_text(asb_json_string(object, "metadata/uid"), observer->uid)) {
		observer->sandbox_gone = true;
		return;
	}
	replace(&observer->sandbox, object);
	asb_source_poke(&observer->pod_source);
}

static int start_sandbox(struct asb_observer *observer, struct asb_error *err)
{
	struct asb_source_target target = {
		.resource = &asb_api_of(observer->sandbox)->sandboxes,
		.namespace_ = observer->namespace_,
		.name = asb_json_string(observer->sandbox, "metadata/name"),
		.resource_version = asb_json_string(observer->sandbox, "metadata/resourceVersion"),
		.may_watch = may(observer, ASB_RIGHT_SANDBOX_WATCH),
		.may_read = may(observer, ASB_RIGHT_SANDBOX_GET),
		.interval_ms = SANDBOX_INTERVAL_MS,
	};

	return asb_source_start(&observer->sandbox_source, observer->http, &target, on_sandbox,
				observer, err);
}

static void init(struct asb_observer *observer, struct asb_http *http,
		 const struct asb_rights *rights, const cJSON *object)
{
	const char *namespace_ = asb_json_string(object, "metadata/namespace");

	memset(observer, 0, sizeof(*observer));
	observer->http = http;
	observer->rights = rights;
	observer->events = asb_json_literal("[]");
	observer->namespace_ = asb_strdup(namespace_ != NULL ? namespace_ : rights->namespace_);
	observer->uid = asb_strdup(asb_json_string(object, "metadata/uid"));
	observer->pod_name = asb_strdup(asb_observer_pod_name(object));
}

int asb_observer_start(struct asb_observer *observer, struct asb_http *http,
		       const struct asb_rights *rights, cJSON *sandbox, const cJSON *pod,
		       struct asb_error *err)
{
	init(observer, http, rights, sandbox);
	observer->sandbox = sandbox;
	if (observer->uid == NULL || observer->pod_name == NULL)
		return asb_fail(err, "the API server's answer to the Sandbox names no UID");
	if (is_owned(observer, pod))
		replace(&observer->pod, pod);
	if (start_sandbox(observer, err) < 0 || start_pod(observer, err) < 0)
		return -1;
	start_events(observer);
	return 0;
}

int asb_observer_start_pod(struct asb_observer *observer, struct asb_http *http,
			   const struct asb_rights *rights, cJSON *pod, struct asb_error *err)
{
	init(observer, http, rights, pod);
	observer->plain = true;
	observer->pod = pod;
	observer->sandbox = asb_json_literal("{\"metadata\":{}}");
	asb_json_set_string(observer->sandbox, "metadata/name", observer->pod_name);
	asb_json_set_string(observer->sandbox, "metadata/namespace", observer->namespace_);
	if (observer->uid == NULL || observer->pod_name == NULL)
		return asb_fail(err, "the API server's answer to the pod names no UID");
	if (start_pod(observer, err) < 0)
		return -1;
	start_events(observer);
	return 0;
}

static void step_events(struct asb_observer *observer)
{
	const cJSON *status =
		asb_json_find(observer->pod, "status/containerStatuses", "name", "main");
	struct asb_error ignored = ASB_ERROR_INIT;

	if (!asb_source_active(&observer->event_source))
		return;
	if (asb_json_at(status, "state/running") != NULL) {
		asb_source_release(&observer->event_source);
	} else if (asb_source_step(&observer->event_source, &ignored) < 0) {
		asb_source_release(&observer->event_source);
		observer->events_visible = false;
	}
}

int asb_observer_step(struct asb_observer *observer, struct asb_error *err)
{
	if ((!observer->plain && asb_source_step(&observer->sandbox_source, err) < 0) ||
	    follow_pod(observer, err) < 0 || asb_source_step(&observer->pod_source, err) < 0)
		return -1;
	step_events(observer);
	return 0;
}

const struct asb_error *asb_observer_trouble(const struct asb_observer *observer)
{
	const struct asb_error *trouble = asb_source_trouble(&observer->sandbox_source);

	return trouble != NULL ? trouble : asb_source_trouble(&observer->pod_source);
}

int asb_observer_timeout(const struct asb_observer *observer)
{
	int nearest = asb_nearer_timeout(asb_source_timeout(&observer->sandbox_source),
					 asb_source_timeout(&observer->pod_source));

	return asb_nearer_timeout(nearest, asb_source_timeout(&observer->event_source));
}

struct asb_findings asb_observer_findings(const struct asb_observer *observer)
{
	return (struct asb_findings){
		.sandbox = observer->sandbox,
		.pod = observer->pod,
		.events = observer->events,
		.events_visible = observer->events_visible,
		.now_ms = asb_http_now_ms(observer->http),
	};
}

void asb_observer_release(struct asb_observer *observer)
{
	asb_source_release(&observer->sandbox_source);
	asb_source_release(&observer->pod_source);
	asb_source_release(&observer->event_source);
	cJSON_Delete(observer->sandbox);
	cJSON_Delete(observer->pod);
	cJSON_Delete(observer->former_pod);
	cJSON_Delete(observer->events);
	free(observer->namespace_);
	free(observer->pod_name);
	free(observer->uid);
	memset(observer, 0, sizeof(*observer));
}
