/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own Sandbox: what wins, what is joined, what stays ours, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/base/yaml.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/overlay.h"
#include "plugin/sandbox/spec.h"

#define POD "spec/podTemplate/spec/"
#define MAIN POD "containers/0/"
#define HEAD "apiVersion: agents.x-k8s.io/v1beta1\nkind: Sandbox\n"
#define IN_POD(text) HEAD "spec: {podTemplate: {spec: {" text "}}}\n"
#define IN_MAIN(text) IN_POD("containers: [{name: main, " text "}]")

static cJSON *parse(const char *yaml)
{
	struct asb_error err = ASB_ERROR_INIT;
	cJSON *own = asb_yaml_parse(yaml, strlen(yaml), "f", &err);

	assert_non_null(own);
	return own;
}

static cJSON *build(const char *yaml)
{
	ASB_JSON own = parse(yaml);
	const struct asb_sandbox_options options = {
		.namespace_ = "computer",
		.image = "docker.io/bitnami/kubectl:latest",
		.service_account = "normal-user",
		.base = own,
	};
	const struct asb_spec spec = {
		.name = "box",
		.instance = "run-xyz",
		.shutdown_time = "2026-11-23T01:02:03Z",
		.placement = {&asb_shims[0], false},
	};
	struct asb_error err = ASB_ERROR_INIT;

	assert_int_equal(asb_overlay_check(own, &err), 0);
	return asb_spec_build(&options, &spec);
}

static void expect(const cJSON *json, const char *path, const char *want)
{
	const cJSON *item = asb_json_at(json, path);
	ASB_TEXT got = item != NULL ? asb_json_print(item) : asb_strdup("(absent)");

	if (strcmp(got, want) != 0)
		fail_msg("%s is %s, not %s", path, got, want);
}

/* Without a word about the pod it is ours. */
static void nothing_of_importance(void **state)
{
	ASB_JSON with = build(HEAD);
	const struct asb_sandbox_options options = {
		.namespace_ = "computer",
		.image = "docker.io/bitnami/kubectl:latest",
		.service_account = "normal-user",
	};
	const struct asb_spec spec = {
		.name = "box",
		.instance = "run-xyz",
		.shutdown_time = "2026-11-23T01:02:03Z",
		.placement = {&asb_shims[0], false},
	};
	ASB_JSON without = asb_spec_build(&options, &spec);
	ASB_JSON tree = NULL;

	(void)state;
	assert_true(cJSON_Compare(with, without, true));
	tree = build(IN_POD("containers: []"));
	expect(tree, MAIN "name", "\"main\"");
}

static void the_users_fields_win(void **state)
{
	ASB_JSON tree = build(
		HEAD
		"metadata: {name: other, labels: {team: blue, app.kubernetes.io/managed-by: me}, "
		"annotations: {note: x, agents.x-k8s.io/pod-name: y}, uid: u, "
		"resourceVersion: '7'}\n"
		"spec:\n"
		"  shutdownPolicy: Retain\n"
		"  shutdownTime: 2001-01-01T00:00:00Z\n"
		"  operatingMode: Suspended\n"
		"  volumeClaimTemplates: [{metadata: {name: work}, spec: {}}]\n"
		"  podTemplate:\n"
		"    metadata: {labels: {team: red}}\n"
		"    spec:\n"
		"      serviceAccountName: mine\n"
		"      nodeSelector: {disk: ssd}\n"
		"      securityContext: {runAsUser: 7}\n"
		"      volumes: [{name: home, persistentVolumeClaim: {claimName: c}}]\n"
		"      containers:\n"
		"      - {name: side, image: s}\n"
		"      - name: main\n"
		"        image: debian:12\n"
		"        resources: {limits: {memory: 4Gi}}\n"
		"        env: [{name: HOME, value: /data}, {name: A, value: b}]\n"
		"        volumeMounts: [{name: data, mountPath: /data}, {name: d, mountPath: "
		"/workspace}]\n");
	const cJSON *labels = asb_json_at(tree, "metadata/labels");
	const cJSON *main = asb_json_find(tree, POD "containers", "name", "main");

	(void)state;
	expect(tree, "metadata/name", "\"box\"");
	assert_true(asb_inventory_is_ours(tree));
	assert_string_equal(asb_labels_instance(tree), "run-xyz");
	assert_string_equal(cJSON_GetStringValue(asb_json_member(labels, "team")), "blue");
	expect(tree, "metadata/annotations", "{\"note\":\"x\"}");
	assert_null(asb_json_at(tree, "metadata/uid"));
	assert_null(asb_json_at(tree, "metadata/resourceVersion"));
	expect(tree, "spec/shutdownPolicy", "\"Retain\"");
	expect(tree, "spec/shutdownTime", "\"2026-11-23T01:02:03Z\"");
	assert_null(asb_json_at(tree, "spec/operatingMode"));
	expect(tree, "spec/volumeClaimTemplates/0/metadata/name", "\"work\"");
	labels = asb_json_at(tree, "spec/podTemplate/metadata/labels");
	assert_string_equal(cJSON_GetStringValue(asb_json_member(labels, "team")), "red");
	assert_int_equal(cJSON_GetArraySize(labels), 5);
	expect(tree, POD "serviceAccountName", "\"mine\"");
	assert_int_equal(cJSON_GetArraySize(asb_json_at(tree, POD "nodeSelector")), 3);
	expect(tree, POD "securityContext/runAsUser", "7");
	expect(tree, POD "securityContext/runAsNonRoot", "true");
	assert_int_equal(cJSON_GetArraySize(asb_json_at(tree, POD "containers")), 2);
	expect(main, "image", "\"debian:12\"");
	expect(main, "command", "[\"/agentsandbox/shim\",\"init\"]");
	expect(main, "resources", "{\"limits\":{\"memory\":\"4Gi\"}}");
	expect(main, "securityContext/readOnlyRootFilesystem", "true");
	expect(asb_json_find(main, "env", "name", "HOME"), "value", "\"/data\"");
	assert_int_equal(cJSON_GetArraySize(asb_json_at(main, "env")), 4);
	expect(asb_json_find(main, "volumeMounts", "mountPath", "/workspace"), "name", "\"d\"");
	assert_int_equal(cJSON_GetArraySize(asb_json_at(main, "volumeMounts")), 6);
	expect(asb_json_find(tree, POD "volumes", "name", "home"), "persistentVolumeClaim",
	       "{\"claimName\":\"c\"}");
	assert_null(asb_json_at(asb_json_find(tree, POD "volumes", "name", "home"), "emptyDir"));
	assert_int_equal(cJSON_GetArraySize(asb_json_at(tree, POD "volumes")), 5);
}

static void what_breaks_the_shim_is_refused(void **state)
{
	static const struct {
		const char *yaml, *says;
	} cases[] = {
		{"{}", "no Sandbox"},
		{"apiVersion: v1\nkind: Pod\n", "kind is \"Pod\""},
		{"apiVersion: example.com/v1\nkind: Sandbox\n", "example.com/v1"},
		{IN_POD("containers: [{name: it}]"), "no container \"main\""},
		{IN_MAIN("command: [sleep]"), "command or args"},
		{IN_MAIN("args: [x]"), "command or args"},
		{IN_POD("shareProcessNamespace: true"), "shareProcessNamespace"},
		{IN_POD("hostPID: true"), "hostPID"},
		{IN_POD("volumes: [{name: shim}]"), "volume \"shim\""},
		{IN_POD("volumes: [{name: config}]"), "volume \"config\""},
		{IN_MAIN("volumeMounts: [{name: x, mountPath: /agentsandbox}]"), "/agentsandbox"},
		{IN_MAIN("volumeMounts: [{name: x, mountPath: /etc/agentsandbox}]"),
		 "/etc/agentsandbox"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON own = parse(cases[i].yaml);
		struct asb_error err = ASB_ERROR_INIT;

		assert_int_equal(asb_overlay_check(own, &err), -1);
		assert_int_equal(err.status, ASB_STATUS_USAGE);
		if (strstr(err.message, cases[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_importance),
		cmocka_unit_test(the_users_fields_win),
		cmocka_unit_test(what_breaks_the_shim_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
