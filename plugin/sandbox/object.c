/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/object.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/sandbox/labels.h"

#define REQUEST_TIMEOUT_MS 30000
#define DELETE_TIMEOUT_MS 10000
#define TRIES 5
#define DELETE_TRIES 4
#define PAUSE_MS 300

void asb_object_init(struct asb_object *object, const struct asb_resource *resource,
		     const char *namespace_, const char *name)
{
	memset(object, 0, sizeof(*object));
	object->collection = asb_api_path(resource, namespace_, NULL, NULL);
	object->path = asb_api_path(resource, namespace_, name, NULL);
}

static int send_post(struct asb_object *object, struct asb_http *http, struct asb_error *err)
{
	asb_http_request_init(&object->request, "POST", object->collection);
	object->request.body = object->body;
	object->request.body_length = strlen(object->body);
	object->request.timeout_ms = REQUEST_TIMEOUT_MS;
	object->retry_ms = 0;
	object->tries++;
	if (asb_http_start(http, &object->request, err) < 0) {
		asb_http_request_release(&object->request);
		object->state = ASB_OBJECT_NONE;
		return -1;
	}
	object->state = ASB_OBJECT_SENT;
	return 0;
}

int asb_object_post(struct asb_object *object, struct asb_http *http, const cJSON *json,
		    struct asb_error *err)
{
	free(object->body);
	object->body = asb_json_print(json);
	object->tries = 0;
	return send_post(object, http, err);
}

/* What a failed POST says about the object: a server that answers 4xx has not made it; one that
 * doesn't answer, or stumbles (5xx), may have. 409: somebody has, perhaps we: a request whose
 * connection died is sent once more by libcurl. */
static enum asb_object_state state_after_failure(int status)
{
	if (status == 409)
		return ASB_OBJECT_CONFLICT;
	return status >= 400 && status < 500 ? ASB_OBJECT_NONE : ASB_OBJECT_UNKNOWN;
}

static int take_answer(struct asb_object *object, cJSON **answer, struct asb_error *err)
{
	int status = object->request.status;
	int64_t wait = object->request.retry_after_ms;
	const char *uid;

	*answer = asb_api_result(&object->request, err);
	asb_http_request_release(&object->request);
	if (*answer == NULL && status == 429 && object->tries < TRIES) {
		asb_error_clear(err);
		object->retry_ms = asb_monotonic_ms() + (wait > 0 ? wait : 1000);
		return 0;
	}
	if (*answer == NULL) {
		object->state = state_after_failure(status);
		return -1;
	}
	uid = asb_json_string(*answer, "metadata/uid");
	object->uid = asb_strdup(uid);
	object->state = ASB_OBJECT_PRESENT;
	return 1;
}

int asb_object_step(struct asb_object *object, struct asb_http *http, cJSON **answer,
		    struct asb_error *err)
{
	if (object->state != ASB_OBJECT_SENT)
		return 0;
	if (object->retry_ms == 0)
		return object->request.done ? take_answer(object, answer, err) : 0;
	if (asb_monotonic_ms() >= object->retry_ms)
		return send_post(object, http, err);
	return 0;
}

int asb_object_timeout(const struct asb_object *object)
{
	if (object->state != ASB_OBJECT_SENT || object->retry_ms == 0)
		return -1;
	return asb_poll_timeout(object->retry_ms);
}

void asb_object_pause(struct asb_http *http, int ms)
{
	int64_t deadline = asb_monotonic_ms() + ms;
	struct asb_error ignored = ASB_ERROR_INIT;

	/* asb_http_poll comes back early when a transfer ends or a signal arrives. */
	while (asb_monotonic_ms() < deadline) {
		if (asb_http_poll(http, NULL, 0, asb_poll_timeout(deadline), &ignored) < 0)
			return;
	}
}

void asb_object_settle(struct asb_object *object, struct asb_http *http, int timeout_ms)
{
	int64_t deadline = asb_monotonic_ms() + timeout_ms;
	struct asb_error ignored = ASB_ERROR_INIT;
	cJSON *answer = NULL;
	int left = timeout_ms;

	if (object->state == ASB_OBJECT_SENT && object->retry_ms != 0)
		object->state = ASB_OBJECT_NONE;
	while (object->state == ASB_OBJECT_SENT && !object->request.done && left > 0) {
		if (asb_http_poll(http, NULL, 0, left, &ignored) < 0)
			break;
		left = asb_poll_timeout(deadline);
	}
	if (object->state != ASB_OBJECT_SENT)
		return;
	if (object->request.done) {
		take_answer(object, &answer, &ignored);
		cJSON_Delete(answer);
	} else {
		asb_http_cancel(http, &object->request);
		asb_http_request_release(&object->request);
		object->state = ASB_OBJECT_UNKNOWN;
	}
	if (object->state == ASB_OBJECT_SENT) /* 429: not made, and not to be sent again */
		object->state = ASB_OBJECT_NONE;
}

bool asb_object_identify(struct asb_object *object, struct asb_http *http, const char *instance,
			 cJSON **found)
{
	/* What was given up may still be in the server's hands: a second look finds it. */
	int looks = object->state == ASB_OBJECT_CONFLICT ? 1 : 2;

	*found = NULL;
	while (*found == NULL && looks-- > 0) {
		struct asb_error failure = ASB_ERROR_INIT;

		*found = asb_api_get(http, object->path, &failure);
		if (*found == NULL && failure.http != 404)
			return false; /* nobody can tell: the state stays */
		if (*found == NULL && looks > 0)
			asb_object_pause(http, PAUSE_MS);
	}
	if (asb_labels_instance(*found) != NULL &&
	    strcmp(asb_labels_instance(*found), instance) == 0) {
		object->state = ASB_OBJECT_PRESENT;
		object->uid = asb_strdup(asb_json_string(*found, "metadata/uid"));
		return true;
	}
	object->state = ASB_OBJECT_NONE;
	cJSON_Delete(*found);
	*found = NULL;
	return false;
}

static bool to_be_deleted(const struct asb_object *object)
{
	return object->state == ASB_OBJECT_PRESENT || object->state == ASB_OBJECT_UNKNOWN;
}

/* propagation Background: the server answers at once, garbage collection takes what is owned. */
static void send_delete(struct asb_object *object, struct asb_http *http, struct asb_error *err)
{
	cJSON *options = asb_json_literal("{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
					  "\"propagationPolicy\":\"Background\"}");

	asb_json_set_string(options, "preconditions/uid", object->uid);
	free(object->body);
	object->body = asb_json_print(options);
	cJSON_Delete(options);
	asb_http_request_init(&object->request, "DELETE", object->path);
	object->request.body = object->body;
	object->request.body_length = strlen(object->body);
	object->request.timeout_ms = DELETE_TIMEOUT_MS;
	object->deleting = asb_http_start(http, &object->request, err) == 0;
	if (!object->deleting)
		asb_http_request_release(&object->request);
}

/* Whether to try again. err: what went wrong, unset when that was that. */
static bool take_deletion(struct asb_object *object, bool first, struct asb_http *http,
			  struct asb_error *err)
{
	struct asb_http_request *request = &object->request;
	bool answered = asb_http_wait(http, &request, 1, err) == 0;
	int status = answered ? request->status : 0;

	if (answered)
		asb_api_check(request, err);
	else
		asb_http_cancel(http, request);
	asb_http_request_release(request);
	object->deleting = false;
	/* A POST that was given up may still be in the server's hands. */
	if (status == 404 && first && object->state == ASB_OBJECT_UNKNOWN)
		return true;
	/* 409: the UID is another one's, so ours has gone. */
	if (status == 404 || status == 409)
		asb_error_clear(err);
	if (!asb_failed(err))
		object->state = ASB_OBJECT_GONE;
	return asb_failed(err) && (status == 0 || status == 429 || status >= 500);
}

/* One round over all that is left. Returns whether another one makes sense; err: of the first that
 * failed. */
static bool delete_round(struct asb_object *const *objects, unsigned n, bool first,
			 struct asb_http *http, struct asb_error *err)
{
	bool another = false;

	for (unsigned i = 0; i < n; i++) {
		if (to_be_deleted(objects[i]))
			send_delete(objects[i], http, err);
	}
	for (unsigned i = 0; i < n; i++) {
		struct asb_error failure = ASB_ERROR_INIT;

		if (!objects[i]->deleting)
			continue;
		another |= take_deletion(objects[i], first, http, &failure);
		if (asb_failed(&failure) && !asb_failed(err))
			*err = failure;
	}
	return another;
}

int asb_objects_delete(struct asb_object *const *objects, unsigned n, struct asb_http *http,
		       struct asb_error *err)
{
	for (unsigned try = 0;; try++) {
		struct asb_error failure = ASB_ERROR_INIT;
		bool again = delete_round(objects, n, try == 0, http, &failure);

		if (again && try + 1 < DELETE_TRIES) {
			asb_object_pause(http, PAUSE_MS << try);
			continue;
		}
		if (!asb_failed(&failure))
			return 0;
		*err = failure;
		return -1;
	}
}

void asb_object_release(struct asb_object *object, struct asb_http *http)
{
	if (object->state == ASB_OBJECT_SENT && object->retry_ms == 0) {
		asb_http_cancel(http, &object->request);
		asb_http_request_release(&object->request);
	}
	free(object->collection);
	free(object->path);
	free(object->uid);
	free(object->body);
	memset(object, 0, sizeof(*object));
}
