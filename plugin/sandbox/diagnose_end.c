/* SPDX-License-Identifier: Apache-2.0 */
/* What ended a pod that had run, or was refused by its node: one answer for the wait before a
 * command and for the post mortem after one. */
#include "plugin/sandbox/diagnose_rules.h"

#include <stdio.h>
#include <string.h>

#include "plugin/base/buffer.h"

#define TERMINAL ASB_VERDICT_TERMINAL, 0
#define STATUS_PLUGIN 125
#define STATUS_KILLED 137

#define RAN_OUT "the sandbox ran out of memory and was killed"
#define COMMAND_RAN_OUT "the command was killed: out of memory"

static const struct asb_rule oom_rule = {NULL,	   NULL,     "oom",
					 TERMINAL, "{text}", "give it more with --memory"};

static const struct asb_rule pod_rules[] = {
	{"Evicted", NULL, "evicted", TERMINAL, "the pod was evicted from node \"{node}\": {text}",
	 NULL},
	{"OutOf", NULL, "node-refused", TERMINAL,
	 "node \"{node}\" has no room for the pod after all: {text}", "try again"},
	{"NodeAffinity", NULL, "node-refused", TERMINAL,
	 "node \"{node}\" does not take the pod: {text}", "try again"},
	{"UnexpectedAdmissionError", NULL, "node-refused", TERMINAL,
	 "node \"{node}\" does not take the pod: {text}", NULL},
	{"Shutdown", NULL, "node-shutdown", TERMINAL, "node \"{node}\" is shutting down: {text}",
	 "try again"},
	{"Terminated", NULL, "node-shutdown", TERMINAL, "node \"{node}\" ended the pod: {text}",
	 "try again"},
	{"NodeLost", NULL, "node-lost", TERMINAL, "node \"{node}\" has gone: {text}", "try again"},
	{"DeadlineExceeded", NULL, "deadline", TERMINAL, "the pod's deadline has passed: {text}",
	 NULL},
	{"AppArmor", NULL, "node-refused", TERMINAL,
	 "node \"{node}\" does not take the pod: {text}", NULL},
	{NULL, NULL, "pod-failed", TERMINAL, "the pod has failed: {text}",
	 "kubectl -n {namespace} logs {name} shows its last words while it is there"},
};

static const struct asb_rule container_rules[] = {
	{"exec format error", NULL, "architecture", TERMINAL,
	 "the shim can't run on node \"{node}\": {text}",
	 "the node can't run what is built for linux/{arch}: try --arch {other arch}"},
	{"ContainerCannotRun", NULL, "container-start", TERMINAL,
	 "node \"{node}\" could not start the container: {text}", NULL},
	{"StartError", NULL, "container-start", TERMINAL,
	 "node \"{node}\" could not start the container: {text}", NULL},
	{NULL, NULL, "container-ended", TERMINAL, "the sandbox's container has ended: {text}",
	 "kubectl -n {namespace} logs {name} shows its last words while it is there"},
};

static void apply_oom(const cJSON *pod, const char *words, const struct asb_subject *subject,
		      struct asb_diagnosis *out)
{
	const char *limit = asb_json_string(pod, "spec/containers/0/resources/limits/memory");
	char text[160];

	if (limit != NULL)
		snprintf(text, sizeof(text), "%s (limit %.40s)", words, limit);
	else
		snprintf(text, sizeof(text), "%s", words);
	asb_rule_apply(&oom_rule, subject, text, out);
}

/* "Error, exit code 1: exec /agentsandbox/shim: ..." */
static void apply_terminated(const cJSON *terminated, const struct asb_subject *subject,
			     struct asb_diagnosis *out)
{
	const char *reason = asb_json_string(terminated, "reason");
	const char *message = asb_json_string(terminated, "message");
	int code = (int)asb_json_number(terminated, "exitCode", -1);
	ASB_TEXT text =
		asb_strf("%s, exit code %d%s%s", reason != NULL ? reason : "no reason given", code,
			 message != NULL ? ": " : "", message != NULL ? message : "");

	asb_rule_apply(asb_rule_find(container_rules, text), subject, text, out);
}

static void apply_failed(const cJSON *pod, const char *reason, const struct asb_subject *subject,
			 struct asb_diagnosis *out)
{
	const char *message = asb_json_string(pod, "status/message");

	asb_rule_apply(asb_rule_find(pod_rules, reason), subject,
		       message != NULL ? message : reason, out);
}

static bool has_ended(const cJSON *pod, const cJSON *terminated)
{
	const char *phase = asb_json_string(pod, "status/phase");

	return terminated != NULL ||
	       (phase != NULL && (strcmp(phase, "Failed") == 0 || strcmp(phase, "Succeeded") == 0));
}

bool asb_diagnose_end(const cJSON *pod, struct asb_diagnosis *out, int *status)
{
	const cJSON *terminated = asb_json_at(asb_container_status(pod), "state/terminated");
	const char *reason = asb_json_string(pod, "status/reason");
	const char *why = asb_json_string(terminated, "reason");
	struct asb_subject subject;

	*status = STATUS_PLUGIN;
	if (!has_ended(pod, terminated))
		return false;
	asb_subject_init(&subject, NULL, pod);
	if (why != NULL && strcmp(why, "OOMKilled") == 0) {
		*status = STATUS_KILLED;
		apply_oom(pod, RAN_OUT, &subject, out);
	} else if (reason != NULL) {
		apply_failed(pod, reason, &subject, out);
	} else if (terminated != NULL) {
		apply_terminated(terminated, &subject, out);
	} else {
		apply_failed(pod, "no reason given", &subject, out);
	}
	return true;
}

void asb_diagnose_oom(const cJSON *pod, struct asb_diagnosis *out)
{
	struct asb_subject subject;

	asb_subject_init(&subject, NULL, pod);
	apply_oom(pod, COMMAND_RAN_OUT, &subject, out);
}
