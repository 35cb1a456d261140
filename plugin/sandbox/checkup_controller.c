/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_controller.c - the program that makes pods of Sandboxes: does it run, which one is it,
 * was it started for claims and pools too, and is it awake? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"

#define SILENT_MS 30000 /* a Sandbox has its first condition in a second */
#define ASLEEP_MS 60000 /* a Lease is renewed every 2 s, and lost after 15 s */
#define UPDATE "v0.5.6" /* from there on to v1.0 */
#define EXTENSIONS_FLAG "extensions"

/* --- who it is --- */

static const char *name_of(const cJSON *controller)
{
	const char *name = asb_json_string(controller, "metadata/name");

	return name != NULL ? name : ASB_CONTROLLER_NAME;
}

/* --- does it run --- */

/* The first Sandbox that nobody has looked at yet although there was time to. */
static const cJSON *silent_sandbox(const struct asb_exam *exam)
{
	const cJSON *sandbox;

	cJSON_ArrayForEach(sandbox, asb_json_member(exam->answers[ASB_Q_SANDBOXES].json, "items"))
	{
		int64_t made =
			asb_time_parse(asb_json_string(sandbox, "metadata/creationTimestamp"));

		if (asb_json_at(sandbox, "status/conditions/0") == NULL && made >= 0 &&
		    exam->now_ms - made > SILENT_MS)
			return sandbox;
	}
	return NULL;
}

/* For who can't see it: does it work? */
static void judge_unseen(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const cJSON *silent = silent_sandbox(exam);
	const struct asb_answer *seen = &exam->answers[ASB_Q_DEPLOYMENT];

	if (silent != NULL)
		asb_checkup_add(checkup, ASB_CHECK_CONTROLLER, ASB_CHECK_PROBLEM,
				asb_strf("kubectl -n %s get pods -l " ASB_CONTROLLER_SELECTOR,
					 ASB_CONTROLLER_NAMESPACE),
				"it does not look at Sandboxes: \"%s\" still has no status",
				asb_json_string(silent, "metadata/name"));
	else if (seen->http == 404 && exam->answers[ASB_Q_DEPLOYMENTS].json != NULL)
		asb_checkup_add(checkup, ASB_CHECK_CONTROLLER, ASB_CHECK_PROBLEM,
				asb_install_step(NULL),
				"there is no Deployment \"%s\" in namespace \"%s\" or any other",
				ASB_CONTROLLER_NAME, ASB_CONTROLLER_NAMESPACE);
	else
		asb_checkup_add(checkup, ASB_CHECK_CONTROLLER, ASB_CHECK_UNKNOWN, NULL,
				"you may not read Deployments of namespace \"%s\"",
				ASB_CONTROLLER_NAMESPACE);
}

/* Why a pod of it is not ready; NULL: it doesn't say. */
static const char *trouble_of(const cJSON *pod)
{
	const cJSON *container = asb_json_at(pod, "status/containerStatuses/0");
	const cJSON *scheduled = asb_json_find(pod, "status/conditions", "type", "PodScheduled");
	const char *reason = asb_json_string(container, "state/waiting/reason");

	if (reason != NULL)
		return reason;
	if (asb_json_string(container, "state/terminated/reason") != NULL)
		return asb_json_string(container, "state/terminated/reason");
	return asb_json_string(scheduled, "message");
}

static char *why_down(const struct asb_exam *exam)
{
	const cJSON *pods = asb_json_member(exam->answers[ASB_Q_CONTROLLER_PODS].json, "items");
	const cJSON *failed =
		asb_json_find(exam->controller, "status/conditions", "type", "ReplicaFailure");
	const cJSON *pod;

	cJSON_ArrayForEach(pod, pods)
	{
		const char *trouble = trouble_of(pod);

		if (trouble != NULL)
			return asb_strf("pod \"%s\": %s", asb_json_string(pod, "metadata/name"),
					trouble);
	}
	if (asb_json_string(failed, "message") != NULL)
		return asb_strdup(asb_json_string(failed, "message"));
	if (pods != NULL && cJSON_GetArraySize(pods) == 0)
		return asb_strdup("it has no pod");
	return asb_strdup("no pod of it is ready");
}

static void judge_down(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	ASB_TEXT why = why_down(exam);
	const char *namespace_ = asb_controller_namespace(exam);
	const char *name = name_of(exam->controller);

	asb_checkup_add(checkup, ASB_CHECK_CONTROLLER, ASB_CHECK_PROBLEM,
			asb_strf("kubectl -n %s describe pods -l " ASB_CONTROLLER_SELECTOR "\n"
				 "kubectl -n %s logs %s/%s\n"
				 "kubectl -n %s rollout restart %s %s",
				 namespace_, namespace_, exam->controller_kind, name, namespace_,
				 exam->controller_kind, name),
			"%s %s/%s is not available: %s", exam->controller_kind, namespace_, name,
			why);
}

static void judge_up(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	ASB_TEXT tag = asb_controller_tag(exam);

	asb_checkup_add(checkup, ASB_CHECK_CONTROLLER, ASB_CHECK_OK, NULL,
			"%s, %s %s/%s is available", tag != NULL ? tag : asb_controller_image(exam),
			exam->controller_kind, asb_controller_namespace(exam),
			name_of(exam->controller));
}

void asb_judge_controller(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const cJSON *controller = exam->controller;
	const char *namespace_ = asb_controller_namespace(exam);
	double ready = asb_json_number(controller, "status/availableReplicas",
				       asb_json_number(controller, "status/readyReplicas", 0));

	if (asb_exam_plain_pods(exam))
		return;
	if (controller == NULL)
		judge_unseen(exam, checkup);
	else if (asb_json_number(controller, "spec/replicas", 1) < 1)
		asb_checkup_add(checkup, ASB_CHECK_CONTROLLER, ASB_CHECK_PROBLEM,
				asb_strf("kubectl -n %s scale %s %s --replicas=1", namespace_,
					 exam->controller_kind, name_of(controller)),
				"%s %s/%s is scaled to 0: nobody makes pods of Sandboxes",
				exam->controller_kind, namespace_, name_of(controller));
	else if (ready < 1)
		judge_down(exam, checkup);
	else
		judge_up(exam, checkup);
}

/* --- which one it is --- */

/* Releases below `fixed` have the fault; the gravest first. */
static const struct fault {
	int fixed[3];
	const char *text;
} faults[] = {
	{{0, 5, 2}, "a claim's status can be wiped while its warm Sandbox starts"},
	{{0, 5, 4}, "the condition Suspended stays True after a Sandbox was resumed"},
};

/* "v0.5.6" -> 0, 5, 6. */
static bool parse_version(const char *tag, int version[3])
{
	return tag != NULL &&
	       sscanf(tag, "v%4d.%4d.%4d", &version[0], &version[1], &version[2]) == 3;
}

static bool is_older(const int a[3], const int b[3])
{
	for (size_t i = 0; i < 3; i++) {
		if (a[i] != b[i])
			return a[i] < b[i];
	}
	return false;
}

/* The first releases had a StatefulSet, which the Deployment does not take the place of. */
static char *update_step(const struct asb_exam *exam)
{
	ASB_TEXT install = asb_install_step(UPDATE);

	if (strcmp(exam->controller_kind, "deployment") == 0)
		return asb_strdup(install);
	return asb_strf("kubectl -n %s delete %s %s\n%s", asb_controller_namespace(exam),
			exam->controller_kind, name_of(exam->controller), install);
}

static const char *fault_of(const int version[3])
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (is_older(version, faults[i].fixed))
			return faults[i].text;
	}
	return NULL;
}

void asb_judge_version(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	static const int beta[] = {0, 5, 0};
	ASB_TEXT tag = asb_controller_tag(exam);
	const char *fault;
	int version[3];

	if (asb_exam_plain_pods(exam) || !parse_version(tag, version))
		return; /* nothing to say about it */
	fault = fault_of(version);
	if (is_older(version, beta))
		asb_checkup_add(checkup, ASB_CHECK_VERSION, ASB_CHECK_WARNING, update_step(exam),
				"%s serves v1alpha1 only, which v1.0 no longer has", tag);
	else if (fault != NULL)
		asb_checkup_add(checkup, ASB_CHECK_VERSION, ASB_CHECK_WARNING, update_step(exam),
				"%s has a known fault: %s", tag, fault);
}

/* --- extensions --- */

void asb_judge_extensions(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	bool served = exam->answers[ASB_Q_EXTENSION_GROUP].http == 200;
	ASB_TEXT tag = asb_controller_tag(exam);

	if (asb_exam_plain_pods(exam) || exam->answers[ASB_Q_CORE_GROUP].http == 404)
		return;
	if (exam->answers[ASB_Q_EXTENSION_GROUP].http == 404)
		asb_checkup_add(checkup, ASB_CHECK_EXTENSIONS, ASB_CHECK_WARNING,
				asb_install_step(tag),
				"claims and warm pools are not installed (no API group %s)",
				ASB_EXTENSIONS_GROUP);
	else if (exam->controller == NULL)
		asb_checkup_add(checkup, ASB_CHECK_EXTENSIONS, ASB_CHECK_UNKNOWN, NULL,
				"you may not read how the controller was started");
	else if (served && !asb_controller_flag(exam, EXTENSIONS_FLAG, false))
		asb_checkup_add(checkup, ASB_CHECK_EXTENSIONS, ASB_CHECK_PROBLEM,
				asb_install_step(tag),
				"the controller runs without --extensions: claims, templates and "
				"warm pools are ignored");
	else
		asb_checkup_add(checkup, ASB_CHECK_EXTENSIONS, ASB_CHECK_OK, NULL,
				"the controller runs with --extensions");
}

/* --- Lease --- */

void asb_judge_lease(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer = &exam->answers[ASB_Q_LEASE];
	int64_t renewed = asb_time_parse(asb_json_string(answer->json, "spec/renewTime"));
	char age[ASB_AGE_SIZE];

	if (asb_exam_plain_pods(exam) || exam->answers[ASB_Q_CORE_GROUP].http == 404 ||
	    asb_checkup_unread(checkup, ASB_CHECK_LEASE, answer, "the controller's Lease"))
		return;
	asb_age_format(exam->now_ms - renewed, age);
	if (answer->json == NULL || !asb_controller_flag(exam, "leader-elect", true))
		asb_checkup_add(checkup, ASB_CHECK_LEASE, ASB_CHECK_OK, NULL,
				"the controller elects no leader");
	else if (renewed >= 0 && exam->now_ms - renewed <= ASLEEP_MS)
		asb_checkup_add(checkup, ASB_CHECK_LEASE, ASB_CHECK_OK, NULL, "renewed %s ago",
				age);
	else
		asb_checkup_add(checkup, ASB_CHECK_LEASE, ASB_CHECK_PROBLEM,
				asb_strf("kubectl -n %s rollout restart %s %s",
					 asb_controller_namespace(exam), exam->controller_kind,
					 name_of(exam->controller)),
				"%s has not been renewed for %s: no controller is at work",
				ASB_CONTROLLER_LEASE, renewed < 0 ? "an unknown time" : age);
}
