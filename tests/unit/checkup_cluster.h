/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup_cluster.h - a cluster of answers in which all is well, for tests that break one thing and
 * look at what the judges make of it.
 */
#ifndef ASB_CHECKUP_CLUSTER_H
#define ASB_CHECKUP_CLUSTER_H

#include <stdlib.h>
#include <string.h>

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

static inline void answer(struct cluster *cluster, enum asb_question question, int http,
			  const char *json)
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

static inline void allow_everything(struct asb_exam *exam)
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

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct cluster *cluster = *state;

	asb_checkup_release(&cluster->checkup);
	asb_exam_release(&cluster->exam);
	free(cluster);
	return 0;
}

static inline void judge(struct cluster *cluster)
{
	free(cluster->exam.refusal_text);
	cluster->exam.refusal_text = NULL;
	cluster->exam.refusal = (struct asb_diagnosis){0};
	asb_checkup_release(&cluster->checkup);
	asb_exam_find_controller(&cluster->exam);
	asb_exam_take_dry_runs(&cluster->exam);
	asb_checkup_judge(&cluster->exam, &cluster->checkup);
}

static inline const struct asb_check *find(const struct cluster *cluster, const char *name)
{
	for (size_t i = 0; i < cluster->checkup.count; i++) {
		if (strcmp(cluster->checkup.items[i].name, name) == 0)
			return &cluster->checkup.items[i];
	}
	return NULL;
}

static inline void expect(struct cluster *cluster, const char *name, enum asb_check_status status,
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
static inline void problem(struct cluster *cluster, const char *name, const char *evidence,
			   const char *step)
{
	expect(cluster, name, ASB_CHECK_PROBLEM, evidence, step);
	assert_string_equal(cluster->checkup.items[0].name, name);
	assert_int_equal(asb_checkup_count(&cluster->checkup, ASB_CHECK_PROBLEM), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
