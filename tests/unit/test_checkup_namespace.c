/* SPDX-License-Identifier: Apache-2.0 */
/* What the judges make of faults of nodes, the namespace and what we have made there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/checkup_cluster.h"
#include "tests/unit/fake_api.h"

/* --- nodes --- */

#define SICK NODE("n2", "amd64", "Unknown", "")

static void nodes(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("1", "0", "v0.5.6", ARGS));
	answer(cluster, ASB_Q_NODES, 200, LIST(SICK));
	problem(cluster, ASB_CHECK_NODES, "\"n2\" is not ready: Kubelet stopped",
		"ssh n2 sudo systemctl restart kubelet");
	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("1", "1", "v0.5.6", ARGS));
	answer(cluster, ASB_Q_NODES, 200, LIST(NODE("n1", "amd64", "True", "") "," SICK));
	expect(cluster, ASB_CHECK_NODES, ASB_CHECK_WARNING, "\"n2\" is not ready", "n2");
	assert_int_equal(asb_checkup_count(&cluster->checkup, ASB_CHECK_PROBLEM), 0);
	answer(cluster, ASB_Q_NODES, 200, LIST(NODE("n3", "riscv64", "True", "")));
	problem(cluster, ASB_CHECK_NODES, "riscv64, which this plugin has no shim for",
		"-L kubernetes.io/arch");
	answer(cluster, ASB_Q_NODES, 200,
	       LIST(NODE("n1", "amd64", "True", "") "," NODE("n3", "riscv64", "True", "")));
	expect(cluster, ASB_CHECK_NODES, ASB_CHECK_OK, "1 of 2 can run sandboxes (amd64, riscv64)",
	       NULL);
	answer(cluster, ASB_Q_NODES, 200, LIST(""));
	problem(cluster, ASB_CHECK_NODES, "no nodes", "kubectl get nodes");
}

static void nodes_kept_free(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_NODES, 200,
	       LIST("{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"unschedulable\":true},"
		    "\"status\":{\"nodeInfo\":{\"architecture\":\"amd64\"},\"conditions\":["
		    "{\"type\":\"Ready\",\"status\":\"True\"}]}}"));
	problem(cluster, ASB_CHECK_NODES, "cordoned", "kubectl uncordon n1");
	answer(cluster, ASB_Q_NODES, 200,
	       LIST("{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"taints\":[{\"key\":\"only\","
		    "\"effect\":\"NoSchedule\"}]},\"status\":{\"nodeInfo\":{\"architecture\":"
		    "\"amd64\"},\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}"));
	problem(cluster, ASB_CHECK_NODES, "taint only", "kubectl taint node n1 only-");
}

/* --- RuntimeClass --- */

#define CLASS(selector)                                                                       \
	"{\"metadata\":{\"name\":\"gvisor\",\"creationTimestamp\":\"2026-11-23T11:50:00Z\"}," \
	"\"handler\":\"runsc\"" selector "}"
#define HANDLERS(name) ",\"runtimeHandlers\":[{\"name\":\"\"},{\"name\":\"" name "\"}]"
#define REFUSED(time)                                                                  \
	LIST("{\"message\":\"rpc error: no runtime for \\\"runsc\\\" is configured\"," \
	     "\"lastTimestamp\":\"" time "\"}")

static void runtime_class(void **state)
{
	struct cluster *cluster = *state;

	cluster->sandbox.runtime_class = "gvisor";
	answer(cluster, ASB_Q_CLASS, 404, "not found");
	problem(cluster, ASB_CHECK_CLASS, "no RuntimeClass \"gvisor\"", "handler: runsc\nEOF");
	answer(cluster, ASB_Q_CLASS, 200, CLASS(""));
	expect(cluster, ASB_CHECK_CLASS, ASB_CHECK_OK, "handler \"runsc\"", NULL);
	answer(cluster, ASB_Q_NODES, 200, LIST(NODE("n1", "amd64", "True", HANDLERS("runsc"))));
	expect(cluster, ASB_CHECK_CLASS, ASB_CHECK_OK, "which nodes have", NULL);
	answer(cluster, ASB_Q_NODES, 200, LIST(NODE("n1", "amd64", "True", HANDLERS("kata"))));
	problem(cluster, ASB_CHECK_CLASS, "do not have the handler \"runsc\"", "handler: HANDLER");
	assert_non_null(strstr(cluster->checkup.items[0].evidence, "(kata)"));
	answer(cluster, ASB_Q_CLASS, 200,
	       CLASS(",\"scheduling\":{\"nodeSelector\":{\"disk\":\"tape\"}}"));
	problem(cluster, ASB_CHECK_CLASS, "disk=tape", "kubectl label node NODE disk=tape");
	answer(cluster, ASB_Q_CLASS, 200,
	       CLASS(",\"scheduling\":{\"nodeSelector\":{\"disk\":\"ssd\"}}"));
	problem(cluster, ASB_CHECK_CLASS, "do not have the handler", "HANDLER");
}

static void what_nodes_say_about_handlers(void **state)
{
	struct cluster *cluster = *state;

	cluster->sandbox.runtime_class = "gvisor";
	answer(cluster, ASB_Q_CLASS, 200, CLASS(""));
	answer(cluster, ASB_Q_EVENTS, 200, REFUSED("2026-11-23T11:59:00Z"));
	problem(cluster, ASB_CHECK_CLASS, "a node says: rpc error: no runtime for", "HANDLER");
	/* of a RuntimeClass of that name before this one; too long ago */
	answer(cluster, ASB_Q_EVENTS, 200, REFUSED("2026-11-23T11:49:00Z"));
	expect(cluster, ASB_CHECK_CLASS, ASB_CHECK_OK, "is there", NULL);
	answer(cluster, ASB_Q_EVENTS, 200, REFUSED("2026-11-23T11:51:00Z"));
	problem(cluster, ASB_CHECK_CLASS, "a node says", "HANDLER");
	/* and a container has started since */
	answer(cluster, ASB_Q_PODS, 200,
	       LIST("{\"spec\":{\"runtimeClassName\":\"gvisor\"},\"status\":{"
		    "\"containerStatuses\":[{\"state\":{\"running\":{\"startedAt\":"
		    "\"2026-11-23T11:55:00Z\"}}}]}}"));
	expect(cluster, ASB_CHECK_CLASS, ASB_CHECK_OK, "is there", NULL);
}

/* --- rights --- */

static void rights_of_the_user(void **state)
{
	struct cluster *cluster = *state;

	cluster->exam.rights.items[ASB_RIGHT_EXEC_GET].allowed = false;
	problem(cluster, ASB_CHECK_RIGHTS, "get pods/exec", "--user=jane");
	assert_non_null(strstr(cluster->checkup.items[0].next_step, "verbs: [\"get\"]"));
	answer(cluster, ASB_Q_WHOAMI, 201,
	       "{\"status\":{\"userInfo\":{\"username\":\"system:serviceaccount:a:b\"}}}");
	problem(cluster, ASB_CHECK_RIGHTS, "get pods/exec", "--serviceaccount=a:b");
	answer(cluster, ASB_Q_WHOAMI, 201,
	       "{\"status\":{\"userInfo\":{\"username\":\"o'hara; rm -r x\"}}}");
	problem(cluster, ASB_CHECK_RIGHTS, "get pods/exec", "--user='o'\\''hara; rm -r x'");
	answer(cluster, ASB_Q_WHOAMI, 403, "forbidden");
	problem(cluster, ASB_CHECK_RIGHTS, "get pods/exec", "--user=USER");
	cluster->exam.rights.items[ASB_RIGHT_EXEC_GET].allowed = true;
	cluster->exam.more[0].allowed = false;
	expect(cluster, ASB_CHECK_RIGHTS, ASB_CHECK_WARNING, "you lack: create pods", "kubectl");
	cluster->exam.rights_failed = asb_strdup("can't check rights");
	expect(cluster, ASB_CHECK_RIGHTS, ASB_CHECK_UNKNOWN, "can't check rights", NULL);
}

static void rights_of_the_account(void **state)
{
	struct cluster *cluster = *state;

	free(cluster->exam.powers);
	cluster->exam.powers = asb_strdup("get secrets, create pods");
	expect(cluster, ASB_CHECK_ACCOUNT_RIGHTS, ASB_CHECK_WARNING, "get secrets, create pods",
	       "computer/normal-user");
	free(cluster->exam.powers);
	cluster->exam.powers = asb_strdup("* *");
	expect(cluster, ASB_CHECK_ACCOUNT_RIGHTS, ASB_CHECK_WARNING, "everything", "kubectl");
	answer(cluster, ASB_Q_ACCOUNT, 404, "not found");
	problem(cluster, ASB_CHECK_ACCOUNT, "no ServiceAccount \"normal-user\"",
		"kubectl -n computer create serviceaccount normal-user");
}

/* --- the namespace --- */

static void namespace_(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_ACCOUNT, 404, "not found");
	answer(cluster, ASB_Q_DRY_POD, 404, "namespaces \"computer\" not found");
	answer(cluster, ASB_Q_NAMESPACE, 404, "not found");
	problem(cluster, ASB_CHECK_NAMESPACE, "no namespace \"computer\"",
		"kubectl agentsandbox -n computer setup");
	answer(cluster, ASB_Q_DRY_POD, 403, "forbidden: because it is being terminated");
	answer(cluster, ASB_Q_NAMESPACE, 200, "{\"status\":{\"phase\":\"Terminating\"}}");
	problem(cluster, ASB_CHECK_NAMESPACE, "is being deleted", "--for=delete");
}

static void root(void **state)
{
	struct cluster *cluster = *state;

	cluster->sandbox.user = "0";
	cluster->exam.rights.items[ASB_RIGHT_POD_CREATE].allowed = false;
	answer(cluster, ASB_Q_DRY_POD, 0, "not asked");
	problem(cluster, ASB_CHECK_SECURITY, "forbids the user 0", "export AGENTSANDBOX_USER=1001");
	answer(cluster, ASB_Q_NAMESPACE, 200,
	       "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/enforce\":\"baseline\"}}}");
	expect(cluster, ASB_CHECK_SECURITY, ASB_CHECK_OK, "enforces \"baseline\"", NULL);
	answer(cluster, ASB_Q_NAMESPACE, 200, "{}");
	expect(cluster, ASB_CHECK_SECURITY, ASB_CHECK_OK, "enforces \"privileged\"", NULL);
}

#define QUOTA(hard, used, more)                                                                   \
	LIST("{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{" hard "}" more "},\"status\":{" \
	     "\"hard\":{" hard "},\"used\":{" used "}}}")

static void quotas(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_QUOTAS, 200, QUOTA("\"pods\":\"5\"", "\"pods\":\"4\"", ""));
	expect(cluster, ASB_CHECK_QUOTA, ASB_CHECK_OK, "room", NULL);
	answer(cluster, ASB_Q_QUOTAS, 200, QUOTA("\"pods\":\"5\"", "\"pods\":\"5\"", ""));
	problem(cluster, ASB_CHECK_QUOTA, "5 of 5 pods are used",
		"kubectl -n computer patch resourcequota q --type=merge -p "
		"'{\"spec\":{\"hard\":{\"pods\":\"6\"}}}'");
	answer(cluster, ASB_Q_QUOTAS, 200,
	       QUOTA("\"limits.memory\":\"1Gi\",\"requests.cpu\":\"2\"",
		     "\"limits.memory\":\"700Mi\",\"requests.cpu\":\"1950m\"", ""));
	problem(cluster, ASB_CHECK_QUOTA, "700Mi of 1Gi limits.memory are used, 1950m of 2",
		"\"limits.memory\":\"1270874112\",\"requests.cpu\":\"2050m\"");
	answer(cluster, ASB_Q_QUOTAS, 200,
	       QUOTA("\"pods\":\"5\"", "\"pods\":\"5\"", ",\"scopes\":[\"BestEffort\"]"));
	expect(cluster, ASB_CHECK_QUOTA, ASB_CHECK_OK, "room", NULL);
	answer(cluster, ASB_Q_QUOTAS, 200, QUOTA("\"services\":\"0\"", "\"services\":\"0\"", ""));
	expect(cluster, ASB_CHECK_QUOTA, ASB_CHECK_OK, "room", NULL);
}

#define RANGE(limit) LIST("{\"metadata\":{\"name\":\"r\"},\"spec\":{\"limits\":[" limit "]}}")

static void limit_ranges(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_LIMITS, 200,
	       RANGE("{\"type\":\"Container\",\"max\":{\"memory\":\"1Gi\"},\"min\":{\"cpu\":"
		     "\"100m\"}},{\"type\":\"PersistentVolumeClaim\",\"max\":{\"memory\":\"1\"}}"));
	expect(cluster, ASB_CHECK_LIMITS, ASB_CHECK_OK, "fit", NULL);
	answer(cluster, ASB_Q_LIMITS, 200,
	       RANGE("{\"type\":\"Container\",\"max\":{\"memory\":\"256Mi\"}}"));
	problem(cluster, ASB_CHECK_LIMITS, "memory may be 256Mi at most",
		"export AGENTSANDBOX_MEMORY=256Mi");
	answer(cluster, ASB_Q_LIMITS, 200, RANGE("{\"type\":\"Pod\",\"min\":{\"cpu\":\"200m\"}}"));
	problem(cluster, ASB_CHECK_LIMITS, "the request of cpu must be 200m at least",
		"export AGENTSANDBOX_CPU=2000m");
}

/* --- NetworkPolicy --- */

#define POLICY(selector, types, egress)                                            \
	LIST("{\"metadata\":{\"name\":\"np\"},\"spec\":{\"podSelector\":" selector \
	     ",\"policyTypes\":[" types "],\"egress\":[" egress "]}}")
#define UDP53 "{\"ports\":[{\"protocol\":\"UDP\",\"port\":53}]}"
#define TCP443 "{\"ports\":[{\"protocol\":\"TCP\",\"port\":443}]}"
#define TO(peer) "{\"to\":[" peer "]}"
#define BLOCK(cidr) "{\"ipBlock\":{\"cidr\":\"" cidr "\"}}"
#define IN(namespace_)                                                                           \
	"{\"namespaceSelector\":{\"matchLabels\":{\"kubernetes.io/metadata.name\":\"" namespace_ \
	"\"}}}"

static const struct {
	const char *policies;
	const char *evidence; /* NULL: ok */
} policies[] = {
	{POLICY("{}", "\"Ingress\"", ""), NULL},
	{POLICY("{\"matchLabels\":{\"app\":\"web\"}}", "\"Egress\"", ""), NULL},
	{POLICY("{}", "\"Egress\"", "{}"), NULL},
	{POLICY("{}", "\"Egress\"", UDP53 "," TCP443), NULL},
	{POLICY("{}", "\"Egress\"", TCP443), "reach DNS"},
	{POLICY("{}", "\"Egress\"", UDP53), "reach the API server"},
	{POLICY("{\"matchLabels\":{\"app.kubernetes.io/name\":\"agentsandbox\"}}", "\"Egress\"",
		TCP443),
	 "reach DNS"},
	{POLICY("{\"matchExpressions\":[{\"key\":\"app.kubernetes.io/component\",\"operator\":"
		"\"In\",\"values\":[\"sandbox\"]}]}",
		"\"Egress\"", TCP443),
	 "reach DNS"},
	{POLICY("{\"matchExpressions\":[{\"key\":\"app.kubernetes.io/component\",\"operator\":"
		"\"DoesNotExist\"}]}",
		"\"Egress\"", TCP443),
	 NULL},
	{POLICY("{}", "\"Egress\"", TCP443 "," TO(IN("kube-system"))), NULL},
	{POLICY("{}", "\"Egress\"", TCP443 "," TO(IN("default"))), "reach DNS"},
	{POLICY("{}", "\"Egress\"", TCP443 "," TO("{\"podSelector\":{}}")), "reach DNS"},
	{POLICY("{}", "\"Egress\"", TCP443 "," TO("{\"namespaceSelector\":{}}")), NULL},
	{POLICY("{}", "\"Egress\"", UDP53 "," TO("{\"namespaceSelector\":{}}")),
	 "reach the API server"},
	{POLICY("{}", "\"Egress\"", UDP53 "," TO(BLOCK("192.0.2.0/24"))), NULL},
	{POLICY("{}", "\"Egress\"", UDP53 "," TO(BLOCK("192.0.3.0/24"))), "reach the API server"},
	{POLICY("{}", "\"Egress\"", UDP53 "," TO(BLOCK("192.0.2.128/25"))), "reach the API server"},
	{POLICY("{}", "\"Egress\"",
		UDP53
		"," TO("{\"ipBlock\":{\"cidr\":\"0.0.0.0/0\",\"except\":[\"192.0.2.0/29\"]}}")),
	 "reach the API server"},
	{POLICY("{}", "\"Egress\"",
		"{\"ports\":[{\"protocol\":\"UDP\",\"port\":1,\"endPort\":100}]}," TCP443),
	 NULL},
	{POLICY("{}", "\"Egress\"", "{\"ports\":[{\"protocol\":\"UDP\"}]}," TCP443), NULL},
	{POLICY("{}", "\"Egress\"",
		"{\"ports\":[{\"protocol\":\"UDP\",\"port\":53}],\"to\":[" BLOCK(
			"169.254.20.10/32") "]}," TCP443),
	 NULL},
	{POLICY("{}", "\"Egress\"",
		"{\"ports\":[{\"protocol\":\"UDP\",\"port\":5353}],\"to\":[" IN(
			"openshift-dns") "]}," TCP443),
	 NULL},
	{POLICY("{}", "\"Egress\"",
		"{\"ports\":[{\"protocol\":\"UDP\"}],\"to\":[" IN("other") "]}," TCP443),
	 "reach DNS"},
};

static void network_policies(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_API_SLICES, 200,
	       LIST("{\"ports\":[{\"port\":6443}],\"endpoints\":[{\"addresses\":[\"192.0.2.7\"]}]"
		    "}"));
	answer(cluster, ASB_Q_DNS_SERVICE, 200, "{\"spec\":{\"clusterIPs\":[\"198.51.100.10\"]}}");
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		answer(cluster, ASB_Q_POLICIES, 200, policies[i].policies);
		if (policies[i].evidence == NULL)
			expect(cluster, ASB_CHECK_NETWORK, ASB_CHECK_OK, "reach DNS and", NULL);
		else
			problem(cluster, ASB_CHECK_NETWORK, policies[i].evidence,
				strstr(policies[i].evidence, "DNS") != NULL
					? "kubernetes.io/metadata.name: kube-system"
					: "ipBlock: {cidr: 192.0.2.7/32}");
	}
}

/* --- what we have made --- */

#define POOL(ready)                                                                               \
	LIST("{\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2026-11-23T11:00:00Z\","      \
	     "\"labels\":{\"app.kubernetes.io/managed-by\":\"kubectl-agentsandbox\"}},\"spec\":{" \
	     "\"replicas\":2,\"sandboxTemplateRef\":{\"name\":\"t\"}},\"status\":{"               \
	     "\"readyReplicas\":" ready "}}")
#define POOLED(condition)                                                                         \
	LIST("{\"metadata\":{\"name\":\"p-1\",\"namespace\":\"computer\",\"creationTimestamp\":"  \
	     "\"2026-11-23T11:10:00Z\",\"ownerReferences\":[{\"kind\":\"SandboxWarmPool\","       \
	     "\"name\":"                                                                          \
	     "\"p\",\"controller\":true}]},\"spec\":{\"podTemplate\":{\"spec\":{\"containers\":[" \
	     "{\"name\":\"main\",\"image\":\"i; rm -rf "                                          \
	     "x\"}]}}},\"status\":{\"conditions\":[" condition "]}}")

static void pools(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_POOLS, 200, POOL("2"));
	expect(cluster, ASB_CHECK_POOLS, ASB_CHECK_OK, "full: 2 ready", NULL);
	answer(cluster, ASB_Q_SANDBOXES, 200,
	       POOLED("{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"ReconcilerError\","
		      "\"message\":\"Error seen: pods x is forbidden: pod rejected: RuntimeClass "
		      "\\\"kata\\\" not found\"}"));
	answer(cluster, ASB_Q_POOLS, 200, POOL("1"));
	problem(cluster, ASB_CHECK_POOLS,
		"pool \"p\" does not fill: the cluster has no RuntimeClass",
		"pool create p --size 2 --image 'i; rm -rf x'");
	answer(cluster, ASB_Q_SANDBOXES, 200, LIST(""));
	expect(cluster, ASB_CHECK_POOLS, ASB_CHECK_WARNING, "1 of 2 ready", "pool list");
	cluster->exam.templates[0] =
		(struct asb_answer){.http = 404, .failed = asb_strdup("not found")};
	answer(cluster, ASB_Q_SANDBOXES, 200, POOLED(""));
	problem(cluster, ASB_CHECK_POOLS, "no SandboxTemplate \"t\"",
		"pool delete p && kubectl agentsandbox -n computer pool create p --size 2 --image "
		"'i; rm");
	cluster->sandbox.pool = "other";
	answer(cluster, ASB_Q_POOLS, 200, LIST(""));
	problem(cluster, ASB_CHECK_POOLS, "no warm pool \"other\"", "pool create other");
}

#define OURS                                                                     \
	"\"labels\":{\"app.kubernetes.io/managed-by\":\"kubectl-agentsandbox\"," \
	"\"app.kubernetes.io/component\":\"sandbox\"}"
#define ENDING(metadata, time, policy)                                                        \
	LIST("{\"metadata\":{\"name\":\"s\"," metadata "},\"spec\":{\"shutdownTime\":\"" time \
	     "\",\"shutdownPolicy\":\"" policy "\"},\"status\":{\"conditions\":[{}]}}")

static void leaks(void **state)
{
	struct cluster *cluster = *state;

	answer(cluster, ASB_Q_SANDBOXES, 200, ENDING(OURS, "2026-11-23T12:30:00Z", "Delete"));
	expect(cluster, ASB_CHECK_SANDBOXES, ASB_CHECK_OK, "1 of ours", NULL);
	answer(cluster, ASB_Q_SANDBOXES, 200, ENDING(OURS, "2026-11-23T11:30:00Z", "Delete"));
	problem(cluster, ASB_CHECK_SANDBOXES, "1 past their end, and still there: s",
		"kubectl agentsandbox -n computer cleanup");
	answer(cluster, ASB_Q_SANDBOXES, 200, ENDING(OURS, "2026-11-23T11:30:00Z", "Retain"));
	expect(cluster, ASB_CHECK_SANDBOXES, ASB_CHECK_WARNING, "Retain: s", "delete s");
	answer(cluster, ASB_Q_SANDBOXES, 200,
	       ENDING("\"labels\":{}", "2026-11-23T11:30:00Z", "Delete"));
	expect(cluster, ASB_CHECK_SANDBOXES, ASB_CHECK_OK, "0 of ours", NULL);
	answer(cluster, ASB_Q_SANDBOXES, 200,
	       ENDING(OURS ",\"deletionTimestamp\":\"2026-11-23T11:58:00Z\",\"finalizers\":[\"f\"]",
		      "2026-11-23T12:30:00Z", "Delete"));
	problem(cluster, ASB_CHECK_SANDBOXES, "held by finalizers: s", "\"finalizers\":null");
	answer(cluster, ASB_Q_SANDBOXES, 200, LIST(""));
	answer(cluster, ASB_Q_PODS, 200,
	       LIST("{\"metadata\":{\"name\":\"pod\"," OURS "},\"status\":{\"phase\":\"Failed\","
		    "\"startTime\":\"2026-11-23T11:00:00Z\"}}"));
	expect(cluster, ASB_CHECK_SANDBOXES, ASB_CHECK_WARNING, "1 plain pods", "cleanup");
	/* a controller that stands still deletes nothing: then that is what is wrong */
	answer(cluster, ASB_Q_SANDBOXES, 200, ENDING(OURS, "2026-11-23T11:30:00Z", "Delete"));
	answer(cluster, ASB_Q_DEPLOYMENT, 200, CONTROLLER("0", "0", "v0.5.6", ARGS));
	problem(cluster, ASB_CHECK_CONTROLLER, "scaled to 0", "--replicas=1");
}

static void shims(void **state)
{
	struct cluster *cluster = *state;
	ASB_JSON ours = asb_shim_configmap(&asb_shims[0]);
	ASB_TEXT text = asb_json_print(ours);
	ASB_TEXT list = asb_strf("{\"items\":[%s]}", text);

	answer(cluster, ASB_Q_SHIM, 200, text);
	answer(cluster, ASB_Q_SHIMS, 200, list);
	expect(cluster, ASB_CHECK_SHIM, ASB_CHECK_OK, "byte for byte", NULL);
	answer(cluster, ASB_Q_SHIM, 200, "{\"binaryData\":{\"amd64\":\"YWJj\"}}");
	problem(cluster, ASB_CHECK_SHIM, "does not hold the shim",
		"kubectl -n computer delete configmap agentsandbox-shim-");
	answer(cluster, ASB_Q_SHIM, 404, "not found");
	/* sha256("abc") begins with ba7816bf8f01 */
	answer(cluster, ASB_Q_SHIMS, 200,
	       LIST("{\"metadata\":{\"name\":\"agentsandbox-shim-ba7816bf8f01\"},\"binaryData\":{"
		    "\"amd64\":\"YWJj\"}}"));
	expect(cluster, ASB_CHECK_SHIM, ASB_CHECK_OK, "not there yet", NULL);
	answer(cluster, ASB_Q_SHIMS, 200,
	       LIST("{\"metadata\":{\"name\":\"agentsandbox-shim-ba7816bf8f02\"},\"binaryData\":{"
		    "\"amd64\":\"YWJj\"}}"));
	problem(cluster, ASB_CHECK_SHIM, "\"agentsandbox-shim-ba7816bf8f02\" does not hold",
		"delete configmap agentsandbox-shim-ba7816bf8f02");
}

/* --- plain pods --- */

static void plain_pods_need_no_agent_sandbox(void **state)
{
	struct cluster *cluster = *state;

	cluster->sandbox.mode = ASB_MODE_POD;
	answer(cluster, ASB_Q_CORE_GROUP, 404, "not found");
	answer(cluster, ASB_Q_EXTENSION_GROUP, 404, "not found");
	answer(cluster, ASB_Q_DEPLOYMENT, 404, "not found");
	answer(cluster, ASB_Q_LEASE, 404, "not found");
	answer(cluster, ASB_Q_SANDBOXES, 404, "not found");
	for (size_t i = ASB_Q_CRD_SANDBOXES; i <= ASB_Q_CRD_POOLS; i++)
		answer(cluster, (enum asb_question)i, 404, "not found");
	judge(cluster);
	assert_int_equal(asb_checkup_count(&cluster->checkup, ASB_CHECK_PROBLEM), 0);
	assert_int_equal(asb_checkup_count(&cluster->checkup, ASB_CHECK_WARNING), 0);
	assert_null(find(cluster, ASB_CHECK_CONTROLLER));
}

/* --- asking --- */

static void asks_and_changes_nothing(void **state)
{
	struct cluster *cluster = *state;
	struct asb_error err = ASB_ERROR_INIT;
	struct fake_api api = {.denied = "get pods/exec"};
	ASB_JSON json = NULL;

	fake_api_start(&api);
	for (size_t i = 0; i < 3; i++)
		fake_put(&api,
			 (const char *const[]){"/version", "/apis/agents.x-k8s.io",
					       "/apis/extensions.agents.x-k8s.io"}[i],
			 healthy[i].json);
	assert_int_equal(asb_checkup(api.http, &cluster->options, &cluster->checkup, &err), 0);
	json = asb_checkup_json(&cluster->checkup);
	assert_non_null(asb_json_find(json, "checks", "check", ASB_CHECK_RIGHTS));
	assert_non_null(strstr(find(cluster, ASB_CHECK_RIGHTS)->evidence, "get pods/exec"));
	assert_non_null(strstr(api.log, "POST /api/v1/namespaces/computer/pods\n"));
	assert_null(strstr(api.log, "PATCH"));
	assert_null(strstr(api.log, "PUT"));
	assert_null(strstr(api.log, "DELETE"));
	fake_api_stop(&api);
}

static void says_when_nobody_answers(void **state)
{
	struct cluster *cluster = *state;
	struct asb_error err = ASB_ERROR_INIT;
	char server[] = "http://127.0.0.1:1";
	struct asb_kubeconfig kubeconfig = {.server = server};
	struct asb_http *http = asb_http_new(&kubeconfig, &err);

	assert_int_equal(asb_checkup(http, &cluster->options, &cluster->checkup, &err), 0);
	assert_int_equal(cluster->checkup.count, 1);
	assert_int_equal(cluster->checkup.items[0].status, ASB_CHECK_PROBLEM);
	asb_http_free(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nodes),
		TEST(nodes_kept_free),
		TEST(runtime_class),
		TEST(what_nodes_say_about_handlers),
		TEST(rights_of_the_user),
		TEST(rights_of_the_account),
		TEST(namespace_),
		TEST(root),
		TEST(quotas),
		TEST(limit_ranges),
		TEST(network_policies),
		TEST(pools),
		TEST(leaks),
		TEST(shims),
		TEST(plain_pods_need_no_agent_sandbox),
		TEST(asks_and_changes_nothing),
		TEST(says_when_nobody_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
