/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/resources.h"
#include "tests/unit/fake_server.h"

static void paths(void **state)
{
	static const struct {
		struct asb_inventory_scope scope;
		const char *path;
	} cases[] = {
		{{.namespace_ = "computer"},
		 "/apis/agents.x-k8s.io/v1beta1/namespaces/computer/sandboxes?labelSelector="
		 "app.kubernetes.io%2Fmanaged-by%3Dkubectl-agentsandbox"},
		{{.selector = "team=blue"},
		 "/apis/agents.x-k8s.io/v1beta1/sandboxes?labelSelector="
		 "app.kubernetes.io%2Fmanaged-by%3Dkubectl-agentsandbox%2Cteam%3Dblue"},
		{{.selector = "team=blue", .foreign = true},
		 "/apis/agents.x-k8s.io/v1beta1/sandboxes?labelSelector=team%3Dblue"},
		{{.foreign = true}, "/apis/agents.x-k8s.io/v1beta1/sandboxes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_TEXT path = asb_inventory_path(&asb_sandboxes, &cases[i].scope);

		assert_string_equal(path, cases[i].path);
	}
	assert_null(asb_inventory_path(&asb_sandboxes,
				       &(struct asb_inventory_scope){.namespace_ = ".."}));
}

#define READY(status, reason)                                                               \
	"{\"spec\":{},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"" status \
	"\",\"reason\":\"" reason "\"}]}}"
#define SUSPENDED(status)                                                                    \
	"{\"spec\":{\"operatingMode\":\"Suspended\"},\"status\":{\"conditions\":[{\"type\":" \
	"\"Suspended\",\"status\":\"" status "\"}]}}"

/* What a later release may add says nothing, and does no harm. */
#define FUTURE                                                                                   \
	"{\"apiVersion\":\"agents.x-k8s.io/"                                                     \
	"v2\",\"spec\":{\"operatingMode\":\"Hibernating\",\"new\":{}},"                          \
	"\"status\":{\"phase\":[1],\"conditions\":[7,{\"type\":\"New\",\"status\":\"Perhaps\"}," \
	"{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Never heard of\"}]}}"
#define OLD(status)                          \
	"{\"apiVersion\":\"agents.x-k8s.io/" \
	"v1alpha1\",\"spec\":{\"replicas\":0},\"status\":{" status "}}"

static void one_word_for_each_state(void **state)
{
	static const struct {
		const char *sandbox, *word;
	} cases[] = {
		{"{}", "Pending"},
		{READY("True", "DependenciesReady"), "Running"},
		{READY("False", "DependenciesNotReady"), "Starting"},
		{READY("False", "SomethingNew"), "Starting"},
		{READY("False", "PodFailed"), "Failed"},
		{READY("False", "PodSucceeded"), "Completed"},
		{READY("False", "SandboxExpired"), "Expired"},
		{READY("False", "ReconcilerError"), "Error"},
		{READY("False", "SandboxSuspended"), "Resuming"},
		{SUSPENDED("False"), "Suspending"},
		{SUSPENDED("True"), "Suspended"},
		{OLD("\"replicas\":1"), "Suspending"},
		{OLD("\"replicas\":0"), "Suspended"},
		{OLD(""), "Suspended"},
		{FUTURE, "Running"},
		{"{\"spec\":5,\"status\":{\"conditions\":{\"type\":\"Ready\"}}}", "Pending"},
		{"{\"metadata\":{\"deletionTimestamp\":\"x\"}}", "Terminating"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON sandbox = asb_json_literal(cases[i].sandbox);

		assert_string_equal(asb_inventory_status(sandbox), cases[i].word);
	}
}

static void parts(void **state)
{
	ASB_JSON empty = asb_json_literal("{}");
	ASB_JSON one = asb_json_literal(
		"{\"metadata\":{\"name\":\"s\",\"annotations\":{\"agents.x-k8s.io/"
		"pod-name\":\"p\"},"
		"\"labels\":{\"app.kubernetes.io/managed-by\":\"kubectl-agentsandbox\"}},\"spec\":"
		"{\"podTemplate\":{\"spec\":{\"containers\":[{\"name\":\"side\",\"image\":\"a\"},"
		"{\"name\":\"main\",\"image\":\"b\"}]}}}}");
	ASB_JSON other = asb_json_literal(
		"{\"metadata\":{\"name\":\"s\",\"labels\":{\"app.kubernetes.io/"
		"managed-by\":\"x\"}},"
		"\"spec\":{\"podTemplate\":{\"spec\":{\"containers\":[{\"image\":\"a\"}]}}}}");

	(void)state;
	assert_string_equal(asb_inventory_image(one), "b");
	assert_string_equal(asb_inventory_image(other), "a");
	assert_null(asb_inventory_image(empty));
	assert_true(asb_inventory_is_ours(one));
	assert_false(asb_inventory_is_ours(other));
	assert_false(asb_inventory_is_ours(empty));
}

/* Three pages; the third one is refused when *context says so. */
static bool in_pages(void *context, const struct fake_request *request)
{
	const bool *refuse = context;

	if (strstr(request->path, "continue=") == NULL)
		fake_answer(
			request, 200, "",
			"{\"kind\":\"SandboxList\",\"metadata\":{\"resourceVersion\":\"7\","
			"\"continue\":\"a/b\",\"remainingItemCount\":2},\"items\":[{\"n\":1}]}");
	else if (strstr(request->path, "continue=a%2Fb") != NULL)
		fake_answer(request, 200, "",
			    "{\"metadata\":{\"continue\":\"c\"},\"items\":[{\"n\":2}]}");
	else if (*refuse)
		fake_answer(request, 410, "", "{\"kind\":\"Status\",\"reason\":\"Expired\"}");
	else
		fake_answer(request, 200, "", "{\"metadata\":{},\"items\":[{\"n\":3}]}");
	return true;
}

static void pages_become_one_list(void **state)
{
	struct fake_server server;
	struct asb_kubeconfig kubeconfig = {0};
	struct asb_error err = ASB_ERROR_INIT;
	bool refuse = false;
	struct asb_http *http;
	ASB_JSON list = NULL;
	ASB_TEXT text = NULL;

	(void)state;
	fake_start(&server, in_pages, &refuse);
	kubeconfig.server = server.url;
	http = asb_http_new(&kubeconfig, &err);
	assert_non_null(http);
	list = asb_inventory_list(http, "/apis/x?labelSelector=y", &err);
	text = asb_json_print(list);
	assert_string_equal(text, "{\"kind\":\"SandboxList\",\"metadata\":{\"resourceVersion\":"
				  "\"7\"},\"items\":[{\"n\":1},{\"n\":2},{\"n\":3}]}");
	refuse = true;
	assert_null(asb_inventory_list(http, "/apis/x", &err));
	assert_int_equal(err.http, 410);
	asb_http_free(http);
	fake_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(one_word_for_each_state),
		cmocka_unit_test(parts),
		cmocka_unit_test(pages_become_one_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
