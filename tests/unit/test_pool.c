/* SPDX-License-Identifier: Apache-2.0 */
/* Warm pools: what their objects say, what is sent, and that half a pool is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/pool.h"
#include "plugin/sandbox/pool_autoscaler.h"
#include "plugin/sandbox/shim_configmap.h"
#include "tests/unit/fake_api.h"

#define EXTENSIONS "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/computer/"
#define TEMPLATE EXTENSIONS "sandboxtemplates/tools"
#define POOL EXTENSIONS "sandboxwarmpools/tools"
#define CONFIG "/api/v1/namespaces/computer/configmaps/tools"
#define OURS                                                                         \
	"{\"metadata\":{\"uid\":\"o\",\"labels\":{\"app.kubernetes.io/managed-by\":" \
	"\"kubectl-agentsandbox\"}}}"
#define THEIRS "{\"metadata\":{\"uid\":\"t\"}}"

static const struct asb_pool_options tools = {
	.name = "tools",
	.size = 3,
	.sandbox = {.namespace_ = "computer",
		    .inner_namespace = "work",
		    .image = "docker.io/acme/tool:1",
		    .service_account = "normal-user"},
};

static void objects(void **state)
{
	const struct asb_placement placement = {&asb_shims[0], false};
	ASB_JSON template = asb_pool_template(&tools, &placement, &asb_api_v1beta1);
	ASB_JSON pool = asb_pool_object(&tools, &asb_api_v1beta1);
	ASB_JSON old = asb_pool_object(&tools, &asb_api_v1alpha1);
	const cJSON *pod = asb_json_at(template, "spec/podTemplate/spec");

	(void)state;
	assert_string_equal(asb_json_string(template, "apiVersion"),
			    "extensions.agents.x-k8s.io/v1beta1");
	/* what the controller would take away from pods of templates that don't say it */
	assert_string_equal(asb_json_string(template, "spec/networkPolicyManagement"), "Unmanaged");
	assert_true(asb_json_bool(pod, "automountServiceAccountToken", false));
	assert_string_equal(asb_json_string(pod, "dnsPolicy"), "ClusterFirst");
	assert_string_equal(asb_json_string(pod, "serviceAccountName"), "normal-user");
	assert_string_equal(asb_json_string(pod, "containers/0/command/1"), "init");
	assert_true(asb_json_bool(pod, "securityContext/runAsNonRoot", false));
	assert_string_equal(asb_json_string(pod, "volumes/0/configMap/name"),
			    asb_shims[0].configmap);
	assert_string_equal(asb_json_string(pod, "volumes/1/configMap/name"), "tools");
	assert_string_equal(asb_json_string(template, "spec/podTemplate/metadata/annotations/"
						      "agentsandbox-namespace"),
			    "work");
	assert_string_equal(asb_json_string(pool, "kind"), "SandboxWarmPool");
	assert_string_equal(asb_json_string(pool, "spec/sandboxTemplateRef/name"), "tools");
	assert_int_equal(asb_json_number(pool, "spec/replicas", 0), 3);
	assert_string_equal(asb_json_string(old, "apiVersion"),
			    "extensions.agents.x-k8s.io/v1alpha1");
}

static void created_whole(void **state)
{
	struct fake_api api = {0};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	fake_api_start(&api);
	assert_int_equal(asb_pool_create(api.http, &asb_api_v1beta1, &tools, &err), 0);
	assert_non_null(fake_get(&api, POOL));
	assert_string_equal(
		asb_json_string(fake_get(&api, CONFIG), "metadata/ownerReferences/0/uid"),
		asb_json_string(fake_get(&api, TEMPLATE), "metadata/uid"));
	assert_non_null(strstr(asb_json_string(fake_get(&api, CONFIG), "data/config"),
			       "\"namespace\":\"work\""));
	fake_api_stop(&api);
}

/* Something of that name is in the way: what was made before is taken back, the other stays. */
static void created_not_at_all(void **state)
{
	static const char *const taken[] = {POOL, CONFIG, TEMPLATE};

	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct fake_api api = {0};
		struct asb_error err = ASB_ERROR_INIT;

		fake_api_start(&api);
		fake_put(&api, taken[i], THEIRS);
		assert_int_equal(asb_pool_create(api.http, &asb_api_v1beta1, &tools, &err), -1);
		assert_non_null(strstr(err.message, "\"tools\" already exists"));
		assert_string_equal(asb_json_string(fake_get(&api, taken[i]), "metadata/uid"), "t");
		assert_true(taken[i] == taken[2] || fake_get(&api, TEMPLATE) == NULL);
		fake_api_stop(&api);
	}
}

static void rights_come_first(void **state)
{
	static const char *const denied[] = {"create sandboxwarmpools", "create sandboxtemplates",
					     "delete sandboxtemplates", "create configmaps"};

	(void)state;
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		struct fake_api api = {.denied = denied[i]};
		struct asb_error err = ASB_ERROR_INIT;

		fake_api_start(&api);
		assert_int_equal(asb_pool_create(api.http, &asb_api_v1beta1, &tools, &err), -1);
		assert_non_null(strstr(err.message, denied[i]));
		assert_non_null(strstr(err.hint, "kind: Role"));
		assert_string_equal(api.log, "");
		fake_api_stop(&api);
	}
}

static void another_shim_is_refused(void **state)
{
	struct fake_api api = {0};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT path =
		asb_strf("/api/v1/namespaces/computer/configmaps/%s", asb_shims[0].configmap);

	(void)state;
	fake_api_start(&api);
	fake_put(&api, path, "{\"binaryData\":{\"amd64\":\"AAAA\"}}");
	assert_int_equal(asb_pool_create(api.http, &asb_api_v1beta1, &tools, &err), -1);
	assert_non_null(strstr(err.message, "does not hold the shim"));
	assert_null(fake_get(&api, TEMPLATE));
	fake_api_stop(&api);
}

static void deleted(void **state)
{
	static const struct {
		const char *pool, *template;
		bool template_stays;
	} cases[] = {{OURS, OURS, false}, {OURS, THEIRS, true}, {THEIRS, OURS, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_api api = {0};
		struct asb_error err = ASB_ERROR_INIT;

		fake_api_start(&api);
		fake_put(&api, POOL, cases[i].pool);
		fake_put(&api, TEMPLATE, cases[i].template);
		assert_int_equal(
			asb_pool_delete(api.http, &asb_api_v1beta1, "computer", "tools", &err), 0);
		assert_null(fake_get(&api, POOL));
		assert_int_equal(fake_get(&api, TEMPLATE) != NULL, cases[i].template_stays);
		assert_int_equal(
			asb_pool_delete(api.http, &asb_api_v1beta1, "computer", "tools", &err), -1);
		assert_int_equal(err.http, 404);
		assert_non_null(strstr(err.hint, "pool list"));
		fake_api_stop(&api);
	}
}

static void scaled(void **state)
{
	struct fake_api api = {0};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	fake_api_start(&api);
	fake_put(&api, POOL, OURS);
	assert_int_equal(asb_pool_scale(api.http, &asb_api_v1beta1, "computer", "tools", 7, &err),
			 0);
	assert_string_equal(api.patch, "{\"spec\":{\"replicas\":7}}");
	assert_int_equal(
		asb_pool_scale(api.http, &asb_api_v1beta1, "computer", "tools", 1001, &err), -1);
	assert_int_equal(err.status, ASB_STATUS_USAGE);
	fake_api_stop(&api);
}

#define HPA "/apis/autoscaling/v2/namespaces/computer/horizontalpodautoscalers/tools"

static void autoscaled(void **state)
{
	struct asb_pool_options options = tools;
	struct fake_api api = {0};
	struct asb_error err = ASB_ERROR_INIT;
	const cJSON *object;

	(void)state;
	options.most = 8;
	fake_api_start(&api);
	assert_int_equal(asb_pool_create(api.http, &asb_api_v1beta1, &options, &err), 0);
	object = fake_get(&api, HPA);
	assert_string_equal(asb_json_string(object, "metadata/ownerReferences/0/uid"),
			    asb_json_string(fake_get(&api, POOL), "metadata/uid"));
	assert_string_equal(asb_json_string(object, "spec/scaleTargetRef/kind"), "SandboxWarmPool");
	assert_int_equal(asb_json_number(object, "spec/minReplicas", 0), 3);
	assert_int_equal(asb_json_number(object, "spec/maxReplicas", 0), 8);
	assert_string_equal(asb_json_string(object, "spec/metrics/0/external/metric/selector/"
						    "matchLabels/warmpool_name"),
			    "tools");
	/* its lower end goes along, within its range */
	api.log[0] = '\0';
	assert_int_equal(asb_pool_scale(api.http, &asb_api_v1beta1, "computer", "tools", 5, &err),
			 0);
	assert_string_equal(api.log, "PATCH " HPA "\nPATCH " POOL "\n");
	for (int size = 0; size < 10; size += 9) {
		assert_int_equal(
			asb_pool_scale(api.http, &asb_api_v1beta1, "computer", "tools", size, &err),
			-1);
		assert_int_equal(err.status, ASB_STATUS_USAGE);
	}
	fake_api_stop(&api);
}

/* A pool that can't be kept in bounds is none. */
static void no_autoscaler_no_pool(void **state)
{
	static const char *const denied[] = {NULL, "create horizontalpodautoscalers"};
	struct asb_pool_options options = tools;

	(void)state;
	options.most = 8;
	for (size_t i = 0; i < 2; i++) {
		struct fake_api api = {.denied = denied[i]};
		struct asb_error err = ASB_ERROR_INIT;

		fake_api_start(&api);
		if (denied[i] == NULL)
			fake_put(&api, HPA, THEIRS);
		assert_int_equal(asb_pool_create(api.http, &asb_api_v1beta1, &options, &err), -1);
		assert_null(fake_get(&api, POOL));
		assert_null(fake_get(&api, TEMPLATE));
		fake_api_stop(&api);
	}
}

static void autoscaler_in_words(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{"{\"spec\":{\"minReplicas\":2,\"maxReplicas\":6}}", "2 to 6, not looked at yet"},
		{"{\"spec\":{\"minReplicas\":2,\"maxReplicas\":6},\"status\":{\"conditions\":["
		 "{\"type\":\"ScalingActive\",\"status\":\"True\"}]}}",
		 "2 to 6, active"},
		{"{\"spec\":{\"minReplicas\":2,\"maxReplicas\":6},\"status\":{\"conditions\":["
		 "{\"type\":\"ScalingActive\",\"status\":\"False\",\"reason\":\"R\","
		 "\"message\":\"m\"}]}}",
		 "2 to 6, not active: R: m"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON json = asb_json_literal(cases[i].json);
		ASB_TEXT text = asb_autoscaler_describe(json);

		assert_string_equal(text, cases[i].text);
	}
}

/* The user's own template comes first, and what it leaves open is ours. */
static void own_template(void **state)
{
	ASB_JSON base = asb_json_literal(
		"{\"metadata\":{\"name\":\"x\",\"labels\":{\"team\":\"blue\"}},\"spec\":{"
		"\"networkPolicyManagement\":\"Managed\",\"podTemplate\":{\"spec\":{"
		"\"containers\":[{\"name\":\"main\",\"image\":\"own\"}]}}}}");
	const struct asb_placement placement = {&asb_shims[0], false};
	struct asb_pool_options options = tools;
	ASB_JSON template = NULL;
	const cJSON *pod;

	(void)state;
	options.sandbox.base = base;
	template = asb_pool_template(&options, &placement, &asb_api_v1beta1);
	pod = asb_json_at(template, "spec/podTemplate/spec");
	assert_string_equal(asb_json_string(template, "metadata/name"), "tools");
	assert_string_equal(asb_json_string(template, "metadata/labels/team"), "blue");
	assert_string_equal(asb_json_string(template, "spec/networkPolicyManagement"), "Managed");
	assert_string_equal(asb_json_string(pod, "containers/0/image"), "own");
	assert_string_equal(asb_json_string(pod, "containers/0/command/1"), "init");
	assert_string_equal(asb_json_string(pod, "dnsPolicy"), "ClusterFirst");
	assert_true(asb_json_bool(pod, "automountServiceAccountToken", false));
}

static void usage_errors(void **state)
{
	static const struct {
		const char *name;
		int64_t replicas, most;
		bool fine;
	} cases[] = {
		{"tools", 2, 2, true},
		{"tools", 2, 1, false},
		{"tools", 2, 1001, false},
		{"tools", 0, 5, false},
		{"tools", 0, 0, true},
		{"tools", -1, 0, false},
		{"tools", 1001, 0, false},
		{"Tools", 1, 0, false},
		{"", 1, 0, false},
		{"a23456789012345678901234567890123456789012345678901234567", 1, 0, true},
		{"a234567890123456789012345678901234567890123456789012345678", 1, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_pool_options options = tools;
		struct asb_error err = ASB_ERROR_INIT;

		options.name = cases[i].name;
		options.size = cases[i].replicas;
		options.most = cases[i].most;
		assert_int_equal(asb_pool_check(&options, &err), cases[i].fine ? 0 : -1);
		assert_int_equal(err.status, cases[i].fine ? 0 : ASB_STATUS_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects),
		cmocka_unit_test(created_whole),
		cmocka_unit_test(created_not_at_all),
		cmocka_unit_test(rights_come_first),
		cmocka_unit_test(another_shim_is_refused),
		cmocka_unit_test(deleted),
		cmocka_unit_test(scaled),
		cmocka_unit_test(autoscaled),
		cmocka_unit_test(no_autoscaler_no_pool),
		cmocka_unit_test(autoscaler_in_words),
		cmocka_unit_test(own_template),
		cmocka_unit_test(usage_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
