/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_api.h - a small API server of the test's own: it keeps objects by their path, denies what it
 * is told to (watching always, so that every state is a plain GET) and writes down what was asked.
 *
 * The test changes objects between the plugin's steps with fake_put; a hook of its own may do so at
 * each request, as a controller would, with fake_store and fake_drop.
 */
#ifndef ASB_FAKE_API_H
#define ASB_FAKE_API_H

#include "plugin/base/clock.h"
#include "plugin/base/json.h"
#include "plugin/kube/http.h"
#include "tests/unit/fake_server.h"

struct fake_api {
	const char *denied; /* "verb resource" that reviews deny, or NULL */
	/* Called before each answer; may be NULL. */
	void (*hook)(struct fake_api *api, const char *method, const char *path);
	void *context;
	const char *unknown; /* field of spec that is dropped from POSTs, or NULL */
	int patch_conflicts; /* so many PATCHes are answered with 409 */

	cJSON *objects; /* path -> object */
	char log[8192]; /* "POST /apis/...\n", without GETs and reviews */
	char patch[1024];
	char posted[16384]; /* body of the last POST but reviews */
	char deletion[512];
	unsigned reviews;

	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
};

/* The path without its query, heap. */
static inline char *fake_path(const char *path)
{
	return asb_strndup(path, strcspn(path, "?"));
}

static inline void fake_store(struct fake_api *api, const char *path, const char *json)
{
	cJSON_DeleteItemFromObjectCaseSensitive(api->objects, path);
	cJSON_AddItemToObject(api->objects, path, asb_json_literal(json));
}

/* For the test itself, which runs beside the server. */
static inline void fake_put(struct fake_api *api, const char *path, const char *json)
{
	pthread_mutex_lock(&api->server.turn);
	fake_store(api, path, json);
	pthread_mutex_unlock(&api->server.turn);
}

static inline cJSON *fake_get(struct fake_api *api, const char *path)
{
	return cJSON_GetObjectItemCaseSensitive(api->objects, path);
}

static inline void fake_drop(struct fake_api *api, const char *path)
{
	cJSON_DeleteItemFromObjectCaseSensitive(api->objects, path);
}

static inline void fake_fail(const struct fake_request *request, int status, const char *reason,
			     const char *message)
{
	ASB_TEXT text = asb_strf("{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"%s\","
				 "\"message\":\"%s\",\"code\":%d}",
				 reason, message, status);

	fake_answer(request, status, "Content-Type: application/json\r\n", text);
}

static inline void fake_give(const struct fake_request *request, int status, const cJSON *json)
{
	ASB_TEXT text = asb_json_print(json);

	fake_answer(request, status, "Content-Type: application/json\r\n", text);
}

static inline void fake_review(struct fake_api *api, const struct fake_request *request,
			       cJSON *review)
{
	const char *verb = asb_json_string(review, "spec/resourceAttributes/verb");
	const char *resource = asb_json_string(review, "spec/resourceAttributes/resource");
	const char *sub = asb_json_string(review, "spec/resourceAttributes/subresource");
	ASB_TEXT right = asb_strf("%s %s%s%s", verb, resource, sub != NULL ? "/" : "",
				  sub != NULL ? sub : "");

	api->reviews++;
	asb_json_set_bool(review, "status/allowed",
			  strcmp(verb, "watch") != 0 &&
				  (api->denied == NULL || strcmp(api->denied, right) != 0));
	fake_give(request, 201, review);
}

static inline void fake_post(struct fake_api *api, const struct fake_request *request,
			     const char *collection, cJSON *body)
{
	ASB_TEXT path = asb_strf("%s/%s", collection, asb_json_string(body, "metadata/name"));
	ASB_TEXT uid = asb_strf("uid-%u", request->number);
	ASB_TEXT text = NULL;

	snprintf(api->posted, sizeof(api->posted), "%.*s", (int)request->body_length,
		 request->body);
	if (fake_get(api, path) != NULL) {
		fake_fail(request, 409, "AlreadyExists", "already exists");
		return;
	}
	if (api->unknown != NULL)
		cJSON_DeleteItemFromObject(cJSON_GetObjectItem(body, "spec"), api->unknown);
	asb_json_set_string(body, "metadata/uid", uid);
	asb_json_set_string(body, "metadata/namespace", "computer");
	asb_json_set_string(body, "metadata/resourceVersion", "7");
	text = asb_json_print(body);
	fake_store(api, path, text);
	fake_give(request, 201, body);
}

static inline void fake_patch(struct fake_api *api, const struct fake_request *request,
			      const char *path)
{
	snprintf(api->patch, sizeof(api->patch), "%.*s", (int)request->body_length, request->body);
	if (fake_get(api, path) == NULL)
		fake_fail(request, 404, "NotFound", "not found");
	else if (api->patch_conflicts-- > 0)
		fake_fail(request, 409, "Conflict", "the object has been modified");
	else
		fake_give(request, 200, fake_get(api, path));
}

static inline void fake_show(struct fake_api *api, const struct fake_request *request,
			     const char *path)
{
	if (strchr(request->path, '?') != NULL)
		fake_answer(request, 200, "", "{\"items\":[]}");
	else if (fake_get(api, path) == NULL)
		fake_fail(request, 404, "NotFound", "it was not found");
	else
		fake_give(request, 200, fake_get(api, path));
}

static inline bool fake_api_handle(void *context, const struct fake_request *request)
{
	struct fake_api *api = context;
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_TEXT path = fake_path(request->path);
	ASB_JSON body = request->body_length == 0
				? NULL
				: asb_json_parse(request->body, request->body_length, &ignored);
	size_t used = strlen(api->log);

	if (strstr(path, "selfsubjectaccessreviews") != NULL) {
		fake_review(api, request, body);
		return true;
	}
	if (strstr(path, "selfsubjectrulesreviews") != NULL) { /* as one that does not know them */
		fake_answer(request, 201, "", "{\"status\":{\"incomplete\":true}}");
		return true;
	}
	if (api->hook != NULL)
		api->hook(api, request->method, path);
	if (strcmp(request->method, "GET") != 0)
		snprintf(api->log + used, sizeof(api->log) - used, "%s %s\n", request->method,
			 path);
	if (strcmp(request->method, "POST") == 0) {
		fake_post(api, request, path, body);
	} else if (strcmp(request->method, "PATCH") == 0) {
		fake_patch(api, request, path);
	} else if (strcmp(request->method, "DELETE") == 0) {
		snprintf(api->deletion, sizeof(api->deletion), "%.*s", (int)request->body_length,
			 request->body);
		fake_drop(api, path);
		fake_answer(request, 200, "", "{\"kind\":\"Status\",\"status\":\"Success\"}");
	} else {
		fake_show(api, request, path);
	}
	return true;
}

static inline void fake_api_start(struct fake_api *api)
{
	struct asb_error err = ASB_ERROR_INIT;

	api->objects = cJSON_CreateObject();
	fake_start(&api->server, fake_api_handle, api);
	api->kubeconfig.server = api->server.url;
	api->http = asb_http_new(&api->kubeconfig, &err);
	if (api->http == NULL)
		abort();
}

static inline void fake_api_stop(struct fake_api *api)
{
	asb_http_free(api->http);
	fake_stop(&api->server);
	cJSON_Delete(api->objects);
}

/* Waits as the plugin asks for, but never for ever: a mistake there must fail, not hang. */
static inline void fake_wait(struct fake_api *api, int timeout_ms)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	int most = 10000;

	asb_http_poll(api->http, NULL, 0, timeout_ms < 0 || timeout_ms > most ? most : timeout_ms,
		      &ignored);
}

#endif
