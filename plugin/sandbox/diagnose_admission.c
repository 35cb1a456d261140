/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod (or the Sandbox) was refused by the API server. The controller tries for ever, with ever
 * longer pauses, and tells only through the Sandbox's Ready condition; most of these need somebody
 * to change something. What could be a moment's state (a quota that another sandbox is about to
 * free, a ServiceAccount that is just being made) gets two seconds.
 */
#include "plugin/sandbox/diagnose_rules.h"

#include <string.h>

#include "plugin/base/buffer.h"

#define A_MOMENT 2000
#define TERMINAL ASB_VERDICT_TERMINAL, 0
#define SOON_TERMINAL ASB_VERDICT_PENDING, A_MOMENT
#define MAY_HEAL ASB_VERDICT_MAY_HEAL, 0

#define POLICY_HINT "a policy of the cluster forbids it; its message says what to change"
#define LIMITS_HINT \
	"kubectl -n {namespace} describe limitrange tells the limits; use --cpu and --memory"

static const struct asb_rule rules[] = {
	{"RuntimeClass ", "not found", "runtime-class-missing", TERMINAL,
	 "the cluster has no RuntimeClass \"{runtime}\"",
	 "kubectl get runtimeclass lists what it has; without --runtime-class the nodes' default "
	 "is used"},
	{"runtimeClass.scheduling.nodeSelector", "kubernetes.io/arch", "architecture", TERMINAL,
	 "RuntimeClass \"{runtime}\" is for nodes of another architecture: {text}",
	 "use --arch {other arch}"},
	{"exceeded quota", NULL, "quota-exceeded", SOON_TERMINAL,
	 "no room in namespace \"{namespace}\": {text}",
	 "kubectl -n {namespace} describe resourcequota shows what is used; end something there, "
	 "or ask for less with --cpu and --memory"},
	{"failed quota", NULL, "quota-incomplete", SOON_TERMINAL,
	 "a quota of namespace \"{namespace}\" refuses the pod: {text}",
	 "kubectl -n {namespace} describe resourcequota"},
	{"violates PodSecurity", NULL, "pod-security", TERMINAL,
	 "namespace \"{namespace}\" forbids the pod: {text}",
	 "leave --user out to pass PodSecurity \"restricted\"; what namespace \"{namespace}\" "
	 "enforces is its label pod-security.kubernetes.io/enforce"},
	{"error looking up service account", NULL, "service-account-missing", SOON_TERMINAL,
	 "there is no ServiceAccount \"{account}\" in namespace \"{namespace}\"",
	 "kubectl apply -k manifests (of kubectl-agentsandbox) makes namespace computer with its "
	 "ServiceAccount normal-user; or: kubectl -n {namespace} create serviceaccount {account}; "
	 "or name another with --service-account"},
	{" usage per ", NULL, "limit-range", TERMINAL,
	 "a LimitRange of namespace \"{namespace}\" refuses the pod: {text}", LIMITS_HINT},
	{"limit to request ratio", NULL, "limit-range", TERMINAL,
	 "a LimitRange of namespace \"{namespace}\" refuses the pod: {text}", LIMITS_HINT},
	{"failed calling webhook", NULL, "webhook-unavailable", MAY_HEAL,
	 "an admission webhook of the cluster does not answer: {text}", NULL},
	{"denied the request", NULL, "policy", SOON_TERMINAL, "refused: {text}", POLICY_HINT},
	{"denied request", NULL, "policy", SOON_TERMINAL, "refused: {text}", POLICY_HINT},
	{"being terminated", NULL, "namespace-terminating", TERMINAL,
	 "namespace \"{namespace}\" is being deleted", "use another namespace with -n"},
	{"namespaces \"", "not found", "namespace-missing", TERMINAL,
	 "there is no namespace \"{namespace}\"",
	 "kubectl apply -k manifests (of kubectl-agentsandbox) makes namespace computer and all "
	 "it needs; or: kubectl create namespace {namespace}"},
	{"cannot adopt unowned pod", NULL, "pod-name-taken", ASB_VERDICT_MAY_HEAL, 5000,
	 "there is another pod of that name: {text}", "use another name, or none"},
	{"is owned by", "not by sandbox", "pod-name-taken", MAY_HEAL,
	 "there is another pod of that name: {text}", "use another name, or none"},
	{"object has been modified", NULL, "conflict", ASB_VERDICT_PENDING, 0,
	 "the agent-sandbox controller tries again: {text}", NULL},
	{"cannot create resource \"pods\"", NULL, "controller-rights", SOON_TERMINAL,
	 "the agent-sandbox controller may not create pods: {text}",
	 "install agent-sandbox again: its ClusterRole is incomplete"},
	{"is forbidden", NULL, "forbidden", SOON_TERMINAL, "the cluster refuses the pod: {text}",
	 NULL},
	{"is invalid:", NULL, "pod-invalid", SOON_TERMINAL, "the cluster refuses the pod: {text}",
	 NULL},
	{NULL, NULL, "reconcile-error", MAY_HEAL,
	 "the agent-sandbox controller reports an error: {text}", NULL},
};

static const struct asb_rule former_rule = {
	NULL,
	NULL,
	"former-pod",
	ASB_VERDICT_PENDING,
	0,
	"the pod of a former sandbox of that name is still ending",
	NULL};

/* The name was used again at once: 'pod "x" is owned by Sandbox/x (UID: ...)'. */
static bool is_former(const char *message, const char *name)
{
	ASB_TEXT owner = asb_strf("is owned by Sandbox/%s (", name);

	return strstr(message, owner) != NULL;
}

/* Without the controller's and the API server's preambles: 'Error seen: ', 'pods "x" is forbidden:
 * '. */
static const char *core(const char *message)
{
	static const char seen[] = "Error seen: ", forbidden[] = " is forbidden: ";
	const char *text = message, *at;

	if (strncmp(text, seen, sizeof(seen) - 1) == 0)
		text += sizeof(seen) - 1;
	at = strstr(text, forbidden);
	if (at != NULL && strstr(text, "cannot create resource") == NULL)
		text = at + sizeof(forbidden) - 1;
	return text;
}

void asb_diagnose_admission(const char *message, const struct asb_subject *subject,
			    struct asb_diagnosis *out)
{
	const struct asb_rule *rule = asb_rule_find(rules, message);

	if (is_former(message, subject->name))
		rule = &former_rule;
	asb_rule_apply(rule, subject, core(message), out);
}

void asb_diagnose_refusal(const cJSON *sandbox, const char *message, struct asb_diagnosis *out)
{
	struct asb_subject subject;

	asb_subject_init(&subject, sandbox, NULL);
	asb_diagnose_admission(message, &subject, out);
}
