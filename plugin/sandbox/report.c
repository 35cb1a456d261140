/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/base/options.h"
#include "plugin/sandbox/claim_object.h"
#include "plugin/sandbox/diagnose_rules.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/lease.h"
#include "plugin/sandbox/next_step.h"
#include "plugin/sandbox/observer.h"
#include "plugin/sandbox/report_parts.h"
#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/spec.h"

/* On its way for longer than this, something is wrong even if nobody says what. */
#define LONGEST_START_MS (2 * 60 * 1000)
#define LONGEST_PULL_MS (10 * 60 * 1000)
/* The controller acts within 2 s of the end; a deletion has its grace period besides. */
#define OVERDUE_MS 30000
#define NOT_READY_MS 10000

enum state { RUNNING, STARTING, PROBLEM };

static const char *const state_names[] = {"running", "starting", "problem"};

static int64_t time_at(const cJSON *object, const char *path)
{
	return asb_time_parse(asb_json_string(object, path));
}

/* What it is called and managed by: the claim, the Sandbox or the pod. */
static const cJSON *root_of(const struct asb_facts *facts)
{
	if (facts->claim != NULL)
		return facts->claim;
	return facts->sandbox != NULL ? facts->sandbox : facts->pod;
}

static const char *noun_of(const struct asb_facts *facts)
{
	if (facts->claim != NULL)
		return "sandboxclaim";
	return facts->sandbox != NULL ? "sandbox" : "pod";
}

/* --- the end of its life --- */

static const char *end_policy(const struct asb_facts *facts)
{
	const char *policy = asb_json_string(facts->claim, "spec/lifecycle/shutdownPolicy");

	if (policy == NULL)
		policy = asb_json_string(facts->sandbox, "spec/shutdownPolicy");
	return policy != NULL ? policy : "Retain";
}

static const char *end_words(const struct asb_facts *facts)
{
	if (facts->claim != NULL)
		return "whoever uses it puts it off";
	if (facts->sandbox == NULL)
		return "the deadline of a plain pod can't be moved";
	return "\"extend\" moves it, and a command that runs in it puts it off";
}

static void add_end(cJSON *report, const struct asb_facts *facts)
{
	int64_t end = asb_report_end_ms(facts);
	ASB_TEXT time = end < 0 ? NULL : asb_lease_rfc3339(end);

	asb_json_set(report, "end", cJSON_CreateNull());
	if (end < 0)
		return;
	asb_json_set(report, "end", cJSON_CreateObject());
	asb_json_set_string(report, "end/time", time);
	asb_json_set_number(report, "end/inMs", (double)(end - facts->now_ms));
	asb_json_set_string(report, "end/policy", end_policy(facts));
	asb_json_set_string(report, "end/how", end_words(facts));
}

/* --- the diagnosis --- */

/* Without the pod: what the Sandbox repeats of it, and what its events tell. */
static cJSON *stand_in_pod(const struct asb_facts *facts)
{
	cJSON *pod = asb_json_literal("{\"metadata\":{},\"spec\":{},\"status\":{}}");
	const cJSON *ready = asb_json_find(facts->sandbox, "status/conditions", "type", "Ready");
	const cJSON *scheduled =
		asb_json_find(facts->sandbox, "status/conditions", "type", "PodScheduled");
	cJSON *container = asb_json_literal("{\"name\":\"" ASB_CONTAINER "\",\"state\":{}}");
	const struct asb_findings findings = {.sandbox = facts->sandbox, .events = facts->events};
	const cJSON *failed = asb_event_find(&findings, "Failed", ASB_PULL_FAILED);
	const char *node = asb_json_string(facts->sandbox, "status/nodeName");

	asb_json_set_string(pod, "metadata/name", asb_observer_pod_name(facts->sandbox));
	asb_json_set_string(pod, "spec/nodeName", node != NULL ? node : "?");
	if (scheduled != NULL)
		asb_json_append(pod, "status/conditions", cJSON_Duplicate(scheduled, true));
	if (asb_same_text(asb_json_string(ready, "status"), "True")) {
		asb_json_set(container, "state/running", cJSON_CreateObject());
	} else if (failed != NULL) {
		asb_json_set_string(container, "state/waiting/reason", "ErrImagePull");
		asb_json_set_string(container, "state/waiting/message",
				    asb_json_string(failed, "message"));
	}
	asb_json_append(pod, "status/containerStatuses", container);
	return pod;
}

static bool waits_for_pod(const struct asb_facts *facts)
{
	const cJSON *ready = asb_json_find(facts->sandbox, "status/conditions", "type", "Ready");
	const char *reason = asb_json_string(ready, "reason");

	return asb_same_text(reason, "DependenciesReady") ||
	       asb_same_text(reason, "DependenciesNotReady");
}

/* Since when things are as they are. */
static int64_t since(const struct asb_facts *facts)
{
	const cJSON *ready = asb_json_find(facts->sandbox != NULL ? facts->sandbox : facts->claim,
					   "status/conditions", "type", "Ready");
	int64_t times[] = {time_at(root_of(facts), "metadata/creationTimestamp"),
			   time_at(facts->pod, "metadata/creationTimestamp"),
			   time_at(ready, "lastTransitionTime")};
	int64_t latest = -1;

	for (size_t i = 0; i < 3; i++)
		latest = times[i] > latest ? times[i] : latest;
	return latest;
}

__attribute__((format(printf, 3, 4))) static enum state
set_problem(struct asb_diagnosis *diagnosis, const char *code, const char *format, ...)
{
	va_list ap;

	diagnosis->code = code;
	va_start(ap, format);
	vsnprintf(diagnosis->cause, sizeof(diagnosis->cause), format, ap);
	va_end(ap);
	return PROBLEM;
}

/* It runs; but is all well with it? */
static enum state judge_running(const struct asb_facts *facts, struct asb_diagnosis *diagnosis)
{
	const cJSON *ready = asb_json_find(facts->pod, "status/conditions", "type", "Ready");
	const char *message = asb_json_string(ready, "message");
	int64_t end = asb_report_end_ms(facts);
	char late[ASB_AGE_SIZE];

	if (end >= 0 && facts->now_ms > end + OVERDUE_MS)
		return set_problem(diagnosis, "overdue",
				   "its time was over %s ago, but the agent-sandbox controller has "
				   "not ended it",
				   asb_age_format(facts->now_ms - end, late));
	if (asb_same_text(asb_json_string(ready, "status"), "False") &&
	    facts->now_ms > time_at(ready, "lastTransitionTime") + NOT_READY_MS)
		return set_problem(diagnosis, "not-ready",
				   "the container runs, but the pod is not ready: %.400s",
				   message != NULL && *message != '\0' ? message
								       : "does its node answer?");
	return RUNNING;
}

/* A pod has its grace period to end; only one that stays beyond it is in the way. */
static bool is_going_in_time(const struct asb_facts *facts, const struct asb_diagnosis *diagnosis)
{
	return asb_same_text(diagnosis->code, "pod-deleting") &&
	       facts->now_ms < time_at(facts->pod, "metadata/deletionTimestamp") + OVERDUE_MS;
}

static enum state judge(const struct asb_facts *facts, struct asb_diagnosis *diagnosis)
{
	int64_t age = facts->now_ms - since(facts);
	int64_t patience = diagnosis->patience_ms;

	if (patience == 0)
		patience = asb_same_text(diagnosis->code, "pulling") ? LONGEST_PULL_MS
								     : LONGEST_START_MS;
	switch (diagnosis->verdict) {
	case ASB_VERDICT_RUNNING:
		return judge_running(facts, diagnosis);
	case ASB_VERDICT_PENDING:
		return age > patience ? PROBLEM : STARTING;
	case ASB_VERDICT_MAY_HEAL:
	case ASB_VERDICT_TERMINAL:
		break;
	}
	return is_going_in_time(facts, diagnosis) ? STARTING : PROBLEM;
}

static void add_summary(cJSON *report, const struct asb_facts *facts, enum state state,
			const struct asb_diagnosis *diagnosis)
{
	const char *name = asb_json_string(root_of(facts), "metadata/name");
	const char *node = asb_json_string(facts->pod, "spec/nodeName");
	ASB_TEXT text = NULL;

	switch (state) {
	case RUNNING:
		text = node != NULL
			       ? asb_strf("%s \"%s\" runs on node %s", noun_of(facts), name, node)
			       : asb_strf("%s \"%s\" runs", noun_of(facts), name);
		break;
	case STARTING:
		text = asb_strf("%s \"%s\" is starting: %s", noun_of(facts), name,
				diagnosis->cause);
		break;
	case PROBLEM:
		text = asb_strdup(diagnosis->cause);
		break;
	}
	asb_json_set_string(report, "summary", text);
}

/* A claim that has none yet, or whose Sandbox we don't see. */
static void diagnose_claim(const struct asb_facts *facts, struct asb_diagnosis *diagnosis)
{
	const char *pool = asb_claim_pool(facts->claim);
	const char *name = asb_claim_sandbox(facts->claim);

	asb_claim_diagnose(facts->claim, pool != NULL ? pool : "", diagnosis);
	if (diagnosis->verdict != ASB_VERDICT_RUNNING || facts->sandbox_hidden)
		return;
	diagnosis->verdict = ASB_VERDICT_TERMINAL;
	set_problem(diagnosis, "sandbox-missing", "sandbox \"%s\" of the claim has gone",
		    name != NULL ? name : "");
}

static void diagnose(cJSON *report, const struct asb_facts *facts)
{
	bool blind = facts->pod_hidden && facts->sandbox != NULL && waits_for_pod(facts);
	ASB_JSON stand_in = blind ? stand_in_pod(facts) : NULL;
	/* A plain pod has none: it stands for itself. */
	ASB_JSON nothing = asb_json_literal("{\"metadata\":{}}");
	const struct asb_findings findings = {
		.sandbox = facts->sandbox != NULL ? facts->sandbox : nothing,
		.pod = blind ? stand_in : facts->pod,
		.events = facts->events,
		.events_visible = !facts->events_hidden,
		.now_ms = facts->now_ms,
	};
	struct asb_diagnosis diagnosis;
	ASB_TEXT step = NULL;
	enum state state;

	asb_json_set_string(nothing, "metadata/name", facts->name);
	asb_json_set_string(nothing, "metadata/namespace", facts->namespace_);
	if (facts->sandbox == NULL && facts->claim != NULL)
		diagnose_claim(facts, &diagnosis);
	else
		asb_diagnose(&findings, &diagnosis);
	state = judge(facts, &diagnosis);
	if (state == PROBLEM)
		step = asb_next_step(&findings, facts->claim, facts->pool, &diagnosis);
	asb_json_set_bool(report, "healthy", state != PROBLEM);
	asb_json_set_string(report, "state", state_names[state]);
	asb_json_set_string(report, "code", diagnosis.code);
	add_summary(report, facts, state, &diagnosis);
	asb_report_set(report, "nextStep", step);
}

/* --- what it is --- */

static const char *pod_text(const struct asb_facts *facts, const char *path)
{
	ASB_TEXT in_pod = asb_strf("spec/%s", path);
	ASB_TEXT in_template = asb_strf("spec/podTemplate/spec/%s", path);
	const char *text = asb_json_string(facts->pod, in_pod);

	return text != NULL ? text : asb_json_string(facts->sandbox, in_template);
}

static void add_identity(cJSON *report, const struct asb_facts *facts)
{
	static const char *const kinds[] = {"SandboxClaim", "Sandbox", "Pod"};
	const cJSON *root = root_of(facts);
	const char *node = asb_json_string(facts->pod, "spec/nodeName");
	size_t kind = facts->claim != NULL ? 0 : facts->sandbox != NULL ? 1 : 2;

	asb_report_set(report, "name", asb_json_string(root, "metadata/name"));
	asb_report_set(report, "namespace", facts->namespace_);
	asb_json_set_string(report, "kind", kinds[kind]);
	asb_report_set(report, "apiVersion", asb_json_string(root, "apiVersion"));
	asb_report_set(report, "created", asb_json_string(root, "metadata/creationTimestamp"));
	asb_json_set_bool(report, "madeByPlugin",
			  asb_inventory_is_ours(root) || asb_inventory_is_ours(facts->sandbox) ||
				  asb_inventory_is_ours(facts->pool));
	asb_report_set(report, "claim", asb_json_string(facts->claim, "metadata/name"));
	asb_report_set(report, "pool",
		       facts->claim != NULL ? asb_claim_pool(facts->claim)
					    : asb_root_owner(facts->sandbox, "SandboxWarmPool"));
	asb_report_set(report, "sandbox", asb_json_string(facts->sandbox, "metadata/name"));
	asb_report_set(report, "pod", asb_json_string(facts->pod, "metadata/name"));
	asb_report_set(report, "node",
		       node != NULL ? node : asb_json_string(facts->sandbox, "status/nodeName"));
	asb_report_set(report, "image", pod_text(facts, "containers/0/image"));
	asb_report_set(report, "runtimeClass", pod_text(facts, "runtimeClassName"));
	asb_report_set(report, "serviceAccount", pod_text(facts, "serviceAccountName"));
}

static void add_state(cJSON *item, const cJSON *states)
{
	const cJSON *state = states != NULL ? states->child : NULL;
	double code = asb_json_number(state, "exitCode", -1);

	asb_report_set(item, "state", state != NULL ? state->string : NULL);
	asb_report_set(item, "reason", asb_json_string(state, "reason"));
	asb_report_set(item, "message", asb_json_string(state, "message"));
	asb_json_set(item, "exitCode", code < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(code));
}

static void add_containers(cJSON *report, const struct asb_facts *facts)
{
	const cJSON *status;

	asb_json_set(report, "containers", cJSON_CreateArray());
	cJSON_ArrayForEach(status, asb_json_at(facts->pod, "status/containerStatuses"))
	{
		const cJSON *last = asb_json_at(status, "lastState");
		cJSON *item = asb_json_append(report, "containers", cJSON_CreateObject());

		asb_report_set(item, "name", asb_json_string(status, "name"));
		add_state(item, asb_json_at(status, "state"));
		asb_json_set_number(item, "restarts", asb_json_number(status, "restartCount", 0));
		asb_json_set(item, "last", cJSON_CreateNull());
		if (last != NULL && last->child != NULL) {
			cJSON *before = cJSON_CreateObject();

			add_state(before, last);
			asb_json_set(item, "last", before);
		}
	}
}

cJSON *asb_report(const struct asb_facts *facts)
{
	cJSON *report = cJSON_CreateObject();

	if (report == NULL)
		asb_out_of_memory();
	diagnose(report, facts);
	add_identity(report, facts);
	add_end(report, facts);
	add_containers(report, facts);
	asb_report_conditions(report, facts);
	asb_report_timeline(report, facts);
	asb_json_set(report, "notes", cJSON_Duplicate(facts->notes, true));
	return report;
}
