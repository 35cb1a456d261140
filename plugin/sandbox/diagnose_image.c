/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a registry says is worded by the registry, containerd or CRI-O, not by Kubernetes: the
 * kubelet passes it on as text. Order matters: a proxy's 503 page may well say "not found"
 * somewhere, so what may pass is looked for first.
 */
#include "plugin/sandbox/diagnose_rules.h"

#include <stdio.h>
#include <string.h>

#define MAY_HEAL ASB_VERDICT_MAY_HEAL, 0
#define TERMINAL ASB_VERDICT_TERMINAL, 0

#define UNREACHABLE "the registry of image \"{image}\" can't be reached: {text}"
#define UNREACHABLE_HINT \
	"the node tries again; if the name of the registry is wrong, stop and correct --image"
#define BUSY "the registry of image \"{image}\" does not serve it now: {text}"
#define DENIED "the registry denied access to image \"{image}\": {text}"
#define DENIED_HINT                                                                         \
	"is the name right? A private image needs credentials (imagePullSecrets):\n"        \
	"kubectl -n {namespace} create secret docker-registry pull --docker-server=SERVER " \
	"--docker-username=USER --docker-password=PASSWORD\n"                               \
	"kubectl -n {namespace} patch serviceaccount {account} "                            \
	"-p '{\"imagePullSecrets\":[{\"name\":\"pull\"}]}'"
#define NOT_FOUND "image \"{image}\" was not found in its registry: {text}"
#define TLS "the node does not trust the registry of image \"{image}\": {text}"
#define TLS_HINT \
	"the container runtime of the nodes must be told this registry's certificate authority"

static const struct asb_rule pull_rules[] = {
	{"x509:", NULL, "registry-tls", TERMINAL, TLS, TLS_HINT},
	{"server gave HTTP response", NULL, "registry-tls", TERMINAL, TLS, TLS_HINT},
	{"no such host", NULL, "registry-unreachable", MAY_HEAL, UNREACHABLE, UNREACHABLE_HINT},
	{"server misbehaving", NULL, "registry-unreachable", MAY_HEAL, UNREACHABLE,
	 UNREACHABLE_HINT},
	{"dial tcp", NULL, "registry-unreachable", MAY_HEAL, UNREACHABLE, UNREACHABLE_HINT},
	{"i/o timeout", NULL, "registry-unreachable", MAY_HEAL, UNREACHABLE, UNREACHABLE_HINT},
	{"handshake timeout", NULL, "registry-unreachable", MAY_HEAL, UNREACHABLE,
	 UNREACHABLE_HINT},
	{"connection re", NULL, "registry-unreachable", MAY_HEAL, UNREACHABLE, UNREACHABLE_HINT},
	{"deadline exceeded", NULL, "registry-unreachable", MAY_HEAL, UNREACHABLE,
	 UNREACHABLE_HINT},
	{"network is unreachable", NULL, "registry-unreachable", MAY_HEAL, UNREACHABLE,
	 UNREACHABLE_HINT},
	{"toomanyrequests", NULL, "registry-busy", MAY_HEAL, BUSY, NULL},
	{"429 Too Many", NULL, "registry-busy", MAY_HEAL, BUSY, NULL},
	{"500 Internal", NULL, "registry-busy", MAY_HEAL, BUSY, NULL},
	{"502 Bad", NULL, "registry-busy", MAY_HEAL, BUSY, NULL},
	{"503 Service", NULL, "registry-busy", MAY_HEAL, BUSY, NULL},
	{"504 Gateway", NULL, "registry-busy", MAY_HEAL, BUSY, NULL},
	{"pull QPS exceeded", NULL, "registry-busy", MAY_HEAL,
	 "the node pulls too many images at once: {text}", NULL},
	{"no space left", NULL, "image-no-space", MAY_HEAL,
	 "node \"{node}\" has no room for image \"{image}\": {text}", NULL},
	{"no match for platform", NULL, "image-platform", TERMINAL,
	 "image \"{image}\" does not exist for the node's platform: {text}",
	 "choose an image that is built for the architecture of the nodes"},
	{"pull access denied", NULL, "image-denied", TERMINAL, DENIED, DENIED_HINT},
	{"insufficient_scope", NULL, "image-denied", TERMINAL, DENIED, DENIED_HINT},
	{"unauthorized", NULL, "image-denied", TERMINAL, DENIED, DENIED_HINT},
	{"authentication required", NULL, "image-denied", TERMINAL, DENIED, DENIED_HINT},
	{"no basic auth credentials", NULL, "image-denied", TERMINAL, DENIED, DENIED_HINT},
	{"403 Forbidden", NULL, "image-denied", TERMINAL, DENIED, DENIED_HINT},
	{"denied", NULL, "image-denied", TERMINAL, DENIED, DENIED_HINT},
	{"manifest unknown", NULL, "image-not-found", TERMINAL, NOT_FOUND, NULL},
	{"name unknown", NULL, "image-not-found", TERMINAL, NOT_FOUND, NULL},
	{"not found", NULL, "image-not-found", TERMINAL, NOT_FOUND, NULL},
	{"does not exist", NULL, "image-not-found", TERMINAL, NOT_FOUND, NULL},
	{NULL, NULL, "image-pull", MAY_HEAL, "image \"{image}\" can't be pulled: {text}", NULL},
};

/* Reasons that say it all (kubelet images/types.go, cri-api errors). */
static const struct asb_rule reason_rules[] = {
	{"InvalidImageName", NULL, "image-invalid", TERMINAL,
	 "\"{image}\" is no valid image name: {text}",
	 "use [REGISTRY/]NAME[:TAG] with lower case letters in the name"},
	{"ErrImageNeverPull", NULL, "image-not-present", TERMINAL,
	 "image \"{image}\" is not on node \"{node}\" and may not be pulled",
	 "use --image-pull-policy IfNotPresent, or bring the image to the nodes"},
	{"SignatureValidationFailed", NULL, "image-signature", TERMINAL,
	 "the signature of image \"{image}\" is not accepted: {text}", NULL},
	{"RegistryUnavailable", NULL, "registry-unreachable", MAY_HEAL, UNREACHABLE,
	 UNREACHABLE_HINT},
	{"ImageInspectError", NULL, "image-inspect", MAY_HEAL,
	 "node \"{node}\" can't look at image \"{image}\": {text}", NULL},
	{"ErrImagePull", NULL, NULL, MAY_HEAL, NULL, NULL}, /* the message decides */
	{"ImagePullBackOff", NULL, NULL, MAY_HEAL, NULL, NULL},
	{NULL, NULL, NULL, MAY_HEAL, NULL, NULL}, /* nothing about images */
};

#define ANY_IMAGE_HINT "check the spelling of the image's name and tag"
#define BITNAMI_HINT                                                                        \
	"check the name and tag; docker.io/bitnami has kept only \"latest\" of its images " \
	"since 2025: use a mirror for other versions"

/* Behind what containerd wraps around the registry's words ("failed to resolve reference "x": ").
 */
static const char *inner_text(const char *message)
{
	static const char *const wraps[] = {"failed to resolve reference \"",
					    "failed to pull and unpack image \"",
					    "failed to resolve image \"", ASB_PULL_FAILED};
	const char *text = message;

	for (size_t i = 0; i < sizeof(wraps) / sizeof(wraps[0]); i++) {
		const char *at = strstr(message, wraps[i]);
		const char *end = at != NULL ? strstr(at + strlen(wraps[i]), "\": ") : NULL;

		if (end != NULL && end + 3 > text)
			text = end + 3;
	}
	if (text == message) {
		const char *at = strstr(message, "desc = ");

		text = at != NULL ? at + strlen("desc = ") : message;
	}
	return text;
}

/* Kubelets before 1.32 say only 'Back-off pulling image "x"' while they wait: the reason then is in
 * the event of the pull. */
static const char *pull_text(const char *message, const char *pull_error)
{
	if (message == NULL || *message == '\0' ||
	    (strncmp(message, "Back-off pulling image", 22) == 0 &&
	     strstr(message, "\": ") == NULL))
		return pull_error != NULL ? pull_error : "";
	return message;
}

bool asb_diagnose_image(const char *reason, const char *message, const char *pull_error,
			const struct asb_subject *subject, struct asb_diagnosis *out)
{
	const struct asb_rule *rule = asb_rule_find(reason_rules, reason);
	const char *text = pull_text(message, pull_error);

	if (rule->needle == NULL)
		return false;
	if (rule->code == NULL)
		rule = asb_rule_find(pull_rules, text);
	text = inner_text(text);
	asb_rule_apply(rule, subject, *text != '\0' ? text : "the node tries again later", out);
	if (strcmp(rule->code, "image-not-found") == 0)
		snprintf(out->hint, sizeof(out->hint), "%s",
			 strstr(subject->image, "bitnami/") != NULL ? BITNAMI_HINT
								    : ANY_IMAGE_HINT);
	return true;
}
