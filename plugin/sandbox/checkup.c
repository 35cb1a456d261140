/* SPDX-License-Identifier: Apache-2.0 */
/* checkup.c - the checks in their order, and which problem is the cause. */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"

/* From the ground up: what stands on something comes behind it. */
static asb_judge *const judges[] = {
	asb_judge_nodes,     asb_judge_api,	   asb_judge_crds,    asb_judge_controller,
	asb_judge_version,   asb_judge_extensions, asb_judge_lease,   asb_judge_webhook,
	asb_judge_namespace, asb_judge_rights,	   asb_judge_account, asb_judge_powers,
	asb_judge_security,  asb_judge_class,	   asb_judge_quota,   asb_judge_limits,
	asb_judge_admission, asb_judge_network,	   asb_judge_pools,   asb_judge_sandboxes,
	asb_judge_shim,
};

#define MOST_CAUSES 7

/* A problem with the first can be nothing but what follows from a problem with one of the others.
 */
static const struct {
	const char *check;
	const char *causes[MOST_CAUSES];
} consequences[] = {
	{ASB_CHECK_CONTROLLER, {ASB_CHECK_NODES, ASB_CHECK_API, ASB_CHECK_CRDS}},
	{ASB_CHECK_EXTENSIONS, {ASB_CHECK_API}},
	{ASB_CHECK_LEASE, {ASB_CHECK_NODES, ASB_CHECK_API, ASB_CHECK_CRDS, ASB_CHECK_CONTROLLER}},
	{ASB_CHECK_WEBHOOK, {ASB_CHECK_NODES, ASB_CHECK_API, ASB_CHECK_CRDS, ASB_CHECK_CONTROLLER}},
	{ASB_CHECK_ACCOUNT, {ASB_CHECK_NAMESPACE}},
	{ASB_CHECK_CLASS, {ASB_CHECK_NODES}},
	{ASB_CHECK_ADMISSION,
	 {ASB_CHECK_API, ASB_CHECK_NAMESPACE, ASB_CHECK_ACCOUNT, ASB_CHECK_SECURITY,
	  ASB_CHECK_CLASS, ASB_CHECK_QUOTA, ASB_CHECK_LIMITS}},
	{ASB_CHECK_POOLS,
	 {ASB_CHECK_NODES, ASB_CHECK_API, ASB_CHECK_CRDS, ASB_CHECK_CONTROLLER,
	  ASB_CHECK_EXTENSIONS, ASB_CHECK_LEASE, ASB_CHECK_QUOTA}},
	{ASB_CHECK_SANDBOXES,
	 {ASB_CHECK_NODES, ASB_CHECK_API, ASB_CHECK_CRDS, ASB_CHECK_CONTROLLER, ASB_CHECK_LEASE}},
};

/* --- which problem is the cause --- */

static const char *const *causes_of(const char *check)
{
	for (size_t i = 0; i < sizeof(consequences) / sizeof(consequences[0]); i++) {
		if (strcmp(consequences[i].check, check) == 0)
			return consequences[i].causes;
	}
	return NULL;
}

/* The problem among the first n that check may follow from; NULL: none. */
static const struct asb_check *cause_of(const struct asb_checkup *checkup, size_t n)
{
	const char *const *causes = causes_of(checkup->items[n].name);

	for (size_t i = 0; causes != NULL && i < n; i++) {
		const struct asb_check *earlier = &checkup->items[i];

		if (earlier->status != ASB_CHECK_PROBLEM)
			continue;
		for (size_t k = 0; k < MOST_CAUSES && causes[k] != NULL; k++) {
			if (strcmp(causes[k], earlier->name) == 0)
				return earlier;
		}
	}
	return NULL;
}

static void mark_consequence(struct asb_check *check, const struct asb_check *cause)
{
	char *evidence = asb_strf("%s (see %s)", check->evidence, cause->name);

	free(check->evidence);
	free(check->next_step);
	check->evidence = evidence;
	check->next_step = NULL;
	check->status = ASB_CHECK_UNKNOWN;
}

static int rank(enum asb_check_status status)
{
	return status == ASB_CHECK_PROBLEM ? 0 : status == ASB_CHECK_WARNING ? 1 : 2;
}

/* Insertion keeps the order of equals, which is that of the judges. */
static void sort(struct asb_checkup *checkup)
{
	for (size_t i = 1; i < checkup->count; i++) {
		struct asb_check item = checkup->items[i];
		size_t at = i;

		for (; at > 0 && rank(checkup->items[at - 1].status) > rank(item.status); at--)
			checkup->items[at] = checkup->items[at - 1];
		checkup->items[at] = item;
	}
}

void asb_checkup_conclude(struct asb_checkup *checkup)
{
	for (size_t i = checkup->count; i-- > 0;) {
		const struct asb_check *cause = cause_of(checkup, i);

		if (cause != NULL && checkup->items[i].status >= ASB_CHECK_WARNING)
			mark_consequence(&checkup->items[i], cause);
	}
	sort(checkup);
}

/* --- the whole --- */

void asb_checkup_judge(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	asb_judge_server(exam, checkup);
	if (asb_checkup_count(checkup, ASB_CHECK_PROBLEM) > 0)
		return;
	for (size_t i = 0; i < sizeof(judges) / sizeof(judges[0]); i++)
		judges[i](exam, checkup);
	asb_checkup_conclude(checkup);
}

int asb_checkup(struct asb_http *http, const struct asb_checkup_options *options,
		struct asb_checkup *checkup, struct asb_error *err)
{
	struct asb_exam *exam = asb_calloc(1, sizeof(*exam));
	int rc;

	*checkup = (struct asb_checkup){0};
	exam->options = options;
	exam->namespace_ = options->sandbox->namespace_;
	exam->api = &asb_api_v1beta1;
	rc = asb_exam_ask(exam, http, err);
	if (rc == 0)
		asb_checkup_judge(exam, checkup);
	asb_exam_release(exam);
	free(exam);
	return rc;
}
