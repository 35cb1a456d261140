/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/facts.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/claim_object.h"
#include "plugin/sandbox/next_step.h"
#include "plugin/sandbox/observer.h"
#include "plugin/sandbox/roots.h"

#define REQUEST_TIMEOUT_MS 30000
#define MOST_ROUNDS 4

/* What is asked for; the names of some are known only by the answers to others. */
enum item { SANDBOX, CLAIM, POD, POOL, EVENTS, POD_EVENTS, ITEMS };

struct question {
	char *name; /* NULL: not asked for */
	bool asked; /* under this name */
	char *path;
	cJSON *answer;
	struct asb_error failure;
};

struct inquiry {
	const struct asb_api *api;
	const char *namespace_;
	struct question questions[ITEMS];
};

static void ask_for(struct inquiry *inquiry, enum item item, const char *name)
{
	struct question *question = &inquiry->questions[item];

	if (name == NULL || (question->name != NULL && strcmp(question->name, name) == 0))
		return;
	free(question->name);
	free(question->path);
	cJSON_Delete(question->answer);
	memset(question, 0, sizeof(*question));
	question->name = asb_strdup(name);
}

static char *path_of(const struct inquiry *inquiry, enum item item)
{
	const struct asb_resource *resources[ITEMS] = {
		[SANDBOX] = &inquiry->api->sandboxes,
		[CLAIM] = &inquiry->api->claims,
		[POD] = &asb_pods,
		[POOL] = &inquiry->api->pools,
	};
	const char *name = inquiry->questions[item].name;
	struct asb_buffer path = ASB_BUFFER_INIT;
	ASB_TEXT events = NULL;

	if (resources[item] != NULL)
		return asb_api_path(resources[item], inquiry->namespace_, name, NULL);
	events = asb_api_path(&asb_events, inquiry->namespace_, NULL, NULL);
	asb_buffer_addf(&path, "%s?limit=500&fieldSelector=", events);
	asb_buffer_add_url(&path, "involvedObject.name=");
	asb_buffer_add_url(&path, name);
	return asb_buffer_steal(&path);
}

/* All that is open, side by side. 0: nothing was. */
static int ask_round(struct inquiry *inquiry, struct asb_http *http, struct asb_error *err)
{
	struct asb_http_request requests[ITEMS], *pointers[ITEMS];
	struct question *asked[ITEMS];
	unsigned n = 0;
	int rc;

	for (int i = 0; i < ITEMS; i++) {
		struct question *question = &inquiry->questions[i];

		if (question->name == NULL || question->asked)
			continue;
		question->asked = true;
		question->path = path_of(inquiry, (enum item)i);
		asb_http_request_init(&requests[n], "GET", question->path);
		requests[n].timeout_ms = REQUEST_TIMEOUT_MS;
		pointers[n] = &requests[n];
		asked[n++] = question;
	}
	rc = n == 0 ? 0 : asb_api_run(http, pointers, n, err);
	for (unsigned i = 0; i < n; i++) {
		if (rc == 0)
			asked[i]->answer = asb_api_result(&requests[i], &asked[i]->failure);
		asb_http_request_release(&requests[i]);
	}
	return rc < 0 ? -1 : (int)n;
}

/* Who the answers lead to. */
static void follow(struct inquiry *inquiry)
{
	struct question *questions = inquiry->questions;
	const cJSON *sandbox = questions[SANDBOX].answer, *claim = questions[CLAIM].answer;

	if (claim != NULL && asb_claim_sandbox(claim) != NULL) {
		ask_for(inquiry, SANDBOX, asb_claim_sandbox(claim));
	} else if (claim == NULL && sandbox != NULL) {
		ask_for(inquiry, CLAIM, asb_root_owner(sandbox, "SandboxClaim"));
	}
	sandbox = questions[SANDBOX].answer;
	ask_for(inquiry, POOL, asb_root_owner(sandbox, "SandboxWarmPool"));
	if (claim != NULL)
		ask_for(inquiry, POOL, asb_claim_pool(claim));
	if (sandbox != NULL)
		ask_for(inquiry, POD, asb_observer_pod_name(sandbox));
	if (strcmp(questions[POD].name, questions[EVENTS].name) != 0)
		ask_for(inquiry, POD_EVENTS, questions[POD].name);
}

/* --- what belongs together --- */

static cJSON *take(struct inquiry *inquiry, enum item item)
{
	cJSON *answer = inquiry->questions[item].answer;

	inquiry->questions[item].answer = NULL;
	return answer;
}

static void drop(cJSON **tree)
{
	cJSON_Delete(*tree);
	*tree = NULL;
}

/* Whether there is something that we were not shown. */
static bool is_hidden(const struct question *question)
{
	return asb_failed(&question->failure) && question->failure.http != 404;
}

/* Things of the same name that have nothing to do with each other, and the pod of a Sandbox that
 * has gone. `hidden`: the Sandbox can't be read. */
static void sort_out(struct asb_facts *facts)
{
	const char *uid = asb_json_string(facts->claim, "metadata/uid");

	if (facts->claim != NULL && facts->sandbox != NULL &&
	    !asb_observer_is_owned(facts->sandbox, uid)) {
		/* A Sandbox is more than the wish for one. */
		if (asb_claim_sandbox(facts->claim) == NULL)
			drop(&facts->claim);
	}
	if (facts->sandbox != NULL) {
		uid = asb_json_string(facts->sandbox, "metadata/uid");
		if (!asb_observer_is_owned(facts->pod, uid))
			drop(&facts->pod);
	} else if (facts->claim != NULL ||
		   !(facts->sandbox_hidden
			     ? asb_inventory_is_ours(facts->pod)
			     : facts->pod != NULL && asb_root_is_plain_pod(facts->pod))) {
		drop(&facts->pod);
	}
}

static void move_events(struct asb_facts *facts, struct inquiry *inquiry, enum item item)
{
	ASB_JSON list = take(inquiry, item);
	cJSON *items = cJSON_GetObjectItemCaseSensitive(list, "items");

	while (items != NULL && items->child != NULL)
		cJSON_AddItemToArray(facts->events,
				     cJSON_DetachItemViaPointer(items, items->child));
}

static void note(struct asb_facts *facts, const char *what, const struct asb_error *failure)
{
	ASB_TEXT text = asb_strf("%s can't be read: %s", what, failure->message);

	cJSON_AddItemToArray(facts->notes, cJSON_CreateString(text));
}

static void take_all(struct asb_facts *facts, struct inquiry *inquiry)
{
	const struct question *questions = inquiry->questions;

	facts->claim = take(inquiry, CLAIM);
	facts->sandbox = take(inquiry, SANDBOX);
	facts->pod = take(inquiry, POD);
	facts->pool = take(inquiry, POOL);
	move_events(facts, inquiry, EVENTS);
	move_events(facts, inquiry, POD_EVENTS);
	facts->sandbox_hidden = is_hidden(&questions[SANDBOX]);
	facts->pod_hidden = is_hidden(&questions[POD]);
	sort_out(facts);
	facts->events_hidden = is_hidden(&questions[EVENTS]);
	if (facts->pod_hidden)
		note(facts, "the pod", &questions[POD].failure);
	if (facts->events_hidden)
		note(facts, "events", &questions[EVENTS].failure);
	if (facts->sandbox == NULL && facts->sandbox_hidden)
		note(facts, "the Sandbox", &questions[SANDBOX].failure);
	/* Most users have to do with claims only when there is one. */
	if (facts->claim == NULL && is_hidden(&questions[CLAIM]) &&
	    asb_root_owner(facts->sandbox, "SandboxClaim") != NULL)
		note(facts, "its SandboxClaim", &questions[CLAIM].failure);
}

static int fail_nothing(const struct asb_facts *facts, const struct inquiry *inquiry,
			struct asb_error *err)
{
	const struct asb_error *failure = &inquiry->questions[SANDBOX].failure;
	ASB_JSON missing = asb_json_literal("[]");

	if (asb_failed(failure) && failure->http != 404) {
		*err = *failure;
		return -1;
	}
	cJSON_AddItemToArray(missing, cJSON_CreateString(facts->name));
	asb_roots_fail_missing(missing, err);
	return asb_hint(err, "kubectl agentsandbox -n %s list shows the sandboxes there are",
			facts->namespace_);
}

int asb_facts_read(struct asb_facts *facts, struct asb_http *http, const struct asb_api *api,
		   const char *namespace_, const char *name, struct asb_error *err)
{
	struct inquiry inquiry = {.api = api, .namespace_ = namespace_};
	static const enum item first[] = {SANDBOX, CLAIM, POD, EVENTS};
	int rc = 1;

	*facts = (struct asb_facts){.namespace_ = namespace_, .name = name};
	facts->events = asb_json_literal("[]");
	facts->notes = asb_json_literal("[]");
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		ask_for(&inquiry, first[i], name);
	for (int round = 0; rc > 0 && round < MOST_ROUNDS; round++) {
		rc = ask_round(&inquiry, http, err);
		if (rc > 0)
			follow(&inquiry);
	}
	if (rc >= 0) {
		take_all(facts, &inquiry);
		facts->now_ms = asb_http_now_ms(http);
		rc = facts->claim != NULL || facts->sandbox != NULL || facts->pod != NULL
			     ? 0
			     : fail_nothing(facts, &inquiry, err);
	}
	for (int i = 0; i < ITEMS; i++) {
		free(inquiry.questions[i].name);
		free(inquiry.questions[i].path);
		cJSON_Delete(inquiry.questions[i].answer);
	}
	return rc;
}

void asb_facts_release(struct asb_facts *facts)
{
	cJSON_Delete(facts->claim);
	cJSON_Delete(facts->sandbox);
	cJSON_Delete(facts->pod);
	cJSON_Delete(facts->pool);
	cJSON_Delete(facts->events);
	cJSON_Delete(facts->notes);
	memset(facts, 0, sizeof(*facts));
}
