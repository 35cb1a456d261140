/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_quota.c - room for one more sandbox: ResourceQuotas and LimitRanges. */
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"
#include "plugin/sandbox/quantity.h"
#include "plugin/sandbox/spec.h"

/* --- what one more sandbox needs --- */

static double amount_at(const cJSON *pod_spec, const char *list, const char *resource)
{
	const cJSON *container = asb_json_at(pod_spec, "containers/0/resources");
	const char *text =
		cJSON_GetStringValue(asb_json_member(asb_json_member(container, list), resource));

	return text == NULL ? 0 : asb_quantity_parse(text);
}

/* By the names that quotas count under; 0: nothing of it. */
static double need_of(const struct asb_exam *exam, const cJSON *pod_spec, const char *name)
{
	static const char *const ones[] = {"pods", "count/pods", "configmaps", "count/configmaps"};

	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		if (strcmp(name, ones[i]) == 0)
			return 1;
	}
	if (strcmp(name, "count/sandboxes." ASB_SANDBOX_GROUP) == 0)
		return asb_exam_plain_pods(exam) ? 0 : 1;
	if (strncmp(name, "requests.", 9) == 0)
		return amount_at(pod_spec, "requests", name + 9);
	if (strncmp(name, "limits.", 7) == 0)
		return amount_at(pod_spec, "limits", name + 7);
	return amount_at(pod_spec, "requests", name); /* "cpu", "memory" */
}

/* --- ResourceQuota --- */

/* A quantity that is not below `amount`, of the same kind. */
static char *quantity_text(const char *name, double amount)
{
	if (strstr(name, "cpu") != NULL)
		return asb_strf("%.0fm", amount * 1000);
	return asb_strf("%.0f", amount);
}

static const char *text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(asb_json_member(object, name));

	return text != NULL ? text : "0";
}

/* What of it is too little, in words and as the members of a patch. */
static void compare(const struct asb_exam *exam, const cJSON *quota, struct asb_buffer *lack,
		    struct asb_buffer *patch)
{
	ASB_JSON pod_spec = asb_exam_pod_spec(exam);
	const cJSON *used = asb_json_at(quota, "status/used");
	const cJSON *hard = asb_json_at(quota, "status/hard");
	const cJSON *limit;

	if (hard == NULL)
		hard = asb_json_at(quota, "spec/hard");
	cJSON_ArrayForEach(limit, hard)
	{
		const char *text = cJSON_GetStringValue(limit);
		double most = text == NULL ? -1 : asb_quantity_parse(text);
		double taken = asb_quantity_parse(text_of(used, limit->string));
		double need = need_of(exam, pod_spec, limit->string);
		ASB_TEXT wanted = quantity_text(limit->string, taken + need);

		if (need <= 0 || most < 0 || taken < 0 || taken + need <= most)
			continue;
		asb_buffer_addf(lack, "%s%s of %s %s are used", lack->length == 0 ? "" : ", ",
				text_of(used, limit->string), text, limit->string);
		asb_buffer_addf(patch, "%s\"%s\":\"%s\"", patch->length == 0 ? "" : ",",
				limit->string, wanted);
	}
}

/* Which pods a quota with scopes is for is left to the dry run. */
static bool is_for_all(const cJSON *quota)
{
	return asb_json_at(quota, "spec/scopes") == NULL &&
	       asb_json_at(quota, "spec/scopeSelector") == NULL;
}

/* Returns whether there is room. */
static bool judge_one(const struct asb_exam *exam, const cJSON *quota, struct asb_checkup *checkup)
{
	struct asb_buffer lack = ASB_BUFFER_INIT, patch = ASB_BUFFER_INIT;
	const char *name = asb_json_string(quota, "metadata/name");
	bool room;

	if (is_for_all(quota))
		compare(exam, quota, &lack, &patch);
	room = lack.length == 0;
	if (!room)
		asb_checkup_add(checkup, ASB_CHECK_QUOTA, ASB_CHECK_PROBLEM,
				asb_strf("kubectl -n %s patch resourcequota %s --type=merge "
					 "-p '{\"spec\":{\"hard\":{%s}}}'",
					 exam->namespace_, name, patch.data),
				"\"%s\" has no room for another sandbox: %s", name, lack.data);
	asb_buffer_release(&lack);
	asb_buffer_release(&patch);
	return room;
}

static bool refused_by_quota(const struct asb_exam *exam)
{
	return asb_exam_refused(exam, "quota-exceeded") ||
	       asb_exam_refused(exam, "quota-incomplete");
}

static void judge_refusal(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	asb_checkup_add(checkup, ASB_CHECK_QUOTA, ASB_CHECK_PROBLEM,
			asb_strf("kubectl -n %s describe resourcequota\n%s -n %s list",
				 exam->namespace_, exam->options->program, exam->namespace_),
			"%s", exam->refusal.cause);
}

void asb_judge_quota(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer = &exam->answers[ASB_Q_QUOTAS];
	const cJSON *quota, *items = asb_json_member(answer->json, "items");
	bool room = true;

	cJSON_ArrayForEach(quota, items) room = judge_one(exam, quota, checkup) && room;
	if (!room)
		return;
	if (refused_by_quota(exam))
		judge_refusal(exam, checkup);
	else if (items != NULL)
		asb_checkup_add(checkup, ASB_CHECK_QUOTA, ASB_CHECK_OK, NULL,
				cJSON_GetArraySize(items) == 0 ? "none"
							       : "room for another sandbox");
	else if (exam->admitted)
		asb_checkup_add(checkup, ASB_CHECK_QUOTA, ASB_CHECK_OK, NULL,
				"room for another sandbox");
	else
		asb_checkup_unread(checkup, ASB_CHECK_QUOTA, answer, "ResourceQuotas");
}

/* --- LimitRange --- */

/* One bound of one resource that a sandbox does not keep to; heap text with `step` set, or NULL. */
static char *broken_bound(const cJSON *pod_spec, const cJSON *limit, const char *resource,
			  char **step)
{
	const char *flag = strcmp(resource, "cpu") == 0 ? "CPU" : "MEMORY";
	double request = amount_at(pod_spec, "requests", resource);
	double most = amount_at(pod_spec, "limits", resource);
	const char *max =
		cJSON_GetStringValue(asb_json_member(asb_json_member(limit, "max"), resource));
	const char *min =
		cJSON_GetStringValue(asb_json_member(asb_json_member(limit, "min"), resource));

	if (max != NULL && most > asb_quantity_parse(max)) {
		*step = asb_strf("export AGENTSANDBOX_%s=%s", flag, max);
		return asb_strf("%s may be %s at most", resource, max);
	}
	if (min != NULL && request < asb_quantity_parse(min)) {
		/* a request is a tenth of its limit (spec.c) */
		ASB_TEXT enough = quantity_text(resource, asb_quantity_parse(min) * 10);

		*step = asb_strf("export AGENTSANDBOX_%s=%s", flag, enough);
		return asb_strf("the request of %s must be %s at least", resource, min);
	}
	return NULL;
}

static bool judge_limit(const struct asb_exam *exam, const char *name, const cJSON *limit,
			struct asb_checkup *checkup)
{
	static const char *const resources[] = {"cpu", "memory"};
	const char *type = asb_json_string(limit, "type");
	ASB_JSON pod_spec = asb_exam_pod_spec(exam);

	if (type == NULL || (strcmp(type, "Container") != 0 && strcmp(type, "Pod") != 0))
		return true;
	for (size_t i = 0; i < 2; i++) {
		char *step = NULL;
		ASB_TEXT broken = broken_bound(pod_spec, limit, resources[i], &step);

		if (broken == NULL)
			continue;
		asb_checkup_add(checkup, ASB_CHECK_LIMITS, ASB_CHECK_PROBLEM, step,
				"\"%s\" refuses sandboxes with your settings: %s", name, broken);
		return false;
	}
	return true;
}

static bool judge_range(const struct asb_exam *exam, const cJSON *range,
			struct asb_checkup *checkup)
{
	const char *name = asb_json_string(range, "metadata/name");
	const cJSON *limit;

	cJSON_ArrayForEach(limit, asb_json_at(range, "spec/limits"))
	{
		if (!judge_limit(exam, name != NULL ? name : "?", limit, checkup))
			return false;
	}
	return true;
}

void asb_judge_limits(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer = &exam->answers[ASB_Q_LIMITS];
	const cJSON *range, *items = asb_json_member(answer->json, "items");
	bool fits = true;

	cJSON_ArrayForEach(range, items) fits = judge_range(exam, range, checkup) && fits;
	if (!fits)
		return;
	if (asb_exam_refused(exam, "limit-range"))
		asb_checkup_add(checkup, ASB_CHECK_LIMITS, ASB_CHECK_PROBLEM,
				asb_strf("kubectl -n %s describe limitrange", exam->namespace_),
				"%s", exam->refusal.cause);
	else if (items != NULL || exam->admitted)
		asb_checkup_add(checkup, ASB_CHECK_LIMITS, ASB_CHECK_OK, NULL,
				cJSON_GetArraySize(items) == 0 && items != NULL ? "none"
										: "sandboxes fit");
	else
		asb_checkup_unread(checkup, ASB_CHECK_LIMITS, answer, "LimitRanges");
}
