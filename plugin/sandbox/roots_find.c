/* SPDX-License-Identifier: Apache-2.0 */
/* roots_find.c - names become roots: for each name all three kinds are asked for at once. */
#include <stdlib.h>

#include "plugin/sandbox/roots.h"

#define NAMES_AT_ONCE 10u
#define REQUEST_TIMEOUT_MS 30000

struct question {
	struct asb_http_request requests[ASB_ROOT_KINDS];
	char *paths[ASB_ROOT_KINDS];
	cJSON *answers[ASB_ROOT_KINDS];
};

static void start(struct question *question, const struct asb_api *api, const char *namespace_,
		  const char *name, struct asb_http_request **pointers)
{
	for (int kind = 0; kind < ASB_ROOT_KINDS; kind++) {
		const struct asb_resource *resource =
			asb_root_resource(api, (enum asb_root_kind)kind);

		question->paths[kind] = asb_api_path(resource, namespace_, name, NULL);
		asb_http_request_init(&question->requests[kind], "GET", question->paths[kind]);
		question->requests[kind].timeout_ms = REQUEST_TIMEOUT_MS;
		pointers[kind] = &question->requests[kind];
	}
}

/* What isn't there, or is not for us to see, is none; only Sandboxes must be visible, unless
 * something else has the name. */
static int take_answers(struct question *question, struct asb_error *err)
{
	for (int kind = 0; kind < ASB_ROOT_KINDS; kind++) {
		const struct asb_http_request *request = &question->requests[kind];
		struct asb_error failure = ASB_ERROR_INIT;

		if (request->status == 404)
			continue;
		question->answers[kind] = asb_api_result(request, &failure);
		if (question->answers[kind] == NULL &&
		    (kind == ASB_ROOT_SANDBOX || failure.http != 403) && !asb_failed(err))
			*err = failure;
	}
	if (question->answers[ASB_ROOT_CLAIM] != NULL ||
	    asb_root_is_plain_pod(question->answers[ASB_ROOT_POD]))
		asb_error_clear(err);
	return asb_failed(err) ? -1 : 0;
}

/* A Sandbox's claim ends it; who may not see claims has the Sandbox. */
static cJSON *claim_of(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		       const cJSON *sandbox)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	const char *name = asb_root_owner(sandbox, "SandboxClaim");
	ASB_TEXT path = name == NULL ? NULL : asb_api_path(&api->claims, namespace_, name, NULL);

	return path == NULL ? NULL : asb_api_get(http, path, &ignored);
}

static int take(struct question *question, struct asb_http *http, const struct asb_api *api,
		const char *namespace_, cJSON **root, struct asb_error *err)
{
	const cJSON *chosen = NULL;
	int rc;

	*root = NULL;
	if (take_answers(question, err) != 0)
		return -1;
	rc = asb_root_choose(question->answers[ASB_ROOT_CLAIM], question->answers[ASB_ROOT_SANDBOX],
			     question->answers[ASB_ROOT_POD], &chosen, err);
	if (rc == 1 && chosen == question->answers[ASB_ROOT_SANDBOX])
		*root = claim_of(http, api, namespace_, chosen);
	for (int kind = 0; rc == 1 && *root == NULL && kind < ASB_ROOT_KINDS; kind++) {
		if (chosen != question->answers[kind])
			continue;
		*root = question->answers[kind];
		question->answers[kind] = NULL;
	}
	return rc < 0 ? -1 : 0;
}

static void release(struct question *question)
{
	for (int kind = 0; kind < ASB_ROOT_KINDS; kind++) {
		asb_http_request_release(&question->requests[kind]);
		free(question->paths[kind]);
		cJSON_Delete(question->answers[kind]);
	}
}

static int find_some(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		     const char *const *names, size_t n, cJSON *found, cJSON *missing,
		     struct asb_error *err)
{
	struct question questions[NAMES_AT_ONCE] = {0};
	struct asb_http_request *pointers[NAMES_AT_ONCE * ASB_ROOT_KINDS];
	int rc;

	for (size_t i = 0; i < n; i++)
		start(&questions[i], api, namespace_, names[i], pointers + i * ASB_ROOT_KINDS);
	rc = asb_api_run(http, pointers, (unsigned)(n * ASB_ROOT_KINDS), err);
	for (size_t i = 0; i < n; i++) {
		cJSON *root = NULL;

		if (rc == 0)
			rc = take(&questions[i], http, api, namespace_, &root, err);
		if (root != NULL)
			cJSON_AddItemToArray(found, root);
		else if (rc == 0)
			cJSON_AddItemToArray(missing, cJSON_CreateString(names[i]));
		release(&questions[i]);
	}
	return rc;
}

cJSON *asb_roots_find(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		      const char *const *names, size_t n, cJSON *missing, struct asb_error *err)
{
	cJSON *found = asb_json_literal("[]");

	for (size_t i = 0; i < n; i += NAMES_AT_ONCE) {
		size_t some = n - i < NAMES_AT_ONCE ? n - i : NAMES_AT_ONCE;

		if (find_some(http, api, namespace_, names + i, some, found, missing, err) == 0)
			continue;
		cJSON_Delete(found);
		return NULL;
	}
	return found;
}

cJSON *asb_roots_get(struct asb_http *http, const struct asb_api *api, const char *namespace_,
		     const char *name, struct asb_error *err)
{
	ASB_JSON missing = asb_json_literal("[]");
	ASB_JSON found = asb_roots_find(http, api, namespace_, &name, 1, missing, err);

	if (found == NULL)
		return NULL;
	if (found->child != NULL)
		return cJSON_DetachItemFromArray(found, 0);
	asb_roots_fail_missing(missing, err);
	return NULL;
}
