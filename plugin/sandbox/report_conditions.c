/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions in plain words: what agent-sandbox v0.1 to v1.0 and the kubelet set. */
#include "plugin/sandbox/report_parts.h"

#include <string.h>

#include "plugin/base/buffer.h"

static const struct {
	const char *type, *status; /* NULL: any */
	const char *reason;	   /* NULL: any */
	const char *meaning;
} words[] = {
	/* of the Sandbox, and of a claim that has it from there */
	{"Ready", "True", "DependenciesReady", "its pod is ready"},
	{"Ready", "True", NULL, "it is ready"},
	{"Ready", NULL, "DependenciesNotReady", "it waits for its pod"},
	{"Ready", NULL, "SandboxSuspended", "it is suspended"},
	{"Ready", NULL, "SandboxExpired", "its time is over, its pod was deleted"},
	{"Ready", NULL, "PodSucceeded", "its pod has ended by itself"},
	{"Ready", NULL, "PodFailed", "its pod has failed"},
	{"Ready", NULL, "MultiplePods", "it has several pods and does not know which to use"},
	{"Ready", NULL, "ReconcilerError", "the controller can't do what it should"},
	{"Suspended", NULL, "NotSuspended", "it is not suspended"},
	{"Suspended", "True", NULL, "it is suspended, its pod has gone"},
	{"Suspended", NULL, "PodTerminating", "it is suspended when its pod has ended"},
	{"Suspended", NULL, "PodNotOwned", "it can't be suspended: its pod is somebody else's"},
	{"Suspended", NULL, "PodStateUnknown", "whether it is suspended is not known"},
	{"Suspended", NULL, "PodNotTerminated", "it is not suspended"},
	{"Finished", "True", NULL, "its pod has ended"},
	/* of a claim */
	{"Ready", NULL, "WarmPoolNotFound", "there is no such warm pool"},
	{"Ready", NULL, "TemplateNotFound", "the pool's template does not exist"},
	{"Ready", NULL, "AdoptionConflict", "the controller tries again to take one of the pool"},
	{"Ready", NULL, "SandboxCreatePending", "its Sandbox was just made"},
	{"Ready", NULL, "ClaimExpired", "its time is over"},
	{"Ready", NULL, "SandboxMissing", "its Sandbox has gone"},
	{"Ready", NULL, "SandboxNotReady", "its Sandbox is not ready"},
	{"Ready", NULL, "InvalidMetadata", "the controller refuses its metadata"},
	{"Ready", NULL, "EnvVarsInjectionRejected", "the template takes no variables"},
	{"Ready", NULL, "VolumeClaimTemplatesError", "the template takes no such volumes"},
	/* of the pod */
	{"Ready", NULL, "ContainersNotReady", "a container is not ready"},
	{"Ready", NULL, "PodCompleted", "its containers have ended"},
	{"ContainersReady", "True", NULL, "its containers are ready"},
	{"ContainersReady", NULL, "ContainersNotReady", "a container is not ready"},
	{"ContainersReady", NULL, "PodCompleted", "its containers have ended"},
	{"ContainersReady", NULL, "PodFailed", "its containers have ended"},
	{"PodScheduled", "True", NULL, "a node was found for it"},
	{"PodScheduled", NULL, "Unschedulable", "no node can take it"},
	{"PodScheduled", NULL, "SchedulingGated", "a gate keeps it from being scheduled"},
	{"Initialized", "True", NULL, "its init containers have done their work"},
	{"Initialized", "False", NULL, "its init containers have not done their work yet"},
	{"PodReadyToStartContainers", "True", NULL, "its network and volumes are there"},
	{"PodReadyToStartContainers", "False", NULL, "its network or volumes are not there"},
	{"DisruptionTarget", "True", NULL, "it is being taken off its node"},
};

static bool fits(const char *wanted, const char *text)
{
	return wanted == NULL || (text != NULL && strcmp(wanted, text) == 0);
}

static const char *meaning_of(const char *type, const char *status, const char *reason)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (fits(words[i].type, type) && fits(words[i].status, status) &&
		    fits(words[i].reason, reason))
			return words[i].meaning;
	}
	return NULL;
}

static void add(cJSON *report, const char *of, const cJSON *condition)
{
	static const char *const members[] = {"type", "status", "reason", "message"};
	const char *reason = asb_json_string(condition, "reason");
	const char *meaning = meaning_of(asb_json_string(condition, "type"),
					 asb_json_string(condition, "status"), reason);
	cJSON *item = asb_json_append(report, "conditions", cJSON_CreateObject());

	asb_json_set_string(item, "of", of);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		asb_report_set(item, members[i], asb_json_string(condition, members[i]));
	asb_report_set(item, "since", asb_json_string(condition, "lastTransitionTime"));
	asb_report_set(item, "meaning", meaning != NULL ? meaning : reason);
}

static void add_all(cJSON *report, const char *of, const cJSON *object)
{
	const cJSON *condition;

	cJSON_ArrayForEach(condition, asb_json_at(object, "status/conditions"))
	{
		add(report, of, condition);
	}
}

void asb_report_conditions(cJSON *report, const struct asb_facts *facts)
{
	asb_json_set(report, "conditions", cJSON_CreateArray());
	add_all(report, "claim", facts->claim);
	add_all(report, "sandbox", facts->sandbox);
	add_all(report, "pod", facts->pod);
}
