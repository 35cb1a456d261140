/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/contents.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"

#define AT_ONCE 32u /* requests side by side */
#define TIMEOUT_MS 30000

/* Paths, of which those at `tags` (parallel) say what they are about. All owned. */
struct questions {
	char **paths, **tags;
	size_t count, room;
};

static void add_question(struct questions *questions, char *path, const char *tag)
{
	if (questions->count == questions->room) {
		questions->room = questions->room * 2 + 32;
		questions->paths = asb_realloc(questions->paths, questions->room * sizeof(char *));
		questions->tags = asb_realloc(questions->tags, questions->room * sizeof(char *));
	}
	questions->paths[questions->count] = path;
	questions->tags[questions->count++] = asb_strdup(tag);
}

static void release_questions(struct questions *questions)
{
	for (size_t i = 0; i < questions->count; i++) {
		free(questions->paths[i]);
		free(questions->tags[i]);
	}
	free(questions->paths);
	free(questions->tags);
}

/* Hands each answer to `take`, in order. */
static int ask_some(struct asb_http *http, const struct questions *questions, size_t from, size_t n,
		    void (*take)(void *context, const char *tag, const cJSON *answer),
		    void *context, struct asb_error *err)
{
	struct asb_http_request requests[AT_ONCE], *pointers[AT_ONCE];
	int rc;

	for (size_t i = 0; i < n; i++) {
		asb_http_request_init(&requests[i], "GET", questions->paths[from + i]);
		requests[i].timeout_ms = TIMEOUT_MS;
		pointers[i] = &requests[i];
	}
	rc = asb_api_run(http, pointers, (unsigned)n, err);
	for (size_t i = 0; i < n; i++) {
		ASB_JSON answer = rc == 0 ? asb_api_result(&requests[i], err) : NULL;

		if (rc == 0 && answer == NULL)
			rc = asb_wrap(err, "looking for %s", questions->tags[from + i]);
		if (rc == 0)
			take(context, questions->tags[from + i], answer);
		asb_http_request_release(&requests[i]);
	}
	return rc;
}

static int ask_all(struct asb_http *http, const struct questions *questions,
		   void (*take)(void *context, const char *tag, const cJSON *answer), void *context,
		   struct asb_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < questions->count && rc == 0; i += AT_ONCE) {
		size_t left = questions->count - i;

		rc = ask_some(http, questions, i, left < AT_ONCE ? left : AT_ONCE, take, context,
			      err);
	}
	return rc;
}

/* --- which kinds there are --- */

static void take_groups(void *context, const char *tag, const cJSON *answer)
{
	struct questions *versions = context;
	const cJSON *group;

	(void)tag;
	cJSON_ArrayForEach(group, asb_json_member(answer, "groups"))
	{
		const char *version = asb_json_string(group, "preferredVersion/groupVersion");

		if (version != NULL)
			add_question(versions, asb_strf("/apis/%s", version), version);
	}
}

struct kinds {
	const char *namespace_;
	struct questions *lists;
};

/* Made by the cluster from other objects that are looked at. */
static bool is_derived(const char *kind)
{
	return strcmp(kind, "events") == 0 || strcmp(kind, "endpoints") == 0 ||
	       strcmp(kind, "endpointslices") == 0;
}

static bool can_be_listed(const cJSON *kind)
{
	const char *name = asb_json_string(kind, "name");
	const cJSON *verb;

	if (name == NULL || strchr(name, '/') != NULL || is_derived(name) ||
	    !asb_json_bool(kind, "namespaced", false))
		return false;
	cJSON_ArrayForEach(verb, asb_json_member(kind, "verbs"))
	{
		if (asb_same_text(cJSON_GetStringValue(verb), "list"))
			return true;
	}
	return false;
}

/* `tag` is the group and version, "v1" for the core group. */
static void take_kinds(void *context, const char *tag, const cJSON *answer)
{
	const struct kinds *kinds = context;
	const char *slash = strchr(tag, '/');
	ASB_TEXT group = asb_strndup(tag, slash == NULL ? 0 : (size_t)(slash - tag));
	const cJSON *kind;

	/* what others measure of the pods */
	if (strcmp(group, "metrics.k8s.io") == 0)
		return;
	cJSON_ArrayForEach(kind, asb_json_member(answer, "resources"))
	{
		const char *name = asb_json_string(kind, "name");
		const struct asb_resource resource = {group, slash == NULL ? tag : slash + 1, name};
		ASB_TEXT path = NULL;
		ASB_TEXT full = NULL;

		if (!can_be_listed(kind))
			continue;
		path = asb_api_path(&resource, kinds->namespace_, NULL, NULL);
		full = asb_strf("%s%s%s", name, group[0] == '\0' ? "" : ".", group);
		if (path != NULL)
			add_question(kinds->lists, asb_strf("%s?limit=50", path), full);
	}
}

/* --- what there is of them --- */

struct holdings {
	cJSON *found;
	bool (*ignored)(const cJSON *object);
};

static bool is_everywhere(const char *kind, const char *name)
{
	return (asb_same_text(kind, "serviceaccounts") && asb_same_text(name, "default")) ||
	       (asb_same_text(kind, "configmaps") && asb_same_text(name, "kube-root-ca.crt"));
}

static void take_items(void *context, const char *tag, const cJSON *answer)
{
	const struct holdings *holdings = context;
	const char *more = asb_json_string(answer, "metadata/continue");
	const cJSON *item;

	cJSON_ArrayForEach(item, asb_json_member(answer, "items"))
	{
		const char *name = asb_json_string(item, "metadata/name");
		ASB_TEXT text = asb_strf("%s/%s", tag, name == NULL ? "?" : name);

		if (!is_everywhere(tag, name) && !holdings->ignored(item))
			cJSON_AddItemToArray(holdings->found, cJSON_CreateString(text));
	}
	if (more != NULL && more[0] != '\0')
		cJSON_AddItemToArray(holdings->found, cJSON_CreateString(tag));
}

cJSON *asb_contents(struct asb_http *http, const char *namespace_,
		    bool (*ignored)(const cJSON *object), struct asb_error *err)
{
	struct questions groups = {0}, versions = {0}, lists = {0};
	struct kinds kinds = {namespace_, &lists};
	struct holdings holdings = {asb_json_literal("[]"), ignored};
	int rc;

	add_question(&groups, asb_strdup("/apis"), "API groups");
	add_question(&versions, asb_strdup("/api/v1"), "v1");
	rc = ask_all(http, &groups, take_groups, &versions, err);
	if (rc == 0)
		rc = ask_all(http, &versions, take_kinds, &kinds, err);
	if (rc == 0)
		rc = ask_all(http, &lists, take_items, &holdings, err);
	release_questions(&groups);
	release_questions(&versions);
	release_questions(&lists);
	if (rc == 0)
		return holdings.found;
	cJSON_Delete(holdings.found);
	return NULL;
}
