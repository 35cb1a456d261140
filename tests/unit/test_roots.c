/* SPDX-License-Identifier: Apache-2.0 */
/* What a name stands for: a Sandbox, a claim with its Sandbox, or a plain pod of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/roots.h"
#include "tests/unit/fake_api.h"

#define SANDBOXES "/apis/agents.x-k8s.io/v1beta1/namespaces/computer/sandboxes/"
#define CLAIMS "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/computer/sandboxclaims/"
#define PODS "/api/v1/namespaces/computer/pods/"
#define META(name, more) "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"computer\"" more "}"
#define OWNED(kind, name)                                                             \
	",\"ownerReferences\":[{\"kind\":\"" kind "\",\"name\":\"" name "\",\"uid\":" \
	"\"u\",\"controller\":true}]"
#define LABELS                                                                    \
	",\"labels\":{\"app.kubernetes.io/managed-by\":\"kubectl-agentsandbox\"," \
	"\"app.kubernetes.io/component\":\"sandbox\"}"
#define SANDBOX(name, more) "{\"kind\":\"Sandbox\"," META(name, more) "}"
#define CLAIM(name, got)                                                                         \
	"{\"kind\":\"SandboxClaim\"," META(name, "") ",\"status\":{\"sandbox\":{\"name\":\"" got \
						     "\"}}}"
#define POD(name, more)                                                                      \
	"{\"kind\":\"Pod\"," META(name, more) ",\"spec\":{\"activeDeadlineSeconds\":600,"    \
					      "\"nodeName\":\"n\",\"containers\":["          \
					      "{\"name\":\"main\",\"image\":\"i\"}]},"       \
					      "\"status\":{\"phase\":\"Failed\",\"reason\":" \
					      "\"DeadlineExceeded\",\"startTime\":"          \
					      "\"1970-01-01T00:00:10Z\"}}"

static void put_world(struct fake_api *api)
{
	fake_api_start(api);
	fake_put(api, SANDBOXES "own", SANDBOX("own", ""));
	fake_put(api, CLAIMS "warm", CLAIM("warm", "pool-1"));
	fake_put(api, SANDBOXES "pool-1", SANDBOX("pool-1", OWNED("SandboxClaim", "warm")));
	fake_put(api, CLAIMS "cold", CLAIM("cold", "cold"));
	fake_put(api, SANDBOXES "cold", SANDBOX("cold", OWNED("SandboxClaim", "cold")));
	fake_put(api, PODS "plain", POD("plain", LABELS));
	fake_put(api, PODS "own", POD("own", LABELS OWNED("Sandbox", "own")));
	fake_put(api, PODS "foreign", POD("foreign", ""));
	fake_put(api, CLAIMS "two", CLAIM("two", "pool-2"));
	fake_put(api, SANDBOXES "two", SANDBOX("two", ""));
}

static void names(void **state)
{
	static const struct {
		const char *name, *root; /* NULL: none */
		enum asb_root_kind kind;
		const char *sandbox;
	} cases[] = {
		{"own", "own", ASB_ROOT_SANDBOX, "own"},
		{"warm", "warm", ASB_ROOT_CLAIM, "pool-1"},
		{"pool-1", "warm", ASB_ROOT_CLAIM, "pool-1"}, /* its claim is what ends it */
		{"cold", "cold", ASB_ROOT_CLAIM, "cold"},
		{"plain", "plain", ASB_ROOT_POD, NULL},
		{"foreign", NULL, ASB_ROOT_POD, NULL},
		{"nothing", NULL, ASB_ROOT_POD, NULL},
	};
	struct fake_api api = {0};

	(void)state;
	put_world(&api);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_error err = ASB_ERROR_INIT, none = ASB_ERROR_INIT;
		ASB_JSON root =
			asb_roots_get(api.http, &asb_api_v1beta1, "computer", cases[i].name, &err);

		if (cases[i].root == NULL) {
			assert_null(root);
			assert_int_equal(err.http, 404);
			assert_non_null(strstr(err.message, cases[i].name));
			continue;
		}
		assert_string_equal(asb_json_string(root, "metadata/name"), cases[i].root);
		assert_int_equal(asb_root_kind(root), cases[i].kind);
		if (cases[i].sandbox != NULL)
			assert_string_equal(asb_root_sandbox(root, &none), cases[i].sandbox);
		else
			assert_null(asb_root_sandbox(root, &none));
	}
	fake_api_stop(&api);
}

static void two_of_a_name(void **state)
{
	struct fake_api api = {0};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	put_world(&api);
	assert_null(asb_roots_get(api.http, &asb_api_v1beta1, "computer", "two", &err));
	assert_non_null(strstr(err.message, "the name of two"));
	assert_non_null(strstr(err.hint, "pool-2"));
	fake_api_stop(&api);
}

/* More than are asked for side by side. */
static void many(void **state)
{
	const char *wanted[23];
	struct fake_api api = {0};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON missing = asb_json_literal("[]");
	ASB_JSON found = NULL;

	(void)state;
	put_world(&api);
	for (size_t i = 0; i < 23; i++)
		wanted[i] = i == 12 ? "none" : "own";
	found = asb_roots_find(api.http, &asb_api_v1beta1, "computer", wanted, 23, missing, &err);
	assert_int_equal(cJSON_GetArraySize(found), 22);
	assert_int_equal(asb_roots_fail_missing(missing, &err), -1);
	assert_string_equal(err.message, "Error from server (NotFound): sandboxes.agents.x-k8s.io "
					 "\"none\" not found");
	fake_api_stop(&api);
}

static void columns(void **state)
{
	ASB_JSON pod = asb_json_literal(POD("p", LABELS));
	ASB_JSON claim = asb_json_literal(
		"{\"kind\":\"SandboxClaim\",\"spec\":{\"lifecycle\":{\"shutdownTime\":"
		"\"1970-01-01T00:01:00Z\"}},\"status\":{\"conditions\":[{\"type\":\"Ready\","
		"\"status\":\"True\"}]}}");
	ASB_JSON suspended = asb_json_literal("{\"spec\":{\"operatingMode\":\"Suspended\"}}");

	(void)state;
	assert_string_equal(asb_root_status(pod, pod), "Expired");
	assert_int_equal(asb_root_end_ms(pod), 610000);
	assert_string_equal(asb_root_image(pod, pod), "i");
	assert_string_equal(asb_root_node(pod, NULL), "n");
	assert_string_equal(asb_root_status(claim, NULL), "Running");
	assert_string_equal(asb_root_status(claim, suspended), "Suspending");
	assert_int_equal(asb_root_end_ms(claim), 60000);
	assert_null(asb_root_image(claim, NULL));
	assert_null(asb_root_pod(claim, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(two_of_a_name),
		cmocka_unit_test(many),
		cmocka_unit_test(columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
