/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a next step: quoted, complete, and with the options that a sandbox was made with. */
#include "plugin/sandbox/next_step_parts.h"

#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/options.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/spec.h"

#define LEAST_TTL_MS (5 * 60 * 1000)
#define DEFAULT_TTL_MS (60 * 60 * 1000)

#define PLUGIN ASB_STEP_PLUGIN
#define KUBECTL ASB_STEP_KUBECTL

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

bool asb_step_is_plain_pod(const struct asb_step_object *object)
{
	return object->claim == NULL && asb_json_at(object->findings->sandbox, "spec") == NULL;
}

/* Of a claim, or of a Sandbox that waits in it; NULL: none. */
const char *asb_step_pool(const struct asb_step_object *object)
{
	if (object->claim != NULL)
		return asb_claim_pool(object->claim);
	return asb_root_owner(object->findings->sandbox, "SandboxWarmPool");
}

void asb_step_init(struct asb_step_object *object, const struct asb_findings *findings,
		   const cJSON *claim, const cJSON *pool)
{
	const cJSON *root = claim != NULL ? claim : findings->sandbox;

	*object = (struct asb_step_object){
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

static const char *pod_name(const struct asb_step_object *object)
{
	const char *name = asb_json_string(object->findings->pod, "metadata/name");

	return name != NULL ? name
			    : or_empty(asb_json_string(object->findings->sandbox, "metadata/name"));
}

/* The value of a variable that `at` begins with, and the length of its name; NULL: none. */
static const char *variable(const struct asb_step_object *object, const char *at, const char *size,
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
		{"{pool}", or_empty(asb_step_pool(object))},
		{"{size}", size},
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		*length = strlen(variables[i].name);
		if (strncmp(at, variables[i].name, *length) == 0)
			return variables[i].value;
	}
	return NULL;
}

void asb_step_expand(struct asb_buffer *out, const struct asb_step_object *object,
		     const char *template)
{
	ASB_TEXT size = asb_strf("%.0f", asb_json_number(object->pool, "spec/replicas", 1));

	while (*template != '\0') {
		size_t length;
		const char *value = variable(object, template, size, &length);

		if (value != NULL) {
			asb_buffer_add_word(out, value);
			template += length;
		} else {
			asb_buffer_addch(out, *template ++);
		}
	}
}

/* --- made anew --- */

static bool is_simple(const struct asb_step_object *object)
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
	asb_buffer_add_word(out, value);
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
static void add_options(struct asb_buffer *out, const struct asb_step_object *object,
			const char *instead)
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

void asb_step_edit(struct asb_buffer *out, const struct asb_step_object *object)
{
	asb_step_expand(out, object, KUBECTL "edit sandbox {name}");
	if (object->findings->pod != NULL)
		asb_step_expand(out, object, " && " KUBECTL "delete pod {pod}");
}

/* A pool's sandboxes are as its template says: a new one is made, with as many of them. */
static void remake_pool(struct asb_buffer *out, const struct asb_step_object *object,
			const char *instead)
{
	asb_step_expand(out, object, PLUGIN "pool delete {pool} && " PLUGIN "pool create {pool}");
	if (asb_json_number(object->pool, "spec/replicas", 1) != 1)
		asb_step_expand(out, object, " --size {size}");
	add_options(out, object, instead);
}

/* From where and as what it is made. */
static void add_kind(struct asb_buffer *out, const struct asb_step_object *object,
		     const char *instead)
{
	if (object->claim != NULL) {
		asb_step_expand(out, object, " --pool {pool}");
		return;
	}
	if (asb_step_is_plain_pod(object))
		asb_buffer_addstr(out, " --sandbox k8s");
	add_options(out, object, instead);
	add_ttl(out, object->findings->sandbox, instead);
}

void asb_step_remake(struct asb_buffer *out, const struct asb_step_object *object,
		     const char *instead)
{
	bool pooled = asb_step_pool(object) != NULL;

	if (!pooled && !asb_step_is_plain_pod(object) && !is_simple(object)) {
		asb_step_edit(out, object);
		return;
	}
	if (pooled && (object->claim == NULL || *instead != '\0')) {
		remake_pool(out, object, instead);
		if (object->claim == NULL)
			return;
		asb_buffer_addstr(out, " && ");
	}
	asb_step_expand(out, object, PLUGIN "delete {name} && " PLUGIN "create {name}");
	add_kind(out, object, instead);
}

void asb_step_rename(struct asb_buffer *out, const struct asb_step_object *object)
{
	asb_step_expand(out, object, PLUGIN "delete {name} && " PLUGIN "create NEWNAME");
	add_kind(out, object, "");
}

/* What has gone is made with the options that it had. */
void asb_step_create(struct asb_buffer *out, const struct asb_step_object *object)
{
	if (object->claim == NULL && !asb_step_is_plain_pod(object) && !is_simple(object)) {
		asb_step_expand(out, object, PLUGIN "status"); /* whoever made it makes it again */
		return;
	}
	asb_step_expand(out, object, PLUGIN "create {name}");
	add_kind(out, object, "");
}
