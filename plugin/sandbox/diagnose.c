/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/diagnose.h"

#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/sandbox/diagnose_rules.h"
#include "plugin/sandbox/resources.h"

#define NO_CONTROLLER_MS 10000

#define TERMINAL ASB_VERDICT_TERMINAL, 0
#define SOON_TERMINAL ASB_VERDICT_PENDING, 2000
#define PENDING ASB_VERDICT_PENDING, 0

/* Ready=False reasons that settle it (controllers/sandbox_controller.go). Why a pod has failed
 * stands in the pod, whose state may arrive a moment after the Sandbox's. */
static const struct asb_rule sandbox_rules[] = {
	{"SandboxExpired", NULL, "expired", TERMINAL, "the lease of sandbox \"{name}\" has run out",
	 NULL},
	{"MultiplePods", NULL, "multiple-pods", TERMINAL, "{text}",
	 "kubectl -n {namespace} get pods shows them"},
	{"SandboxSuspended", NULL, "suspended", TERMINAL, "sandbox \"{name}\" is suspended", NULL},
	{"PodFailed", NULL, "pod-failed", SOON_TERMINAL, "the pod has failed", NULL},
	{"PodSucceeded", NULL, "pod-succeeded", SOON_TERMINAL, "the pod has ended by itself", NULL},
	{NULL, NULL, NULL, PENDING, NULL, NULL},
};

static const struct asb_rule no_controller_rule = {
	NULL,
	NULL,
	"no-controller",
	ASB_VERDICT_PENDING,
	NO_CONTROLLER_MS,
	"the agent-sandbox controller does not answer",
	"kubectl -n agent-sandbox-system get deployment agent-sandbox-controller tells whether it "
	"runs",
};
static const struct asb_rule no_pod_rule = {
	NULL, NULL, "no-pod", PENDING, "the agent-sandbox controller has not made the pod yet",
	NULL};
static const struct asb_rule unscheduled_rule = {
	NULL, NULL, "scheduling", PENDING, "the pod waits for the scheduler", NULL};
static const struct asb_rule untouched_rule = {NULL,
					       NULL,
					       "kubelet",
					       PENDING,
					       "node \"{node}\" has not touched the pod yet",
					       "kubectl get node {node} tells whether it is ready"};
static const struct asb_rule pulling_rule = {
	NULL, NULL, "pulling", PENDING, "node \"{node}\" pulls image \"{image}\"", NULL};
static const struct asb_rule preparing_rule = {
	NULL, NULL, "preparing", PENDING, "node \"{node}\" prepares the pod's volumes and network",
	NULL};
static const struct asb_rule running_rule = {
	NULL, NULL, "running", ASB_VERDICT_RUNNING, 0, "the container runs", NULL};
static const struct asb_rule deleting_rule = {
	NULL,
	NULL,
	"pod-deleting",
	ASB_VERDICT_MAY_HEAL,
	0,
	"the pod is being deleted; the controller will make another",
	NULL};
static const struct asb_rule sandbox_deleting_rule = {
	NULL, NULL, "deleted", TERMINAL, "sandbox \"{name}\" is being deleted", NULL};

/* What the condition still says of a sandbox that was resumed, or given more time, until the
 * controller has seen it. */
static bool is_stale(const struct asb_findings *findings, const char *reason)
{
	int64_t end = asb_time_parse(asb_json_string(findings->sandbox, "spec/shutdownTime"));

	if (strcmp(reason, "SandboxSuspended") == 0)
		return !asb_is_suspended(findings->sandbox);
	return strcmp(reason, "SandboxExpired") == 0 && findings->now_ms > 0 &&
	       end > findings->now_ms;
}

static bool diagnose_sandbox(const struct asb_findings *findings, const struct asb_subject *subject,
			     struct asb_diagnosis *out)
{
	const cJSON *ready = asb_json_find(findings->sandbox, "status/conditions", "type", "Ready");
	const char *status = asb_json_string(ready, "status");
	const char *reason = asb_json_string(ready, "reason");
	const char *message = asb_json_string(ready, "message");
	const struct asb_rule *rule;

	if (asb_json_string(findings->sandbox, "metadata/deletionTimestamp") != NULL) {
		asb_rule_apply(&sandbox_deleting_rule, subject, "", out);
		return true;
	}
	/* Its own wish: before v0.5 nothing else says so. */
	if (asb_is_suspended(findings->sandbox)) {
		asb_rule_apply(asb_rule_find(sandbox_rules, "SandboxSuspended"), subject, "", out);
		return true;
	}
	if (reason == NULL || status == NULL || strcmp(status, "False") != 0)
		return false;
	if (is_stale(findings, reason))
		return false;
	/* With a pod an error of the controller is about something else, and not ours to judge. */
	if (strcmp(reason, "ReconcilerError") == 0 && findings->pod == NULL) {
		asb_diagnose_admission(message != NULL ? message : "", subject, out);
		return true;
	}
	rule = asb_rule_find(sandbox_rules, reason);
	if (rule->needle == NULL)
		return false;
	asb_rule_apply(rule, subject, message != NULL ? message : "", out);
	return true;
}

/* The event comes up to a second before the status: the kubelet looks at its containers only so
 * often (generic PLEG), but tells at once what it did. */
static bool was_started(const struct asb_findings *findings)
{
	return asb_event_find(findings, "Started", NULL) != NULL;
}

static void diagnose_pending(const struct asb_findings *findings, const struct asb_subject *subject,
			     struct asb_diagnosis *out)
{
	const struct asb_rule *rule = &preparing_rule;

	if (*subject->node == '\0')
		rule = &unscheduled_rule;
	else if (asb_event_find(findings, "Pulling", NULL) != NULL &&
		 asb_event_find(findings, "Pulled", NULL) == NULL)
		rule = &pulling_rule;
	else if (asb_container_status(findings->pod) == NULL)
		rule = &untouched_rule;
	asb_rule_apply(rule, subject, "", out);
}

/* A container that waits for a reason of its own. */
static bool diagnose_container(const struct asb_findings *findings,
			       const struct asb_subject *subject, struct asb_diagnosis *out)
{
	const cJSON *waiting = asb_json_at(asb_container_status(findings->pod), "state/waiting");
	const char *reason = asb_json_string(waiting, "reason");
	const char *message = asb_json_string(waiting, "message");
	const char *pull_error =
		asb_json_string(asb_event_find(findings, "Failed", ASB_PULL_FAILED), "message");

	if (reason == NULL)
		return false;
	return asb_diagnose_image(reason, message, pull_error, subject, out) ||
	       asb_diagnose_waiting(reason, message != NULL ? message : "", subject, out);
}

static void diagnose_pod(const struct asb_findings *findings, const struct asb_subject *subject,
			 struct asb_diagnosis *out)
{
	const cJSON *status = asb_container_status(findings->pod);

	if (asb_json_string(findings->pod, "metadata/deletionTimestamp") != NULL)
		asb_rule_apply(&deleting_rule, subject, "", out);
	else if (asb_json_at(status, "state/running") != NULL || was_started(findings))
		asb_rule_apply(&running_rule, subject, "", out);
	else if (!asb_diagnose_scheduling(findings, subject, out) &&
		 !diagnose_container(findings, subject, out) &&
		 !asb_diagnose_node(findings, subject, out))
		diagnose_pending(findings, subject, out);
}

void asb_diagnose(const struct asb_findings *findings, struct asb_diagnosis *out)
{
	struct asb_subject subject;
	bool going = asb_json_string(findings->pod, "metadata/deletionTimestamp") != NULL;
	int ignored;

	asb_subject_init(&subject, findings->sandbox, findings->pod);
	/* What became of the pod says more than the Sandbox's summary of it, unless it ends because
	 * somebody wants it to. */
	if (!going && asb_diagnose_end(findings->pod, out, &ignored))
		return;
	if (diagnose_sandbox(findings, &subject, out))
		return;
	if (findings->pod != NULL)
		diagnose_pod(findings, &subject, out);
	else if (asb_json_at(findings->sandbox, "status/conditions") == NULL)
		asb_rule_apply(&no_controller_rule, &subject, "", out);
	else
		asb_rule_apply(&no_pod_rule, &subject, "", out);
}

bool asb_diagnose_life(const struct asb_findings *findings, struct asb_diagnosis *out)
{
	static const char *const ends[] = {"deleted", "suspended", "expired"};

	asb_diagnose(findings, out);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (strcmp(out->code, ends[i]) == 0)
			return true;
	}
	return false;
}
