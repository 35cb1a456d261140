/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/next_step_parts.h"

#include <string.h>

#define PLUGIN ASB_STEP_PLUGIN
#define KUBECTL ASB_STEP_KUBECTL

/* What is to be done. */
enum action {
	REMAKE,	    /* with the options of `text` instead of those of the same name */
	RENAME,	    /* make it anew under another name */
	RESTART,    /* it needs another pod */
	AWAIT,	    /* it gets another pod, unless the old one stays as failed */
	RETRY,	    /* `text`, then let the controller try at once: it waits longer each time */
	EDIT,	    /* change the object */
	EXTEND,	    /* give it time again */
	CREATE,	    /* it is as good as gone */
	LOOK_ROUND, /* the installation is to be examined */
	PASTE,	    /* `text` */
};

struct step {
	const char *code; /* of the diagnosis */
	enum action action;
	const char *text;
};

static const struct step steps[] = {
	/* its life */
	{"expired", EXTEND, NULL},
	{"suspended", PASTE, PLUGIN "resume {name}"},
	{"deleted", CREATE, NULL},
	{"multiple-pods", PASTE, KUBECTL "delete pod POD"},
	{"pod-name-taken", RENAME, NULL},
	/* its pod has ended */
	{"oom", REMAKE, "--memory MEMORY"},
	{"architecture", REMAKE, "--arch ARCH"},
	{"deadline", REMAKE, ""},
	{"pod-deleting", PASTE, KUBECTL "delete pod {pod} --grace-period=0 --force"},
	{"pod-deleted", AWAIT, NULL},
	{"pod-failed", RESTART, NULL},
	{"pod-succeeded", RESTART, NULL},
	{"container-ended", RESTART, NULL},
	{"container-start", RESTART, NULL},
	{"evicted", AWAIT, NULL},
	{"preempted", AWAIT, NULL},
	{"node-refused", RESTART, NULL},
	{"node-shutdown", RESTART, NULL},
	{"node-lost", AWAIT, NULL},
	{"crash-loop", EDIT, NULL},
	/* its image */
	{"image-not-found", REMAKE, "--image IMAGE"},
	{"image-invalid", REMAKE, "--image IMAGE"},
	{"image-platform", REMAKE, "--image IMAGE"},
	{"image-signature", REMAKE, "--image IMAGE"},
	{"image-inspect", REMAKE, "--image IMAGE"},
	{"image-pull", REMAKE, "--image IMAGE"},
	{"image-user", REMAKE, "--user UID"},
	{"image-not-present", REMAKE, "--image-pull-policy IfNotPresent"},
	{"image-denied", PASTE,
	 KUBECTL "create secret docker-registry pull --docker-server=SERVER --docker-username=USER "
		 "--docker-password=PASSWORD && " KUBECTL "patch serviceaccount {account} "
		 "-p '{\"imagePullSecrets\":[{\"name\":\"pull\"}]}' && " KUBECTL
		 "delete pod {pod}"},
	{"image-no-space", LOOK_ROUND, NULL},
	{"registry-tls", REMAKE, "--image IMAGE"},
	{"registry-unreachable", REMAKE, "--image IMAGE"},
	{"registry-busy", REMAKE, "--image IMAGE"},
	/* its node */
	{"runtime-handler", REMAKE, "--runtime-class RUNTIMECLASS"},
	{"container-config", REMAKE, ""},
	{"mount", REMAKE, ""},
	/* it was refused */
	{"runtime-class-missing", REMAKE, "--runtime-class RUNTIMECLASS"},
	{"quota-incomplete", REMAKE, "--cpu CPU --memory MEMORY"},
	{"limit-range", REMAKE, "--cpu CPU --memory MEMORY"},
	{"pod-security", REMAKE, "--user 1001"},
	{"service-account-missing", RETRY, KUBECTL "create serviceaccount {account}"},
	{"policy", EDIT, NULL},
	{"forbidden", EDIT, NULL},
	{"pod-invalid", EDIT, NULL},
	{"namespace-terminating", PASTE, "kubectl agentsandbox -n NAMESPACE create {name}"},
	{"namespace-missing", PASTE, "kubectl create namespace {namespace}"},
	/* its pool */
	{"no-pool", PASTE, PLUGIN "pool create {pool}"},
	{"no-template", PASTE,
	 PLUGIN "pool delete {pool} && " PLUGIN "pool create {pool} --size {size}"},
	{"claim-refused", REMAKE, ""},
	{"sandbox-missing", REMAKE, ""},
	{NULL, LOOK_ROUND, NULL}, /* the sandbox is not to blame */
};

/* A pod that ended stays; in the place of one that goes the controller makes another. */
static void restart(struct asb_buffer *out, const struct asb_step_object *object, bool only_ended)
{
	const cJSON *pod = object->findings->pod;
	bool going = pod == NULL || asb_json_string(pod, "metadata/deletionTimestamp") != NULL;
	struct asb_diagnosis ignored;
	int status;

	if (asb_step_is_plain_pod(object))
		asb_step_remake(out, object, "");
	else if (going || (only_ended && !asb_diagnose_end(pod, &ignored, &status)))
		asb_step_expand(out, object, PLUGIN "status {name}");
	else
		asb_step_expand(out, object, KUBECTL "delete pod {pod}");
}

static void extend(struct asb_buffer *out, const struct asb_step_object *object)
{
	const char *policy = asb_json_string(object->findings->sandbox, "spec/shutdownPolicy");

	if (object->claim != NULL)
		asb_step_remake(out, object, "");
	else if (policy != NULL && strcmp(policy, "Delete") == 0)
		asb_step_create(out, object);
	else
		asb_step_expand(out, object, PLUGIN "extend {name} --ttl 1h");
}

/* --- what depends on the text --- */

/* The scheduler names what there is too little of. */
static struct step step_unschedulable(const struct asb_step_object *object, const char *cause)
{
	bool cpu = strstr(cause, "nsufficient cpu") != NULL;
	bool memory = strstr(cause, "nsufficient memory") != NULL;

	if (cpu)
		return (struct step){NULL, REMAKE,
				     memory ? "--cpu CPU --memory MEMORY" : "--cpu CPU"};
	if (memory)
		return (struct step){NULL, REMAKE, "--memory MEMORY"};
	if (asb_json_string(object->pod, "runtimeClassName") != NULL &&
	    strstr(cause, "affinity/selector") != NULL)
		return (struct step){NULL, REMAKE, "--runtime-class RUNTIMECLASS"};
	return (struct step){NULL, LOOK_ROUND, NULL};
}

/* "exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3". A number of objects is
 * brought down by ending one, a sum by asking for less. */
static struct step step_quota(const char *cause)
{
	const char *requested = strstr(cause, "requested: ");
	bool cpu = requested != NULL && strstr(requested, "cpu=") != NULL;
	bool memory = requested != NULL && strstr(requested, "memory=") != NULL;

	if (cpu && memory)
		return (struct step){NULL, REMAKE, "--cpu CPU --memory MEMORY"};
	if (cpu || memory)
		return (struct step){NULL, REMAKE, cpu ? "--cpu CPU" : "--memory MEMORY"};
	return (struct step){NULL, RETRY, PLUGIN "delete OTHER"};
}

static struct step find_step(const struct asb_step_object *object,
			     const struct asb_diagnosis *diagnosis)
{
	const struct step *step = steps;

	if (strcmp(diagnosis->code, "unschedulable") == 0)
		return step_unschedulable(object, diagnosis->cause);
	if (strcmp(diagnosis->code, "quota-exceeded") == 0)
		return step_quota(diagnosis->cause);
	while (step->code != NULL && strcmp(step->code, diagnosis->code) != 0)
		step++;
	return *step;
}

static void take_step(struct asb_buffer *out, const struct asb_step_object *object,
		      const struct step *step)
{
	switch (step->action) {
	case REMAKE:
		asb_step_remake(out, object, step->text);
		return;
	case RENAME:
		asb_step_rename(out, object);
		return;
	case RESTART:
		restart(out, object, false);
		return;
	case AWAIT:
		restart(out, object, true);
		return;
	case RETRY:
		asb_step_expand(out, object, step->text);
		asb_step_expand(out, object,
				" && " PLUGIN "suspend {name} && " PLUGIN "resume {name}");
		return;
	case EDIT:
		if (asb_step_pool(object) != NULL)
			asb_step_remake(out, object, "");
		else
			asb_step_edit(out, object);
		return;
	case EXTEND:
		extend(out, object);
		return;
	case CREATE:
		asb_step_create(out, object);
		return;
	case LOOK_ROUND:
		asb_step_expand(out, object, PLUGIN "status");
		return;
	case PASTE:
		asb_step_expand(out, object, step->text);
		return;
	}
}

/* A claim of v1alpha1 may come from no pool that it names: somebody else's way of working. */
static bool lacks_pool(const struct asb_step_object *object, const struct step *step)
{
	bool wanted = step->action == PASTE
			      ? strstr(step->text, "{pool}") != NULL
			      : step->action == REMAKE || step->action == RENAME ||
					step->action == CREATE || step->action == EXTEND;

	return wanted && object->claim != NULL && asb_step_pool(object) == NULL;
}

char *asb_next_step(const struct asb_findings *findings, const cJSON *claim, const cJSON *pool,
		    const struct asb_diagnosis *diagnosis)
{
	struct asb_buffer out = ASB_BUFFER_INIT;
	struct asb_step_object object;
	struct step step;

	asb_step_init(&object, findings, claim, pool);
	step = find_step(&object, diagnosis);
	if (lacks_pool(&object, &step))
		step.action = LOOK_ROUND;
	take_step(&out, &object, &step);
	return asb_buffer_steal(&out);
}
