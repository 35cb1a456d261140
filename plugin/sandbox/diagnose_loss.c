/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What took a sandbox away from the command that ran in it. A pod that is deleted is told by the
 * kubelet as one that ended by itself, so who wanted it gone is looked for first: a disruption of
 * the pod (its condition DisruptionTarget, since Kubernetes 1.26), then what became of the Sandbox.
 */
#include "plugin/sandbox/diagnose_rules.h"

#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/sandbox/resources.h"

#define TERMINAL ASB_VERDICT_TERMINAL, 0
#define TRY_AGAIN "try again"
#define STATUS_PLUGIN 125

/* Reasons of the pod's condition DisruptionTarget (k8s.io/api/core/v1, PodReason...). */
static const struct asb_rule disruption_rules[] = {
	{"EvictionByEvictionAPI", NULL, "evicted", TERMINAL,
	 "the pod was evicted, as when node \"{node}\" is drained: {text}", TRY_AGAIN},
	{"DeletionByTaintManager", NULL, "evicted", TERMINAL,
	 "the pod was taken off node \"{node}\", which does not want it any more: {text}",
	 TRY_AGAIN},
	{"PreemptionByScheduler", NULL, "preempted", TERMINAL,
	 "the pod had to make room for a more important one: {text}", TRY_AGAIN},
	{"TerminationByKubelet", NULL, "evicted", TERMINAL, "node \"{node}\" ended the pod: {text}",
	 TRY_AGAIN},
	{"DeletionByPodGC", NULL, "node-lost", TERMINAL, "node \"{node}\" has gone: {text}",
	 TRY_AGAIN},
	{NULL, NULL, "evicted", TERMINAL, "the pod was disrupted: {text}", TRY_AGAIN},
};

/* {text} is its kind, {name} its name. */
static const struct asb_rule expired_rule = {
	NULL, NULL, "expired", TERMINAL, "the lease of {text} \"{name}\" has run out", NULL};
static const struct asb_rule deleted_rule = {
	NULL, NULL, "deleted", TERMINAL, "{text} \"{name}\" was deleted by somebody", NULL};
static const struct asb_rule suspended_rule = {
	NULL, NULL, "suspended", TERMINAL, "{text} \"{name}\" was suspended by somebody", NULL};
static const struct asb_rule pod_deleted_rule = {
	NULL, NULL, "pod-deleted", TERMINAL, "the pod of {text} \"{name}\" was deleted by somebody",
	NULL};

static bool diagnose_disruption(const cJSON *pod, const struct asb_subject *subject,
				struct asb_diagnosis *out)
{
	const cJSON *target = asb_json_find(pod, "status/conditions", "type", "DisruptionTarget");
	const char *reason = asb_json_string(target, "reason");
	const char *message = asb_json_string(target, "message");

	if (!asb_same_text(asb_json_string(target, "status"), "True"))
		return false;
	if (reason == NULL)
		reason = "";
	asb_rule_apply(asb_rule_find(disruption_rules, reason), subject,
		       message != NULL ? message : reason, out);
	return true;
}

static bool has_expired(const struct asb_loss *loss)
{
	int64_t end = asb_time_parse(asb_json_string(loss->sandbox, "spec/shutdownTime"));
	const cJSON *ready = asb_json_find(loss->sandbox, "status/conditions", "type", "Ready");

	if (end >= 0 && loss->now_ms > 0)
		return end <= loss->now_ms;
	return asb_same_text(asb_json_string(ready, "reason"), "SandboxExpired");
}

static const struct asb_rule *find_rule(const struct asb_loss *loss, bool pod_going)
{
	bool going = loss->sandbox_gone ||
		     asb_json_string(loss->sandbox, "metadata/deletionTimestamp") != NULL;

	if ((going || pod_going) && has_expired(loss))
		return &expired_rule;
	if (going)
		return &deleted_rule;
	if (!pod_going)
		return NULL;
	return asb_is_suspended(loss->sandbox) ? &suspended_rule : &pod_deleted_rule;
}

bool asb_diagnose_loss(const struct asb_loss *loss, struct asb_diagnosis *out, int *status)
{
	bool pod_going =
		loss->pod_gone || asb_json_string(loss->pod, "metadata/deletionTimestamp") != NULL;
	const struct asb_rule *rule = find_rule(loss, pod_going);
	struct asb_subject subject;

	*status = STATUS_PLUGIN;
	asb_subject_init(&subject, NULL, loss->pod);
	subject.name = loss->name;
	if (diagnose_disruption(loss->pod, &subject, out))
		return true;
	if (rule == NULL)
		return asb_diagnose_end(loss->pod, out, status);
	asb_rule_apply(rule, &subject, loss->noun, out);
	return true;
}
