/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the API's versions is spoken, by what the cluster serves: nothing but its name differs
 * in what is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/resources.h"
#include "plugin/sandbox/sandbox.h"
#include "tests/unit/fake_api.h"

#define GROUP "/apis/agents.x-k8s.io"
#define SERVES(v) "{\"versions\":[{\"version\":\"" v "\"}]}"
#define BOTH "{\"versions\":[{\"version\":\"v1alpha1\"},{\"version\":\"v1beta1\"}]}"

static void the_newest_known(void **state)
{
	static const struct {
		const char *group;
		const struct asb_api *api;
	} cases[] = {
		{SERVES("v1beta1"), &asb_api_v1beta1},
		{SERVES("v1alpha1"), &asb_api_v1alpha1},
		{BOTH, &asb_api_v1beta1},
		{"{\"versions\":[{\"version\":\"v1\"},{\"version\":\"v1beta1\"}]}",
		 &asb_api_v1beta1},
		{SERVES("v1"), NULL},
		{"{\"versions\":[]}", NULL},
		{"{}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON group = asb_json_literal(cases[i].group);

		assert_ptr_equal(asb_api_served(group), cases[i].api);
	}
}

static void the_version_of_an_object(void **state)
{
	ASB_JSON old = asb_json_literal("{\"apiVersion\":\"agents.x-k8s.io/v1alpha1\"}");
	ASB_JSON claim =
		asb_json_literal("{\"apiVersion\":\"extensions.agents.x-k8s.io/v1alpha1\"}");
	ASB_JSON silent = asb_json_literal("{}");

	(void)state;
	assert_ptr_equal(asb_api_of(old), &asb_api_v1alpha1);
	assert_ptr_equal(asb_api_of(claim), &asb_api_v1alpha1);
	assert_ptr_equal(asb_api_of(silent), &asb_api_v1beta1);
	assert_ptr_equal(asb_api_of(NULL), &asb_api_v1beta1);
}

static void suspended_in_either(void **state)
{
	static const struct {
		const char *object;
		bool suspended;
	} cases[] = {
		{"{\"spec\":{}}", false},
		{"{\"spec\":{\"operatingMode\":\"Running\"}}", false},
		{"{\"spec\":{\"operatingMode\":\"Suspended\"}}", true},
		{"{\"spec\":{\"replicas\":1}}", false},
		{"{\"spec\":{\"replicas\":0}}", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON object = asb_json_literal(cases[i].object);

		assert_int_equal(asb_is_suspended(object), cases[i].suspended);
	}
}

/* As soon as there is a Sandbox there is its pod, and it runs. */
static void controller(struct fake_api *api, const char *method, const char *path)
{
	ASB_TEXT sandbox = asb_strf("%s/%s/namespaces/computer/sandboxes/box", GROUP,
				    (const char *)api->context);
	const char *uid = asb_json_string(fake_get(api, sandbox), "metadata/uid");
	struct asb_buffer pod = ASB_BUFFER_INIT;

	(void)method;
	(void)path;
	if (uid == NULL)
		return;
	asb_buffer_addf(&pod,
			"{\"metadata\":{\"name\":\"box\",\"uid\":\"p\",\"ownerReferences\":["
			"{\"uid\":\"%s\"}]},\"spec\":{\"nodeName\":\"n\"},\"status\":{"
			"\"containerStatuses\":[{\"name\":\"main\",\"state\":{\"running\":{}}}]}}",
			uid);
	fake_store(api, "/api/v1/namespaces/computer/pods/box", pod.data);
	asb_buffer_release(&pod);
}

static int run_one(struct fake_api *api, struct asb_error *err)
{
	const struct asb_sandbox_options options = {
		.namespace_ = "computer",
		.name = "box",
		.image = "docker.io/acme/tool:1",
		.service_account = "normal-user",
		.ready_timeout_ms = 10000,
		.lease_ms = 60000,
	};
	struct asb_sandbox *sandbox = asb_sandbox_new(api->http, &options, NULL);
	struct asb_error ignored = ASB_ERROR_INIT;
	int rc = asb_sandbox_prepare(sandbox, err);

	if (rc == 0)
		rc = asb_sandbox_create(sandbox, err);
	while (rc == 0 && asb_sandbox_phase(sandbox) != ASB_SANDBOX_RUNNING) {
		fake_wait(api, asb_sandbox_timeout(sandbox));
		rc = asb_sandbox_step(sandbox, err);
	}
	assert_int_equal(asb_sandbox_delete(sandbox, true, &ignored), 0);
	asb_sandbox_free(sandbox);
	return rc;
}

static void a_whole_life_in_each(void **state)
{
	static const struct {
		const char *group, *version;
	} cases[] = {{SERVES("v1alpha1"), "v1alpha1"},
		     {SERVES("v1beta1"), "v1beta1"},
		     {BOTH, "v1beta1"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_error err = ASB_ERROR_INIT;
		struct fake_api api = {.hook = controller};
		ASB_TEXT path =
			asb_strf(GROUP "/%s/namespaces/computer/sandboxes", cases[i].version);
		ASB_TEXT post = asb_strf("POST %s\n", path);
		ASB_TEXT delete = asb_strf("DELETE %s/box\n", path);

		api.context = (void *)(uintptr_t)cases[i].version;
		fake_api_start(&api);
		fake_put(&api, GROUP, cases[i].group);
		assert_int_equal(run_one(&api, &err), 0);
		assert_non_null(strstr(api.log, post));
		assert_non_null(strstr(api.log, delete));
		fake_api_stop(&api);
	}
}

static void unknown_versions(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct fake_api api = {0};

	(void)state;
	fake_api_start(&api);
	fake_put(&api, GROUP, "{\"versions\":[{\"version\":\"v2\"},{\"version\":\"v1\"}]}");
	assert_int_equal(run_one(&api, &err), -1);
	assert_non_null(strstr(err.message, "as v2, v1; this plugin speaks v1beta1"));
	assert_true(err.hint[0] != '\0');
	assert_string_equal(api.log, "");
	fake_api_stop(&api);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_known),    cmocka_unit_test(the_version_of_an_object),
		cmocka_unit_test(suspended_in_either), cmocka_unit_test(a_whole_life_in_each),
		cmocka_unit_test(unknown_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
