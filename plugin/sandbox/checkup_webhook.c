/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup_webhook.c - the webhook that translates between v1alpha1 and v1beta1 in agent-sandbox
 * v0.5, and what is left of it where v1.0 has taken over.
 */
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"

/* The first CRD that is converted by a webhook; NULL: none. With `without_bundle`, the first of
 * them that the API server could not trust. */
static const cJSON *converted_crd(const struct asb_exam *exam, bool without_bundle)
{
	for (enum asb_question i = ASB_Q_CRD_SANDBOXES; i <= ASB_Q_CRD_POOLS; i++) {
		const cJSON *crd = exam->answers[i].json;
		const char *strategy = asb_json_string(crd, "spec/conversion/strategy");
		const char *bundle =
			asb_json_string(crd, "spec/conversion/webhook/clientConfig/caBundle");

		if (strategy == NULL || strcmp(strategy, "Webhook") != 0)
			continue;
		if (!without_bundle || bundle == NULL || bundle[0] == '\0')
			return crd;
	}
	return NULL;
}

static bool has_ready_endpoint(const cJSON *slices)
{
	const cJSON *slice, *endpoint;

	cJSON_ArrayForEach(slice, asb_json_member(slices, "items"))
	{
		cJSON_ArrayForEach(endpoint, asb_json_member(slice, "endpoints"))
		{
			if (asb_json_bool(endpoint, "conditions/ready", true))
				return true;
		}
	}
	return false;
}

/* What a look at its parts says; NULL: nothing wrong with those that may be read. Heap. */
static char *broken_part(const struct asb_exam *exam)
{
	const struct asb_answer *service = &exam->answers[ASB_Q_WEBHOOK_SERVICE];
	const struct asb_answer *slices = &exam->answers[ASB_Q_WEBHOOK_SLICES];
	const cJSON *crd = converted_crd(exam, false);
	const cJSON *client = asb_json_at(crd, "spec/conversion/webhook/clientConfig");
	const char *name = asb_json_string(client, "service/name");
	const char *namespace_ = asb_json_string(client, "service/namespace");

	if (!asb_controller_flag(exam, "enable-webhook", true))
		return asb_strdup("the controller runs with --enable-webhook=false");
	if (name == NULL || namespace_ == NULL)
		return NULL; /* by URL: whoever wrote that knows */
	if (service->http == 404)
		return asb_strf("its Service %s/%s does not exist", namespace_, name);
	if (slices->json != NULL && !has_ready_endpoint(slices->json))
		return asb_strf("its Service %s/%s leads to no pod that is ready", namespace_,
				name);
	crd = converted_crd(exam, true);
	if (crd != NULL)
		return asb_strf("CRD %s has no caBundle for it",
				asb_json_string(crd, "metadata/name"));
	return NULL;
}

static char *repair_step(const struct asb_exam *exam)
{
	ASB_TEXT tag = asb_controller_tag(exam);
	ASB_TEXT install = asb_install_step(tag != NULL ? tag : "v0.5.6");

	/* It is the controller that writes the caBundle, when it starts. */
	return asb_strf("%s\nkubectl -n %s rollout restart deployment %s", install,
			asb_controller_namespace(exam), ASB_CONTROLLER_NAME);
}

/* Whether the API server itself has just failed to convert. */
static const char *failed_conversion(const struct asb_exam *exam)
{
	const char *failed = exam->answers[ASB_Q_CONVERTED].failed;

	return failed != NULL && strstr(failed, "conversion webhook") != NULL ? failed : NULL;
}

/* v1.0 needs none, but an update leaves its parts behind. */
static void judge_leftovers(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	if (exam->answers[ASB_Q_WEBHOOK_SERVICE].json == NULL ||
	    exam->answers[ASB_Q_CRD_SANDBOXES].json == NULL)
		return;
	asb_checkup_add(checkup, ASB_CHECK_WEBHOOK, ASB_CHECK_WARNING,
			asb_strf("kubectl -n %s delete service %s\n"
				 "kubectl -n %s delete secret agent-sandbox-webhook-certs "
				 "--ignore-not-found",
				 asb_controller_namespace(exam), ASB_WEBHOOK_SERVICE,
				 asb_controller_namespace(exam)),
			"the CRDs use none, but Service %s/%s of an earlier release is still there",
			asb_controller_namespace(exam), ASB_WEBHOOK_SERVICE);
}

void asb_judge_webhook(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const char *failed = failed_conversion(exam);
	const cJSON *crd = converted_crd(exam, false);
	ASB_TEXT broken = crd == NULL ? NULL : broken_part(exam);

	if (asb_exam_plain_pods(exam))
		return;
	if (broken != NULL)
		asb_checkup_add(checkup, ASB_CHECK_WEBHOOK, ASB_CHECK_PROBLEM, repair_step(exam),
				"Sandboxes can't be converted between v1alpha1 and v1beta1: %s",
				broken);
	else if (failed != NULL)
		asb_checkup_add(checkup, ASB_CHECK_WEBHOOK, ASB_CHECK_PROBLEM, repair_step(exam),
				"%s", failed);
	else if (crd != NULL)
		asb_checkup_add(checkup, ASB_CHECK_WEBHOOK, ASB_CHECK_OK, NULL,
				"its Service, endpoints and caBundle are there");
	else if (asb_json_at(exam->answers[ASB_Q_CONVERTED].json, "items/0") != NULL)
		asb_checkup_add(checkup, ASB_CHECK_WEBHOOK, ASB_CHECK_OK, NULL,
				"Sandboxes can be read as v1alpha1 too");
	else
		judge_leftovers(exam, checkup);
}
