/* SPDX-License-Identifier: Apache-2.0 */
/* Next steps: what is pasted for which diagnosis; and what became of a lost sandbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/commands/run_options.h"
#include "plugin/sandbox/next_step.h"

#define OURS "\"labels\":{\"app.kubernetes.io/managed-by\":\"kubectl-agentsandbox\"}"

#define BOX(image, more)                                                                      \
	"{\"apiVersion\":\"agents.x-k8s.io/v1beta1\",\"kind\":\"Sandbox\",\"metadata\":{"     \
	"\"name\":\"box\",\"namespace\":\"work\",\"uid\":\"s-1\"," OURS ","                   \
	"\"creationTimestamp\":\"2026-11-23T01:00:00Z\"},\"spec\":{" more "\"podTemplate\":{" \
	"\"spec\":{\"serviceAccountName\":\"normal-user\",\"securityContext\":{"              \
	"\"runAsUser\":1001},\"containers\":[{\"name\":\"main\",\"image\":\"" image           \
	"\",\"imagePullPolicy\":\"IfNotPresent\",\"resources\":{\"limits\":{\"cpu\":\"1\","   \
	"\"memory\":\"512Mi\"}}}]}}}}"
#define PLAIN BOX("bitnami/kubectl:latest", "")
#define POD                                                                                  \
	"{\"metadata\":{\"name\":\"box\",\"namespace\":\"work\",\"uid\":\"p-1\"},\"spec\":{" \
	"\"nodeName\":\"node-1\"}}"

#define AGAIN                                      \
	"kubectl agentsandbox -n work delete box " \
	"&& kubectl agentsandbox -n work create box"

static char *step(const char *sandbox_text, const char *code, const char *cause)
{
	ASB_JSON sandbox = asb_json_literal(sandbox_text);
	const struct asb_findings findings = {.sandbox = sandbox};
	struct asb_diagnosis diagnosis = {.code = code};

	memcpy(diagnosis.cause, cause, strlen(cause) + 1);
	return asb_next_step(&findings, NULL, NULL, &diagnosis);
}

static void expect(const char *sandbox, const char *code, const char *cause, const char *wanted)
{
	ASB_TEXT text = step(sandbox, code, cause);

	assert_string_equal(text, wanted);
}

static void of_a_sandbox(void **state)
{
	(void)state;
	expect(PLAIN, "suspended", "", "kubectl agentsandbox -n work resume box");
	expect(PLAIN, "expired", "", "kubectl agentsandbox -n work extend box --ttl 1h");
	expect(BOX("acme/tool:1", "\"shutdownPolicy\":\"Delete\","), "expired", "",
	       "kubectl agentsandbox -n work create box --image acme/tool:1");
	expect(PLAIN, "deleted", "", "kubectl agentsandbox -n work create box");
	expect(PLAIN, "image-not-found", "", AGAIN " --image IMAGE");
	expect(PLAIN, "oom", "", AGAIN " --memory MEMORY");
	expect(PLAIN, "unschedulable", "no node: 1 Insufficient cpu", AGAIN " --cpu CPU");
	expect(PLAIN, "unschedulable", "no node: 1 Insufficient cpu, 1 Insufficient memory",
	       AGAIN " --cpu CPU --memory MEMORY");
	expect(PLAIN, "unschedulable", "1 node(s) had untolerated taint",
	       "kubectl agentsandbox -n work status");
	expect(PLAIN, "pod-name-taken", "",
	       "kubectl agentsandbox -n work delete box && kubectl agentsandbox -n work create "
	       "NEWNAME");
	expect(PLAIN, "pod-invalid", "", "kubectl -n work edit sandbox box");
	expect(PLAIN, "service-account-missing", "",
	       "kubectl -n work create serviceaccount normal-user && kubectl agentsandbox -n work "
	       "suspend box && kubectl agentsandbox -n work resume box");
	expect(PLAIN, "never heard of", "", "kubectl agentsandbox -n work status");
}

static void of_its_pod(void **state)
{
	ASB_JSON sandbox = asb_json_literal(PLAIN);
	ASB_JSON pod = asb_json_literal(POD);
	struct asb_findings findings = {.sandbox = sandbox, .pod = pod};
	const struct asb_diagnosis diagnosis = {.code = "evicted"};
	ASB_TEXT failed = NULL;
	ASB_TEXT gone = NULL;
	ASB_TEXT next = asb_next_step(&findings, NULL, NULL, &diagnosis);

	(void)state;
	assert_string_equal(next, "kubectl agentsandbox -n work status box"); /* it runs */
	asb_json_set_string(pod, "status/phase", "Failed");
	failed = asb_next_step(&findings, NULL, NULL, &diagnosis);
	assert_string_equal(failed, "kubectl -n work delete pod box");
	findings.pod = NULL; /* the controller makes another by itself */
	gone = asb_next_step(&findings, NULL, NULL, &diagnosis);
	assert_string_equal(gone, "kubectl agentsandbox -n work status box");
}

static void of_a_quota(void **state)
{
	(void)state;
	expect(PLAIN, "quota-exceeded",
	       "exceeded quota: q, requested: limits.cpu=1, used: limits.cpu=0, limited: "
	       "limits.cpu=500m",
	       AGAIN " --cpu CPU");
	expect(PLAIN, "quota-exceeded",
	       "exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3",
	       "kubectl agentsandbox -n work delete OTHER && kubectl agentsandbox -n work suspend "
	       "box && kubectl agentsandbox -n work resume box");
}

/* What it was made with is kept, what is wrong is not. */
static void the_options_stay(void **state)
{
	static const char box[] = BOX("acme/tool:1", "\"shutdownTime\":\"2026-11-23T09:00:00Z\",");
	ASB_JSON odd = asb_json_literal(PLAIN);
	ASB_TEXT text = NULL;

	(void)state;
	expect(box, "oom", "", AGAIN " --image acme/tool:1 --memory MEMORY --ttl 8h");
	expect(box, "image-not-found", "", AGAIN " --image IMAGE --ttl 8h");
	asb_json_set_string(odd, "spec/podTemplate/spec/runtimeClassName", "gvisor");
	asb_json_set_number(odd, "spec/podTemplate/spec/securityContext/runAsUser", 0);
	text = asb_json_print(odd);
	expect(text, "pod-security", "", AGAIN " --runtime-class gvisor --user 1001");
	expect(text, "runtime-handler", "", AGAIN " --user 0 --runtime-class RUNTIMECLASS");
}

static void the_defaults_are_those_of_create(void **state)
{
	(void)state;
	assert_string_equal(ASB_STEP_IMAGE, ASB_DEFAULT_IMAGE);
	assert_string_equal(ASB_STEP_ACCOUNT, ASB_DEFAULT_SERVICE_ACCOUNT);
	assert_string_equal(ASB_STEP_CPU, ASB_DEFAULT_CPU);
	assert_string_equal(ASB_STEP_MEMORY, ASB_DEFAULT_MEMORY);
}

/* What create could not make again as it was is edited. */
static void of_somebody_elses(void **state)
{
	ASB_JSON foreign = asb_json_literal(PLAIN);
	ASB_JSON volumes = asb_json_literal(PLAIN);
	ASB_TEXT text = NULL;
	ASB_TEXT other = NULL;

	(void)state;
	cJSON_DeleteItemFromObject(cJSON_GetObjectItem(foreign, "metadata"), "labels");
	text = asb_json_print(foreign);
	expect(text, "image-not-found", "", "kubectl -n work edit sandbox box");
	asb_json_append(volumes, "spec/volumeClaimTemplates", cJSON_CreateObject());
	other = asb_json_print(volumes);
	expect(other, "image-not-found", "", "kubectl -n work edit sandbox box");
}

/* Whoever makes a Sandbox must not have its text run by who pastes the step. */
static void nothing_is_run_by_pasting(void **state)
{
	(void)state;
	expect(BOX("x; touch '$HOME'", ""), "oom", "",
	       AGAIN " --image 'x; touch '\\''$HOME'\\''' --memory MEMORY");
}

static void of_a_claim(void **state)
{
	ASB_JSON claim = asb_json_literal(
		"{\"metadata\":{\"name\":\"c\",\"namespace\":\"work\"},\"spec\":{\"warmPoolRef\":{"
		"\"name\":\"p q\"}}}");
	ASB_JSON pool = asb_json_literal("{\"spec\":{\"replicas\":3}}");
	const struct asb_findings none = {0};
	struct asb_diagnosis diagnosis = {.code = "no-pool"};
	ASB_TEXT no_pool = asb_next_step(&none, claim, NULL, &diagnosis);
	ASB_TEXT no_template = NULL;
	ASB_TEXT expired = NULL;

	(void)state;
	assert_string_equal(no_pool, "kubectl agentsandbox -n work pool create 'p q'");
	diagnosis.code = "no-template";
	no_template = asb_next_step(&none, claim, pool, &diagnosis);
	assert_string_equal(no_template, "kubectl agentsandbox -n work pool delete 'p q' && "
					 "kubectl agentsandbox -n work pool create 'p q' --size 3");
	diagnosis.code = "expired";
	expired = asb_next_step(&none, claim, pool, &diagnosis);
	assert_string_equal(expired, "kubectl agentsandbox -n work delete c && kubectl "
				     "agentsandbox -n work create c --pool 'p q'");
}

static void of_a_claim_without_a_pool(void **state)
{
	ASB_JSON claim = asb_json_literal(
		"{\"metadata\":{\"name\":\"c\",\"namespace\":\"work\"},\"spec\":{"
		"\"sandboxTemplateRef\":{\"name\":\"t\"},\"warmpool\":\"default\"}}");
	static const char *const codes[] = {"no-template", "expired", "image-not-found"};
	const struct asb_findings none = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const struct asb_diagnosis diagnosis = {.code = codes[i]};
		ASB_TEXT text = asb_next_step(&none, claim, NULL, &diagnosis);

		assert_string_equal(text, "kubectl agentsandbox -n work status");
	}
}

/* What is wrong with a Sandbox of a pool is wrong with the pool. */
static void of_a_pool(void **state)
{
	ASB_JSON box = asb_json_literal(PLAIN);
	ASB_JSON claim = asb_json_literal(
		"{\"metadata\":{\"name\":\"c\",\"namespace\":\"work\"},\"spec\":{\"warmPoolRef\":{"
		"\"name\":\"p\"}}}");
	const struct asb_findings findings = {.sandbox = box};
	const struct asb_diagnosis diagnosis = {.code = "image-not-found"};
	ASB_JSON pool = asb_json_literal("{\"spec\":{\"replicas\":3}}");
	ASB_TEXT of_claim = asb_next_step(&findings, claim, NULL, &diagnosis);
	ASB_TEXT of_waiting = NULL;

	(void)state;
	assert_string_equal(of_claim,
			    "kubectl agentsandbox -n work pool delete p && kubectl agentsandbox -n "
			    "work pool create p --image IMAGE && kubectl agentsandbox -n work "
			    "delete c && kubectl agentsandbox -n work create c --pool p");
	asb_json_append(box, "metadata/ownerReferences",
			asb_json_literal("{\"kind\":\"SandboxWarmPool\",\"name\":\"p\","
					 "\"controller\":true}"));
	of_waiting = asb_next_step(&findings, NULL, pool, &diagnosis);
	assert_string_equal(of_waiting,
			    "kubectl agentsandbox -n work pool delete p && kubectl agentsandbox -n "
			    "work pool create p --size 3 --image IMAGE");
}

static void of_a_plain_pod(void **state)
{
	ASB_JSON stand_in =
		asb_json_literal("{\"metadata\":{\"name\":\"box\",\"namespace\":\"work\"}}");
	ASB_JSON pod = asb_json_literal(POD);
	const struct asb_findings findings = {.sandbox = stand_in, .pod = pod};
	const struct asb_diagnosis diagnosis = {.code = "evicted"};
	ASB_TEXT text = asb_next_step(&findings, NULL, NULL, &diagnosis);

	(void)state;
	assert_non_null(strstr(text, AGAIN " --sandbox k8s"));
}

/* --- what took the sandbox away --- */

#define NOW 1795399200000 /* 2026-11-23T02:00:00Z */

struct loss {
	const char *what, *sandbox, *pod;
	bool sandbox_gone, pod_gone;
	const char *code, *cause; /* code NULL: nothing has happened */
};

#define POD_WITH(metadata, status)                                                              \
	"{\"metadata\":{\"name\":\"box\",\"uid\":\"p-1\"" metadata                              \
	"},\"spec\":{\"nodeName\":\"node-1\",\"containers\":[{\"name\":\"main\"}]},\"status\":" \
	"{" status "}}"
#define GOING ",\"deletionTimestamp\":\"2026-11-23T01:59:59Z\""
#define SHIM_ENDED                                                                           \
	"\"containerStatuses\":[{\"name\":\"main\",\"state\":{\"terminated\":{\"exitCode\":" \
	"0,\"reason\":\"Completed\"}}}]"
#define DISRUPTED(why)                                                                         \
	"\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":\"" why \
	"\",\"message\":\"Eviction API: evicting\"}]"
#define SANDBOX_UNTIL(end, more) "{\"spec\":{\"shutdownTime\":\"" end "\"" more "}}"
#define LATER SANDBOX_UNTIL("2026-11-23T09:00:00Z", "")

static const struct loss losses[] = {
	{"nothing", LATER, POD_WITH("", "\"phase\":\"Running\""), false, false, NULL, NULL},
	{"drained", LATER, POD_WITH(GOING, DISRUPTED("EvictionByEvictionAPI")), false, false,
	 "evicted", "node \"node-1\" is drained"},
	{"drained, and gone already", LATER, POD_WITH("", DISRUPTED("DeletionByTaintManager")),
	 false, true, "evicted", "taken off node"},
	{"node pressure", LATER,
	 POD_WITH("", "\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"The node was low "
		      "on resource: memory\""),
	 false, false, "evicted", "low on resource: memory"},
	{"deleted Sandbox", LATER, POD_WITH(GOING, SHIM_ENDED), true, false, "deleted",
	 "sandbox \"box\" was deleted by somebody"},
	{"lease", SANDBOX_UNTIL("2026-11-23T01:59:58Z", ""), POD_WITH(GOING, SHIM_ENDED), true,
	 false, "expired", "the lease of sandbox \"box\" has run out"},
	{"lease of one that is kept", SANDBOX_UNTIL("2026-11-23T01:59:58Z", ""),
	 POD_WITH("", SHIM_ENDED), false, true, "expired", "has run out"},
	{"suspended", SANDBOX_UNTIL("2026-11-23T09:00:00Z", ",\"operatingMode\":\"Suspended\""),
	 POD_WITH(GOING, SHIM_ENDED), false, false, "suspended", "was suspended by somebody"},
	{"deleted pod", LATER, POD_WITH(GOING, SHIM_ENDED), false, false, "pod-deleted",
	 "the pod of sandbox \"box\" was deleted by somebody"},
	{"ended by itself", LATER, POD_WITH("", SHIM_ENDED), false, false, "container-ended",
	 "has ended"},
	{"past its time, but alive", SANDBOX_UNTIL("2026-11-23T01:59:58Z", ""),
	 POD_WITH("", "\"phase\":\"Running\""), false, false, NULL, NULL},
};

static void what_took_it_away(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		ASB_JSON sandbox = asb_json_literal(losses[i].sandbox);
		ASB_JSON pod = asb_json_literal(losses[i].pod);
		const struct asb_loss loss = {
			.noun = "sandbox",
			.name = "box",
			.sandbox = sandbox,
			.sandbox_gone = losses[i].sandbox_gone,
			.pod = pod,
			.pod_gone = losses[i].pod_gone,
			.now_ms = NOW,
		};
		struct asb_diagnosis diagnosis;
		int status;
		bool lost = asb_diagnose_loss(&loss, &diagnosis, &status);

		print_message("# %s\n", losses[i].what);
		assert_int_equal(lost, losses[i].code != NULL);
		assert_int_equal(status, 125);
		if (!lost)
			continue;
		assert_string_equal(diagnosis.code, losses[i].code);
		if (strstr(diagnosis.cause, losses[i].cause) == NULL)
			assert_string_equal(diagnosis.cause, losses[i].cause);
	}
}

/* The command, not the sandbox, was killed: its limit stands in the pod. */
static void a_command_out_of_memory(void **state)
{
	ASB_JSON pod = asb_json_literal("{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{"
					"\"memory\":\"64Mi\"}}}]}}");
	struct asb_diagnosis diagnosis;

	(void)state;
	asb_diagnose_oom(pod, &diagnosis);
	assert_string_equal(diagnosis.cause, "the command was killed: out of memory (limit 64Mi)");
	assert_non_null(strstr(diagnosis.hint, "--memory"));
	asb_diagnose_oom(NULL, &diagnosis);
	assert_string_equal(diagnosis.cause, "the command was killed: out of memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_sandbox),
		cmocka_unit_test(of_its_pod),
		cmocka_unit_test(of_a_quota),
		cmocka_unit_test(the_options_stay),
		cmocka_unit_test(the_defaults_are_those_of_create),
		cmocka_unit_test(of_somebody_elses),
		cmocka_unit_test(nothing_is_run_by_pasting),
		cmocka_unit_test(of_a_claim),
		cmocka_unit_test(of_a_claim_without_a_pool),
		cmocka_unit_test(of_a_pool),
		cmocka_unit_test(of_a_plain_pod),
		cmocka_unit_test(what_took_it_away),
		cmocka_unit_test(a_command_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
