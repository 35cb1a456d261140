/* SPDX-License-Identifier: Apache-2.0 */
/* What is left behind and what only looks like it; and that only what was judged is deleted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/cleanup.h"
#include "plugin/sandbox/leftover.h"
#include "tests/unit/fake_api.h"

#define OURS                                                                     \
	"\"labels\":{\"app.kubernetes.io/managed-by\":\"kubectl-agentsandbox\"," \
	"\"app.kubernetes.io/component\":\"sandbox\"}"
#define PAST "2020-01-01T00:00:10Z"
#define PAST_MS INT64_C(1577836810000)
#define MADE "\"creationTimestamp\":\"2020-01-01T00:00:00Z\""
#define MADE_MS INT64_C(1577836800000)

/* --- judging --- */

struct judged {
	const char *object;
	int64_t since_ms;
};

static void judge_all(const struct judged *cases, size_t n,
		      int64_t (*judge)(const cJSON *object, const char **reason))
{
	for (size_t i = 0; i < n; i++) {
		ASB_JSON object = asb_json_literal(cases[i].object);
		const char *reason = NULL;

		assert_true(judge(object, &reason) == cases[i].since_ms);
		assert_non_null(reason);
	}
}

#define JUDGE(judge, ...)                               \
	judge_all((const struct judged[]){__VA_ARGS__}, \
		  sizeof((const struct judged[]){__VA_ARGS__}) / sizeof(struct judged), judge)

static void sandboxes_and_claims(void **state)
{
	(void)state;
	JUDGE(asb_leftover_sandbox,
	      {"{\"metadata\":{" OURS "},\"spec\":{\"shutdownTime\":\"" PAST
	       "\",\"shutdownPolicy\":\"Delete\"}}",
	       PAST_MS},
	      /* v0.1.0 knows no policy */
	      {"{\"metadata\":{" OURS "},\"spec\":{\"shutdownTime\":\"" PAST "\"}}", PAST_MS},
	      {"{\"metadata\":{" OURS "},\"spec\":{}}", -1}, {"{}", -1},
	      {"{\"metadata\":{" OURS "},\"spec\":{\"shutdownTime\":\"soon\"}}", -1},
	      {"{\"metadata\":{},\"spec\":{\"shutdownTime\":\"" PAST "\"}}", -1},
	      {"{\"metadata\":{\"labels\":{\"app.kubernetes.io/managed-by\":\"helm\"}},\"spec\":{"
	       "\"shutdownTime\":\"" PAST "\"}}",
	       -1},
	      {"{\"metadata\":{" OURS ",\"deletionTimestamp\":\"x\"},\"spec\":{\"shutdownTime\":"
	       "\"" PAST "\"}}",
	       -1},
	      {"{\"metadata\":{" OURS
	       ",\"ownerReferences\":[{}]},\"spec\":{\"shutdownTime\":\"" PAST "\"}}",
	       -1},
	      {"{\"metadata\":{" OURS "},\"spec\":{\"shutdownTime\":\"" PAST
	       "\",\"shutdownPolicy\":\"Retain\"}}",
	       -1});
	JUDGE(asb_leftover_claim,
	      {"{\"metadata\":{" OURS "},\"spec\":{\"lifecycle\":{\"shutdownTime\":\"" PAST "\"}}}",
	       PAST_MS},
	      {"{\"metadata\":{" OURS "},\"spec\":{\"shutdownTime\":\"" PAST "\"}}", -1});
}

static void plain_pods(void **state)
{
	(void)state;
	JUDGE(asb_leftover_pod,
	      /* runs, and will until its deadline */
	      {"{\"metadata\":{" OURS "," MADE "},\"spec\":{\"activeDeadlineSeconds\":100},"
	       "\"status\":{\"phase\":\"Running\",\"startTime\":\"" PAST "\"}}",
	       PAST_MS + 100000},
	      /* no node has taken it */
	      {"{\"metadata\":{" OURS "," MADE "},\"spec\":{\"activeDeadlineSeconds\":100}}",
	       MADE_MS + 100000},
	      {"{\"metadata\":{" OURS "," MADE "},\"status\":{\"phase\":\"Running\"}}", -1},
	      {"{\"metadata\":{" OURS "," MADE "},\"status\":{\"phase\":\"Failed\","
	       "\"containerStatuses\":[{\"state\":{\"terminated\":{\"finishedAt\":\"" PAST "\"}}},"
	       "{\"state\":{\"terminated\":{\"finishedAt\":null}}}]}}",
	       PAST_MS},
	      {"{\"metadata\":{" OURS "," MADE "},\"status\":{\"phase\":\"Failed\",\"reason\":"
	       "\"Evicted\"}}",
	       MADE_MS},
	      {"{\"metadata\":{" OURS "," MADE "},\"status\":{\"phase\":\"Succeeded\"}}", MADE_MS},
	      {"{\"metadata\":{" MADE "},\"status\":{\"phase\":\"Succeeded\"}}", -1},
	      {"{\"metadata\":{\"labels\":{\"app.kubernetes.io/managed-by\":\"kubectl-"
	       "agentsandbox\"}," MADE "},\"status\":{\"phase\":\"Succeeded\"}}",
	       -1},
	      {"{\"metadata\":{" OURS "," MADE ",\"ownerReferences\":[{}]},\"status\":{\"phase\":"
	       "\"Succeeded\"}}",
	       -1});
}

static void endless_claims(void **state)
{
	static const struct {
		const char *claim;
		bool endless;
	} cases[] = {
		{"{\"metadata\":{" OURS "},\"spec\":{}}", true},
		{"{\"metadata\":{" OURS "},\"spec\":{\"lifecycle\":{\"shutdownTime\":\"x\"}}}",
		 false},
		{"{\"metadata\":{},\"spec\":{}}", false},
		{"{\"metadata\":{" OURS ",\"deletionTimestamp\":\"x\"}}", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON claim = asb_json_literal(cases[i].claim);

		assert_int_equal(asb_leftover_is_endless(claim), cases[i].endless);
	}
}

#define NAMED(namespace_)                                                         \
	"{\"items\":[{\"metadata\":{\"namespace\":\"" namespace_ "\"},\"spec\":{" \
	"\"sandboxTemplateRef\":{\"name\":\"t\"}}}]}"

static void templates(void **state)
{
	static const struct {
		const char *pools, *claims;
		bool left;
	} cases[] = {
		{"{\"items\":[]}", "{}", true},
		{NAMED("other"), NAMED("other"), true},
		{NAMED("computer"), "{}", false},
		{"{}", NAMED("computer"), false},
	};
	ASB_JSON template = asb_json_literal("{\"metadata\":{\"name\":\"t\",\"namespace\":"
					     "\"computer\"," OURS "," MADE "}}");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON pools = asb_json_literal(cases[i].pools);
		ASB_JSON claims = asb_json_literal(cases[i].claims);
		const char *reason;

		assert_true(asb_leftover_template(template, pools, claims, &reason) ==
			    (cases[i].left ? MADE_MS : -1));
	}
}

#define OWNED(kind, uid) "\"ownerReferences\":[{\"kind\":\"" kind "\",\"uid\":\"" uid "\"}],"

static void configmaps(void **state)
{
	static const struct {
		const char *configmap;
		bool left;
	} cases[] = {
		{"{\"metadata\":{\"name\":\"c\"," OURS "," MADE "}}", true},
		{"{\"metadata\":{\"name\":\"c\"," OWNED("Sandbox", "gone") OURS "," MADE "}}",
		 true},
		{"{\"metadata\":{\"name\":\"c\"," OWNED("Sandbox", "lives") OURS "," MADE "}}",
		 false},
		{"{\"metadata\":{\"name\":\"c\"," OWNED("Deployment", "x") OURS "," MADE "}}",
		 false},
		{"{\"metadata\":{\"name\":\"mounted\"," OURS "," MADE "}}", false},
		{"{\"metadata\":{\"name\":\"projected\"," OURS "," MADE "}}", false},
		{"{\"metadata\":{\"name\":\"templated\"," OURS "," MADE "}}", false},
		{"{\"metadata\":{\"name\":\"c\"," MADE "}}", false},
		{"{\"metadata\":{\"name\":\"c\"," OURS "}}", false},
	};
	ASB_JSON owners = asb_json_literal("{\"lives\":true}");
	ASB_JSON users = asb_json_literal(
		"{\"items\":[{\"spec\":{\"volumes\":[{\"configMap\":{\"name\":\"mounted\"}},"
		"{\"emptyDir\":{}},{\"projected\":{\"sources\":[{\"secret\":{\"name\":\"c\"}},"
		"{\"configMap\":{\"name\":\"projected\"}}]}}]}},{\"spec\":{\"podTemplate\":{"
		"\"spec\":{\"volumes\":[{\"configMap\":{\"name\":\"templated\"}}]}}}}]}");
	ASB_JSON used = asb_json_literal("{}");

	(void)state;
	asb_leftover_add_used(used, users);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON configmap = asb_json_literal(cases[i].configmap);
		const char *reason;

		assert_true(asb_leftover_configmap(configmap, owners, used, &reason) ==
			    (cases[i].left ? MADE_MS : -1));
	}
}

/* --- doing --- */

#define SANDBOXES "/apis/agents.x-k8s.io/v1beta1/namespaces/computer/sandboxes"
#define EXTENSIONS "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/computer/"
#define CORE "/api/v1/namespaces/computer/"
#define META(name)                                                           \
	"\"name\":\"" name "\",\"namespace\":\"computer\",\"uid\":\"u-" name \
	"\",\"resourceVersion\":\"7\"," OURS "," MADE
#define LEFT_SANDBOX "{\"metadata\":{" META("old") "},\"spec\":{\"shutdownTime\":\"" PAST "\"}}"
#define LIVING_SANDBOX \
	"{\"metadata\":{" META("young") "},\"spec\":{\"shutdownTime\":\"2999-01-01T00:00:00Z\"}}"

/* Lists by their path; what a test wants to be different it puts there. */
struct server {
	struct fake_api api;
	const char *forbidden; /* part of a path */
	int delete_status;
	const char *user_after_delete; /* a pod list that is there once something was deleted */
	cJSON *lists;
	char log[4096], bodies[4096], posted[4096], output[4096], notes[2048];
};

static void append(char *to, size_t size, const char *text)
{
	size_t used = strlen(to);

	snprintf(to + used, size - used, "%s\n", text);
}

static bool serve(void *context, const struct fake_request *request)
{
	struct server *server = context;
	ASB_TEXT path = fake_path(request->path);
	ASB_TEXT line = asb_strf("%s %s", request->method, path);
	ASB_TEXT body = asb_strndup(request->body, request->body_length);
	const char *list = cJSON_GetStringValue(asb_json_member(server->lists, path));

	if (server->forbidden != NULL && strstr(path, server->forbidden) != NULL) {
		fake_fail(request, 403, "Forbidden", "no");
	} else if (strcmp(request->method, "GET") == 0) {
		fake_answer(request, 200, "", list == NULL ? "{\"items\":[]}" : list);
	} else if (strcmp(request->method, "POST") == 0) {
		append(server->posted, sizeof(server->posted), body);
		fake_answer(request, 201, "", "{}");
	} else {
		append(server->log, sizeof(server->log), line);
		append(server->bodies, sizeof(server->bodies), body);
		if (server->user_after_delete != NULL)
			cJSON_AddStringToObject(server->lists, CORE "pods",
						server->user_after_delete);
		if (server->delete_status != 200)
			fake_fail(request, server->delete_status, "Conflict", "it was changed");
		else
			fake_answer(request, 200, "", "{}");
	}
	return true;
}

static void start(struct server *server)
{
	memset(server, 0, sizeof(*server));
	fake_api_start(&server->api);
	server->api.server.handler = serve;
	server->api.server.context = server;
	server->lists = cJSON_CreateObject();
	server->delete_status = 200;
}

static void stop(struct server *server)
{
	fake_api_stop(&server->api);
	cJSON_Delete(server->lists);
}

static void put_list(struct server *server, const char *path, const char *items)
{
	ASB_TEXT text = asb_strf("{\"items\":[%s]}", items);

	cJSON_AddStringToObject(server->lists, path, text);
}

static void on_deleted(void *context, const char *noun, const cJSON *object, const char *reason,
		       int64_t for_ms)
{
	struct server *server = context;
	ASB_TEXT text =
		asb_strf("%s/%s: %s", noun, asb_json_string(object, "metadata/name"), reason);

	assert_true(for_ms > 0);
	append(server->output, sizeof(server->output), text);
}

static void on_note(void *context, const char *text)
{
	struct server *server = context;

	append(server->notes, sizeof(server->notes), text);
}

static int clean(struct server *server, const struct asb_api *api, bool dry_run, int64_t older_ms,
		 struct asb_error *unseen, struct asb_error *err)
{
	const struct asb_cleanup_options options = {"computer", older_ms, dry_run};
	const struct asb_cleanup_hooks hooks = {on_deleted, on_note, server};

	return asb_cleanup_run(server->api.http, api, &options, &hooks, unseen, err);
}

static void put_everything(struct server *server)
{
	put_list(server, SANDBOXES, LEFT_SANDBOX "," LIVING_SANDBOX);
	put_list(server, EXTENSIONS "sandboxclaims",
		 "{\"metadata\":{" META(
			 "claim") "},\"spec\":{\"lifecycle\":{\"shutdownTime\":\"" PAST
				  "\"}}},{\"metadata\":{" META("endless") "}}");
	put_list(server, EXTENSIONS "sandboxtemplates", "{\"metadata\":{" META("template") "}}");
	put_list(server, CORE "pods",
		 "{\"metadata\":{" META(
			 "pod") "},\"status\":{\"phase\":\"Failed\"}},"
				"{\"metadata\":{" META(
					"run") "},\"spec\":{\"volumes\":["
					       "{\"configMap\":{\"name\":\"shim-new\"}}]}}");
	put_list(server, CORE "configmaps",
		 "{\"metadata\":{" META("shim-new") "}},{\"metadata\":{" META(
			 "shim-old") "},\"binaryData\":{\"amd64\":\"AA==\"},\"immutable\":true}");
}

#define ALL                                                                      \
	"sandbox.agents.x-k8s.io/old: its end has passed\n"                      \
	"sandboxclaim.extensions.agents.x-k8s.io/claim: its end has passed\n"    \
	"pod/pod: it has ended\n"                                                \
	"sandboxtemplate.extensions.agents.x-k8s.io/template: no pool uses it\n" \
	"configmap/shim-old: nothing uses it\n"

static void all_that_is_left(void **state)
{
	struct server server;
	struct asb_error err = ASB_ERROR_INIT, unseen = ASB_ERROR_INIT;

	(void)state;
	start(&server);
	put_everything(&server);
	assert_int_equal(clean(&server, &asb_api_v1beta1, false, 1000, &unseen, &err), 0);
	assert_false(asb_failed(&unseen));
	assert_string_equal(server.output, ALL);
	assert_string_equal(server.log,
			    "DELETE " SANDBOXES "/old\nDELETE " EXTENSIONS
			    "sandboxclaims/claim\nDELETE " CORE "pods/pod\nDELETE " EXTENSIONS
			    "sandboxtemplates/template\nDELETE " CORE "configmaps/shim-old\n");
	assert_non_null(strstr(server.bodies,
			       "\"preconditions\":{\"uid\":\"u-old\",\"resourceVersion\":\"7\"}"));
	assert_non_null(strstr(server.notes, "sandboxclaim/endless has no end"));
	assert_string_equal(server.posted, "");
	stop(&server);
}

static void a_dry_run_and_young_ones(void **state)
{
	struct server server;
	struct asb_error err = ASB_ERROR_INIT, unseen = ASB_ERROR_INIT;

	(void)state;
	start(&server);
	put_everything(&server);
	assert_int_equal(clean(&server, &asb_api_v1beta1, true, 1000, &unseen, &err), 0);
	assert_string_equal(server.output, ALL);
	assert_string_equal(server.log, "");
	server.output[0] = '\0';
	/* none of them has been left for a hundred years */
	assert_int_equal(
		clean(&server, &asb_api_v1beta1, false, INT64_C(3153600000000), &unseen, &err), 0);
	assert_string_equal(server.output, "");
	assert_string_equal(server.log, "");
	stop(&server);
}

static void what_changes_meanwhile_stays(void **state)
{
	static const struct {
		int status;
		int rc;
		const char *output, *notes;
	} cases[] = {
		{409, 0, "", "sandbox.agents.x-k8s.io/old has just been changed: it stays\n"},
		{404, 0, "sandbox.agents.x-k8s.io/old: its end has passed\n", ""},
		{403, -1, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server server;
		struct asb_error err = ASB_ERROR_INIT, unseen = ASB_ERROR_INIT;

		start(&server);
		put_list(&server, SANDBOXES, LEFT_SANDBOX);
		server.delete_status = cases[i].status;
		assert_int_equal(clean(&server, &asb_api_v1beta1, false, 1000, &unseen, &err),
				 cases[i].rc);
		assert_string_equal(server.output, cases[i].output);
		assert_string_equal(server.notes, cases[i].notes);
		if (cases[i].rc < 0)
			assert_non_null(
				strstr(err.message, "deleting sandbox.agents.x-k8s.io/old"));
		stop(&server);
	}
}

/* What can't be looked at is said, and nothing is judged that hangs on it. */
static void few_rights(void **state)
{
	static const struct {
		const char *forbidden, *output;
	} cases[] = {
		{"configmaps",
		 "sandbox.agents.x-k8s.io/old: its end has passed\n"
		 "sandboxclaim.extensions.agents.x-k8s.io/claim: its end has passed\n"
		 "pod/pod: it has ended\n"
		 "sandboxtemplate.extensions.agents.x-k8s.io/template: no pool uses it\n"},
		{"sandboxwarmpools",
		 "sandbox.agents.x-k8s.io/old: its end has passed\n"
		 "sandboxclaim.extensions.agents.x-k8s.io/claim: its end has passed\n"
		 "pod/pod: it has ended\n"
		 "configmap/shim-old: nothing uses it\n"},
		{"/pods", "sandbox.agents.x-k8s.io/old: its end has passed\n"
			  "sandboxclaim.extensions.agents.x-k8s.io/claim: its end has passed\n"
			  "sandboxtemplate.extensions.agents.x-k8s.io/template: no pool uses it\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server server;
		struct asb_error err = ASB_ERROR_INIT, unseen = ASB_ERROR_INIT;

		start(&server);
		put_everything(&server);
		server.forbidden = cases[i].forbidden;
		assert_int_equal(clean(&server, &asb_api_v1beta1, true, 1000, &unseen, &err), 0);
		assert_string_equal(server.output, cases[i].output);
		assert_non_null(strstr(unseen.message, "list "));
		assert_non_null(strstr(unseen.hint, "verbs: [\"list\"]"));
		stop(&server);
	}
}

static void no_rights_are_an_error(void **state)
{
	const struct asb_api *const apis[] = {NULL, &asb_api_v1beta1, &asb_api_v1alpha1};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct server server;
		struct asb_error err = ASB_ERROR_INIT, unseen = ASB_ERROR_INIT;

		start(&server);
		server.forbidden = "/";
		assert_int_equal(clean(&server, apis[i], false, 1000, &unseen, &err), -1);
		assert_non_null(strstr(err.message, "list pods"));
		assert_false(asb_failed(&unseen));
		stop(&server);
	}
}

static void without_agent_sandbox(void **state)
{
	struct server server;
	struct asb_error err = ASB_ERROR_INIT, unseen = ASB_ERROR_INIT;

	(void)state;
	start(&server);
	put_everything(&server);
	assert_int_equal(clean(&server, NULL, true, 1000, &unseen, &err), 0);
	assert_string_equal(server.output,
			    "pod/pod: it has ended\nconfigmap/shim-old: nothing uses it\n");
	stop(&server);
}

/* It had seen the ConfigMap before it was deleted, and its pod was made after we looked. */
static void a_run_that_begins_in_that_moment(void **state)
{
	struct server server;
	struct asb_error err = ASB_ERROR_INIT, unseen = ASB_ERROR_INIT;

	(void)state;
	start(&server);
	put_list(&server, CORE "configmaps",
		 "{\"metadata\":{" META(
			 "shim-old") "},\"binaryData\":{\"amd64\":\"AA==\"},\"immutable\":true}");
	server.user_after_delete = "{\"items\":[{\"spec\":{\"volumes\":[{\"configMap\":{\"name\":"
				   "\"shim-old\"}}]}}]}";
	assert_int_equal(clean(&server, &asb_api_v1beta1, false, 1000, &unseen, &err), 0);
	assert_string_equal(server.posted,
			    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
			    "\"shim-old\"," OURS "},\"immutable\":true,\"binaryData\":{\"amd64\":"
			    "\"AA==\"}}\n");
	assert_non_null(strstr(server.notes, "configmap/shim-old is put back"));
	stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sandboxes_and_claims),
		cmocka_unit_test(plain_pods),
		cmocka_unit_test(endless_claims),
		cmocka_unit_test(templates),
		cmocka_unit_test(configmaps),
		cmocka_unit_test(all_that_is_left),
		cmocka_unit_test(a_dry_run_and_young_ones),
		cmocka_unit_test(what_changes_meanwhile_stays),
		cmocka_unit_test(few_rights),
		cmocka_unit_test(no_rights_are_an_error),
		cmocka_unit_test(without_agent_sandbox),
		cmocka_unit_test(a_run_that_begins_in_that_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
