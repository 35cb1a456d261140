/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler, the kubelet and the container runtime have against the pod. */
#include "plugin/sandbox/diagnose_rules.h"

#include <string.h>

#include "plugin/base/buffer.h"

/* cluster-autoscaler looks every 10 s, Karpenter sooner: longer than this nobody wants to look at a
 * pod that fits nowhere. */
#define AUTOSCALER_MS 8000
/* Without events nobody can tell us that nodes are coming. */
#define BLIND_MS 3000
#define A_WHILE 10000

#define TERMINAL ASB_VERDICT_TERMINAL, 0
#define MAY_HEAL ASB_VERDICT_MAY_HEAL, 0

#define FITS "no node can take the pod: {text}"

static const struct asb_rule unschedulable_rules[] = {
	{"nsufficient", NULL, "unschedulable", ASB_VERDICT_MAY_HEAL, AUTOSCALER_MS, FITS,
	 "ask for less with --cpu and --memory, end other pods, or add nodes"},
	{"node affinity/selector", NULL, "unschedulable", ASB_VERDICT_MAY_HEAL, AUTOSCALER_MS, FITS,
	 "it wants a linux/{arch} node (--arch {other arch} for the others), and with "
	 "--runtime-class one that the RuntimeClass selects: kubectl get nodes --show-labels"},
	{"taint", NULL, "unschedulable", ASB_VERDICT_MAY_HEAL, AUTOSCALER_MS, FITS,
	 "kubectl get nodes tells whether they are ready; taints keep pods away on purpose"},
	{NULL, NULL, "unschedulable", ASB_VERDICT_MAY_HEAL, AUTOSCALER_MS, FITS,
	 "kubectl describe nodes shows what they have and what is taken"},
};

static const struct asb_rule gated_rule = {
	NULL,
	NULL,
	"scheduling-gated",
	MAY_HEAL,
	"the pod is held back by a scheduling gate, for example of a queue: {text}",
	NULL};
static const struct asb_rule preempting_rule = {
	NULL,
	NULL,
	"preempting",
	MAY_HEAL,
	"the pod waits until a node has put less important pods aside: {text}",
	NULL};
static const struct asb_rule scaling_rule = {
	NULL, NULL, "scaling-up", MAY_HEAL, "no node has room yet, but nodes are coming: {text}",
	NULL};

/* The scheduler's sentence up to what it tried in vain besides. */
static char *scheduler_text(const char *message)
{
	static const char *const tails[] = {" no new claims to deallocate", " preemption:"};
	size_t n = strlen(message);

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		const char *at = strstr(message, tails[i]);

		if (at != NULL && (size_t)(at - message) < n)
			n = (size_t)(at - message);
	}
	while (n > 0 && strchr(" .,", message[n - 1]) != NULL)
		n--;
	return asb_strndup(message, n);
}

static const char *message_of(const cJSON *event)
{
	const char *message = asb_json_string(event, "message");

	return message != NULL ? message : "";
}

static void diagnose_unschedulable(const struct asb_findings *findings, const char *message,
				   const struct asb_subject *subject, struct asb_diagnosis *out)
{
	const cJSON *coming = asb_event_find(findings, "TriggeredScaleUp", NULL);
	const cJSON *refused = asb_event_find(findings, "NotTriggerScaleUp", NULL);
	ASB_TEXT text = scheduler_text(message);

	if (coming == NULL) /* Karpenter's word for the same */
		coming = asb_event_find(findings, "Nominated", NULL);
	if (coming != NULL) {
		asb_rule_apply(&scaling_rule, subject, message_of(coming), out);
		return;
	}
	if (asb_json_string(findings->pod, "status/nominatedNodeName") != NULL) {
		asb_rule_apply(&preempting_rule, subject, text, out);
		return;
	}
	asb_rule_apply(asb_rule_find(unschedulable_rules, message), subject, text, out);
	if (refused != NULL) {
		out->verdict = ASB_VERDICT_TERMINAL;
		out->patience_ms = 0;
	} else if (!findings->events_visible) {
		out->verdict = ASB_VERDICT_PENDING;
		out->patience_ms = BLIND_MS;
	}
}

bool asb_diagnose_scheduling(const struct asb_findings *findings, const struct asb_subject *subject,
			     struct asb_diagnosis *out)
{
	const cJSON *scheduled =
		asb_json_find(findings->pod, "status/conditions", "type", "PodScheduled");
	const char *status = asb_json_string(scheduled, "status");
	const char *reason = asb_json_string(scheduled, "reason");
	const char *message = message_of(scheduled);

	if (status == NULL || reason == NULL || strcmp(status, "False") != 0)
		return false;
	if (strcmp(reason, "SchedulingGated") == 0)
		asb_rule_apply(&gated_rule, subject, message, out);
	else if (strcmp(reason, "Unschedulable") == 0)
		diagnose_unschedulable(findings, message, subject, out);
	else
		return false; /* SchedulerError: it tries again at once */
	return true;
}

#define START "node \"{node}\" can't start the container: {text}"
#define CONFIG "node \"{node}\" can't set the container up: {text}"

static const struct asb_rule config_rules[] = {
	{"image will run as root", NULL, "image-user", TERMINAL,
	 "the own user of image \"{image}\" is root",
	 "leave --user out to run as 1001, or name another with --user UID; --user 0 is root, "
	 "where the namespace's PodSecurity allows it"},
	{"non-numeric user", NULL, "image-user", TERMINAL,
	 "the own user of image \"{image}\" is a name, which may stand for root: {text}",
	 "say its number: --user UID"},
	{"timed out waiting", NULL, "container-config", MAY_HEAL, CONFIG, NULL},
	{"cache", NULL, "container-config", MAY_HEAL, CONFIG, NULL},
	{NULL, NULL, "container-config", TERMINAL, CONFIG, NULL},
};

static const struct asb_rule create_rules[] = {
	{"exec format error", NULL, "architecture", TERMINAL, START,
	 "the node can't run what is built for linux/{arch}: try --arch {other arch}"},
	{"deadline exceeded", NULL, "container-start", MAY_HEAL, START, NULL},
	{"is reserved for", NULL, "container-start", MAY_HEAL, START, NULL},
	{NULL, NULL, "container-start", ASB_VERDICT_MAY_HEAL, A_WHILE, START, NULL},
};

static const struct asb_rule crash_rule = {
	NULL, NULL, "crash-loop", TERMINAL, "the container ends again and again: {text}", NULL};

bool asb_diagnose_waiting(const char *reason, const char *message,
			  const struct asb_subject *subject, struct asb_diagnosis *out)
{
	const struct asb_rule *rule;

	if (strcmp(reason, "CreateContainerConfigError") == 0)
		rule = asb_rule_find(config_rules, message);
	else if (strcmp(reason, "CreateContainerError") == 0 ||
		 strcmp(reason, "RunContainerError") == 0)
		rule = asb_rule_find(create_rules, message);
	else if (strcmp(reason, "CrashLoopBackOff") == 0)
		rule = &crash_rule;
	else
		return false;
	asb_rule_apply(rule, subject, message, out);
	return true;
}

#define NO_RUNTIME \
	"node \"{node}\" does not have the runtime that RuntimeClass \"{runtime}\" names: {text}"
#define NO_RUNTIME_HINT                                                            \
	"install it on the nodes, let the RuntimeClass select nodes that have it " \
	"(scheduling.nodeSelector), or use another --runtime-class"
#define NO_SANDBOX "node \"{node}\" can't prepare the pod: {text}"

static const struct asb_rule pod_sandbox_rules[] = {
	{"no runtime for", NULL, "runtime-handler", TERMINAL, NO_RUNTIME, NO_RUNTIME_HINT},
	{"RuntimeHandler", "not supported", "runtime-handler", TERMINAL, NO_RUNTIME,
	 NO_RUNTIME_HINT},
	{"failed to find runtime handler", NULL, "runtime-handler", TERMINAL, NO_RUNTIME,
	 NO_RUNTIME_HINT},
	{"binary not installed", NULL, "runtime-handler", TERMINAL, NO_RUNTIME, NO_RUNTIME_HINT},
	{NULL, NULL, "pod-sandbox", MAY_HEAL, NO_SANDBOX, NULL},
};

static const struct asb_rule network_rule = {
	NULL, NULL, "node-network", MAY_HEAL, "the network of node \"{node}\" isn't ready: {text}",
	NULL};
static const struct asb_rule mount_rule = {
	NULL, NULL, "mount", MAY_HEAL, "node \"{node}\" can't mount a volume: {text}", NULL};

/* A first failed mount is usual: the pod may be there before its ConfigMap. The kubelet counts them
 * in one event. */
static bool mount_keeps_failing(const cJSON *event)
{
	return event != NULL && asb_json_number(event, "count", 1) >= 4;
}

/* The kubelet's words stand between preambles of its own and the CRI's. */
static const char *after(const char *text, const char *preamble)
{
	const char *at = strstr(text, preamble);

	return at != NULL ? at + strlen(preamble) : text;
}

bool asb_diagnose_node(const struct asb_findings *findings, const struct asb_subject *subject,
		       struct asb_diagnosis *out)
{
	const cJSON *sandbox = asb_event_find(findings, "FailedCreatePodSandBox", NULL);
	const cJSON *network = asb_event_find(findings, "NetworkNotReady", NULL);
	const cJSON *mount = asb_event_find(findings, "FailedMount", NULL);

	if (sandbox != NULL) {
		const char *text = after(message_of(sandbox), "desc = ");

		asb_rule_apply(asb_rule_find(pod_sandbox_rules, text), subject, text, out);
	} else if (network != NULL) {
		asb_rule_apply(&network_rule, subject, message_of(network), out);
	} else if (mount_keeps_failing(mount)) {
		asb_rule_apply(&mount_rule, subject, message_of(mount), out);
	} else {
		return false;
	}
	return true;
}
