/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/base/printable.h"

#define TIMEOUT_MS 30000
#define TRIES 3
#define FIRST_PAUSE_MS 200
#define LONGEST_PAUSE_MS 10000

const struct asb_resource asb_pods = {"", "v1", "pods"};
const struct asb_resource asb_configmaps = {"", "v1", "configmaps"};
const struct asb_resource asb_events = {"", "v1", "events"};
const struct asb_resource asb_namespaces = {"", "v1", "namespaces"};

/* ---- paths ---- */

/* Appends "/<text>"; false for what a server would take for another path. */
static bool add_segment(struct asb_buffer *path, const char *text)
{
	if (text[0] == '\0' || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	asb_buffer_addch(path, '/');
	asb_buffer_add_url(path, text);
	return true;
}

char *asb_api_path(const struct asb_resource *resource, const char *namespace_, const char *name,
		   const char *subresource)
{
	struct asb_buffer path = ASB_BUFFER_INIT;
	bool core = resource->group[0] == '\0';
	bool fine;

	asb_buffer_addstr(&path, core ? "/api" : "/apis");
	fine = (core || add_segment(&path, resource->group)) &&
	       add_segment(&path, resource->version) &&
	       (namespace_ == NULL ||
		(add_segment(&path, "namespaces") && add_segment(&path, namespace_))) &&
	       add_segment(&path, resource->plural) && (name == NULL || add_segment(&path, name)) &&
	       (subresource == NULL || add_segment(&path, subresource));
	if (fine)
		return asb_buffer_steal(&path);
	asb_buffer_release(&path);
	return NULL;
}

/* ---- errors ---- */

static const char *status_text(int status)
{
	switch (status) {
	case 400:
		return "BadRequest";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "NotFound";
	case 409:
		return "Conflict";
	case 429:
		return "TooManyRequests";
	case 500:
		return "InternalError";
	case 503:
		return "ServiceUnavailable";
	case 504:
		return "Timeout";
	default:
		return "";
	}
}

/* No Status object: a proxy's page or the server's plain text. Its beginning must do. */
static void fail_plain(const struct asb_http_request *request, struct asb_error *err)
{
	const char *reason = status_text(request->status);
	char text[400];

	if (asb_printable(text, sizeof(text), request->response.data, request->response.length) ==
	    0)
		snprintf(text, sizeof(text), "HTTP status %d without an explanation",
			 request->status);
	if (request->status / 100 == 3) {
		asb_fail(err, "the server answered with a redirect (HTTP status %d)",
			 request->status);
		asb_hint(err, "redirects are not followed: is the server address of this context "
			      "that of an API server?");
	} else if (reason[0] != '\0') {
		asb_fail(err, "Error from server (%s): %s", reason, text);
	} else {
		asb_fail(err, "Error from server: %s", text);
	}
	snprintf(err->reason, sizeof(err->reason), "%s", reason);
}

static void fail_status(const cJSON *status, struct asb_error *err)
{
	const char *reason = asb_json_string(status, "reason");
	const char *message = asb_json_string(status, "message");

	if (reason == NULL || strcmp(reason, "Unknown") == 0)
		reason = "";
	if (message == NULL)
		message = "no explanation";
	if (reason[0] == '\0')
		asb_fail(err, "Error from server: %s", message);
	else
		asb_fail(err, "Error from server (%s): %s", reason, message);
	snprintf(err->reason, sizeof(err->reason), "%s", reason);
}

static void fail_unauthorized(struct asb_error *err)
{
	asb_fail(err, "You must be logged in to the server (Unauthorized)");
	asb_hint(err, "the server doesn't accept the credentials of this context: they may have "
		      "expired; log in again or choose another user with --user or --context");
	snprintf(err->reason, sizeof(err->reason), "Unauthorized");
}

static bool is_status(const cJSON *json)
{
	const char *kind = asb_json_string(json, "kind");

	return kind != NULL && strcmp(kind, "Status") == 0;
}

int asb_api_check(const struct asb_http_request *request, struct asb_error *err)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON body = NULL;

	if (request->status / 100 == 2)
		return 0;
	if (request->status == 0) {
		*err = request->error;
		if (!asb_failed(err))
			asb_fail(err, "the request was not made");
		return -1;
	}
	body = asb_json_parse(request->response.data, request->response.length, &ignored);
	if (request->status == 401)
		fail_unauthorized(err);
	else if (is_status(body))
		fail_status(body, err);
	else
		fail_plain(request, err);
	err->http = request->status;
	return -1;
}

cJSON *asb_api_result(const struct asb_http_request *request, struct asb_error *err)
{
	cJSON *body;

	if (asb_api_check(request, err) != 0)
		return NULL;
	body = asb_json_parse(request->response.data, request->response.length, err);
	if (body == NULL) {
		asb_wrap(err, "the server's answer to %s %s", request->method, request->path);
		asb_hint(err,
			 "is the server address of this context that of an API server (and not of "
			 "a login page)?");
	}
	return body;
}

/* ---- calls ---- */

static bool wants_retry(const struct asb_http_request *request)
{
	return request->status == 429 ||
	       (request->status == 503 && strcmp(request->method, "GET") == 0);
}

/* Waits while other transfers move on. */
static int pause_for(struct asb_http *http, int64_t ms, struct asb_error *err)
{
	int64_t until = asb_monotonic_ms() + ms;
	int left = asb_poll_timeout(until);

	while (left > 0) {
		if (asb_http_poll(http, NULL, 0, left, err) != 0)
			return -1;
		left = asb_poll_timeout(until);
	}
	return 0;
}

/* How long the server wants to be left alone; 0 when nothing is to be asked again. */
static int64_t wanted_pause(struct asb_http_request *const *requests, unsigned n, int tries)
{
	int64_t pause = 0;

	for (unsigned i = 0; i < n; i++) {
		int64_t own = requests[i]->retry_after_ms;

		if (!wants_retry(requests[i]))
			continue;
		if (own <= 0)
			own = (int64_t)FIRST_PAUSE_MS << tries;
		pause = own > pause ? own : pause;
	}
	return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}

static int start_all(struct asb_http *http, struct asb_http_request *const *requests, unsigned n,
		     bool again, struct asb_error *err)
{
	for (unsigned i = 0; i < n; i++) {
		if ((!again || wants_retry(requests[i])) &&
		    asb_http_start(http, requests[i], err) != 0)
			return -1;
	}
	return asb_http_wait(http, requests, n, err);
}

int asb_api_run(struct asb_http *http, struct asb_http_request *const *requests, unsigned n,
		struct asb_error *err)
{
	int rc = start_all(http, requests, n, false, err);

	for (int tries = 1; rc == 0 && tries < TRIES; tries++) {
		int64_t pause = wanted_pause(requests, n, tries - 1);

		if (pause == 0)
			return 0;
		rc = pause_for(http, pause, err);
		if (rc == 0)
			rc = start_all(http, requests, n, true, err);
	}
	for (unsigned i = 0; rc != 0 && i < n; i++)
		asb_http_cancel(http, requests[i]);
	return rc;
}

/* One request; the caller releases it whatever is returned. */
static int call(struct asb_http *http, struct asb_http_request *request, struct asb_error *err)
{
	request->timeout_ms = TIMEOUT_MS;
	return asb_api_run(http, &request, 1, err);
}

static cJSON *call_with_body(struct asb_http *http, const char *method, const char *path,
			     const char *content_type, const cJSON *object, struct asb_error *err)
{
	ASB_TEXT body = object == NULL ? NULL : asb_json_print(object);
	struct asb_http_request request;
	cJSON *result = NULL;

	asb_http_request_init(&request, method, path);
	request.content_type = content_type;
	request.body = body;
	request.body_length = body == NULL ? 0 : strlen(body);
	if (call(http, &request, err) == 0)
		result = asb_api_result(&request, err);
	asb_http_request_release(&request);
	return result;
}

cJSON *asb_api_get(struct asb_http *http, const char *path, struct asb_error *err)
{
	return call_with_body(http, "GET", path, NULL, NULL, err);
}

cJSON *asb_api_create(struct asb_http *http, const char *path, const cJSON *object,
		      struct asb_error *err)
{
	return call_with_body(http, "POST", path, NULL, object, err);
}

cJSON *asb_api_merge_patch(struct asb_http *http, const char *path, const cJSON *patch,
			   struct asb_error *err)
{
	return call_with_body(http, "PATCH", path, "application/merge-patch+json", patch, err);
}

/* JSON is YAML. */
cJSON *asb_api_apply(struct asb_http *http, const char *path, const cJSON *object,
		     struct asb_error *err)
{
	return call_with_body(http, "PATCH", path, "application/apply-patch+yaml", object, err);
}

/*
 * The object we mean is gone: there is none of that name, or one with another uid. The server tells
 * the latter from other conflicts in its message only: "the UID in the precondition (...) does not
 * match the UID in record", "UID in precondition: ..., UID in object meta".
 */
static bool gone(const struct asb_error *err, const char *uid)
{
	if (err->http == 404)
		return true;
	return err->http == 409 && uid != NULL && strstr(err->message, "UID in ") != NULL &&
	       strstr(err->message, "precondition") != NULL;
}

int asb_api_delete_with(struct asb_http *http, const char *path, const cJSON *options,
			struct asb_error *err)
{
	ASB_TEXT body = asb_json_print(options);
	struct asb_http_request request;
	int rc;

	asb_http_request_init(&request, "DELETE", path);
	request.body = body;
	request.body_length = strlen(body);
	rc = call(http, &request, err);
	if (rc == 0)
		rc = asb_api_check(&request, err);
	asb_http_request_release(&request);
	return rc;
}

int asb_api_delete(struct asb_http *http, const char *path, const char *uid,
		   const char *propagation, struct asb_error *err)
{
	ASB_JSON options = asb_json_literal("{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\"}");
	int rc;

	asb_json_set_string(options, "propagationPolicy", propagation);
	asb_json_set_string(options, "preconditions/uid", uid);
	rc = asb_api_delete_with(http, path, options, err);
	if (rc == 0 || !gone(err, uid))
		return rc;
	asb_error_clear(err);
	return 0;
}
