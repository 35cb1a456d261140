/* SPDX-License-Identifier: Apache-2.0 */
/* Rights: what is asked, and how what is missing is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "plugin/base/json.h"
#include "plugin/kube/access.h"
#include "plugin/kube/access_rules.h"
#include "tests/unit/fake_server.h"

#define SANDBOX(the_verb)                                                              \
	{                                                                              \
		.group = "agents.x-k8s.io", .resource = "sandboxes", .verb = the_verb, \
		.namespace_ = "ns"                                                     \
	}

static void nothing_missing_is_no_error(void **state)
{
	struct asb_access rights[] = {SANDBOX("get"), SANDBOX("create")};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	rights[0].allowed = true;
	rights[1].optional = true;
	assert_int_equal(asb_access_require(rights, 2, "ns", &err), 0);
	assert_int_equal(asb_access_require(rights, 0, "ns", &err), 0);
	assert_false(asb_failed(&err));
}

static void what_is_missing_is_listed_and_can_be_pasted(void **state)
{
	struct asb_access rights[] = {
		SANDBOX("create"),
		{.group = "", .resource = "pods", .verb = "get", .namespace_ = "ns"},
		{.group = "",
		 .resource = "pods",
		 .subresource = "exec",
		 .verb = "create",
		 .namespace_ = "ns"},
		SANDBOX("delete"),
		SANDBOX("create"), /* asked twice, told once */
		SANDBOX("get"),
		{.group = "", .resource = "events", .verb = "list", .namespace_ = "ns"},
	};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	rights[5].allowed = true;
	rights[6].optional = true;
	assert_int_equal(asb_access_require(rights, 7, "ns", &err), -1);
	assert_string_equal(err.message, "missing rights in namespace \"ns\": "
					 "create sandboxes.agents.x-k8s.io, get pods, "
					 "create pods/exec, delete sandboxes.agents.x-k8s.io");
	assert_string_equal(
		err.hint,
		"someone who administers the cluster can grant them (USER is what `kubectl auth "
		"whoami` prints):\n"
		"kubectl apply -f - <<'EOF'\n"
		"apiVersion: rbac.authorization.k8s.io/v1\n"
		"kind: Role\n"
		"metadata:\n"
		"  name: agentsandbox-34c324c2\n"
		"  namespace: ns\n"
		"rules:\n"
		"- apiGroups: [\"agents.x-k8s.io\"]\n"
		"  resources: [\"sandboxes\"]\n"
		"  verbs: [\"create\", \"delete\"]\n"
		"- apiGroups: [\"\"]\n"
		"  resources: [\"pods\"]\n"
		"  verbs: [\"get\"]\n"
		"- apiGroups: [\"\"]\n"
		"  resources: [\"pods/exec\"]\n"
		"  verbs: [\"create\"]\n"
		"EOF\n"
		"kubectl create rolebinding agentsandbox-34c324c2 --namespace=ns "
		"--role=agentsandbox-34c324c2 --user=USER");
}

static void the_cluster_gets_a_cluster_role(void **state)
{
	struct asb_access rights[] = {
		{.group = "node.k8s.io", .resource = "runtimeclasses", .verb = "get"},
		SANDBOX("get"),
	};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(asb_access_require(rights, 2, "ns", &err), -1);
	assert_string_equal(err.message,
			    "missing rights in namespace \"ns\": get runtimeclasses.node.k8s.io "
			    "(cluster-wide), get sandboxes.agents.x-k8s.io");
	assert_non_null(strstr(err.hint, "kind: ClusterRole\n"));
	assert_non_null(strstr(err.hint, "kubectl create clusterrolebinding agentsandbox-"));
	assert_non_null(strstr(err.hint, "kind: Role\n"));
	assert_non_null(strstr(err.hint, "  namespace: ns\n"));
}

static void another_set_of_rights_has_another_name(void **state)
{
	struct asb_access first = SANDBOX("get"), second = SANDBOX("list");
	struct asb_error a = ASB_ERROR_INIT, b = ASB_ERROR_INIT;

	(void)state;
	asb_access_require(&first, 1, "ns", &a);
	asb_access_require(&second, 1, "ns", &b);
	assert_int_not_equal(strncmp(strstr(a.hint, "  name: "), strstr(b.hint, "  name: "), 28),
			     0);
}

/* ---- with a server ---- */

/* Allows reading only, and answers with the question as a real server does. */
static bool review(void *context, const struct fake_request *request)
{
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON question = asb_json_parse(request->body, request->body_length, &err);
	const char *verb = asb_json_string(question, "spec/resourceAttributes/verb");
	ASB_TEXT answer = NULL;
	struct asb_buffer *log = context;

	if (strcmp(request->path, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") != 0 ||
	    strcmp(request->method, "POST") != 0 || verb == NULL) {
		fake_answer(request, 400, "", "");
		return true;
	}
	asb_buffer_add(log, request->body, request->body_length);
	asb_json_set_bool(question, "status/allowed", strcmp(verb, "get") == 0);
	answer = asb_json_print(question);
	fake_answer(request, 201, "", answer);
	return true;
}

static bool refuse(void *context, const struct fake_request *request)
{
	(void)context;
	fake_answer(request, 401, "", "");
	return true;
}

static int ask(fake_handler *handler, struct asb_buffer *log, struct asb_access *rights, size_t n,
	       struct asb_error *err)
{
	struct fake_server server;
	struct asb_kubeconfig kubeconfig = {.server = server.url};
	struct asb_http *http;
	int rc;

	fake_start(&server, handler, log);
	http = asb_http_new(&kubeconfig, err);
	assert_non_null(http);
	rc = asb_access_review(http, rights, n, err);
	asb_http_free(http);
	fake_stop(&server);
	return rc;
}

static void each_right_gets_its_own_answer(void **state)
{
	struct asb_access rights[] = {
		SANDBOX("create"),
		SANDBOX("get"),
		{.group = "", .resource = "pods", .subresource = "exec", .verb = "get"}};
	struct asb_buffer log = ASB_BUFFER_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	rights[0].allowed = true; /* an old answer doesn't count */
	assert_int_equal(ask(review, &log, rights, 3, &err), 0);
	assert_false(rights[0].allowed);
	assert_true(rights[1].allowed);
	assert_true(rights[2].allowed);
	assert_non_null(strstr(log.data,
			       "\"spec\":{\"resourceAttributes\":{\"verb\":\"create\",\"group\":"
			       "\"agents.x-k8s.io\",\"resource\":\"sandboxes\",\"namespace\":"
			       "\"ns\"}}"));
	assert_non_null(strstr(log.data, "{\"verb\":\"get\",\"group\":\"\",\"resource\":\"pods\","
					 "\"subresource\":\"exec\"}"));
	asb_buffer_release(&log);
}

static void a_question_that_is_refused_is_an_error(void **state)
{
	struct asb_access rights[] = {SANDBOX("create"), SANDBOX("get")};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(ask(refuse, NULL, rights, 2, &err), -1);
	assert_string_equal(err.message, "can't check rights: You must be logged in to the server "
					 "(Unauthorized)");
	assert_int_equal(err.http, 401);
	assert_false(rights[0].allowed);
}

/* ---- by rules ---- */

static bool tell_rules(void *context, const struct fake_request *request)
{
	if (strcmp(request->path, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews") != 0 ||
	    strstr(request->body, "\"spec\":{\"namespace\":\"ns\"}") == NULL)
		fake_answer(request, 400, "", "");
	else
		fake_answer(request, 201, "", context);
	return true;
}

static int ask_rules(const char *answer, struct asb_access *rights, size_t n, struct asb_error *err)
{
	struct fake_server server;
	struct asb_kubeconfig kubeconfig = {.server = server.url};
	struct asb_http *http;
	int rc;

	fake_start(&server, answer == NULL ? refuse : tell_rules, (void *)answer);
	http = asb_http_new(&kubeconfig, err);
	assert_non_null(http);
	rc = asb_access_rules(http, "ns", rights, n, err);
	asb_http_free(http);
	fake_stop(&server);
	return rc;
}

#define POD_EXEC                                                                       \
	{                                                                              \
		.group = "", .resource = "pods", .subresource = "exec", .verb = "get", \
		.namespace_ = "ns"                                                     \
	}
#define RULES(list) "{\"status\":{\"incomplete\":false,\"resourceRules\":[" list "]}}"

static void rules_tell_as_rbac_matches_them(void **state)
{
	static const struct {
		const char *rule;
		bool create, get, exec;
	} cases[] = {
		{"{\"verbs\":[\"get\"],\"apiGroups\":[\"agents.x-k8s.io\"],\"resources\":["
		 "\"sandboxes\"]}",
		 false, true, false},
		{"{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}", true, true,
		 true},
		{"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}", false,
		 false, false},
		{"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods/exec\"]}", false,
		 false, true},
		{"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"*/exec\"]}", false,
		 false, true},
		{"{\"verbs\":[\"*\"],\"apiGroups\":[\"agents.x-k8s.io\"],\"resources\":["
		 "\"sandboxes\"],"
		 "\"resourceNames\":[\"one\"]}",
		 false, false, false},
		{"{\"verbs\":[\"*\"],\"apiGroups\":[\"apps\"],\"resources\":[\"*\"]}", false, false,
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_access rights[] = {SANDBOX("create"), SANDBOX("get"), POD_EXEC};
		struct asb_error err = ASB_ERROR_INIT;
		ASB_TEXT answer = asb_strf(RULES("%s"), cases[i].rule);

		assert_int_equal(ask_rules(answer, rights, 3, &err), 1);
		assert_int_equal(rights[0].allowed, cases[i].create);
		assert_int_equal(rights[1].allowed, cases[i].get);
		assert_int_equal(rights[2].allowed, cases[i].exec);
	}
}

static void rules_that_are_not_whole_tell_nothing(void **state)
{
	static const char *const answers[] = {
		"{\"status\":{\"incomplete\":true,\"resourceRules\":[{\"verbs\":[\"*\"],"
		"\"apiGroups\":[\"*\"],"
		"\"resources\":[\"*\"]}]}}",
		"{\"status\":{\"resourceRules\":[]}}",
		"{\"status\":{\"incomplete\":false}}",
		"{\"status\":{\"incomplete\":false,\"resourceRules\":[],\"evaluationError\":\"no\"}"
		"}",
	};
	struct asb_access right = SANDBOX("create");
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(ask_rules(answers[i], &right, 1, &err), 0);
		assert_false(right.allowed);
		assert_false(asb_failed(&err));
	}
	assert_int_equal(ask_rules(NULL, &right, 1, &err), -1);
	assert_int_equal(err.http, 401);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_missing_is_no_error),
		cmocka_unit_test(what_is_missing_is_listed_and_can_be_pasted),
		cmocka_unit_test(the_cluster_gets_a_cluster_role),
		cmocka_unit_test(another_set_of_rights_has_another_name),
		cmocka_unit_test(each_right_gets_its_own_answer),
		cmocka_unit_test(a_question_that_is_refused_is_an_error),
		cmocka_unit_test(rules_tell_as_rbac_matches_them),
		cmocka_unit_test(rules_that_are_not_whole_tell_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
