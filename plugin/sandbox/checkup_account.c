/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup_account.c - the ServiceAccount that commands in sandboxes are: is it there, and does it
 * have a power that commands which nobody has read should not have?
 */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"

#define REVIEWS "/apis/authorization.k8s.io/v1/subjectaccessreviews"
#define DEFAULT_ACCOUNT "default"

/* Each leads to the rights of others, or to what they keep secret (Kubernetes, "RBAC good
 * practices"). The first covers all the others. */
static const struct power {
	const char *group, *resource, *subresource, *verb;
} powers[] = {
	{"*", "*", NULL, "*"},
	{"", "secrets", NULL, "get"},
	{"", "secrets", NULL, "list"},
	{"", "pods", NULL, "create"},
	{"", "pods", "exec", "create"},
	{"", "pods", "exec", "get"},
	{"", "pods", "attach", "create"},
	{"", "pods", "ephemeralcontainers", "patch"},
	{"", "serviceaccounts", "token", "create"},
	{"apps", "deployments", NULL, "create"},
	{"apps", "daemonsets", NULL, "create"},
	{"batch", "jobs", NULL, "create"},
	{"agents.x-k8s.io", "sandboxes", NULL, "create"},
	{"", "nodes", "proxy", "get"},
	{"", "nodes", "proxy", "create"},
	{"", "users", NULL, "impersonate"},
	{"", "groups", NULL, "impersonate"},
	{"", "serviceaccounts", NULL, "impersonate"},
	{"rbac.authorization.k8s.io", "clusterroles", NULL, "escalate"},
	{"rbac.authorization.k8s.io", "clusterroles", NULL, "bind"},
	{"rbac.authorization.k8s.io", "roles", NULL, "escalate"},
	{"rbac.authorization.k8s.io", "roles", NULL, "bind"},
	{"certificates.k8s.io", "certificatesigningrequests", "approval", "update"},
	{"admissionregistration.k8s.io", "mutatingwebhookconfigurations", NULL, "create"},
};

#define POWERS (sizeof(powers) / sizeof(powers[0]))

static const char *account_of(const struct asb_exam *exam)
{
	const char *account = exam->options->sandbox->service_account;

	return account != NULL ? account : DEFAULT_ACCOUNT;
}

/* --- asking --- */

/* In the namespace of the sandboxes: what is granted everywhere is granted there. */
static char *question(const struct asb_exam *exam, const struct power *power)
{
	ASB_JSON review = asb_json_literal("{\"apiVersion\":\"authorization.k8s.io/v1\","
					   "\"kind\":\"SubjectAccessReview\"}");
	ASB_TEXT user = asb_strf("system:serviceaccount:%s:%s", exam->namespace_, account_of(exam));
	ASB_TEXT group = asb_strf("system:serviceaccounts:%s", exam->namespace_);
	const char *const groups[] = {"system:serviceaccounts", group, "system:authenticated"};

	asb_json_set_string(review, "spec/user", user);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		asb_json_append(review, "spec/groups", cJSON_CreateString(groups[i]));
	asb_json_set_string(review, "spec/resourceAttributes/namespace", exam->namespace_);
	asb_json_set_string(review, "spec/resourceAttributes/group", power->group);
	asb_json_set_string(review, "spec/resourceAttributes/resource", power->resource);
	asb_json_set_string(review, "spec/resourceAttributes/subresource", power->subresource);
	asb_json_set_string(review, "spec/resourceAttributes/verb", power->verb);
	return asb_json_print(review);
}

static void add_power(struct asb_buffer *out, const struct power *power)
{
	asb_buffer_addf(out, "%s%s %s", out->length == 0 ? "" : ", ", power->verb, power->resource);
	if (power->subresource != NULL)
		asb_buffer_addf(out, "/%s", power->subresource);
}

static void take_powers(struct asb_exam *exam, const struct asb_answer *answers)
{
	struct asb_buffer found = ASB_BUFFER_INIT;

	if (answers[0].json == NULL) {
		exam->powers_failed =
			answers[0].http == 403
				? asb_strf("you may not ask what \"%s\" may do", account_of(exam))
				: asb_strdup(answers[0].failed);
		return;
	}
	for (size_t i = 0; i < POWERS; i++) {
		if (asb_json_bool(answers[i].json, "status/allowed", false))
			add_power(&found, &powers[i]);
		if (i == 0 && found.length > 0)
			break;
	}
	exam->powers = asb_buffer_steal(&found);
}

int asb_exam_ask_powers(struct asb_exam *exam, struct asb_http *http, struct asb_error *err)
{
	struct asb_answer answers[POWERS] = {{0}};
	char *paths[POWERS], *bodies[POWERS];
	int rc;

	for (size_t i = 0; i < POWERS; i++) {
		paths[i] = asb_strdup(REVIEWS);
		bodies[i] = question(exam, &powers[i]);
	}
	rc = asb_exam_fetch(http, paths, bodies, answers, POWERS, err);
	if (rc == 0)
		take_powers(exam, answers);
	for (size_t i = 0; i < POWERS; i++) {
		cJSON_Delete(answers[i].json);
		free(answers[i].failed);
	}
	return rc;
}

/* --- judging --- */

static void judge_missing(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	asb_checkup_add(checkup, ASB_CHECK_ACCOUNT, ASB_CHECK_PROBLEM,
			asb_strf("kubectl -n %s create serviceaccount %s", exam->namespace_,
				 account_of(exam)),
			"there is no ServiceAccount \"%s\" in namespace \"%s\"", account_of(exam),
			exam->namespace_);
}

void asb_judge_account(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer = &exam->answers[ASB_Q_ACCOUNT];

	if (answer->http == 404 || asb_exam_refused(exam, "service-account-missing"))
		judge_missing(exam, checkup);
	else if (answer->json != NULL || exam->admitted)
		asb_checkup_add(checkup, ASB_CHECK_ACCOUNT, ASB_CHECK_OK, NULL, "\"%s\" is there",
				account_of(exam));
	else
		asb_checkup_unread(checkup, ASB_CHECK_ACCOUNT, answer, "the ServiceAccount");
}

void asb_judge_powers(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	if (exam->powers == NULL)
		asb_checkup_add(checkup, ASB_CHECK_ACCOUNT_RIGHTS, ASB_CHECK_UNKNOWN, NULL, "%s",
				exam->powers_failed != NULL ? exam->powers_failed
							    : "not asked for");
	else if (exam->powers[0] == '\0')
		asb_checkup_add(checkup, ASB_CHECK_ACCOUNT_RIGHTS, ASB_CHECK_OK, NULL,
				"\"%s\" may do nothing that leads to more rights or to Secrets",
				account_of(exam));
	else
		asb_checkup_add(
			checkup, ASB_CHECK_ACCOUNT_RIGHTS, ASB_CHECK_WARNING,
			asb_strf("kubectl get rolebindings,clusterrolebindings -A -o wide | "
				 "grep %s/%s",
				 exam->namespace_, account_of(exam)),
			"commands in sandboxes may, as \"%s\": %s", account_of(exam),
			strcmp(exam->powers, "* *") == 0 ? "everything" : exam->powers);
}
