/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/next_step.h"

#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/base/options.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/resources.h"
#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/spec.h"

#define LEAST_TTL_MS (5 * 60 * 1000)
#define DEFAULT_TTL_MS (60 * 60 * 1000)

/* What is to be done. */
enum action {
	REMAKE,	    /* with the options of `text` instead of those of the same name */
	RENAME,	    /* make it anew under another name */
	RESTART,    /* it needs another pod */
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

#define PLUGIN "kubectl agentsandbox -n {namespace} "
#define KUBECTL "kubectl -n {namespace} "

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
	{"pod-deleted", RESTART, NULL},
	{"pod-failed", RESTART, NULL},
	{"pod-succeeded", RESTART, NULL},
	{"container-ended", RESTART, NULL},
	{"container-start", RESTART, NULL},
	{"evicted", RESTART, NULL},
	{"preempted", RESTART, NULL},
	{"node-refused", RESTART, NULL},
	{"node-shutdown", RESTART, NULL},
	{"node-lost", RESTART, NULL},
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

/* What a step is about. */
struct object {
	const struct asb_findings *findings;
	const cJSON *claim, *pool;
	const cJSON *pod; /* spec of the pod, or what it is made from */
	const char *namespace_, *name;
};

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* v1alpha1 has words for "any" and "none" where later versions name a pool. */
const char *asb_claim_pool(const cJSON *claim)
{
	const char *pool = asb_json_string(claim, "spec/warmPoolRef/name");

	if (pool == NULL)
		pool = asb_json_string(claim, "spec/warmpool");
	if (pool == NULL || strcmp(pool, "default") == 0 || strcmp(pool, "none") == 0)
		return NULL;
	return pool;
}

static bool is_plain_pod(const struct object *object)
{
	return object->claim == NULL && asb_json_at(object->findings->sandbox, "spec") == NULL;
}

/* Of a claim, or of a Sandbox that waits in it; NULL: none. */
static const char *pool_name(const struct object *object)
{
	if (object->claim != NULL)
		return asb_claim_pool(object->claim);
	return asb_root_owner(object->findings->sandbox, "SandboxWarmPool");
}

static void init_object(struct object *object, const struct asb_findings *findings,
			const cJSON *claim, const cJSON *pool)
{
	const cJSON *root = claim != NULL ? claim : findings->sandbox;

	*object = (struct object){
		.findings = findings,
		.claim = claim,
		.pool = pool,
		.pod = asb_json_at(findings->pod, "spec"),
		.namespace_ = or_empty(asb_json_string(root, "metadata/namespace")),
		.name = or_empty(asb_json_string(root, "metadata/name")),
	};
	if (object->pod == NULL)
		object->pod = asb_json_at(findings->sandbox, "spec/podTemplate/spec");
}

/* --- text for a shell --- */

static void add_quoted(struct asb_buffer *out, const char *text)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-._/:@=";

	if (*text != '\0' && text[strspn(text, harmless)] == '\0') {
		asb_buffer_addstr(out, text);
		return;
	}
	asb_buffer_addch(out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			asb_buffer_addstr(out, "'\\''");
		else
			asb_buffer_addch(out, *text);
	}
	asb_buffer_addch(out, '\'');
}

static const char *pod_name(const struct object *object)
{
	const char *name = asb_json_string(object->findings->pod, "metadata/name");

	return name != NULL ? name
			    : or_empty(asb_json_string(object->findings->sandbox, "metadata/name"));
}

/* The value of a variable that `at` begins with, and the length of its name; NULL: none. */
static const char *variable(const struct object *object, const char *at, const char *size,
			    size_t *length)
{
	const char *account = asb_json_string(object->pod, "serviceAccountName");
	const struct {
		const char *name, *value;
	} variables[] = {
		{"{namespace}", object->namespace_},
		{"{name}", object->name},
		{"{pod}", pod_name(object)},
		{"{account}", account != NULL ? account : "default"},
		{"{pool}", or_empty(pool_name(object))},
		{"{size}", size},
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		*length = strlen(variables[i].name);
		if (strncmp(at, variables[i].name, *length) == 0)
			return variables[i].value;
	}
	return NULL;
}

static void expand(struct asb_buffer *out, const struct object *object, const char *template)
{
	ASB_TEXT size = asb_strf("%.0f", asb_json_number(object->pool, "spec/replicas", 1));

	while (*template != '\0') {
		size_t length;
		const char *value = variable(object, template, size, &length);

		if (value != NULL) {
			add_quoted(out, value);
			template += length;
		} else {
			asb_buffer_addch(out, *template ++);
		}
	}
}

/* --- made anew --- */

static bool is_simple(const struct object *object)
{
	const cJSON *sandbox = object->findings->sandbox;

	return asb_inventory_is_ours(sandbox) &&
	       cJSON_GetArraySize(asb_json_at(object->pod, "containers")) == 1 &&
	       asb_json_at(sandbox, "spec/volumeClaimTemplates/0") == NULL &&
	       asb_json_find(object->pod, "containers", "name", ASB_CONTAINER) != NULL;
}

/* An option, unless `instead` has it or it is the default. */
static void add_option(struct asb_buffer *out, const char *flag, const char *value,
		       const char *otherwise, const char *instead)
{
	ASB_TEXT given = asb_strf("%s ", flag);

	if (value == NULL || strcmp(value, or_empty(otherwise)) == 0 ||
	    strstr(instead, given) != NULL)
		return;
	asb_buffer_addf(out, " %s ", flag);
	add_quoted(out, value);
}

static void add_ttl(struct asb_buffer *out, const cJSON *sandbox, const char *instead)
{
	int64_t made = asb_time_parse(asb_json_string(sandbox, "metadata/creationTimestamp"));
	int64_t end = asb_time_parse(asb_json_string(sandbox, "spec/shutdownTime"));
	int64_t ttl = (end - made + 30000) / 60000 * 60000;
	char length[32];

	if (made < 0 || end < 0 || ttl < LEAST_TTL_MS || ttl == DEFAULT_TTL_MS)
		return;
	add_option(out, "--ttl", asb_duration_format(ttl, length), NULL, instead);
}

/* The options that it was made with, as far as the object tells and they are not the defaults. */
static void add_options(struct asb_buffer *out, const struct object *object, const char *instead)
{
	const cJSON *container = asb_json_at(object->pod, "containers/0");
	double uid = asb_json_number(object->pod, "securityContext/runAsUser", -1);
	ASB_TEXT user = uid < 0 ? asb_strdup("image") : asb_strf("%.0f", uid);

	add_option(out, "--image", asb_json_string(container, "image"), ASB_STEP_IMAGE, instead);
	add_option(out, "--image-pull-policy", asb_json_string(container, "imagePullPolicy"),
		   "IfNotPresent", instead);
	add_option(out, "--runtime-class", asb_json_string(object->pod, "runtimeClassName"), NULL,
		   instead);
	add_option(out, "--service-account", asb_json_string(object->pod, "serviceAccountName"),
		   ASB_STEP_ACCOUNT, instead);
	add_option(out, "--cpu", asb_json_string(container, "resources/limits/cpu"), ASB_STEP_CPU,
		   instead);
	add_option(out, "--memory", asb_json_string(container, "resources/limits/memory"),
		   ASB_STEP_MEMORY, instead);
	add_option(out, "--user", user, "1001", instead);
	if (*instead != '\0')
		asb_buffer_addf(out, " %s", instead);
}

static void edit(struct asb_buffer *out, const struct object *object)
{
	expand(out, object, KUBECTL "edit sandbox {name}");
	if (object->findings->pod != NULL)
		expand(out, object, " && " KUBECTL "delete pod {pod}");
}

/* A pool's sandboxes are as its template says: a new one is made, with as many of them. */
static void remake_pool(struct asb_buffer *out, const struct object *object, const char *instead)
{
	expand(out, object, PLUGIN "pool delete {pool} && " PLUGIN "pool create {pool}");
	if (asb_json_number(object->pool, "spec/replicas", 1) != 1)
		expand(out, object, " --size {size}");
	add_options(out, object, instead);
}

/* From where and as what it is made. */
static void add_kind(struct asb_buffer *out, const struct object *object, const char *instead)
{
	if (object->claim != NULL) {
		expand(out, object, " --pool {pool}");
		return;
	}
	if (is_plain_pod(object))
		asb_buffer_addstr(out, " --sandbox k8s");
	add_options(out, object, instead);
	add_ttl(out, object->findings->sandbox, instead);
}

static void remake(struct asb_buffer *out, const struct object *object, const char *instead)
{
	bool pooled = pool_name(object) != NULL;

	if (!pooled && !is_plain_pod(object) && !is_simple(object)) {
		edit(out, object);
		return;
	}
	if (pooled && (object->claim == NULL || *instead != '\0')) {
		remake_pool(out, object, instead);
		if (object->claim == NULL)
			return;
		asb_buffer_addstr(out, " && ");
	}
	expand(out, object, PLUGIN "delete {name} && " PLUGIN "create {name}");
	add_kind(out, object, instead);
}

static void rename_it(struct asb_buffer *out, const struct object *object)
{
	expand(out, object, PLUGIN "delete {name} && " PLUGIN "create NEWNAME");
	add_kind(out, object, "");
}

/* A pod that ended stays; in the place of one that goes the controller makes another. */
static void restart(struct asb_buffer *out, const struct object *object)
{
	const cJSON *pod = object->findings->pod;

	if (is_plain_pod(object))
		remake(out, object, "");
	else if (pod == NULL || asb_json_string(pod, "metadata/deletionTimestamp") != NULL)
		expand(out, object, PLUGIN "status {name}");
	else
		expand(out, object, KUBECTL "delete pod {pod}");
}

static void extend(struct asb_buffer *out, const struct object *object)
{
	if (object->claim != NULL)
		remake(out, object, "");
	else
		expand(out, object, PLUGIN "extend {name} --ttl 1h");
}

/* --- what depends on the text --- */

/* The scheduler names what there is too little of. */
static struct step step_unschedulable(const struct object *object, const char *cause)
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

static struct step find_step(const struct object *object, const struct asb_diagnosis *diagnosis)
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

static void take_step(struct asb_buffer *out, const struct object *object, const struct step *step)
{
	switch (step->action) {
	case REMAKE:
		remake(out, object, step->text);
		return;
	case RENAME:
		rename_it(out, object);
		return;
	case RESTART:
		restart(out, object);
		return;
	case RETRY:
		expand(out, object, step->text);
		expand(out, object, " && " PLUGIN "suspend {name} && " PLUGIN "resume {name}");
		return;
	case EDIT:
		if (pool_name(object) != NULL)
			remake(out, object, "");
		else
			edit(out, object);
		return;
	case EXTEND:
		extend(out, object);
		return;
	case CREATE:
		expand(out, object, PLUGIN "create {name}");
		return;
	case LOOK_ROUND:
		expand(out, object, PLUGIN "status");
		return;
	case PASTE:
		expand(out, object, step->text);
		return;
	}
}

char *asb_next_step(const struct asb_findings *findings, const cJSON *claim, const cJSON *pool,
		    const struct asb_diagnosis *diagnosis)
{
	struct asb_buffer out = ASB_BUFFER_INIT;
	struct object object;
	struct step step;

	init_object(&object, findings, claim, pool);
	step = find_step(&object, diagnosis);
	take_step(&out, &object, &step);
	return asb_buffer_steal(&out);
}
