/* SPDX-License-Identifier: Apache-2.0 */
/* The objects we send: what makes the pod safe, what the user decides, and what is refused early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/inner_config.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/quantity.h"
#include "plugin/sandbox/shim_binary.h"
#include "plugin/sandbox/shim_configmap.h"
#include "plugin/sandbox/spec.h"

#define POD "spec/podTemplate/spec/"
#define CONTAINER POD "containers/0/"

static struct asb_sandbox_options plain_options(void)
{
	return (struct asb_sandbox_options){
		.namespace_ = "computer",
		.image = "docker.io/bitnami/kubectl:latest",
		.service_account = "normal-user",
	};
}

static cJSON *build(const struct asb_sandbox_options *options)
{
	const struct asb_spec spec = {
		.name = "run-abc",
		.instance = "run-xyz",
		.shutdown_time = "2026-11-23T01:02:03Z",
		.placement = {&asb_shims[0], false},
	};
	struct asb_error err = ASB_ERROR_INIT;

	assert_int_equal(asb_spec_check(options, &err), 0);
	return asb_spec_build(options, &spec);
}

static void expect_member(const cJSON *json, const char *path, const char *want)
{
	const char *got = asb_json_string(json, path);

	if (got == NULL || strcmp(got, want) != 0)
		fail_msg("%s is \"%s\", not \"%s\"", path, got != NULL ? got : "(absent)", want);
}

static void expect_text(const cJSON *json, const char *path, const char *want)
{
	const cJSON *item = asb_json_at(json, path);
	ASB_TEXT got = item != NULL ? asb_json_print(item) : asb_strdup("(absent)");

	if (strcmp(got, want) != 0)
		fail_msg("%s is %s, not %s", path, got, want);
}

static void the_sandbox(void **state)
{
	const struct asb_sandbox_options options = plain_options();
	ASB_JSON sandbox = build(&options);
	const cJSON *labels = asb_json_at(sandbox, "metadata/labels");

	(void)state;
	expect_member(sandbox, "apiVersion", "agents.x-k8s.io/v1beta1");
	expect_member(sandbox, "kind", "Sandbox");
	expect_member(sandbox, "metadata/name", "run-abc");
	expect_member(sandbox, "spec/shutdownTime", "2026-11-23T01:02:03Z");
	expect_member(sandbox, "spec/shutdownPolicy", "Delete");
	assert_string_equal(
		cJSON_GetStringValue(asb_json_member(labels, "app.kubernetes.io/managed-by")),
		"kubectl-agentsandbox");
	assert_string_equal(asb_labels_instance(sandbox), "run-xyz");
	assert_null(asb_json_at(sandbox, "spec/service"));
}

/* Pod Security Standards, profile "restricted", every control that concerns this pod. */
static void passes_restricted(void **state)
{
	static const char *const volumes[] = {"configMap", "configMap", "emptyDir", "emptyDir",
					      "emptyDir"};
	const struct asb_sandbox_options options = plain_options();
	ASB_JSON sandbox = build(&options);

	(void)state;
	expect_text(sandbox, POD "securityContext/runAsNonRoot", "true");
	expect_text(sandbox, POD "securityContext/runAsUser", "1001");
	expect_text(sandbox, POD "securityContext/runAsGroup", "1001");
	expect_member(sandbox, POD "securityContext/seccompProfile/type", "RuntimeDefault");
	expect_text(sandbox, CONTAINER "securityContext/allowPrivilegeEscalation", "false");
	expect_text(sandbox, CONTAINER "securityContext/privileged", "false");
	expect_text(sandbox, CONTAINER "securityContext/capabilities", "{\"drop\":[\"ALL\"]}");
	expect_text(sandbox, CONTAINER "securityContext/readOnlyRootFilesystem", "true");
	for (size_t i = 0; i < 5; i++) {
		ASB_TEXT path = asb_strf(POD "volumes/%zu/%s", i, volumes[i]);

		assert_non_null(asb_json_at(sandbox, path));
	}
	assert_int_equal(cJSON_GetArraySize(asb_json_at(sandbox, POD "volumes")), 5);
	assert_int_equal(cJSON_GetArraySize(asb_json_at(sandbox, POD "containers")), 1);
	assert_null(asb_json_at(sandbox, POD "hostNetwork"));
	assert_null(asb_json_at(sandbox, POD "hostUsers"));
	assert_null(asb_json_at(sandbox, POD "initContainers"));
}

static void the_pod(void **state)
{
	const struct asb_sandbox_options options = plain_options();
	ASB_JSON sandbox = build(&options);

	(void)state;
	expect_member(sandbox, POD "restartPolicy", "Never");
	expect_text(sandbox, POD "automountServiceAccountToken", "true");
	expect_member(sandbox, POD "serviceAccountName", "normal-user");
	expect_text(sandbox, POD "enableServiceLinks", "false");
	expect_text(sandbox, POD "terminationGracePeriodSeconds", "2");
	expect_text(sandbox, POD "nodeSelector",
		    "{\"kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":\"amd64\"}");
	assert_null(asb_json_at(sandbox, POD "runtimeClassName"));
	assert_null(asb_json_at(sandbox, POD "securityContext/fsGroup"));
	expect_member(sandbox, CONTAINER "name", "main");
	expect_text(sandbox, CONTAINER "command", "[\"/agentsandbox/shim\",\"init\"]");
	expect_member(sandbox, CONTAINER "image", "docker.io/bitnami/kubectl:latest");
	assert_null(asb_json_at(sandbox, CONTAINER "imagePullPolicy"));
	assert_null(asb_json_at(sandbox, CONTAINER "stdin"));
	assert_null(asb_json_at(sandbox, CONTAINER "livenessProbe"));
	assert_null(asb_json_at(sandbox, CONTAINER "readinessProbe"));
}

/* The mode keeps commands from reading, and so from tracing, PID 1: it has to be 0111 exactly. */
static void the_shim_can_be_executed_only(void **state)
{
	const struct asb_sandbox_options options = plain_options();
	ASB_JSON sandbox = build(&options);
	const cJSON *mount =
		asb_json_find(sandbox, CONTAINER "volumeMounts", "mountPath", "/agentsandbox");

	(void)state;
	assert_int_equal((int)asb_json_number(sandbox, POD "volumes/0/configMap/defaultMode", 0),
			 0111);
	expect_member(sandbox, POD "volumes/0/configMap/name", asb_shims[0].configmap);
	expect_text(sandbox, POD "volumes/0/configMap/items",
		    "[{\"path\":\"shim\",\"key\":\"amd64\"}]");
	assert_true(asb_json_bool(mount, "readOnly", false));
	expect_member(sandbox, POD "volumes/1/configMap/name", "run-abc");
	assert_false(asb_json_bool(sandbox, POD "volumes/1/configMap/optional", true));
}

/* Another architecture is asked for by the node's label, and mounted from another ConfigMap. */
static void the_shim_of_the_placement(void **state)
{
	static const struct asb_shim other = {"arm64", NULL, 0, "0123456789ab",
					      "agentsandbox-shim-0123456789ab"};
	const struct asb_sandbox_options options = plain_options();
	const struct asb_spec spec = {
		.name = "run-abc", .instance = "run-xyz", .placement = {&other, true}};
	ASB_JSON sandbox = asb_spec_build(&options, &spec);

	(void)state;
	expect_text(sandbox, POD "nodeSelector",
		    "{\"kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":\"arm64\"}");
	expect_member(sandbox, POD "volumes/0/configMap/name", "agentsandbox-shim-0123456789ab");
	expect_text(sandbox, POD "volumes/0/configMap/items",
		    "[{\"path\":\"shim\",\"key\":\"arm64\"}]");
	assert_int_equal((int)asb_json_number(sandbox, POD "volumes/0/configMap/defaultMode", 0),
			 0555);
}

/* With a read-only root filesystem, whatever a command may write must be a mount. */
static void what_is_writable(void **state)
{
	const struct asb_sandbox_options options = plain_options();
	ASB_JSON sandbox = build(&options);
	const cJSON *env = asb_json_at(sandbox, CONTAINER "env"), *variable;

	(void)state;
	expect_member(asb_json_find(sandbox, CONTAINER "env", "name", "HOME"), "value",
		      "/home/agent");
	expect_member(asb_json_find(sandbox, CONTAINER "env", "name", "KUBECONFIG"), "value",
		      "/etc/agentsandbox/config");
	cJSON_ArrayForEach(variable, env)
		assert_string_not_equal(asb_json_string(variable, "name"), "PATH");
	for (size_t i = 2; i < 5; i++) {
		ASB_TEXT limit = asb_strf(POD "volumes/%zu/emptyDir/sizeLimit", i);
		ASB_TEXT name = asb_strf(POD "volumes/%zu/name", i);
		const cJSON *mount = asb_json_find(sandbox, CONTAINER "volumeMounts", "name",
						   asb_json_string(sandbox, name));

		assert_non_null(asb_json_string(sandbox, limit));
		assert_non_null(mount);
		assert_false(asb_json_bool(mount, "readOnly", false));
	}
	assert_non_null(asb_json_find(sandbox, CONTAINER "volumeMounts", "mountPath",
				      asb_json_string(sandbox, CONTAINER "workingDir")));
	assert_non_null(asb_json_find(sandbox, CONTAINER "volumeMounts", "mountPath", "/tmp"));
}

static void what_the_user_decides(void **state)
{
	struct asb_sandbox_options options = plain_options();
	ASB_JSON sandbox = NULL;

	(void)state;
	options.image_pull_policy = "Always";
	options.runtime_class = "gvisor";
	options.cpu = "250m";
	options.memory = "128Mi";
	options.user = "4242";
	sandbox = build(&options);
	expect_member(sandbox, CONTAINER "imagePullPolicy", "Always");
	expect_member(sandbox, POD "runtimeClassName", "gvisor");
	expect_member(sandbox, CONTAINER "resources/limits/cpu", "250m");
	expect_member(sandbox, CONTAINER "resources/limits/memory", "128Mi");
	expect_text(sandbox, POD "securityContext/runAsUser", "4242");
	expect_text(sandbox, POD "securityContext/runAsGroup", "4242");
	expect_text(sandbox, POD "securityContext/runAsNonRoot", "true");
}

static void users(void **state)
{
	struct asb_sandbox_options options = plain_options();
	ASB_JSON image = NULL;
	ASB_JSON root = NULL;

	(void)state;
	options.user = "image";
	image = build(&options);
	assert_null(asb_json_at(image, POD "securityContext/runAsUser"));
	assert_null(asb_json_at(image, POD "securityContext/runAsGroup"));
	expect_text(image, POD "securityContext/runAsNonRoot", "true");
	options.user = "0";
	root = build(&options);
	expect_text(root, POD "securityContext/runAsUser", "0");
	assert_null(asb_json_at(root, POD "securityContext/runAsNonRoot"));
	expect_text(root, CONTAINER "securityContext/capabilities", "{\"drop\":[\"ALL\"]}");
}

/* Every limit has a request, and none is larger: else quotas or the API server refuse the pod. */
static void requests_follow_limits(void **state)
{
	static const char *const limits[][2] = {{NULL, NULL},	  {"1000", "1Ti"},  {"1m", "8Mi"},
						{"500m", "20Mi"}, {"2.5", "1500M"}, {"2", "2e9"}};
	static const char *const names[] = {"cpu", "memory", "ephemeral-storage"};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct asb_sandbox_options options = plain_options();
		ASB_JSON sandbox = NULL;

		options.cpu = limits[i][0];
		options.memory = limits[i][1];
		sandbox = build(&options);
		for (size_t k = 0; k < 3; k++) {
			ASB_TEXT limit = asb_strf(CONTAINER "resources/limits/%s", names[k]);
			ASB_TEXT request = asb_strf(CONTAINER "resources/requests/%s", names[k]);
			double most = asb_quantity_parse(asb_json_string(sandbox, limit));
			double asked = asb_quantity_parse(asb_json_string(sandbox, request));

			assert_true(asked > 0 && asked <= most);
		}
	}
}

/* More than any node has must not fit by way of a small request. */
static void a_huge_limit_is_a_huge_request(void **state)
{
	struct asb_sandbox_options options = plain_options();
	ASB_JSON sandbox = NULL;

	(void)state;
	options.cpu = "1000";
	sandbox = build(&options);
	assert_true(asb_quantity_parse(
			    asb_json_string(sandbox, CONTAINER "resources/requests/cpu")) >= 100);
}

static void usage_errors(void **state)
{
	static const struct {
		const char *name, *image, *policy, *cpu, *memory, *user, *says;
	} wrong[] = {
		{.name = "Not_A_Name", .says = "--name"},
		{.name = "-x", .says = "--name"},
		{.name = "", .says = "--name"},
		{.name = "a-name-that-is-much-too-long-for-a-label-because-it-has-64-characters-",
		 .says = "--name"},
		{.image = "", .says = "--image"},
		{.image = "a b", .says = "--image"},
		{.image = "a\n", .says = "--image"},
		{.policy = "Sometimes", .says = "--image-pull-policy"},
		{.cpu = "lots", .says = "--cpu"},
		{.cpu = "0", .says = "--cpu"},
		{.cpu = "-1", .says = "--cpu"},
		{.memory = "12Q", .says = "--memory"},
		{.memory = "", .says = "--memory"},
		{.memory = "512m", .says = "--memory"},
		{.memory = "0x10", .says = "--memory"},
		{.user = "nobody", .says = "--user"},
		{.user = "-1", .says = "--user"},
		{.user = "", .says = "--user"},
		{.user = "2147483648", .says = "--user"},
		{.user = "99999999999999999999", .says = "--user"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct asb_sandbox_options options = plain_options();
		struct asb_error err = ASB_ERROR_INIT;

		options.name = wrong[i].name;
		if (wrong[i].image != NULL)
			options.image = wrong[i].image;
		options.image_pull_policy = wrong[i].policy;
		options.cpu = wrong[i].cpu;
		options.memory = wrong[i].memory;
		options.user = wrong[i].user;
		assert_int_equal(asb_spec_check(&options, &err), -1);
		assert_int_equal(err.status, ASB_STATUS_USAGE);
		if (strstr(err.message, wrong[i].says) == NULL)
			fail_msg("\"%s\" does not name %s", err.message, wrong[i].says);
	}
}

static void quantities(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {{"1", 1},	    {"500m", 0.5},  {"1.5", 1.5},  {"0.5Gi", 536870912.0},
		    {"2k", 2000},   {"1Ki", 1024},  {"1e3", 1000}, {"1E3", 1000},
		    {"12E", 12e18}, {"1e-2", 0.01}, {".5", 0.5},   {"5.", 5}};
	static const char *const bad[] = {"",	   "m",	 "Gi", "1 Gi", "1gi", "1Q",   "-1",  "+1",
					  "1.2.3", "e3", "1e", "1e+",  "inf", "0x10", "1Gi "};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		double got = asb_quantity_parse(good[i].text);

		if (got < good[i].value * 0.999999 || got > good[i].value * 1.000001)
			fail_msg("%s is %f", good[i].text, got);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (asb_quantity_parse(bad[i]) >= 0)
			fail_msg("\"%s\" is taken for a quantity", bad[i]);
	}
}

static void random_names(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT one = asb_random_name(&err);
	ASB_TEXT two = asb_random_name(&err);

	(void)state;
	assert_int_equal(strlen(one), 14);
	assert_memory_equal(one, "run-", 4);
	assert_true(asb_is_dns_label(one));
	assert_string_not_equal(one, two);
}

static void the_inner_kubeconfig(void **state)
{
	const struct asb_owner owner = {"agents.x-k8s.io/v1beta1", "Sandbox", "run-abc", "uid-1"};
	ASB_JSON object = asb_inner_config(&owner, "run-xyz", "kube-system");
	ASB_JSON fallback = asb_inner_config(&owner, "run-xyz", NULL);
	struct asb_error err = ASB_ERROR_INIT;
	const char *text = asb_json_string(object, "data/config");
	ASB_JSON config = asb_json_parse(text, strlen(text), &err);

	(void)state;
	expect_member(object, "metadata/name", "run-abc");
	expect_text(object, "metadata/ownerReferences",
		    "[{\"apiVersion\":\"agents.x-k8s.io/v1beta1\",\"kind\":\"Sandbox\","
		    "\"name\":\"run-abc\",\"uid\":\"uid-1\"}]");
	expect_member(config, "contexts/0/context/namespace", "kube-system");
	expect_member(config, "clusters/0/cluster/server", "https://kubernetes.default.svc");
	expect_member(config, "users/0/user/tokenFile",
		      "/var/run/secrets/kubernetes.io/serviceaccount/token");
	assert_non_null(
		strstr(asb_json_string(fallback, "data/config"), "\"namespace\":\"default\""));
}

/* The base64 of the object is compared with a decoder of the test's own. */
static size_t decode(const char *text, unsigned char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;
	unsigned bits = 0, word = 0;

	for (; *text != '\0' && *text != '='; text++) {
		const char *digit = strchr(digits, *text);

		assert_non_null(digit);
		word = word << 6 | (unsigned)(digit - digits);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		out[n++] = (unsigned char)(word >> bits);
	}
	return n;
}

static void the_shim_configmap(void **state)
{
	ASB_JSON object = asb_shim_configmap(&asb_shims[0]);
	const char *text = asb_json_string(object, "binaryData/amd64");
	unsigned char *bytes = asb_malloc(asb_shims[0].size + 3);

	(void)state;
	assert_int_equal(decode(text, bytes), asb_shims[0].size);
	assert_memory_equal(bytes, asb_shims[0].bytes, asb_shims[0].size);
	assert_memory_equal(bytes,
			    "\x7f"
			    "ELF",
			    4);
	free(bytes);
	assert_true(strlen(text) < 1000000); /* a ConfigMap holds 1 MiB */
	assert_true(asb_json_bool(object, "immutable", false));
	expect_member(object, "metadata/name", asb_shims[0].configmap);
	assert_memory_equal(asb_shims[0].configmap, "agentsandbox-shim-", 18);
	assert_string_equal(asb_shims[0].configmap + 18, asb_shims[0].hash);
	assert_int_equal(strlen(asb_shims[0].hash), 12);
}

static void a_foreign_shim_is_told(void **state)
{
	ASB_JSON object = asb_shim_configmap(&asb_shims[0]);
	char *text;

	(void)state;
	assert_true(asb_shim_configmap_same(&asb_shims[0], object));
	asb_json_set_string(object, "binaryData/arm64", "AAAA");
	assert_false(asb_shim_configmap_same(&asb_shims[0], object)); /* another key */
	cJSON_DeleteItemFromObject(cJSON_GetObjectItem(object, "binaryData"), "arm64");
	assert_true(asb_shim_configmap_same(&asb_shims[0], object));
	text = asb_strdup(asb_json_string(object, "binaryData/amd64"));
	text[1000] = text[1000] == 'A' ? 'B' : 'A';
	asb_json_set_string(object, "binaryData/amd64", text);
	assert_false(asb_shim_configmap_same(&asb_shims[0], object)); /* one bit */
	free(text);
	assert_false(asb_shim_configmap_same(&asb_shims[0], NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sandbox),
		cmocka_unit_test(passes_restricted),
		cmocka_unit_test(the_pod),
		cmocka_unit_test(the_shim_can_be_executed_only),
		cmocka_unit_test(the_shim_of_the_placement),
		cmocka_unit_test(what_is_writable),
		cmocka_unit_test(what_the_user_decides),
		cmocka_unit_test(users),
		cmocka_unit_test(requests_follow_limits),
		cmocka_unit_test(a_huge_limit_is_a_huge_request),
		cmocka_unit_test(usage_errors),
		cmocka_unit_test(quantities),
		cmocka_unit_test(random_names),
		cmocka_unit_test(the_inner_kubeconfig),
		cmocka_unit_test(the_shim_configmap),
		cmocka_unit_test(a_foreign_shim_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
