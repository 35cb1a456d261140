/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - a state machine of one request at a time:
 *
 *   LISTING -> WATCHING -> (ended) -> PAUSING -> WATCHING ...
 *      ^          410        |           410 or no resourceVersion
 *      +---------------------+--------------> LISTING
 *
 * curl's callbacks only collect bytes; all events are delivered by asb_watch_step, so that the
 * callback may use the client. Which objects are known is remembered, because a list after 410
 * shows what is there and not what went away meanwhile.
 */
#include "plugin/kube/watch.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"

#define LIST_TIMEOUT_MS 30000
#define WATCH_SECONDS 300 /* asked of the server; then the watch is renewed */
#define WATCH_TIMEOUT_MS ((WATCH_SECONDS + 30) * 1000)
#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 10000
#define LINE_LIMIT (16u << 20)	/* an event; etcd's objects are far smaller */
#define BYTES_LIMIT (64u << 20) /* arrived and not delivered */

enum state { LISTING, WATCHING, PAUSING, ENDED };

struct asb_watch {
	struct asb_http *http;
	char *path, *field_selector;
	char *version; /* resourceVersion to go on from, NULL: list */
	asb_watch_fn *callback;
	void *context;
	enum state state;
	struct asb_http_request request;
	char *url;		 /* of the request */
	struct asb_buffer bytes; /* arrived, not delivered yet */
	struct asb_watch_lines lines;
	cJSON *known;		  /* uid -> last state */
	struct asb_error trouble; /* why the last request failed */
	int64_t resume_ms;	  /* PAUSING: until then */
	int64_t pause_ms;	  /* length of the next pause */
	bool heard;		  /* this request has brought an event */
	bool expired, broken;	  /* an ERROR event ended the watch: 410, or another */
};

/* ---- objects ---- */

static void set_version(struct asb_watch *watch, const cJSON *object)
{
	const char *version = asb_json_string(object, "metadata/resourceVersion");

	if (version == NULL || version[0] == '\0')
		return;
	free(watch->version);
	watch->version = asb_strdup(version);
}

static const char *uid_of(const cJSON *object)
{
	const char *uid = asb_json_string(object, "metadata/uid");

	return uid != NULL ? uid : "";
}

/* Takes the object over and remembers it instead of its earlier state. */
static void remember(struct asb_watch *watch, cJSON *object)
{
	ASB_TEXT uid = asb_strdup(uid_of(object));

	cJSON_DeleteItemFromObjectCaseSensitive(watch->known, uid);
	if (!cJSON_AddItemToObject(watch->known, uid, object))
		asb_out_of_memory();
}

static const cJSON *find_uid(const cJSON *items, const char *uid)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
	{
		if (strcmp(uid_of(item), uid) == 0)
			return item;
	}
	return NULL;
}

/* What is known and not in the list was deleted while nobody watched. */
static void report_gone(struct asb_watch *watch, const cJSON *items)
{
	cJSON *object = watch->known->child;

	while (object != NULL) {
		cJSON *next = object->next;

		if (find_uid(items, object->string) == NULL) {
			cJSON_DetachItemViaPointer(watch->known, object);
			watch->callback(watch->context, ASB_WATCH_DELETED, object);
			cJSON_Delete(object);
		}
		object = next;
	}
}

/* Reports an item of a list unless this very state was reported before. Takes it over. */
static void report_item(struct asb_watch *watch, cJSON *item)
{
	const cJSON *before = asb_json_member(watch->known, uid_of(item));
	const char *old = asb_json_string(before, "metadata/resourceVersion");
	const char *new = asb_json_string(item, "metadata/resourceVersion");
	bool same = old != NULL && new != NULL &&strcmp(old, new) == 0;

	if (!same)
		watch->callback(watch->context,
				before == NULL ? ASB_WATCH_ADDED : ASB_WATCH_MODIFIED, item);
	remember(watch, item);
}

static void take_list(struct asb_watch *watch, cJSON *list)
{
	cJSON *items = cJSON_GetObjectItemCaseSensitive(list, "items");

	set_version(watch, list);
	report_gone(watch, items);
	while (items != NULL && items->child != NULL)
		report_item(watch, cJSON_DetachItemViaPointer(items, items->child));
}

/* False for BOOKMARK and what the future brings. */
static bool event_of(const char *type, enum asb_watch_event *event)
{
	static const char *const names[] = {
		[ASB_WATCH_ADDED] = "ADDED",
		[ASB_WATCH_MODIFIED] = "MODIFIED",
		[ASB_WATCH_DELETED] = "DELETED",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(type, names[i]) == 0) {
			*event = (enum asb_watch_event)i;
			return true;
		}
	}
	return false;
}

/* Takes the object over. */
static void take_event(struct asb_watch *watch, const char *type, cJSON *object)
{
	enum asb_watch_event event;

	watch->heard = true;
	asb_error_clear(&watch->trouble);
	set_version(watch, object);
	if (!event_of(type, &event)) {
		cJSON_Delete(object);
		return;
	}
	watch->callback(watch->context, event, object);
	if (event == ASB_WATCH_DELETED) {
		cJSON_DeleteItemFromObjectCaseSensitive(watch->known, uid_of(object));
		cJSON_Delete(object);
	} else {
		remember(watch, object);
	}
}

/* -1 when no further line is to be read: an ERROR event carries a Status and is the last one. */
static int take_line(void *context, const char *text, size_t n)
{
	struct asb_watch *watch = context;
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON event = asb_json_parse(text, n, &ignored);
	const char *type = asb_json_string(event, "type");
	const cJSON *object = asb_json_member(event, "object");

	if (type != NULL && object != NULL && strcmp(type, "ERROR") != 0) {
		take_event(watch, type, cJSON_DetachItemFromObjectCaseSensitive(event, "object"));
		return 0;
	}
	watch->expired = asb_json_number(object, "code", 0) == 410;
	watch->broken = !watch->expired;
	return -1;
}

/* ---- requests ---- */

static int collect(void *context, const char *bytes, size_t n)
{
	struct asb_watch *watch = context;

	return asb_buffer_add(&watch->bytes, bytes, n);
}

static void make_url(struct asb_watch *watch, bool list)
{
	struct asb_buffer url = ASB_BUFFER_INIT;
	const char *mark = strchr(watch->path, '?') != NULL ? "&" : "?";

	asb_buffer_addstr(&url, watch->path);
	if (watch->field_selector != NULL) {
		asb_buffer_addf(&url, "%sfieldSelector=", mark);
		asb_buffer_add_url(&url, watch->field_selector);
		mark = "&";
	}
	if (!list) {
		asb_buffer_addf(&url, "%swatch=true&allowWatchBookmarks=true&timeoutSeconds=%d",
				mark, WATCH_SECONDS);
		asb_buffer_addstr(&url, "&resourceVersion=");
		asb_buffer_add_url(&url, watch->version);
	}
	free(watch->url);
	watch->url = asb_buffer_steal(&url);
}

static int start_request(struct asb_watch *watch, struct asb_error *err)
{
	bool list = watch->version == NULL;

	make_url(watch, list);
	watch->request.path = watch->url;
	watch->request.on_data = list ? NULL : collect;
	watch->request.context = watch;
	watch->request.timeout_ms = list ? LIST_TIMEOUT_MS : WATCH_TIMEOUT_MS;
	watch->heard = watch->expired = watch->broken = false;
	asb_buffer_reset(&watch->bytes);
	asb_buffer_reset(&watch->lines.pending);
	watch->state = list ? LISTING : WATCHING;
	if (asb_http_start(watch->http, &watch->request, err) == 0)
		return 0;
	watch->state = ENDED;
	return -1;
}

struct asb_watch *asb_watch_start(struct asb_http *http, const char *path,
				  const char *field_selector, const char *resource_version,
				  asb_watch_fn *callback, void *context, struct asb_error *err)
{
	struct asb_watch *watch;

	if (path == NULL) {
		asb_fail(err, "nothing to watch (a name is empty or not usable)");
		return NULL;
	}
	watch = asb_calloc(1, sizeof(*watch));
	watch->http = http;
	watch->path = asb_strdup(path);
	watch->field_selector = asb_strdup(field_selector);
	watch->version = asb_strdup(resource_version);
	watch->callback = callback;
	watch->context = context;
	watch->known = cJSON_CreateObject();
	watch->pause_ms = FIRST_PAUSE_MS;
	asb_buffer_init(&watch->bytes);
	watch->bytes.limit = BYTES_LIMIT;
	asb_buffer_init(&watch->lines.pending);
	watch->lines.pending.limit = LINE_LIMIT;
	asb_http_request_init(&watch->request, "GET", NULL);
	if (start_request(watch, err) == 0)
		return watch;
	asb_watch_free(watch);
	return NULL;
}

/* The request has failed or the server is done with it: wait a little, longer each time until
 * something comes again. */
static void pause_watch(struct asb_watch *watch)
{
	int64_t pause = watch->pause_ms;

	if (watch->request.retry_after_ms > pause)
		pause = watch->request.retry_after_ms;
	if (pause > LONGEST_PAUSE_MS)
		pause = LONGEST_PAUSE_MS;
	watch->pause_ms =
		watch->pause_ms * 2 < LONGEST_PAUSE_MS ? watch->pause_ms * 2 : LONGEST_PAUSE_MS;
	watch->resume_ms = asb_monotonic_ms() + pause;
	watch->state = PAUSING;
}

/* 4xx that another try can't heal. 410 is healed by a list. */
static bool hopeless(int status)
{
	return status / 100 == 4 && status != 408 && status != 410 && status != 429;
}

static int end_list(struct asb_watch *watch, struct asb_error *err)
{
	ASB_JSON list = asb_api_result(&watch->request, err);

	if (list == NULL) {
		watch->state = ENDED;
		return -1;
	}
	take_list(watch, list);
	if (watch->version == NULL) { /* no list of Kubernetes */
		pause_watch(watch);
		return 0;
	}
	watch->pause_ms = FIRST_PAUSE_MS;
	asb_error_clear(&watch->trouble);
	return start_request(watch, err);
}

/* An answer that is cut, or that holds what no API server sends, is as bad as a failed one. */
static void note_trouble(struct asb_watch *watch)
{
	if (watch->expired)
		return;
	if (watch->request.status / 100 != 2 && !watch->broken) {
		asb_api_check(&watch->request, &watch->trouble);
	} else if (watch->broken || watch->lines.pending.length > 0) {
		asb_error_clear(&watch->trouble);
		asb_fail(&watch->trouble, "the answer to a watch is not that of an API server");
	}
}

static int end_request(struct asb_watch *watch, struct asb_error *err)
{
	int status = watch->request.status;

	if (hopeless(status)) {
		watch->state = ENDED;
		return asb_api_check(&watch->request, err);
	}
	if (watch->state == LISTING && status / 100 == 2)
		return end_list(watch, err);
	note_trouble(watch);
	if (watch->expired || status == 410) {
		free(watch->version);
		watch->version = NULL;
	}
	if (watch->heard && !watch->broken)
		watch->pause_ms = FIRST_PAUSE_MS;
	pause_watch(watch);
	return 0;
}

/* Delivers what has arrived. The callback may poll, and then more arrives meanwhile. */
static void deliver(struct asb_watch *watch)
{
	while (watch->bytes.length > 0 && !watch->expired && !watch->broken) {
		struct asb_buffer arrived = watch->bytes;

		asb_buffer_init(&watch->bytes);
		watch->bytes.limit = BYTES_LIMIT;
		if (asb_watch_lines_feed(&watch->lines, arrived.data, arrived.length, take_line,
					 watch) != 0) {
			watch->broken = !watch->expired;
			asb_http_cancel(watch->http, &watch->request);
			watch->request.done = true;
		}
		asb_buffer_release(&arrived);
	}
}

int asb_watch_step(struct asb_watch *watch, struct asb_error *err)
{
	if (watch->state == ENDED)
		return 0;
	if (watch->state == PAUSING)
		return asb_monotonic_ms() < watch->resume_ms ? 0 : start_request(watch, err);
	deliver(watch);
	return watch->request.done ? end_request(watch, err) : 0;
}

int asb_watch_timeout(const struct asb_watch *watch)
{
	if (watch->state == ENDED)
		return -1;
	if (watch->state == PAUSING)
		return asb_poll_timeout(watch->resume_ms);
	return watch->request.done || watch->bytes.length > 0 ? 0 : -1;
}

const struct asb_error *asb_watch_trouble(const struct asb_watch *watch)
{
	return asb_failed(&watch->trouble) ? &watch->trouble : NULL;
}

void asb_watch_free(struct asb_watch *watch)
{
	if (watch == NULL)
		return;
	asb_http_cancel(watch->http, &watch->request);
	asb_http_request_release(&watch->request);
	asb_buffer_release(&watch->bytes);
	asb_buffer_release(&watch->lines.pending);
	cJSON_Delete(watch->known);
	free(watch->version);
	free(watch->url);
	free(watch->path);
	free(watch->field_selector);
	free(watch);
}
