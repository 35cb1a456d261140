/* SPDX-License-Identifier: Apache-2.0 */
/* What the judges make of a cluster without faults, of one that may not be read, and of faults of
 * agent-sandbox itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/checkup_cluster.h"

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
	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("0", "0", "v0.5.1;reboot", ARGS));
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
	expect(cluster, ASB_CHECK_VERSION, ASB_CHECK_WARNING, "v0.1.0",
	       "kubectl -n agent-sandbox-system delete statefulset agent-sandbox-controller\n");
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
