/* SPDX-License-Identifier: Apache-2.0 */
/* An installation: the embedded manifests are those of the files, moved to another namespace,
 * applied and taken away again without what others have made. Runs in the root of the source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/file.h"
#include "plugin/sandbox/contents.h"
#include "plugin/sandbox/installation_parts.h"
#include "plugin/sandbox/resources.h"
#include "tests/unit/fake_api.h"

#define PART_OF "\"labels\":{\"app.kubernetes.io/part-of\":\"kubectl-agentsandbox\"}"
#define OURS "\"labels\":{\"app.kubernetes.io/managed-by\":\"kubectl-agentsandbox\"}"

/* --- the manifests --- */

static void embedded_are_the_files(void **state)
{
	struct asb_buffer list = ASB_BUFFER_INIT;
	struct asb_buffer whole = ASB_BUFFER_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	const char *line;

	(void)state;
	assert_int_equal(asb_file_read("manifests/kustomization.yaml", 100000, &list, &err), 0);
	for (line = strstr(list.data, "\n- "); line != NULL; line = strstr(line + 1, "\n- ")) {
		ASB_TEXT name = asb_strndup(line + 3, strcspn(line + 3, "\n"));
		ASB_TEXT path = asb_strf("manifests/%s", name);

		asb_buffer_addstr(&whole, "---\n");
		assert_int_equal(asb_file_read(path, 100000, &whole, &err), 0);
	}
	assert_true(whole.length > 1000);
	assert_string_equal(asb_manifests, whole.data);
	asb_buffer_release(&list);
	asb_buffer_release(&whole);
}

static const cJSON *find(const cJSON *objects, const char *name)
{
	const cJSON *object;

	cJSON_ArrayForEach(object, objects)
	{
		ASB_TEXT own = asb_installation_name(object);

		if (strcmp(own, name) == 0)
			return object;
	}
	return NULL;
}

static void objects_of_the_files(void **state)
{
	static const char *const names[] = {
		"namespace/computer",
		"serviceaccount/normal-user",
		"clusterrole.rbac.authorization.k8s.io/kubectl-agentsandbox-agent",
		"clusterrolebinding.rbac.authorization.k8s.io/kubectl-agentsandbox-agent",
		"role.rbac.authorization.k8s.io/kubectl-agentsandbox-user",
		"rolebinding.rbac.authorization.k8s.io/kubectl-agentsandbox-users",
	};
	ASB_JSON objects = asb_installation_objects("computer");
	const cJSON *object;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(find(objects, names[i]));
	assert_ptr_equal(objects->child, find(objects, names[0])); /* what the others need */
	cJSON_ArrayForEach(object, objects)
	{
		ASB_TEXT path = asb_installation_path(object); /* of a kind that is known */

		assert_non_null(path);
		assert_true(asb_installation_is_part(object));
	}
}

static void moved_to_another_namespace(void **state)
{
	ASB_JSON objects = asb_installation_objects("team-a");
	ASB_TEXT text = asb_json_print(objects);
	const cJSON *binding = find(objects, "clusterrolebinding.rbac.authorization.k8s.io/"
					     "kubectl-agentsandbox-agent-team-a");

	(void)state;
	assert_null(strstr(text, "\"computer\""));
	assert_non_null(find(objects, "namespace/team-a"));
	assert_non_null(find(objects, "serviceaccount/normal-user"));
	assert_non_null(find(objects, "clusterrole.rbac.authorization.k8s.io/"
				      "kubectl-agentsandbox-agent-team-a"));
	assert_string_equal(asb_json_string(binding, "roleRef/name"),
			    "kubectl-agentsandbox-agent-team-a");
	assert_string_equal(asb_json_string(binding, "subjects/0/namespace"), "team-a");
	binding = find(objects, "rolebinding.rbac.authorization.k8s.io/kubectl-agentsandbox-users");
	assert_string_equal(asb_json_string(binding, "roleRef/name"), "kubectl-agentsandbox-user");
	assert_string_equal(asb_json_string(binding, "metadata/namespace"), "team-a");
}

static void bindings_of_users(void **state)
{
	static const struct {
		const char *kind, *name, *binding;
	} cases[] = {
		{"User", "alice@example.com", "kubectl-agentsandbox-user-alice@example.com"},
		{"Group", "system:masters", "kubectl-agentsandbox-group-system:masters"},
		{"User", "https://issuer#7", NULL},
		{"User", "https:__issuer_7", "kubectl-agentsandbox-user-https:__issuer_7"},
		{"User", "a%2fb", NULL},
		{"User", "a/2fb", NULL},
	};
	ASB_JSON seen = asb_json_literal("{}");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON object =
			asb_installation_binding("computer", cases[i].kind, cases[i].name);
		const char *name = asb_json_string(object, "metadata/name");

		if (cases[i].binding != NULL)
			assert_string_equal(name, cases[i].binding);
		assert_null(strpbrk(name, "/%")); /* what no object's name may hold */
		assert_null(cJSON_GetObjectItemCaseSensitive(seen, name));
		cJSON_AddTrueToObject(seen, name);
		assert_string_equal(asb_json_string(object, "subjects/0/kind"), cases[i].kind);
		assert_string_equal(asb_json_string(object, "subjects/0/name"), cases[i].name);
		assert_true(asb_installation_is_part(object));
	}
}

/* --- applying --- */

#define ROLE \
	"/apis/rbac.authorization.k8s.io/v1/namespaces/computer/roles/kubectl-agentsandbox-user"

struct server {
	const char *stored; /* what is there, NULL: nothing */
	const char *result; /* of applying; NULL: a conflict */
	char asked[2048];
};

static bool serve_apply(void *context, const struct fake_request *request)
{
	struct server *server = context;

	if (strcmp(request->method, "GET") == 0) {
		if (server->stored == NULL)
			fake_fail(request, 404, "NotFound", "nothing");
		else
			fake_answer(request, 200, "", server->stored);
		return true;
	}
	snprintf(server->asked, sizeof(server->asked), "%s %s", request->method, request->path);
	if (server->result == NULL)
		fake_fail(request, 409, "Conflict",
			  "Apply failed with 1 conflict: conflict with x: .rules");
	else if (server->result[0] == '\0')
		fake_fail(request, 404, "NotFound", "namespaces computer not found");
	else
		fake_answer(request, 200, "", server->result);
	return true;
}

static void applied(void **state)
{
	static const struct {
		const char *name, *stored, *result;
		struct asb_installation_mode mode;
		int change; /* -1: an error */
		const char *text;
	} cases[] = {
		{"role.rbac.authorization.k8s.io/kubectl-agentsandbox-user",
		 NULL,
		 "{\"rules\":[]}",
		 {false, false},
		 ASB_INSTALLATION_APPLIED,
		 "PATCH " ROLE "?fieldManager=kubectl-agentsandbox&force=false"},
		{"role.rbac.authorization.k8s.io/kubectl-agentsandbox-user",
		 "{\"metadata\":{\"resourceVersion\":\"1\",\"managedFields\":[1]},\"rules\":[2]}",
		 "{\"rules\":[2],\"metadata\":{\"resourceVersion\":\"2\",\"managedFields\":[]}}",
		 {false, true},
		 ASB_INSTALLATION_UNCHANGED,
		 "PATCH " ROLE "?fieldManager=kubectl-agentsandbox&force=true"},
		{"role.rbac.authorization.k8s.io/kubectl-agentsandbox-user",
		 "{\"rules\":[1]}",
		 "{\"rules\":[2]}",
		 {true, false},
		 ASB_INSTALLATION_APPLIED,
		 "PATCH " ROLE "?fieldManager=kubectl-agentsandbox&force=false&dryRun=All"},
		{"role.rbac.authorization.k8s.io/kubectl-agentsandbox-user",
		 NULL,
		 "",
		 {true, false},
		 ASB_INSTALLATION_NOT_TRIED,
		 NULL},
		{"role.rbac.authorization.k8s.io/kubectl-agentsandbox-user",
		 NULL,
		 "",
		 {false, false},
		 -1,
		 "namespaces computer not found"},
		{"role.rbac.authorization.k8s.io/kubectl-agentsandbox-user",
		 "{}",
		 NULL,
		 {false, false},
		 -1,
		 "Apply failed with 1 conflict"},
		{"namespace/computer",
		 "{\"metadata\":{}}",
		 "{}",
		 {false, false},
		 -1,
		 "was not made by setup"},
		{"namespace/computer",
		 "{\"metadata\":{}}",
		 "{\"spec\":1}",
		 {false, true},
		 ASB_INSTALLATION_APPLIED,
		 NULL},
		{"namespace/computer",
		 "{\"metadata\":{" PART_OF "}}",
		 "{\"metadata\":{" PART_OF "}}",
		 {false, false},
		 ASB_INSTALLATION_UNCHANGED,
		 NULL},
	};
	ASB_JSON objects = asb_installation_objects("computer");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server server = {.stored = cases[i].stored, .result = cases[i].result};
		struct fake_api api = {0};
		struct asb_error err = ASB_ERROR_INIT;
		enum asb_installation_change change = ASB_INSTALLATION_APPLIED;
		int rc;

		fake_api_start(&api);
		api.server.handler = serve_apply;
		api.server.context = &server;
		rc = asb_installation_apply(api.http, find(objects, cases[i].name), &cases[i].mode,
					    &change, &err);
		assert_int_equal(rc, cases[i].change < 0 ? -1 : 0);
		if (rc == 0)
			assert_int_equal(change, cases[i].change);
		else
			assert_non_null(strstr(err.message, cases[i].text));
		if (rc == 0 && cases[i].text != NULL)
			assert_string_equal(server.asked, cases[i].text);
		if (strstr(err.message, "conflict") != NULL)
			assert_non_null(strstr(err.hint, "--force-conflicts"));
		fake_api_stop(&api);
	}
}

static void rights_are_asked_for_first(void **state)
{
	static const char *const denied[] = {"create namespaces", "patch clusterroles"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fake_api api = {.denied = denied[i]};
		struct asb_error err = ASB_ERROR_INIT;

		fake_api_start(&api);
		assert_int_equal(asb_installation_require(api.http, "computer", &err), -1);
		assert_non_null(strstr(err.message, denied[i]));
		assert_non_null(strstr(err.hint, "setup --print"));
		fake_api_stop(&api);
	}
}

/* --- what a namespace holds, and taking away --- */

static bool serve_namespace(void *context, const struct fake_request *request)
{
	static const struct {
		const char *path, *answer;
	} answers[] = {
		{"/apis", "{\"groups\":[{\"preferredVersion\":{\"groupVersion\":\"apps/v1\"}},"
			  "{\"preferredVersion\":{\"groupVersion\":\"metrics.k8s.io/v1\"}}]}"},
		{"/api/v1",
		 "{\"resources\":[{\"name\":\"pods\",\"namespaced\":true,\"verbs\":[\"get\","
		 "\"list\"]},{\"name\":\"pods/log\",\"namespaced\":true,\"verbs\":[\"get\"]},"
		 "{\"name\":\"nodes\",\"namespaced\":false,\"verbs\":[\"list\"]},"
		 "{\"name\":\"events\",\"namespaced\":true,\"verbs\":[\"list\"]},"
		 "{\"name\":\"bindings\",\"namespaced\":true,\"verbs\":[\"create\"]},"
		 "{\"name\":\"configmaps\",\"namespaced\":true,\"verbs\":[\"list\"]},"
		 "{\"name\":\"serviceaccounts\",\"namespaced\":true,\"verbs\":[\"list\"]}]}"},
		{"/apis/apps/v1", "{\"resources\":[{\"name\":\"deployments\",\"namespaced\":true,"
				  "\"verbs\":[\"list\"]}]}"},
		{"/apis/metrics.k8s.io/v1",
		 "{\"resources\":[{\"name\":\"pods\",\"namespaced\":true,"
		 "\"verbs\":[\"list\"]}]}"},
		{"/api/v1/namespaces/team-a/pods?limit=50", "{\"items\":[]}"},
		{"/api/v1/namespaces/team-a/configmaps?limit=50",
		 "{\"items\":[{\"metadata\":{\"name\":\"kube-root-ca.crt\"}},"
		 "{\"metadata\":{\"name\":\"shim\"," OURS "}}]}"},
		{"/api/v1/namespaces/team-a/serviceaccounts?limit=50",
		 "{\"items\":[{\"metadata\":{\"name\":\"default\"}},"
		 "{\"metadata\":{\"name\":\"normal-user\"," PART_OF "}}]}"},
	};
	const char *deployments = context;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (strcmp(request->path, answers[i].path) == 0) {
			fake_answer(request, 200, "", answers[i].answer);
			return true;
		}
	}
	if (strcmp(request->method, "DELETE") == 0)
		fake_answer(request, 200, "", "{}");
	else if (strstr(request->path, "/deployments?limit=50") == NULL)
		fake_fail(request, 404, "NotFound", "nothing of that path");
	else if (deployments == NULL)
		fake_fail(request, 403, "Forbidden", "no deployments");
	else
		fake_answer(request, 200, "", deployments);
	return true;
}

static void a_namespace_goes_only_when_empty(void **state)
{
	static const struct {
		const char *deployments, *object, *why;
	} cases[] = {
		{"{\"items\":[]}", PART_OF, NULL},
		{"{\"items\":[]}", "\"name\":\"team-a\"", "setup has not made it"},
		{"{\"items\":[{\"metadata\":{\"name\":\"web\"}}]}", PART_OF,
		 "it holds deployments.apps/web"},
		{"{\"items\":[{\"spec\":{},\"metadata\":{\"name\":\"x\"," OURS "}}]}", PART_OF,
		 "it holds deployments.apps/x"},
		{"{\"metadata\":{\"continue\":\"more\"},\"items\":[]}", PART_OF,
		 "it holds deployments.apps"},
		{NULL, PART_OF, "what it holds can't be seen: looking for deployments.apps"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_TEXT text =
			asb_strf("{\"kind\":\"Namespace\",\"metadata\":{\"name\":\"team-a\","
				 "\"uid\":\"u\",%s}}",
				 cases[i].object);
		ASB_JSON object = asb_json_literal(text);
		struct asb_buffer why = ASB_BUFFER_INIT;
		struct asb_error err = ASB_ERROR_INIT;
		struct fake_api api = {0};
		int rc;

		fake_api_start(&api);
		api.server.handler = serve_namespace;
		api.server.context = (void *)(uintptr_t)cases[i].deployments;
		rc = asb_installation_delete(api.http, object, false, &why, &err);
		assert_int_equal(rc, cases[i].why == NULL ? 0 : 1);
		assert_non_null(strstr(why.data, cases[i].why == NULL ? "" : cases[i].why));
		asb_buffer_release(&why);
		fake_api_stop(&api);
	}
}

static void deletion_names_what_was_seen(void **state)
{
	static const bool dry[] = {false, true};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		ASB_JSON object =
			asb_json_literal("{\"kind\":\"Role\",\"metadata\":{\"name\":\"r\","
					 "\"namespace\":\"n\",\"uid\":\"u7\"," PART_OF "}}");
		struct asb_buffer why = ASB_BUFFER_INIT;
		struct asb_error err = ASB_ERROR_INIT;
		struct fake_api api = {0};

		fake_api_start(&api);
		assert_int_equal(asb_installation_delete(api.http, object, dry[i], &why, &err), 0);
		assert_non_null(strstr(api.deletion, "\"preconditions\":{\"uid\":\"u7\"}"));
		/* in the body: with one, the server doesn't look at the query */
		assert_int_equal(strstr(api.deletion, "\"dryRun\":[\"All\"]") != NULL, dry[i]);
		fake_api_stop(&api);
	}
}

static bool serve_living(void *context, const struct fake_request *request)
{
	(void)context;
	assert_non_null(strstr(request->path, "managed-by"));
	if (strstr(request->path, "/pods?") != NULL)
		fake_answer(
			request, 200, "",
			"{\"items\":[{\"metadata\":{\"name\":\"own\",\"ownerReferences\":[{}]}},"
			"{\"metadata\":{\"name\":\"over\"},\"status\":{\"phase\":\"Failed\"}},"
			"{\"metadata\":{\"name\":\"alone\"},\"status\":{\"phase\":\"Running\"}}]}");
	else if (strstr(request->path, "/sandboxwarmpools?") != NULL)
		fake_fail(request, 404, "NotFound", "no extensions");
	else
		fake_answer(request, 200, "", "{\"items\":[{\"metadata\":{\"name\":\"x\"}}]}");
	return true;
}

static void what_lives(void **state)
{
	struct fake_api api = {0};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON living = NULL;
	ASB_TEXT text = NULL;

	(void)state;
	fake_api_start(&api);
	api.server.handler = serve_living;
	living = asb_installation_living(api.http, &asb_api_v1beta1, "computer", &err);
	text = asb_json_print(living);
	assert_string_equal(text, "[\"pod/alone\",\"sandbox/x\",\"sandboxclaim/x\"]");
	fake_api_stop(&api);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(embedded_are_the_files),
		cmocka_unit_test(objects_of_the_files),
		cmocka_unit_test(moved_to_another_namespace),
		cmocka_unit_test(bindings_of_users),
		cmocka_unit_test(applied),
		cmocka_unit_test(rights_are_asked_for_first),
		cmocka_unit_test(a_namespace_goes_only_when_empty),
		cmocka_unit_test(deletion_names_what_was_seen),
		cmocka_unit_test(what_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
