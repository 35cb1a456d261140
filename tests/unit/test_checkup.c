/* SPDX-License-Identifier: Apache-2.0 */
/* What the judges make of answers: a healthy cluster first, then one fault after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/shim_configmap.h"

#define NOW "2026-11-23T12:00:00Z"

/* --- a cluster in which all is well --- */

#define GROUP(name, versions) "{\"name\":\"" name "\",\"versions\":[" versions "]}"
#define SERVED(version) "{\"version\":\"" version "\"}"
#define BOTH SERVED("v1beta1") "," SERVED("v1alpha1")

#define CONVERSION(bundle)                                                                      \
	"\"conversion\":{\"strategy\":\"Webhook\",\"webhook\":{\"clientConfig\":{\"caBundle\":" \
	"\"" bundle "\",\"service\":{\"name\":\"agent-sandbox-webhook-service\","               \
	"\"namespace\":\"agent-sandbox-system\"}}}}"
#define CRD(name, stored, conversion)                                                             \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"versions\":["                          \
	"{\"name\":\"v1beta1\",\"served\":true,\"storage\":true},"                                \
	"{\"name\":\"v1alpha1\",\"served\":true,\"storage\":false}]," conversion "},\"status\":{" \
	"\"storedVersions\":[" stored "],\"conditions\":["                                        \
	"{\"type\":\"Established\",\"status\":\"True\"},"                                         \
	"{\"type\":\"NamesAccepted\",\"status\":\"True\"}]}}"
#define FINE_CRD(name) CRD(name, "\"v1beta1\"", CONVERSION("Q0E="))

#define CONTROLLER(replicas, available, tag, args)                                                 \
	"{\"metadata\":{\"name\":\"agent-sandbox-controller\",\"namespace\":"                      \
	"\"agent-sandbox-system\"},\"spec\":{\"replicas\":" replicas ",\"template\":{\"spec\":{"   \
	"\"containers\":[{\"image\":\"registry.k8s.io/agent-sandbox/agent-sandbox-controller:" tag \
	"\",\"args\":[" args "]}]}}},\"status\":{\"availableReplicas\":" available "}}"
#define ARGS "\"--leader-elect=true\",\"--extensions\""

#define NODE(name, arch, ready, more)                                                             \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"disk\":\"ssd\"}},\"spec\":{},"        \
	"\"status\":{\"nodeInfo\":{\"architecture\":\"" arch "\"},\"conditions\":[{\"type\":"     \
	"\"Ready\",\"status\":\"" ready "\",\"message\":\"Kubelet stopped posting node status.\"" \
	"}]" more "}}"
#define LIST(items) "{\"items\":[" items "]}"

static const struct {
	enum asb_question question;
	const char *json;
} healthy[] = {
	{ASB_Q_VERSION, "{\"gitVersion\":\"v1.37.2\"}"},
	{ASB_Q_CORE_GROUP, GROUP("agents.x-k8s.io", BOTH)},
	{ASB_Q_EXTENSION_GROUP, GROUP("extensions.agents.x-k8s.io", BOTH)},
	{ASB_Q_WHOAMI, "{\"status\":{\"userInfo\":{\"username\":\"jane\"}}}"},
	{ASB_Q_CRD_SANDBOXES, FINE_CRD("sandboxes.agents.x-k8s.io")},
	{ASB_Q_CRD_CLAIMS, FINE_CRD("sandboxclaims.extensions.agents.x-k8s.io")},
	{ASB_Q_CRD_TEMPLATES, FINE_CRD("sandboxtemplates.extensions.agents.x-k8s.io")},
	{ASB_Q_CRD_POOLS, FINE_CRD("sandboxwarmpools.extensions.agents.x-k8s.io")},
	{ASB_Q_DEPLOYMENT, CONTROLLER("1", "1", "v0.5.6", ARGS)},
	{ASB_Q_DEPLOYMENTS, LIST("")},
	{ASB_Q_NODES, LIST(NODE("n1", "amd64", "True", ""))},
	{ASB_Q_NAMESPACE, "{\"metadata\":{\"name\":\"computer\",\"labels\":{"
			  "\"pod-security.kubernetes.io/enforce\":\"restricted\"}}}"},
	{ASB_Q_ACCOUNT, "{\"metadata\":{\"name\":\"normal-user\"}}"},
	{ASB_Q_QUOTAS, LIST("")},
	{ASB_Q_LIMITS, LIST("")},
	{ASB_Q_POLICIES, LIST("")},
	{ASB_Q_EVENTS, LIST("")},
	{ASB_Q_PODS, LIST("")},
	{ASB_Q_SHIMS, LIST("")},
	{ASB_Q_LEASE, "{\"spec\":{\"renewTime\":\"2026-11-23T11:59:58.000000Z\"}}"},
	{ASB_Q_CONTROLLER_PODS, LIST("")},
	{ASB_Q_WEBHOOK_SERVICE, "{\"metadata\":{\"name\":\"agent-sandbox-webhook-service\"}}"},
	{ASB_Q_WEBHOOK_SLICES, LIST("{\"endpoints\":[{\"conditions\":{\"ready\":true}}]}")},
	{ASB_Q_CONVERTED, LIST("")},
	{ASB_Q_SANDBOXES, LIST("")},
	{ASB_Q_CLAIMS, LIST("")},
	{ASB_Q_POOLS, LIST("")},
	{ASB_Q_DRY_POD, "{\"kind\":\"Pod\"}"},
	{ASB_Q_DRY_SANDBOX, "{\"kind\":\"Sandbox\"}"},
};

struct cluster {
	struct asb_sandbox_options sandbox;
	struct asb_checkup_options options;
	struct asb_exam exam;
	struct asb_checkup checkup;
};

static void answer(struct cluster *cluster, enum asb_question question, int http, const char *json)
{
	struct asb_answer *to = &cluster->exam.answers[question];

	cJSON_Delete(to->json);
	free(to->failed);
	*to = (struct asb_answer){.http = http};
	if (http / 100 == 2)
		to->json = asb_json_literal(json);
	else
		to->failed = asb_strdup(json);
}

static void allow_everything(struct asb_exam *exam)
{
	asb_rights_init(&exam->rights, "computer", ASB_PURPOSE_MAKE);
	for (size_t i = 0; i < ASB_RIGHTS; i++)
		exam->rights.items[i].allowed = true;
	exam->more_count = 1;
	exam->more = asb_calloc(1, sizeof(exam->more[0]));
	exam->more[0] = (struct asb_access){.group = "",
					    .resource = "pods",
					    .verb = "create",
					    .namespace_ = "computer",
					    .allowed = true};
}

static int setup(void **state)
{
	struct cluster *cluster = asb_calloc(1, sizeof(*cluster));
	struct asb_exam *exam = &cluster->exam;

	cluster->sandbox = (struct asb_sandbox_options){
		.namespace_ = "computer",
		.image = "debian:12",
		.service_account = "normal-user",
		.cpu = "1",
		.memory = "512Mi",
	};
	cluster->options = (struct asb_checkup_options){
		.sandbox = &cluster->sandbox,
		.server = "https://k8s.example",
		.program = "kubectl agentsandbox",
	};
	exam->options = &cluster->options;
	exam->namespace_ = "computer";
	exam->now_ms = asb_time_parse(NOW);
	exam->api = &asb_api_v1beta1;
	exam->powers = asb_strdup("");
	allow_everything(exam);
	for (size_t i = 0; i < sizeof(healthy) / sizeof(healthy[0]); i++)
		answer(cluster, healthy[i].question, 200, healthy[i].json);
	for (unsigned long i = 0; i < asb_shim_count; i++)
		answer(cluster, ASB_Q_SHIM + i, 404, "not found");
	*state = cluster;
	return 0;
}

static int teardown(void **state)
{
	struct cluster *cluster = *state;

	asb_checkup_release(&cluster->checkup);
	asb_exam_release(&cluster->exam);
	free(cluster);
	return 0;
}

static void judge(struct cluster *cluster)
{
	free(cluster->exam.refusal_text);
	cluster->exam.refusal_text = NULL;
	cluster->exam.refusal = (struct asb_diagnosis){0};
	asb_checkup_release(&cluster->checkup);
	asb_exam_find_controller(&cluster->exam);
	asb_exam_take_dry_runs(&cluster->exam);
	asb_checkup_judge(&cluster->exam, &cluster->checkup);
}

static const struct asb_check *find(const struct cluster *cluster, const char *name)
{
	for (size_t i = 0; i < cluster->checkup.count; i++) {
		if (strcmp(cluster->checkup.items[i].name, name) == 0)
			return &cluster->checkup.items[i];
	}
	return NULL;
}

static void expect(struct cluster *cluster, const char *name, enum asb_check_status status,
		   const char *evidence, const char *step)
{
	const struct asb_check *check;

	judge(cluster);
	check = find(cluster, name);
	assert_non_null(check);
	if (check->status != status || strstr(check->evidence, evidence) == NULL)
		print_error("%s: %s: %s\n", name, asb_check_word(check->status), check->evidence);
	assert_int_equal(check->status, status);
	assert_non_null(strstr(check->evidence, evidence));
	if (step == NULL) {
		assert_null(check->next_step);
		return;
	}
	assert_non_null(check->next_step);
	if (strstr(check->next_step, step) == NULL)
		print_error("%s: next: %s\n", name, check->next_step);
	assert_non_null(strstr(check->next_step, step));
}

/* The first of all, and the only one. */
static void problem(struct cluster *cluster, const char *name, const char *evidence,
		    const char *step)
{
	expect(cluster, name, ASB_CHECK_PROBLEM, evidence, step);
	assert_string_equal(cluster->checkup.items[0].name, name);
	assert_int_equal(asb_checkup_count(&cluster->checkup, ASB_CHECK_PROBLEM), 1);
}

static void a_healthy_cluster(void **state)
{
	struct cluster *cluster = *state;

	judge(cluster);
	for (size_t i = 0; i < cluster->checkup.count; i++) {
		if (cluster->checkup.items[i].status != ASB_CHECK_OK)
			print_error("%s: %s\n", cluster->checkup.items[i].name,
				    cluster->checkup.items[i].evidence);
		assert_int_equal(cluster->checkup.items[i].status, ASB_CHECK_OK);
		assert_null(cluster->checkup.items[i].next_step);
	}
	assert_int_equal(cluster->checkup.count, 21);
}

/* --- with little or nothing to read --- */

static void forbid_all(struct cluster *cluster)
{
	for (size_t i = 0; i < ASB_QUESTIONS; i++) {
		if (i != ASB_Q_VERSION && i != ASB_Q_CORE_GROUP && i != ASB_Q_EXTENSION_GROUP)
			answer(cluster, (enum asb_question)i, 403,
			       "is forbidden: User \"jane\" cannot");
	}
	free(cluster->exam.powers);
	cluster->exam.powers = NULL;
}

static void nothing_may_be_read(void **state)
{
	struct cluster *cluster = *state;

	forbid_all(cluster);
	answer(cluster, ASB_Q_DRY_POD, 403,
	       "pods is forbidden: User \"jane\" cannot create resource \"pods\"");
	answer(cluster, ASB_Q_DRY_SANDBOX, 403,
	       "sandboxes is forbidden: User \"jane\" cannot create resource \"sandboxes\"");
	judge(cluster);
	for (size_t i = 0; i < cluster->checkup.count; i++)
		assert_true(cluster->checkup.items[i].status <= ASB_CHECK_UNKNOWN);
	assert_int_equal(find(cluster, ASB_CHECK_NODES)->status, ASB_CHECK_UNKNOWN);
}

static void the_dry_run_tells_much(void **state)
{
	static const struct {
		const char *refusal, *check, *evidence, *step;
	} cases[] = {
		{"pods \"x\" is forbidden: pod rejected: RuntimeClass \"gvisor\" not found",
		 ASB_CHECK_CLASS, "no RuntimeClass \"gvisor\"", "handler: runsc"},
		{"pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, "
		 "limited: pods=3",
		 ASB_CHECK_QUOTA, "exceeded quota: q", "describe resourcequota"},
		{"pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": x",
		 ASB_CHECK_SECURITY, "violates PodSecurity", "--show-labels"},
		{"pods \"x\" is forbidden: error looking up service account computer/normal-user: "
		 "serviceaccount \"normal-user\" not found",
		 ASB_CHECK_ACCOUNT, "no ServiceAccount", "create serviceaccount normal-user"},
		{"pods \"x\" is forbidden: maximum memory usage per Container is 1Mi, but limit is "
		 "512Mi",
		 ASB_CHECK_LIMITS, "maximum memory", "describe limitrange"},
		{"admission webhook \"v.example\" denied the request: no", ASB_CHECK_ADMISSION,
		 "denied the request", "kubectl get"},
		{"namespaces \"computer\" not found", ASB_CHECK_NAMESPACE, "no namespace",
		 "kubectl agentsandbox -n computer setup"},
	};
	struct cluster *cluster = *state;

	forbid_all(cluster);
	answer(cluster, ASB_Q_DRY_SANDBOX, 201, "{}");
	cluster->sandbox.runtime_class = "gvisor";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer(cluster, ASB_Q_DRY_POD, 403, cases[i].refusal);
		problem(cluster, cases[i].check, cases[i].evidence, cases[i].step);
	}
}

static void no_server(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_VERSION, 0, "dial tcp 10.0.0.1:443: connection refused");
	problem(cluster, ASB_CHECK_SERVER, "connection refused", "kubectl config view");
	assert_int_equal(cluster->checkup.count, 1);
	answer(cluster, ASB_Q_VERSION, 401, "Unauthorized");
	problem(cluster, ASB_CHECK_SERVER, "credentials", "whoami");
}

/* --- agent-sandbox --- */

static void not_installed(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_CORE_GROUP, 404, "not found");
	answer(cluster, ASB_Q_EXTENSION_GROUP, 404, "not found");
	answer(cluster, ASB_Q_DEPLOYMENT, 404, "not found");
	answer(cluster, ASB_Q_DRY_SANDBOX, 404, "the server could not find the resource");
	for (size_t i = ASB_Q_CRD_SANDBOXES; i <= ASB_Q_CRD_POOLS; i++)
		answer(cluster, (enum asb_question)i, 404, "not found");
	problem(cluster, ASB_CHECK_API, "not installed", "/v1.0.2/sandbox-with-extensions.yaml");
}

static void core_crd_missing(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_CORE_GROUP, 404, "not found");
	answer(cluster, ASB_Q_CRD_SANDBOXES, 404, "not found");
	answer(cluster, ASB_Q_SANDBOXES, 404, "not found");
	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("1", "0", "v0.5.6", ARGS));
	problem(cluster, ASB_CHECK_API, "sandboxes.agents.x-k8s.io is missing",
		"/v0.5.6/sandbox-with-extensions.yaml\nkubectl -n agent-sandbox-system rollout "
		"restart deployment agent-sandbox-controller");
	assert_non_null(
		strstr(find(cluster, ASB_CHECK_CONTROLLER)->evidence, "(see agent-sandbox API)"));
}

static void other_crds(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_CRD_POOLS, 404, "not found");
	problem(cluster, ASB_CHECK_CRDS, "sandboxwarmpools.extensions.agents.x-k8s.io is missing",
		"kubectl apply --server-side");
	answer(cluster, ASB_Q_CRD_POOLS, 200,
	       CRD("sandboxwarmpools.extensions.agents.x-k8s.io", "\"v1alpha1\",\"v1beta1\"",
		   CONVERSION("Q0E=")));
	expect(cluster, ASB_CHECK_CRDS, ASB_CHECK_WARNING, "stored as v1alpha1",
	       "--subresource=status");
	answer(cluster, ASB_Q_CRD_POOLS, 200,
	       "{\"metadata\":{\"name\":\"x\"},\"status\":{\"conditions\":[{\"type\":"
	       "\"NamesAccepted\",\"status\":\"False\",\"message\":\"taken\"},{\"type\":"
	       "\"Established\",\"status\":\"False\"}]}}");
	problem(cluster, ASB_CHECK_CRDS, "x is not served: taken", "describe crd x");
}

static void controller_down(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_LEASE, 200, "{\"spec\":{\"renewTime\":\"2026-11-23T11:00:00Z\"}}");
	answer(cluster, ASB_Q_WEBHOOK_SLICES, 200, LIST(""));
	answer(cluster, ASB_Q_POOLS, 200,
	       LIST("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"replicas\":2}}"));
	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("0", "0", "v0.5.6", ARGS));
	problem(cluster, ASB_CHECK_CONTROLLER, "scaled to 0",
		"kubectl -n agent-sandbox-system scale deployment agent-sandbox-controller "
		"--replicas=1");
	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("1", "0", "v0.5.6", ARGS));
	answer(cluster, ASB_Q_CONTROLLER_PODS, 200,
	       LIST("{\"metadata\":{\"name\":\"c-1\"},\"status\":{\"containerStatuses\":[{"
		    "\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]}}"));
	problem(cluster, ASB_CHECK_CONTROLLER, "pod \"c-1\": CrashLoopBackOff", "rollout restart");
	answer(cluster, ASB_Q_DEPLOYMENT, 404, "not found");
	problem(cluster, ASB_CHECK_CONTROLLER, "no Deployment", "kubectl apply");
}

static void controller_unseen_but_silent(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_DEPLOYMENT, 403, "forbidden");
	answer(cluster, ASB_Q_DEPLOYMENTS, 403, "forbidden");
	answer(cluster, ASB_Q_SANDBOXES, 200,
	       LIST("{\"metadata\":{\"name\":\"young\",\"creationTimestamp\":"
		    "\"2026-11-23T11:59:55Z\"}}"));
	expect(cluster, ASB_CHECK_CONTROLLER, ASB_CHECK_UNKNOWN, "may not read", NULL);
	answer(cluster, ASB_Q_SANDBOXES, 200,
	       LIST("{\"metadata\":{\"name\":\"old\",\"creationTimestamp\":"
		    "\"2026-11-23T11:59:00Z\"}}"));
	problem(cluster, ASB_CHECK_CONTROLLER, "\"old\" still has no status", "kubectl");
}

static void controller_asleep(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_LEASE, 200, "{\"spec\":{\"renewTime\":\"2026-11-23T11:57:00Z\"}}");
	problem(cluster, ASB_CHECK_LEASE, "not been renewed for 3m", "rollout restart");
	answer(cluster, ASB_Q_LEASE, 404, "not found");
	expect(cluster, ASB_CHECK_LEASE, ASB_CHECK_OK, "elects no leader", NULL);
}

static void versions(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("1", "1", "v0.5.1", ARGS));
	expect(cluster, ASB_CHECK_VERSION, ASB_CHECK_WARNING, "v0.5.1 has a known fault",
	       "/v0.5.6/");
	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("1", "1", "v0.4.6", ARGS));
	expect(cluster, ASB_CHECK_VERSION, ASB_CHECK_WARNING, "v1alpha1 only", "/v0.5.6/");
	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("1", "1", "v1.0.2@sha256:0", ARGS));
	judge(cluster);
	assert_null(find(cluster, ASB_CHECK_VERSION));
	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("1", "1", "latest", ARGS));
	judge(cluster);
	assert_null(find(cluster, ASB_CHECK_VERSION));
}

static void extensions(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_DEPLOYMENT, 200,
	       CONTROLLER("1", "1", "v0.5.6", "\"--leader-elect=true\""));
	answer(cluster, ASB_Q_POOLS, 200,
	       LIST("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"replicas\":2}}"));
	problem(cluster, ASB_CHECK_EXTENSIONS, "without --extensions",
		"/v0.5.6/sandbox-with-extensions.yaml");
	answer(cluster, ASB_Q_DEPLOYMENT, 200,
	       CONTROLLER("1", "1", "v0.5.1", "\"--extensions=false\""));
	problem(cluster, ASB_CHECK_EXTENSIONS, "without --extensions",
		"/v0.5.1/manifest.yaml\nkubectl apply --server-side --force-conflicts -f "
		"https://github.com/kubernetes-sigs/agent-sandbox/releases/download/v0.5.1/"
		"extensions.yaml");
}

/* As v0.1.0 answers: a StatefulSet, v1alpha1 only, no Lease, no webhook. */
static void the_first_release(void **state)
{
	struct cluster *cluster = *state;

	cluster->exam.api = &asb_api_v1alpha1;
	answer(cluster, ASB_Q_CORE_GROUP, 200, GROUP("agents.x-k8s.io", SERVED("v1alpha1")));
	answer(cluster, ASB_Q_EXTENSION_GROUP, 200,
	       GROUP("extensions.agents.x-k8s.io", SERVED("v1alpha1")));
	for (size_t i = ASB_Q_CRD_SANDBOXES; i <= ASB_Q_CRD_POOLS; i++)
		answer(cluster, (enum asb_question)i, 200,
		       "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"conversion\":{\"strategy\":"
		       "\"None\"},\"versions\":[{\"name\":\"v1alpha1\",\"served\":true,"
		       "\"storage\":true}]},\"status\":{\"storedVersions\":[\"v1alpha1\"]}}");
	answer(cluster, ASB_Q_DEPLOYMENT, 404, "not found");
	answer(cluster, ASB_Q_STATEFULSET, 200, CONTROLLER("1", "1", "v0.1.0", "\"--extensions\""));
	answer(cluster, ASB_Q_LEASE, 404, "not found");
	answer(cluster, ASB_Q_WEBHOOK_SERVICE, 404, "not found");
	answer(cluster, ASB_Q_WEBHOOK_SLICES, 200, LIST(""));
	expect(cluster, ASB_CHECK_VERSION, ASB_CHECK_WARNING, "v0.1.0", "/v0.5.6/");
	assert_int_equal(asb_checkup_count(&cluster->checkup, ASB_CHECK_PROBLEM), 0);
	expect(cluster, ASB_CHECK_CONTROLLER, ASB_CHECK_OK, "statefulset", NULL);
}

static void webhook(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_WEBHOOK_SERVICE, 404, "not found");
	problem(cluster, ASB_CHECK_WEBHOOK,
		"Service agent-sandbox-system/agent-sandbox-webhook-service does not exist",
		"/v0.5.6/sandbox-with-extensions.yaml\n");
	answer(cluster, ASB_Q_WEBHOOK_SERVICE, 200, "{}");
	answer(cluster, ASB_Q_WEBHOOK_SLICES, 200,
	       LIST("{\"endpoints\":[{\"conditions\":{\"ready\":false}}]}"));
	problem(cluster, ASB_CHECK_WEBHOOK, "no pod that is ready", "kubectl apply");
	answer(cluster, ASB_Q_WEBHOOK_SLICES, 200, LIST("{\"endpoints\":[{}]}"));
	answer(cluster, ASB_Q_CRD_CLAIMS, 200, CRD("claims", "\"v1beta1\"", CONVERSION("")));
	problem(cluster, ASB_CHECK_WEBHOOK, "CRD claims has no caBundle", "kubectl apply");
	answer(cluster, ASB_Q_DEPLOYMENT, 200,
	       CONTROLLER("1", "1", "v0.5.6", ARGS ",\"--enable-webhook=false\""));
	problem(cluster, ASB_CHECK_WEBHOOK, "--enable-webhook=false", "kubectl apply");
}

static void webhook_seen_from_outside(void **state)
{
	struct cluster *cluster = *state;

	for (size_t i = ASB_Q_CRD_SANDBOXES; i <= ASB_Q_CRD_POOLS; i++)
		answer(cluster, (enum asb_question)i, 403, "forbidden");
	answer(cluster, ASB_Q_CONVERTED, 500,
	       "conversion webhook for agents.x-k8s.io/v1beta1, Kind=Sandbox failed: refused");
	problem(cluster, ASB_CHECK_WEBHOOK, "Kind=Sandbox failed", "kubectl apply");
	answer(cluster, ASB_Q_CONVERTED, 200, LIST("{}"));
	expect(cluster, ASB_CHECK_WEBHOOK, ASB_CHECK_OK, "read as v1alpha1", NULL);
}

static void webhook_left_behind(void **state)
{
	struct cluster *cluster = *state;

	for (size_t i = ASB_Q_CRD_SANDBOXES; i <= ASB_Q_CRD_POOLS; i++)
		answer(cluster, (enum asb_question)i, 200,
		       CRD("x", "\"v1beta1\"", "\"conversion\":{\"strategy\":\"None\"}"));
	expect(cluster, ASB_CHECK_WEBHOOK, ASB_CHECK_WARNING, "earlier release",
	       "delete service agent-sandbox-webhook-service");
}

static void as_json(void **state)
{
	struct cluster *cluster = *state;
	ASB_JSON json = NULL;

	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("0", "0", "v0.5.6", ARGS));
	judge(cluster);
	json = asb_checkup_json(&cluster->checkup);
	assert_false(asb_json_bool(json, "healthy", true));
	assert_string_equal(asb_json_string(json, "checks/0/check"), "controller");
	assert_string_equal(asb_json_string(json, "checks/0/status"), "problem");
	assert_non_null(asb_json_string(json, "checks/0/evidence"));
	assert_non_null(asb_json_string(json, "checks/0/nextStep"));
	assert_true(cJSON_IsNull(asb_json_at(json, "checks/1/nextStep")));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_healthy_cluster),
		TEST(nothing_may_be_read),
		TEST(the_dry_run_tells_much),
		TEST(no_server),
		TEST(not_installed),
		TEST(core_crd_missing),
		TEST(other_crds),
		TEST(controller_down),
		TEST(controller_unseen_but_silent),
		TEST(controller_asleep),
		TEST(versions),
		TEST(extensions),
		TEST(the_first_release),
		TEST(webhook),
		TEST(webhook_seen_from_outside),
		TEST(webhook_left_behind),
		TEST(as_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
