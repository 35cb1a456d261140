/* SPDX-License-Identifier: Apache-2.0 */
/* Warm pools from manifests: what is understood, where mistakes are, and what is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/pool_file.h"
#include "tests/unit/fake_api.h"

static const char inline_form[] = "apiVersion: agents.x-k8s.io/v1alpha1\n"
				  "kind: SandboxWarmPool\n"
				  "metadata:\n"
				  "  name: tools\n"
				  "  namespace: computer\n"
				  "spec:\n"
				  "  template:\n"
				  "    spec:\n"
				  "      podTemplate:\n"
				  "        spec:\n"
				  "          containers:\n"
				  "          - name: main\n"
				  "            image: acme/tool\n"
				  "          runtimeClassName: gvisor\n"
				  "  minSize: 3\n"
				  "  maxSize: 10\n";

static const char upstream_form[] =
	"# a comment\n"
	"---\n"
	"apiVersion: extensions.agents.x-k8s.io/v1beta1\n"
	"kind: SandboxTemplate\n"
	"metadata: {name: python, labels: {team: blue}}\n"
	"spec:\n"
	"  networkPolicy: {egress: []}\n"
	"  podTemplate:\n"
	"    spec:\n"
	"      dnsPolicy: Default\n"
	"      containers: [{name: runtime, image: acme/python, command: [sleep, infinity]}]\n"
	"---\n"
	"apiVersion: extensions.agents.x-k8s.io/v1beta1\n"
	"kind: SandboxWarmPool\n"
	"metadata: {name: pool}\n"
	"spec: {replicas: 2, sandboxTemplateRef: {name: python}, updateStrategy: {type: "
	"Recreate}}\n";

static bool noted(const struct asb_pool_file *file, const char *text)
{
	const cJSON *note;

	cJSON_ArrayForEach(note, file->notes)
	{
		if (strstr(note->valuestring, text) != NULL)
			return true;
	}
	return false;
}

static void read_well(struct asb_pool_file *file, const char *text, struct asb_error *err)
{
	assert_int_equal(asb_pool_file_parse(file, text, strlen(text), "pool.yaml", err), 0);
	assert_int_equal(asb_pool_file_adapt(file, &asb_api_v1beta1), 0);
}

static void inline_template(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_pool_file file;

	(void)state;
	read_well(&file, inline_form, &err);
	assert_string_equal(file.name, "tools");
	assert_int_equal(file.size, 3);
	assert_int_equal(file.most, 10);
	assert_string_equal(asb_json_string(file.base, "spec/podTemplate/spec/containers/0/image"),
			    "acme/tool");
	assert_true(noted(&file, "written as extensions.agents.x-k8s.io/v1beta1"));
	assert_true(noted(&file, "becomes SandboxTemplate \"tools\""));
	assert_true(noted(&file, "minSize: 3 becomes replicas: 3"));
	assert_true(noted(&file, "HorizontalPodAutoscaler \"tools\" with maxReplicas: 10"));
	assert_true(
		noted(&file, "the ServiceAccount's token, the cluster's DNS, no NetworkPolicy"));
	asb_pool_file_release(&file);
}

static void two_documents(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_pool_file file;
	const cJSON *container;

	(void)state;
	read_well(&file, upstream_form, &err);
	container = asb_json_at(file.base, "spec/podTemplate/spec/containers/0");
	assert_int_equal(file.size, 2);
	assert_int_equal(file.most, -1);
	assert_string_equal(asb_json_string(file.update_strategy, "type"), "Recreate");
	assert_string_equal(asb_json_string(file.base, "metadata/labels/team"), "blue");
	assert_string_equal(asb_json_string(container, "name"), "main");
	assert_null(asb_json_member(container, "command"));
	/* rules alone would not hold */
	assert_string_equal(asb_json_string(file.base, "spec/networkPolicyManagement"), "Managed");
	assert_true(noted(&file, "SandboxTemplate \"python\" becomes \"pool\""));
	assert_true(noted(&file, "container \"runtime\" becomes \"main\""));
	assert_true(noted(&file, "command and args"));
	assert_true(noted(&file, "DNS and API server through"));
	assert_false(noted(&file, "the cluster's DNS,"));
	asb_pool_file_release(&file);
}

/* The text with one piece of it replaced. */
static char *change(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return asb_strf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void mistakes(void **state)
{
	static const struct {
		const char *text, *from, *to, *says;
	} cases[] = {
		{inline_form, "minSize", "minSise", "pool.yaml:15: unknown key \"minSise\""},
		{inline_form, "podTemplate", "podTemplat", "pool.yaml:9: unknown key"},
		{inline_form, "  namespace", "  nspace", "pool.yaml:5: unknown key \"nspace\""},
		{inline_form, "minSize: 3", "minSize: many", "pool.yaml:15: minSize is no whole"},
		{inline_form, "minSize: 3", "minSize: 1.5", "pool.yaml:15: minSize is no whole"},
		{inline_form, "maxSize: 10", "maxSize: 2", "pool.yaml:16: maxSize is less than 3"},
		{inline_form, "  maxSize: 10", "  replicas: 1", "pool.yaml:15: minSize beside"},
		{inline_form, "  maxSize: 10", "  sandboxTemplateRef: {name: t}",
		 "pool.yaml:7: a template beside"},
		{inline_form, "  name: tools\n", "",
		 "pool.yaml:2: the SandboxWarmPool has no name"},
		{inline_form, "SandboxWarmPool", "Deployment",
		 "pool.yaml:2: Deployment is no part"},
		{inline_form, "\n", "\n\t:", "pool.yaml: line "},
		{upstream_form, "name: python,", "name: other,",
		 "pool.yaml:16: there is no SandboxTemplate \"python\""},
		{upstream_form, "podTemplate", "podtemplate", "pool.yaml:8: unknown key"},
		{upstream_form, "Template\n", "WarmPool\n", "pool.yaml:14: a second"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_TEXT text = change(cases[i].text, cases[i].from, cases[i].to);
		struct asb_error err = ASB_ERROR_INIT;
		struct asb_pool_file file;

		assert_int_equal(asb_pool_file_parse(&file, text, strlen(text), "pool.yaml", &err),
				 -1);
		assert_int_equal(err.status, ASB_STATUS_USAGE);
		if (strstr(err.message, cases[i].says) == NULL)
			fail_msg("%s: not %s", err.message, cases[i].says);
		asb_pool_file_release(&file);
	}
}

/* With more than one container the plugin can't guess. */
static void no_main(void **state)
{
	ASB_TEXT text = change(upstream_form, "[{name: runtime,", "[{name: side}, {name: runtime,");
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_pool_file file;

	(void)state;
	assert_int_equal(asb_pool_file_parse(&file, text, strlen(text), "p", &err), 0);
	assert_int_equal(asb_pool_file_adapt(&file, &asb_api_v1beta1), -1);
	assert_non_null(strstr(err.message, "p:11: none of the containers is called \"main\""));
	asb_pool_file_release(&file);
}

static bool refuse(void *context, const struct fake_request *request)
{
	const char *const *message = context;

	assert_non_null(strstr(request->path, "dryRun=All&fieldValidation=Strict"));
	assert_non_null(strstr(request->body, "acme/tool"));
	if (*message == NULL)
		fake_answer(request, 201, "", "{}");
	else
		fake_fail(request, 400, "BadRequest", *message);
	return true;
}

/* What the API server finds is named by the line of the file. */
static void server_knows(void **state)
{
	static const struct {
		const char *message, *says;
	} cases[] = {
		{NULL, ""},
		{"strict decoding error: unknown field "
		 "\\\"spec.podTemplate.spec.containers[0].image\\\"",
		 "pool.yaml:13: unknown key \"image\""},
		{"strict decoding error: unknown field \\\"spec.podTemplate.spec.runtimeClassName"
		 "\\\", unknown field \\\"x\\\"",
		 "pool.yaml:14: unknown key \"runtimeClassName\""},
		{"something else", "pool.yaml: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_error err = ASB_ERROR_INIT;
		const char *message = cases[i].message;
		struct asb_kubeconfig kubeconfig = {0};
		struct fake_server server;
		struct asb_pool_file file;
		struct asb_http *http;

		fake_start(&server, refuse, &message);
		kubeconfig.server = server.url;
		http = asb_http_new(&kubeconfig, &err);
		assert_int_equal(asb_pool_file_parse(&file, inline_form, strlen(inline_form),
						     "pool.yaml", &err),
				 0);
		assert_int_equal(asb_pool_file_check(&file, http, &asb_api_v1beta1, "computer"),
				 message == NULL ? 0 : -1);
		assert_non_null(strstr(err.message, cases[i].says));
		asb_pool_file_release(&file);
		asb_http_free(http);
		fake_stop(&server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inline_template), cmocka_unit_test(two_documents),
		cmocka_unit_test(mistakes),	   cmocka_unit_test(no_main),
		cmocka_unit_test(server_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
