/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/claim_object.h"

#include <string.h>

#include "plugin/sandbox/diagnose_rules.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/observer.h"

#define NO_CONTROLLER_MS 10000
#define TERMINAL ASB_VERDICT_TERMINAL, 0
/* The controller knows pools and templates from a cache, which may be a moment behind. */
#define SOON_TERMINAL ASB_VERDICT_PENDING, 1500
#define PENDING ASB_VERDICT_PENDING, 0

/* Reasons of Ready=False (extensions/controllers/sandboxclaim_controller.go). {name} is the pool.
 */
static const struct asb_rule rules[] = {
	{"WarmPoolNotFound", NULL, "no-pool", SOON_TERMINAL,
	 "there is no warm pool \"{name}\" in namespace \"{namespace}\"",
	 "kubectl -n {namespace} get sandboxwarmpools shows those there are; make one with: "
	 "kubectl "
	 "agentsandbox -n {namespace} pool create {name}"},
	{"TemplateNotFound", NULL, "no-template", SOON_TERMINAL,
	 "the template of warm pool \"{name}\" does not exist: {text}",
	 "kubectl -n {namespace} get sandboxwarmpool {name} -o yaml names it"},
	{"InvalidMetadata", NULL, "claim-refused", TERMINAL, "the claim was refused: {text}", NULL},
	{"EnvVarsInjectionRejected", NULL, "claim-refused", TERMINAL,
	 "the claim was refused: {text}", NULL},
	{"VolumeClaimTemplatesError", NULL, "claim-refused", TERMINAL,
	 "the claim was refused: {text}", NULL},
	{"ClaimExpired", NULL, "expired", TERMINAL, "the lease of the claim has run out", NULL},
	{"SandboxExpired", NULL, "expired", TERMINAL, "the claimed sandbox has expired", NULL},
	{"SandboxMissing", NULL, "sandbox-missing", TERMINAL, "the Sandbox of the claim has gone",
	 NULL},
	{NULL, NULL, "claiming", PENDING, "warm pool \"{name}\" has not given a sandbox yet", NULL},
};

static const struct asb_rule running_rule = {
	NULL, NULL, "running", ASB_VERDICT_RUNNING, 0, "its Sandbox is ready", NULL};

static const struct asb_rule no_controller_rule = {
	NULL,
	NULL,
	"no-controller",
	ASB_VERDICT_PENDING,
	NO_CONTROLLER_MS,
	"the agent-sandbox controller does not answer claims",
	"kubectl -n agent-sandbox-system get deployment agent-sandbox-controller -o yaml tells "
	"whether it runs, and with --extensions",
};

cJSON *asb_claim_build(const struct asb_claim_wish *wish)
{
	cJSON *claim = asb_json_literal("{\"kind\":\"SandboxClaim\",\"metadata\":{},\"spec\":{"
					"\"lifecycle\":{\"shutdownPolicy\":\"Delete\"}}}");

	asb_json_set_string(claim, "apiVersion", wish->api->extension);
	asb_json_set_string(claim, "metadata/name", wish->name);
	asb_labels_set(claim, "metadata", "sandbox", wish->instance);
	asb_json_set_string(claim, "spec/lifecycle/shutdownTime", wish->shutdown_time);
	if (wish->api == &asb_api_v1alpha1) {
		asb_json_set_string(claim, "spec/sandboxTemplateRef/name", wish->template_name);
		asb_json_set_string(claim, "spec/warmpool", wish->pool);
	} else {
		asb_json_set_string(claim, "spec/warmPoolRef/name", wish->pool);
	}
	return claim;
}

/* Very old controllers wrote "Name". */
const char *asb_claim_sandbox(const cJSON *claim)
{
	const char *name = asb_json_string(claim, "status/sandbox/name");

	if (name == NULL)
		name = asb_json_string(claim, "status/sandbox/Name");
	return name != NULL && *name != '\0' ? name : NULL;
}

/* Written before the Sandbox itself is changed (v0.5 and later). */
const char *asb_claim_promised(const cJSON *claim)
{
	const cJSON *annotations = asb_json_at(claim, "metadata/annotations");
	const char *name =
		cJSON_GetStringValue(asb_json_member(annotations, "agents.x-k8s.io/sandbox-name"));

	return name != NULL && *name != '\0' ? name : NULL;
}

void asb_claim_diagnose(const cJSON *claim, const char *pool, struct asb_diagnosis *out)
{
	const cJSON *ready = asb_json_find(claim, "status/conditions", "type", "Ready");
	const char *namespace_ = asb_json_string(claim, "metadata/namespace");
	const char *status = asb_json_string(ready, "status");
	const char *reason = asb_json_string(ready, "reason");
	const char *message = asb_json_string(ready, "message");
	const struct asb_subject subject = {
		.namespace_ = namespace_ != NULL ? namespace_ : "",
		.name = pool,
		.image = "",
		.account = "",
		.runtime_class = "",
		.node = "",
		.pool = pool,
	};

	if (message == NULL)
		message = "";
	if (status != NULL && strcmp(status, "True") == 0)
		asb_rule_apply(&running_rule, &subject, "", out);
	else if (reason == NULL)
		asb_rule_apply(&no_controller_rule, &subject, "", out);
	else if (strcmp(reason, "ReconcilerError") == 0)
		asb_diagnose_admission(message, &subject, out);
	else
		asb_rule_apply(asb_rule_find(rules, reason), &subject, message, out);
}

/* The label is there since v0.5. Before, a pod went from a Sandbox of the pool to that of the
 * claim, and kept its name. */
bool asb_claim_is_cold(const cJSON *claim, const cJSON *sandbox)
{
	const cJSON *labels = asb_json_at(sandbox, "metadata/labels");
	const char *launch =
		cJSON_GetStringValue(asb_json_member(labels, "agents.x-k8s.io/launch-type"));
	const char *own = asb_json_string(claim, "metadata/name");
	const char *pod = asb_observer_pod_name(sandbox);

	if (launch != NULL)
		return strcmp(launch, "cold") == 0;
	return own != NULL && pod != NULL && strcmp(own, pod) == 0;
}
