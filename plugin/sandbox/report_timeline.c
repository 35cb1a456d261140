/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened when. Objects tell it by their times and conditions, events in between; events of
 * earlier pods of the sandbox (before it was suspended) belong to its story, too. All these times
 * are in whole seconds, so that what happens in one second stands in the order it happens in.
 */
#include "plugin/sandbox/report_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/base/printable.h"
#include "plugin/sandbox/diagnose_rules.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/lease.h"
#include "plugin/sandbox/next_step.h"

#define LONGEST 200 /* bytes of what an event says */

/* --- events --- */

/* Some are written with the times of events.k8s.io, some with those of core/v1. */
static int64_t first_time(const cJSON *event, const char *const *paths)
{
	for (; *paths != NULL; paths++) {
		int64_t ms = asb_time_parse(asb_json_string(event, *paths));

		if (ms >= 0)
			return ms;
	}
	return -1;
}

int64_t asb_event_first_ms(const cJSON *event)
{
	static const char *const paths[] = {"firstTimestamp", "eventTime",
					    "metadata/creationTimestamp", NULL};

	return first_time(event, paths);
}

int64_t asb_event_last_ms(const cJSON *event)
{
	static const char *const paths[] = {"series/lastObservedTime", "lastTimestamp", "eventTime",
					    "metadata/creationTimestamp", NULL};

	return first_time(event, paths);
}

int asb_event_count(const cJSON *event)
{
	double count = asb_json_number(event, "series/count", 0);

	return (int)(count > 0 ? count : asb_json_number(event, "count", 1));
}

static int64_t created_ms(const cJSON *object)
{
	return asb_time_parse(asb_json_string(object, "metadata/creationTimestamp"));
}

/* Events outlive what they are about: those of another life of that name are left out. */
static int64_t beginning(const struct asb_facts *facts)
{
	const cJSON *const objects[] = {facts->claim, facts->sandbox, facts->pod};
	int64_t first = -1;

	for (size_t i = 0; i < 3; i++) {
		int64_t ms = created_ms(objects[i]);

		if (ms >= 0 && (first < 0 || ms < first))
			first = ms;
	}
	return first;
}

static int compare_events(const void *a, const void *b)
{
	const cJSON *const *one = a, *const *other = b;
	int64_t difference = asb_event_last_ms(*one) - asb_event_last_ms(*other);

	return difference < 0 ? -1 : difference > 0;
}

static bool is_known(const struct asb_facts *facts, const cJSON *event)
{
	const char *uid = asb_json_string(event, "involvedObject/uid");
	const char *pod = asb_json_string(facts->pod, "metadata/uid");

	if (asb_event_last_ms(event) < beginning(facts) - 999)
		return false;
	/* In the second of the sandbox's making its namesake may still have been ending. */
	return pod == NULL || asb_same_text(uid, pod) ||
	       asb_event_first_ms(event) > beginning(facts) ||
	       !asb_same_text(asb_json_string(event, "involvedObject/kind"), "Pod");
}

static void add_event(cJSON *report, const cJSON *event)
{
	cJSON *item = asb_json_append(report, "events", cJSON_CreateObject());
	ASB_TEXT time = asb_lease_rfc3339(asb_event_last_ms(event));
	const char *kind = asb_json_string(event, "involvedObject/kind");
	const char *name = asb_json_string(event, "involvedObject/name");
	ASB_TEXT object = asb_strf("%s/%s", kind != NULL ? kind : "", name != NULL ? name : "");

	asb_json_set_string(item, "time", time);
	asb_report_set(item, "type", asb_json_string(event, "type"));
	asb_report_set(item, "reason", asb_json_string(event, "reason"));
	asb_json_set_string(item, "object", object);
	asb_report_set(item, "message", asb_json_string(event, "message"));
	asb_json_set_number(item, "count", asb_event_count(event));
}

/* Those that count, by time; heap. */
static const cJSON **select_events(const struct asb_facts *facts, size_t *n)
{
	size_t all = (size_t)cJSON_GetArraySize(facts->events);
	const cJSON **events = asb_calloc(all + 1, sizeof(*events));
	const cJSON *event;

	*n = 0;
	cJSON_ArrayForEach(event, facts->events)
	{
		if (is_known(facts, event))
			events[(*n)++] = event;
	}
	qsort(events, *n, sizeof(*events), compare_events);
	return events;
}

/* --- the timeline --- */

/* The order of what happens in one second. */
enum order { MADE, POD_MADE, SCHEDULED, PREPARING, STARTED, READY, TROUBLE, ENDED, END };

struct moment {
	int64_t ms;
	enum order order;
	size_t index; /* as it was told */
	char *what;
};

struct story {
	struct moment *moments;
	size_t n, room;
};

__attribute__((format(printf, 4, 5))) static void tell(struct story *story, int64_t ms,
						       enum order order, const char *format, ...)
{
	struct moment *moment;
	struct asb_buffer text = ASB_BUFFER_INIT;
	va_list ap;

	if (ms < 0)
		return;
	if (story->n == story->room) {
		story->room = story->room == 0 ? 16 : story->room * 2;
		story->moments = asb_realloc(story->moments, story->room * sizeof(*story->moments));
	}
	va_start(ap, format);
	asb_buffer_vaddf(&text, format, ap);
	va_end(ap);
	moment = &story->moments[story->n];
	*moment = (struct moment){ms, order, story->n, asb_buffer_steal(&text)};
	story->n++;
}

static void tell_claim(struct story *story, const struct asb_facts *facts)
{
	const char *pool = asb_claim_pool(facts->claim);

	if (facts->claim == NULL)
		return;
	tell(story, created_ms(facts->claim), MADE, "claimed from warm pool \"%s\"",
	     pool != NULL ? pool : "");
	tell(story, asb_time_parse(asb_json_string(facts->claim, "metadata/deletionTimestamp")),
	     ENDED, "deletion of the claim was asked for");
}

/* The condition is written with the first status, too; a pod before this one shows that it had been
 * suspended. */
static bool was_suspended(const struct asb_facts *facts, int64_t since)
{
	const char *uid = asb_json_string(facts->pod, "metadata/uid");
	const cJSON *event;

	cJSON_ArrayForEach(event, facts->events)
	{
		const char *of = asb_json_string(event, "involvedObject/uid");

		if (asb_same_text(asb_json_string(event, "involvedObject/kind"), "Pod") &&
		    !asb_same_text(of, uid) && asb_event_last_ms(event) >= beginning(facts) &&
		    asb_event_first_ms(event) <= since)
			return true;
	}
	return false;
}

static void tell_sandbox(struct story *story, const struct asb_facts *facts, const cJSON *sandbox,
			 const char *noun)
{
	const cJSON *suspended = asb_json_find(sandbox, "status/conditions", "type", "Suspended");
	const cJSON *finished = asb_json_find(sandbox, "status/conditions", "type", "Finished");
	const cJSON *ready = asb_json_find(sandbox, "status/conditions", "type", "Ready");
	int64_t since = asb_time_parse(asb_json_string(suspended, "lastTransitionTime"));

	if (sandbox == NULL)
		return;
	tell(story, created_ms(sandbox), MADE, "%s made", noun);
	if (asb_same_text(asb_json_string(suspended, "status"), "True"))
		tell(story, since, ENDED, "suspended: its pod has gone");
	else if (since > created_ms(sandbox) + 1000 && was_suspended(facts, since))
		tell(story, since, MADE, "resumed");
	if (asb_same_text(asb_json_string(finished, "status"), "True"))
		tell(story, asb_time_parse(asb_json_string(finished, "lastTransitionTime")), ENDED,
		     "its pod has ended");
	since = asb_time_parse(asb_json_string(ready, "lastTransitionTime"));
	if (asb_same_text(asb_json_string(ready, "status"), "True"))
		tell(story, since, READY, "ready");
	else if (asb_same_text(asb_json_string(ready, "reason"), "SandboxExpired"))
		tell(story, since, ENDED, "expired");
	else if (asb_same_text(asb_json_string(ready, "reason"), "ReconcilerError"))
		tell(story, since, TROUBLE, "refused: the controller can't make its pod");
	if (!asb_same_text(noun, "pod"))
		tell(story, asb_time_parse(asb_json_string(sandbox, "metadata/deletionTimestamp")),
		     ENDED, "deletion was asked for");
}

static void tell_termination(struct story *story, const char *container, const cJSON *terminated)
{
	const char *reason = asb_json_string(terminated, "reason");

	if (terminated == NULL)
		return;
	tell(story, asb_time_parse(asb_json_string(terminated, "startedAt")), STARTED,
	     "container %s started", container);
	tell(story, asb_time_parse(asb_json_string(terminated, "finishedAt")), ENDED,
	     "container %s ended: %s, exit code %d", container, reason != NULL ? reason : "?",
	     (int)asb_json_number(terminated, "exitCode", -1));
}

static void tell_container(struct story *story, const cJSON *status)
{
	const char *name = asb_json_string(status, "name");

	if (name == NULL)
		return;
	tell_termination(story, name, asb_json_at(status, "lastState/terminated"));
	tell_termination(story, name, asb_json_at(status, "state/terminated"));
	tell(story, asb_time_parse(asb_json_string(status, "state/running/startedAt")), STARTED,
	     "container %s started", name);
}

static void tell_pod(struct story *story, const cJSON *pod, bool plain)
{
	const cJSON *scheduled = asb_json_find(pod, "status/conditions", "type", "PodScheduled");
	const cJSON *network =
		asb_json_find(pod, "status/conditions", "type", "PodReadyToStartContainers");
	const char *node = asb_json_string(pod, "spec/nodeName");
	const cJSON *status;

	if (pod == NULL)
		return;
	if (!plain)
		tell(story, created_ms(pod), POD_MADE, "pod made");
	if (asb_same_text(asb_json_string(scheduled, "status"), "True"))
		tell(story, asb_time_parse(asb_json_string(scheduled, "lastTransitionTime")),
		     SCHEDULED, "scheduled on node %s", node != NULL ? node : "?");
	if (asb_same_text(asb_json_string(network, "status"), "True"))
		tell(story, asb_time_parse(asb_json_string(network, "lastTransitionTime")),
		     PREPARING, "network and volumes ready");
	cJSON_ArrayForEach(status, asb_json_at(pod, "status/containerStatuses"))
	{
		tell_container(story, status);
	}
	tell(story, asb_time_parse(asb_json_string(pod, "metadata/deletionTimestamp")), ENDED,
	     "the pod has to be gone by now");
}

/* What the pod's own status tells, too: it may be a second behind. */
static bool is_told_by_pod(const struct asb_facts *facts, const cJSON *event)
{
	const char *reason = asb_json_string(event, "reason");
	const cJSON *container = asb_container_status(facts->pod);
	bool started = asb_json_at(container, "state/running") != NULL ||
		       asb_json_at(container, "state/terminated") != NULL;

	if (asb_same_text(reason, "Created"))
		return true;
	if (!asb_same_text(asb_json_string(event, "involvedObject/uid"),
			   asb_json_string(facts->pod, "metadata/uid")))
		return false;
	return (asb_same_text(reason, "Scheduled") &&
		asb_json_string(facts->pod, "spec/nodeName") != NULL) ||
	       (asb_same_text(reason, "Started") && started);
}

static enum order order_of(const char *reason)
{
	if (asb_same_text(reason, "Scheduled"))
		return SCHEDULED;
	if (asb_same_text(reason, "Pulling") || asb_same_text(reason, "Pulled"))
		return PREPARING;
	if (asb_same_text(reason, "Started"))
		return STARTED;
	return asb_same_text(reason, "Killing") ? ENDED : TROUBLE;
}

/* What scheduler and kubelet say at length. */
static const char *words_of(const char *reason, const char *message)
{
	if (asb_same_text(reason, "Scheduled") &&
	    strncmp(message, "Successfully assigned", 21) == 0)
		return "scheduled on a node";
	if (asb_same_text(reason, "Started"))
		return "the container started";
	if (asb_same_text(reason, "Pulling"))
		return "the image is being pulled";
	if (asb_same_text(reason, "Pulled") && strstr(message, "already present") != NULL)
		return "the image was on the node";
	if (asb_same_text(reason, "Killing") && strstr(message, "Stopping container") != NULL)
		return "the container is told to stop";
	return *message != '\0' ? message : reason;
}

static void tell_event(struct story *story, const struct asb_facts *facts, const cJSON *event)
{
	const char *reason = asb_json_string(event, "reason");
	const char *message = asb_json_string(event, "message");
	int count = asb_event_count(event);
	char line[LONGEST], often[64] = "";

	if (reason == NULL || is_told_by_pod(facts, event))
		return;
	message = words_of(reason, message != NULL ? message : "");
	asb_printable(line, sizeof(line), message, strlen(message));
	if (count > 1) {
		char lasted[ASB_AGE_SIZE];
		int64_t ms = asb_event_last_ms(event) - asb_event_first_ms(event);

		snprintf(often, sizeof(often), " (%d times within %s)", count,
			 asb_age_format(ms, lasted));
	}
	tell(story, asb_event_first_ms(event), order_of(reason), "%s%s%s%s",
	     asb_same_text(asb_json_string(event, "type"), "Warning") ? "warning: " : "", line,
	     strlen(message) >= sizeof(line) ? "..." : "", often);
}

static int compare_moments(const void *a, const void *b)
{
	const struct moment *one = a, *other = b;

	if (one->ms / 1000 != other->ms / 1000)
		return one->ms < other->ms ? -1 : 1;
	if (one->order != other->order)
		return one->order < other->order ? -1 : 1;
	return one->index < other->index ? -1 : 1;
}

/* A thing that two objects tell, in the same words. */
static bool is_repeated(const struct story *story, size_t i)
{
	return i > 0 && story->moments[i].ms / 1000 == story->moments[i - 1].ms / 1000 &&
	       strcmp(story->moments[i].what, story->moments[i - 1].what) == 0;
}

static void write_down(cJSON *report, const struct story *story)
{
	int64_t first = story->n > 0 ? story->moments[0].ms : 0, before = first;

	for (size_t i = 0; i < story->n; i++) {
		const struct moment *moment = &story->moments[i];
		ASB_TEXT time = asb_lease_rfc3339(moment->ms);
		cJSON *item;

		if (is_repeated(story, i))
			continue;
		item = asb_json_append(report, "timeline", cJSON_CreateObject());
		asb_json_set_string(item, "time", time);
		asb_json_set_number(item, "afterMs", (double)(moment->ms - first));
		asb_json_set_number(item, "tookMs", (double)(moment->ms - before));
		asb_json_set_string(item, "what", moment->what);
		before = moment->ms;
	}
}

static void tell_end(struct story *story, const struct asb_facts *facts)
{
	int64_t end = asb_report_end_ms(facts);

	tell(story, facts->now_ms, END, "now");
	if (end > facts->now_ms)
		tell(story, end, END, "end of its time");
	else if (end >= beginning(facts)) /* what was moved into the past is no part of it */
		tell(story, end, TROUBLE, "end of its time");
}

void asb_report_timeline(cJSON *report, const struct asb_facts *facts)
{
	struct story story = {0};
	size_t n;
	const cJSON **events = select_events(facts, &n);

	asb_json_set(report, "events", cJSON_CreateArray());
	asb_json_set(report, "timeline", cJSON_CreateArray());
	tell_claim(&story, facts);
	tell_sandbox(&story, facts, facts->sandbox, "sandbox");
	if (facts->sandbox == NULL)
		tell_sandbox(&story, facts, facts->pod, "pod");
	tell_pod(&story, facts->pod, facts->sandbox == NULL);
	for (size_t i = 0; i < n; i++) {
		add_event(report, events[i]);
		tell_event(&story, facts, events[i]);
	}
	tell_end(&story, facts);
	qsort(story.moments, story.n, sizeof(*story.moments), compare_moments);
	write_down(report, &story);
	for (size_t i = 0; i < story.n; i++)
		free(story.moments[i].what);
	free(story.moments);
	free(events);
}
