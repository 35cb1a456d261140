/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_pools.c - warm pools: is their template there, are they full, and if not, why? */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/next_step_parts.h"
#include "plugin/sandbox/roots.h"

#define FILLING_MS 60000 /* a pool that is younger than that may well be filling */

/* --- what hangs on a pool --- */

/* Its first Sandbox; `unready`: that is not ready. */
static const cJSON *sandbox_of(const struct asb_exam *exam, const cJSON *pool, bool unready)
{
	const cJSON *sandbox;

	cJSON_ArrayForEach(sandbox, asb_json_member(exam->answers[ASB_Q_SANDBOXES].json, "items"))
	{
		const char *owner = asb_root_owner(sandbox, "SandboxWarmPool");
		const char *ready = asb_json_string(
			asb_json_find(sandbox, "status/conditions", "type", "Ready"), "status");

		if (owner == NULL || strcmp(owner, asb_exam_name(pool)) != 0)
			continue;
		if (!unready || ready == NULL || strcmp(ready, "True") != 0)
			return sandbox;
	}
	return NULL;
}

static const cJSON *pod_of(const struct asb_exam *exam, const cJSON *sandbox)
{
	const cJSON *pod;

	cJSON_ArrayForEach(pod, asb_json_member(exam->answers[ASB_Q_PODS].json, "items"))
	{
		if (strcmp(asb_exam_name(pod), asb_exam_name(sandbox)) == 0)
			return pod;
	}
	return NULL;
}

/* --- steps --- */

/* The pool anew, as long as a sandbox of it tells what it was like. */
static char *make_again_step(const struct asb_exam *exam, const cJSON *pool)
{
	const struct asb_findings findings = {.sandbox = sandbox_of(exam, pool, false)};
	const char *program = exam->options->program, *namespace_ = exam->namespace_;
	struct asb_buffer out = ASB_BUFFER_INIT;
	struct asb_step_object object;

	if (!asb_inventory_is_ours(pool))
		return asb_strf("kubectl -n %s apply -f TEMPLATE.yaml", namespace_);
	if (findings.sandbox == NULL)
		return asb_strf("%s -n %s pool delete %s && %s -n %s pool create %s --size %.0f",
				program, namespace_, asb_exam_name(pool), program, namespace_,
				asb_exam_name(pool), asb_json_number(pool, "spec/replicas", 1));
	asb_step_init(&object, &findings, NULL, pool);
	asb_step_remake(&out, &object, "");
	return asb_buffer_steal(&out);
}

static void judge_template(const struct asb_exam *exam, const cJSON *pool,
			   struct asb_checkup *checkup)
{
	const char *template = asb_json_string(pool, "spec/sandboxTemplateRef/name");

	asb_checkup_add(checkup, ASB_CHECK_POOLS, ASB_CHECK_PROBLEM, make_again_step(exam, pool),
			"pool \"%s\" has no template: there is no SandboxTemplate \"%s\"",
			asb_exam_name(pool), template != NULL ? template : "");
}

static char *look_step(const struct asb_exam *exam, const cJSON *sandbox)
{
	return asb_strf("%s -n %s status %s", exam->options->program, exam->namespace_,
			asb_exam_name(sandbox));
}

static void judge_trouble(const struct asb_exam *exam, const cJSON *pool,
			  const struct asb_findings *findings,
			  const struct asb_diagnosis *diagnosis, struct asb_checkup *checkup)
{
	char *step = asb_inventory_is_ours(pool) ? asb_next_step(findings, NULL, pool, diagnosis)
						 : look_step(exam, findings->sandbox);

	asb_checkup_add(checkup, ASB_CHECK_POOLS, ASB_CHECK_PROBLEM, step,
			"pool \"%s\" does not fill: %s", asb_exam_name(pool), diagnosis->cause);
}

/* --- one pool --- */

static bool is_trouble(const struct asb_diagnosis *diagnosis)
{
	return diagnosis->verdict == ASB_VERDICT_TERMINAL ||
	       diagnosis->verdict == ASB_VERDICT_MAY_HEAL;
}

static void judge_unfilled(const struct asb_exam *exam, const cJSON *pool, double ready,
			   double wanted, struct asb_checkup *checkup)
{
	const cJSON *sandbox = sandbox_of(exam, pool, true);
	const struct asb_findings findings = {
		.sandbox = sandbox,
		.pod = sandbox != NULL ? pod_of(exam, sandbox) : NULL,
	};
	struct asb_diagnosis diagnosis = {.verdict = ASB_VERDICT_PENDING};
	int64_t made = asb_time_parse(
		asb_json_string(sandbox != NULL ? sandbox : pool, "metadata/creationTimestamp"));

	if (sandbox != NULL)
		asb_diagnose(&findings, &diagnosis);
	if (is_trouble(&diagnosis))
		judge_trouble(exam, pool, &findings, &diagnosis, checkup);
	else if (made >= 0 && exam->now_ms - made < FILLING_MS)
		asb_checkup_add(checkup, ASB_CHECK_POOLS, ASB_CHECK_OK, NULL,
				"pool \"%s\" is filling: %.0f of %.0f ready", asb_exam_name(pool),
				ready, wanted);
	else
		asb_checkup_add(
			checkup, ASB_CHECK_POOLS, ASB_CHECK_WARNING,
			sandbox != NULL ? look_step(exam, sandbox)
					: asb_strf("%s -n %s pool list", exam->options->program,
						   exam->namespace_),
			"pool \"%s\" has %.0f of %.0f ready", asb_exam_name(pool), ready, wanted);
}

static void judge_pool(const struct asb_exam *exam, const cJSON *pool, size_t index,
		       struct asb_checkup *checkup)
{
	double ready = asb_json_number(pool, "status/readyReplicas", 0);
	double wanted = asb_json_number(pool, "spec/replicas", 1);

	if (index < ASB_EXAM_TEMPLATES && exam->templates[index].http == 404)
		judge_template(exam, pool, checkup);
	else if (ready < wanted)
		judge_unfilled(exam, pool, ready, wanted, checkup);
	else
		asb_checkup_add(checkup, ASB_CHECK_POOLS, ASB_CHECK_OK, NULL,
				"pool \"%s\" is full: %.0f ready", asb_exam_name(pool), ready);
}

/* The pool that the settings name. */
static void judge_wanted(const struct asb_exam *exam, const cJSON *items,
			 struct asb_checkup *checkup)
{
	const char *wanted = exam->options->sandbox->pool;
	const cJSON *pool;

	cJSON_ArrayForEach(pool, items)
	{
		if (wanted == NULL || strcmp(asb_exam_name(pool), wanted) == 0)
			return;
	}
	if (wanted != NULL)
		asb_checkup_add(checkup, ASB_CHECK_POOLS, ASB_CHECK_PROBLEM,
				asb_strf("%s -n %s pool create %s", exam->options->program,
					 exam->namespace_, wanted),
				"there is no warm pool \"%s\" in namespace \"%s\"", wanted,
				exam->namespace_);
	else
		asb_checkup_add(checkup, ASB_CHECK_POOLS, ASB_CHECK_OK, NULL, "none");
}

void asb_judge_pools(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer = &exam->answers[ASB_Q_POOLS];
	const cJSON *pool, *items = asb_json_member(answer->json, "items");
	size_t index = 0;

	if (asb_exam_plain_pods(exam) || exam->answers[ASB_Q_EXTENSION_GROUP].http == 404 ||
	    exam->answers[ASB_Q_CORE_GROUP].http == 404 ||
	    asb_checkup_unread(checkup, ASB_CHECK_POOLS, answer, "warm pools"))
		return;
	judge_wanted(exam, items, checkup);
	cJSON_ArrayForEach(pool, items) judge_pool(exam, pool, index++, checkup);
}
