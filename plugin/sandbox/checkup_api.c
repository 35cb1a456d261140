/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_api.c - the API server, and what agent-sandbox adds to its API. */
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"
#include "plugin/sandbox/spec.h"

/* --- API server --- */

void asb_judge_server(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *version = &exam->answers[ASB_Q_VERSION];
	const struct asb_answer *group = &exam->answers[ASB_Q_CORE_GROUP];
	const char *name = asb_json_string(version->json, "gitVersion");
	const char *server = exam->options->server;

	if (version->http == 401 || group->http == 401)
		asb_checkup_add(checkup, ASB_CHECK_SERVER, ASB_CHECK_PROBLEM,
				asb_strdup("kubectl auth whoami"),
				"%s does not accept the credentials of this context", server);
	else if (version->http == 0)
		asb_checkup_add(checkup, ASB_CHECK_SERVER, ASB_CHECK_PROBLEM,
				asb_strdup("kubectl config view --minify"), "%s", version->failed);
	else
		asb_checkup_add(checkup, ASB_CHECK_SERVER, ASB_CHECK_OK, NULL, "%s, Kubernetes %s",
				server, name != NULL ? name : "of unknown version");
}

/* --- API groups --- */

/* A controller that ran all the time doesn't notice by itself that its kinds are back. */
static char *install_again_step(const struct asb_exam *exam)
{
	ASB_TEXT tag = asb_controller_tag(exam);
	ASB_TEXT install = asb_install_step(tag);

	if (exam->controller == NULL)
		return asb_strdup(install);
	return asb_strf("%s\nkubectl -n %s rollout restart %s %s", install,
			asb_controller_namespace(exam), exam->controller_kind,
			asb_json_string(exam->controller, "metadata/name"));
}

static void add_versions(struct asb_buffer *out, const char *name, const cJSON *group)
{
	const cJSON *version;
	const char *comma = " ";

	if (group == NULL)
		return;
	asb_buffer_addf(out, "%s%s", out->length == 0 ? "" : "; ", name);
	cJSON_ArrayForEach(version, asb_json_member(group, "versions"))
	{
		const char *text = asb_json_string(version, "version");

		asb_buffer_addf(out, "%s%s", comma, text != NULL ? text : "?");
		comma = ", ";
	}
}

static void judge_missing_group(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	bool rest = exam->controller != NULL || exam->answers[ASB_Q_EXTENSION_GROUP].http == 200;

	if (rest)
		asb_checkup_add(checkup, ASB_CHECK_API, ASB_CHECK_PROBLEM, install_again_step(exam),
				"the CRD sandboxes.agents.x-k8s.io is missing, although other "
				"parts of agent-sandbox are there");
	else
		asb_checkup_add(checkup, ASB_CHECK_API, ASB_CHECK_PROBLEM, asb_install_step(NULL),
				"agent-sandbox is not installed (no API group agents.x-k8s.io)");
}

void asb_judge_api(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *core = &exam->answers[ASB_Q_CORE_GROUP];
	struct asb_buffer versions = ASB_BUFFER_INIT;

	if (asb_exam_plain_pods(exam) ||
	    asb_checkup_unread(checkup, ASB_CHECK_API, core, "the API groups"))
		return;
	if (core->json == NULL) {
		judge_missing_group(exam, checkup);
		return;
	}
	add_versions(&versions, ASB_SANDBOX_GROUP, core->json);
	add_versions(&versions, ASB_EXTENSIONS_GROUP, exam->answers[ASB_Q_EXTENSION_GROUP].json);
	if (asb_api_served(core->json) == NULL)
		asb_checkup_add(checkup, ASB_CHECK_API, ASB_CHECK_PROBLEM,
				asb_strdup("kubectl krew upgrade agentsandbox"),
				"%s: this plugin speaks v1beta1 and v1alpha1", versions.data);
	else
		asb_checkup_add(checkup, ASB_CHECK_API, ASB_CHECK_OK, NULL, "%s", versions.data);
	asb_buffer_release(&versions);
}

/* --- CRDs --- */

static bool is_true(const cJSON *condition)
{
	const char *status = asb_json_string(condition, "status");

	return status != NULL && strcmp(status, "True") == 0;
}

static const char *storage_version(const cJSON *crd)
{
	const cJSON *version;

	cJSON_ArrayForEach(version, asb_json_at(crd, "spec/versions"))
	{
		if (asb_json_bool(version, "storage", false))
			return asb_json_string(version, "name");
	}
	return NULL;
}

/* A version that objects were stored in and are no more: a release without it can't be installed
 * before they are written again. NULL: none. */
static const char *stored_leftover(const cJSON *crd)
{
	const char *storage = storage_version(crd);
	const cJSON *version;

	cJSON_ArrayForEach(version, asb_json_at(crd, "status/storedVersions"))
	{
		const char *text = cJSON_GetStringValue(version);

		if (storage != NULL && text != NULL && strcmp(text, storage) != 0)
			return text;
	}
	return NULL;
}

static void judge_leftover(const char *name, const cJSON *crd, struct asb_checkup *checkup)
{
	const char *leftover = stored_leftover(crd), *storage = storage_version(crd);

	if (leftover == NULL)
		return;
	asb_checkup_add(checkup, ASB_CHECK_CRDS, ASB_CHECK_WARNING,
			asb_strf("kubectl get %s -A -o json | kubectl replace -f -\n"
				 "kubectl patch crd %s --subresource=status --type=merge "
				 "-p '{\"status\":{\"storedVersions\":[\"%s\"]}}'",
				 name, name, storage),
			"objects of %s may still be stored as %s; a release without that version "
			"(v1.0) can't be installed before they are written again as %s",
			name, leftover, storage);
}

/* Returns whether all is well with it. */
static bool judge_crd(const struct asb_exam *exam, const cJSON *crd, struct asb_checkup *checkup)
{
	const char *name = asb_json_string(crd, "metadata/name");
	const cJSON *established = asb_json_find(crd, "status/conditions", "type", "Established");
	const cJSON *accepted = asb_json_find(crd, "status/conditions", "type", "NamesAccepted");
	const char *why = asb_json_string(is_true(accepted) ? established : accepted, "message");

	if (name == NULL)
		name = "?";
	if (asb_json_string(crd, "metadata/deletionTimestamp") != NULL)
		asb_checkup_add(checkup, ASB_CHECK_CRDS, ASB_CHECK_PROBLEM,
				install_again_step(exam),
				"%s is being deleted, with all objects of that kind", name);
	else if (established != NULL && !is_true(established))
		asb_checkup_add(checkup, ASB_CHECK_CRDS, ASB_CHECK_PROBLEM,
				asb_strf("kubectl describe crd %s", name), "%s is not served: %s",
				name, why != NULL ? why : "not Established");
	else
		judge_leftover(name, crd, checkup);
	return asb_json_string(crd, "metadata/deletionTimestamp") == NULL &&
	       (established == NULL || is_true(established)) && stored_leftover(crd) == NULL;
}

static void judge_missing_crd(const struct asb_exam *exam, enum asb_question which,
			      struct asb_checkup *checkup)
{
	static const char *const names[] = {"sandboxes", "sandboxclaims", "sandboxtemplates",
					    "sandboxwarmpools"};

	asb_checkup_add(checkup, ASB_CHECK_CRDS, ASB_CHECK_PROBLEM, install_again_step(exam),
			"the CRD %s.%s is missing", names[which - ASB_Q_CRD_SANDBOXES],
			which == ASB_Q_CRD_SANDBOXES ? ASB_SANDBOX_GROUP : ASB_EXTENSIONS_GROUP);
}

void asb_judge_crds(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *crds = exam->answers;
	const char *storage = storage_version(crds[ASB_Q_CRD_SANDBOXES].json);
	bool extensions = crds[ASB_Q_EXTENSION_GROUP].http == 200, well = true;

	if (asb_exam_plain_pods(exam) || crds[ASB_Q_CORE_GROUP].http == 404 ||
	    asb_checkup_unread(checkup, ASB_CHECK_CRDS, &crds[ASB_Q_CRD_SANDBOXES], "the CRDs"))
		return;
	for (enum asb_question i = ASB_Q_CRD_SANDBOXES; i <= ASB_Q_CRD_POOLS; i++) {
		if (crds[i].json != NULL)
			well = judge_crd(exam, crds[i].json, checkup) && well;
		else if (crds[i].http == 404 && (extensions || i == ASB_Q_CRD_SANDBOXES)) {
			judge_missing_crd(exam, i, checkup);
			well = false;
		}
	}
	if (well)
		asb_checkup_add(checkup, ASB_CHECK_CRDS, ASB_CHECK_OK, NULL,
				"served and accepted, stored as %s",
				storage != NULL ? storage : "an unknown version");
}
