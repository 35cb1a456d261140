/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_namespace.c - the namespace of the sandboxes, and whether it lets their pods in. */
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"

#define ENFORCE "pod-security.kubernetes.io/enforce"

/* --- namespace --- */

static char *make_namespace_step(const struct asb_exam *exam)
{
	return asb_strf("%s -n %s setup", exam->options->program, exam->namespace_);
}

static char *terminating_step(const struct asb_exam *exam)
{
	ASB_TEXT make = make_namespace_step(exam);

	return asb_strf("kubectl wait --for=delete namespace/%s --timeout=2m\n%s", exam->namespace_,
			make);
}

void asb_judge_namespace(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer = &exam->answers[ASB_Q_NAMESPACE];
	const char *phase = asb_json_string(answer->json, "status/phase");

	if (answer->http == 404 || asb_exam_refused(exam, "namespace-missing"))
		asb_checkup_add(checkup, ASB_CHECK_NAMESPACE, ASB_CHECK_PROBLEM,
				make_namespace_step(exam), "there is no namespace \"%s\"",
				exam->namespace_);
	else if (asb_exam_refused(exam, "namespace-terminating") ||
		 (phase != NULL && strcmp(phase, "Terminating") == 0))
		asb_checkup_add(checkup, ASB_CHECK_NAMESPACE, ASB_CHECK_PROBLEM,
				terminating_step(exam), "namespace \"%s\" is being deleted",
				exam->namespace_);
	else if (answer->json != NULL || exam->admitted)
		asb_checkup_add(checkup, ASB_CHECK_NAMESPACE, ASB_CHECK_OK, NULL, "\"%s\" is there",
				exam->namespace_);
	else
		asb_checkup_unread(checkup, ASB_CHECK_NAMESPACE, answer, "the namespace");
}

/* --- PodSecurity --- */

/* Root is all that a pod of ours can want more than "restricted" allows (spec.h). */
static bool wants_root(const struct asb_exam *exam)
{
	const char *user = exam->options->sandbox->user;

	return user != NULL && user[0] != '\0' && strspn(user, "0") == strlen(user);
}

static const char *label_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(asb_json_member(asb_json_at(object, "metadata/labels"), name));
}

/* PodSecurity takes what it can't read for "restricted". */
static bool forbids_root(const char *level)
{
	return level != NULL && strcmp(level, "privileged") != 0 && strcmp(level, "baseline") != 0;
}

void asb_judge_security(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer = &exam->answers[ASB_Q_NAMESPACE];
	const char *level = label_of(answer->json, ENFORCE);
	bool refused = asb_exam_refused(exam, "pod-security");

	if (refused && !wants_root(exam))
		asb_checkup_add(
			checkup, ASB_CHECK_SECURITY, ASB_CHECK_PROBLEM,
			asb_strf("kubectl get namespace %s --show-labels", exam->namespace_), "%s",
			exam->refusal.cause);
	else if (refused || (wants_root(exam) && forbids_root(level) && !exam->admitted))
		asb_checkup_add(checkup, ASB_CHECK_SECURITY, ASB_CHECK_PROBLEM,
				asb_strdup("export AGENTSANDBOX_USER=1001"),
				"namespace \"%s\" enforces \"%s\", which forbids the user 0 that "
				"your settings ask for",
				exam->namespace_, level != NULL ? level : "restricted");
	else if (answer->json != NULL)
		asb_checkup_add(checkup, ASB_CHECK_SECURITY, ASB_CHECK_OK, NULL,
				"enforces \"%s\", which sandboxes pass",
				level != NULL ? level : "privileged");
	else if (exam->admitted)
		asb_checkup_add(checkup, ASB_CHECK_SECURITY, ASB_CHECK_OK, NULL, "sandboxes pass");
	else
		asb_checkup_unread(checkup, ASB_CHECK_SECURITY, answer,
				   "the labels of the namespace");
}

/* --- admission: what else keeps pods out --- */

/* Refusals that another check tells. */
static bool told_elsewhere(const struct asb_exam *exam)
{
	static const char *const codes[] = {
		"namespace-missing", "namespace-terminating",
		"pod-security",	     "service-account-missing",
		"quota-exceeded",    "quota-incomplete",
		"limit-range",	     "runtime-class-missing",
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (asb_exam_refused(exam, codes[i]))
			return true;
	}
	return false;
}

void asb_judge_admission(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const char *hint = exam->refusal.hint;

	if (exam->refusal.code != NULL && !told_elsewhere(exam))
		asb_checkup_add(checkup, ASB_CHECK_ADMISSION, ASB_CHECK_PROBLEM,
				asb_strdup("kubectl get validatingadmissionpolicies,"
					   "validatingwebhookconfigurations,"
					   "mutatingwebhookconfigurations"),
				"%s%s%s%s", exam->refusal.cause, hint[0] == '\0' ? "" : " (", hint,
				hint[0] == '\0' ? "" : ")");
	else if (exam->admitted)
		asb_checkup_add(checkup, ASB_CHECK_ADMISSION, ASB_CHECK_OK, NULL,
				"a pod like those of sandboxes is let in (dry run)");
}
