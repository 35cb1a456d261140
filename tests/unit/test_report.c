/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of one sandbox, and what the report makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/report.h"
#include "tests/unit/fake_server.h"

#define NOW 1795399200000 /* 2026-11-23T02:00:00Z */

/* --- the pure part --- */

#define OURS "\"labels\":{\"app.kubernetes.io/managed-by\":\"kubectl-agentsandbox\"}"
#define CONDITION(type, status, reason, since)                                  \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason \
	"\",\"message\":\"\",\"lastTransitionTime\":\"2026-11-23T" since "Z\"}"
#define SANDBOX(version, spec, conditions)                                                     \
	"{\"apiVersion\":\"agents.x-k8s.io/" version "\",\"kind\":\"Sandbox\",\"metadata\":{"  \
	"\"name\":\"box\",\"namespace\":\"work\",\"uid\":\"s-1\"," OURS ","                    \
	"\"creationTimestamp\":\"2026-11-23T01:00:00Z\"},\"spec\":{" spec                      \
	"\"podTemplate\":{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"img\"}]}}}" \
	",\"status\":{\"conditions\":[" conditions "]}}"
#define UNTIL(time) "\"shutdownTime\":\"" time "\",\"shutdownPolicy\":\"Delete\","
#define POD(status)                                                                            \
	"{\"metadata\":{\"name\":\"box\",\"namespace\":\"work\",\"uid\":\"p-1\","              \
	"\"creationTimestamp\":\"2026-11-23T01:00:01Z\",\"ownerReferences\":[{\"uid\":\"s-1\"" \
	",\"kind\":\"Sandbox\",\"name\":\"box\",\"controller\":true}]},\"spec\":{"             \
	"\"nodeName\":\"node-1\",\"containers\":[{\"name\":\"main\",\"image\":\"img\"}]},"     \
	"\"status\":{" status "}}"
#define CONTAINER(state) "\"containerStatuses\":[{\"name\":\"main\",\"state\":{" state "}}]"
#define RUNNING CONTAINER("\"running\":{\"startedAt\":\"2026-11-23T01:00:05Z\"}")
#define READY CONDITION("Ready", "True", "DependenciesReady", "01:00:06")
#define WAITING CONDITION("Ready", "False", "DependenciesNotReady", "01:00:01")
#define EVENT(uid, reason, message, first, last, count)                                         \
	"{\"type\":\"Normal\",\"reason\":\"" reason "\",\"message\":\"" message                 \
	"\",\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"box\",\"uid\":\"" uid               \
	"\"},\"firstTimestamp\":\"2026-11-23T" first "Z\",\"lastTimestamp\":\"2026-11-23T" last \
	"Z\",\"count\":" #count "}"

/* A report of what such objects say at 02:00; NULL: there is none. */
static cJSON *report_of(const char *claim, const char *sandbox, const char *pod, const char *events)
{
	struct asb_facts facts = {
		.namespace_ = "work",
		.name = "box",
		.claim = claim != NULL ? asb_json_literal(claim) : NULL,
		.sandbox = sandbox != NULL ? asb_json_literal(sandbox) : NULL,
		.pod = pod != NULL ? asb_json_literal(pod) : NULL,
		.events = asb_json_literal(events != NULL ? events : "[]"),
		.notes = asb_json_literal("[]"),
		.now_ms = NOW,
	};
	cJSON *report = asb_report(&facts);

	asb_facts_release(&facts);
	return report;
}

static void expect(const cJSON *report, const char *state, const char *code, const char *summary)
{
	assert_string_equal(asb_json_string(report, "state"), state);
	assert_string_equal(asb_json_string(report, "code"), code);
	assert_int_equal(asb_json_bool(report, "healthy", false), strcmp(state, "problem") != 0);
	if (strstr(asb_json_string(report, "summary"), summary) == NULL)
		assert_string_equal(asb_json_string(report, "summary"), summary);
	if (strcmp(state, "problem") == 0)
		assert_non_null(asb_json_string(report, "nextStep"));
	else
		assert_true(cJSON_IsNull(asb_json_at(report, "nextStep")));
}

static void it_runs(void **state)
{
	ASB_JSON report = report_of(NULL, SANDBOX("v1beta1", UNTIL("2026-11-23T03:00:00Z"), READY),
				    POD(RUNNING), NULL);

	(void)state;
	expect(report, "running", "running", "sandbox \"box\" runs on node node-1");
	assert_string_equal(asb_json_string(report, "kind"), "Sandbox");
	assert_string_equal(asb_json_string(report, "image"), "img");
	assert_true(asb_json_bool(report, "madeByPlugin", false));
	assert_int_equal(asb_json_number(report, "end/inMs", 0), 3600000);
	assert_string_equal(asb_json_string(report, "containers/0/state"), "running");
	assert_string_equal(asb_json_string(report, "conditions/0/meaning"), "its pod is ready");
}

static void problems_of_what_runs(void **state)
{
	static const char sick[] =
		POD(RUNNING ",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"message\":"
			    "\"node is lost\",\"lastTransitionTime\":\"2026-11-23T01:50:00Z\"}]");
	ASB_JSON overdue = report_of(NULL, SANDBOX("v1beta1", UNTIL("2026-11-23T01:59:00Z"), READY),
				     POD(RUNNING), NULL);
	ASB_JSON unready = NULL;

	(void)state;
	expect(overdue, "problem", "overdue", "its time was over 60s ago");
	unready = report_of(NULL, SANDBOX("v1beta1", "", READY), sick, NULL);
	expect(unready, "problem", "not-ready", "node is lost");
}

/* What is usual for a moment is a problem when it lasts. */
static void on_its_way(void **state)
{
	static const char pulling[] =
		"[" EVENT("p-1", "Pulling", "Pulling image", "01:59:30", "01:59:30", 1) "]";
	static const char waiting[] =
		POD(CONTAINER("\"waiting\":{\"reason\":\"ContainerCreating\"}"));
	ASB_JSON late = report_of(NULL, SANDBOX("v1beta1", "", WAITING), waiting, pulling);
	ASB_JSON early = NULL;

	(void)state;
	expect(late, "problem", "pulling", "node \"node-1\" pulls image");
	early = report_of(NULL,
			  SANDBOX("v1beta1", "",
				  CONDITION("Ready", "False", "DependenciesNotReady", "01:59:30")),
			  waiting, pulling);
	expect(early, "starting", "pulling", "sandbox \"box\" is starting: node \"node-1\" pulls");
}

static void a_pod_that_goes(void **state)
{
	static const char sandbox[] = SANDBOX("v1beta1", "", READY);
	ASB_JSON pod = asb_json_literal(POD(RUNNING));
	ASB_JSON in_time = NULL;
	ASB_JSON stuck = NULL;
	ASB_TEXT text = NULL;
	ASB_TEXT later = NULL;

	(void)state;
	asb_json_set_string(pod, "metadata/deletionTimestamp", "2026-11-23T01:59:58Z");
	text = asb_json_print(pod);
	in_time = report_of(NULL, sandbox, text, NULL);
	expect(in_time, "starting", "pod-deleting", "the pod is being deleted");
	asb_json_set_string(pod, "metadata/deletionTimestamp", "2026-11-23T01:50:00Z");
	later = asb_json_print(pod);
	stuck = report_of(NULL, sandbox, later, NULL);
	expect(stuck, "problem", "pod-deleting", "the pod is being deleted");
	assert_string_equal(asb_json_string(stuck, "nextStep"),
			    "kubectl -n work delete pod box --grace-period=0 --force");
}

static void both_versions_are_suspended(void **state)
{
	ASB_JSON old = report_of(NULL, SANDBOX("v1alpha1", "\"replicas\":0,", WAITING), NULL, NULL);
	ASB_JSON new =
		report_of(NULL,
			  SANDBOX("v1beta1", "\"operatingMode\":\"Suspended\",",
				  CONDITION("Ready", "False", "SandboxSuspended", "01:30:00")),
			  NULL, NULL);

	(void)state;
	expect(old, "problem", "suspended", "sandbox \"box\" is suspended");
	expect(new, "problem", "suspended", "sandbox \"box\" is suspended");
	assert_string_equal(asb_json_string(old, "nextStep"), asb_json_string(new, "nextStep"));
}

/* Given more time a moment ago, it is not said to have expired. */
static void an_old_word_is_not_believed(void **state)
{
	ASB_JSON stale =
		report_of(NULL,
			  SANDBOX("v1beta1", UNTIL("2026-11-23T03:00:00Z"),
				  CONDITION("Ready", "False", "SandboxExpired", "01:59:59")),
			  NULL, NULL);
	ASB_JSON expired =
		report_of(NULL,
			  SANDBOX("v1beta1", UNTIL("2026-11-23T01:59:00Z"),
				  CONDITION("Ready", "False", "SandboxExpired", "01:59:00")),
			  NULL, NULL);

	(void)state;
	expect(stale, "starting", "no-pod", "is starting");
	expect(expired, "problem", "expired", "the lease of sandbox \"box\" has run out");
}

#define CLAIM_WITH(condition)                                                                \
	"{\"metadata\":{\"name\":\"c\",\"namespace\":\"work\",\"creationTimestamp\":"        \
	"\"2026-11-23T01:00:00Z\"},\"spec\":{\"warmPoolRef\":{\"name\":\"p\"}},\"status\":{" \
	"\"sandbox\":{\"name\":\"p-x\"},\"conditions\":[" condition "]}}"

/* Its Sandbox may not be read, or has gone. */
static void a_claim_alone(void **state)
{
	static const char good[] = CLAIM_WITH(READY);
	static const char bad[] =
		CLAIM_WITH(CONDITION("Ready", "False", "SandboxMissing", "01:00:00"));
	struct asb_facts hidden = {
		.namespace_ = "work",
		.name = "c",
		.claim = asb_json_literal(good),
		.sandbox_hidden = true,
		.events = asb_json_literal("[]"),
		.notes = asb_json_literal("[]"),
		.now_ms = NOW,
	};
	ASB_JSON runs = asb_report(&hidden);
	ASB_JSON gone = report_of(good, NULL, NULL, NULL);
	ASB_JSON missing = report_of(bad, NULL, NULL, NULL);

	(void)state;
	expect(runs, "running", "running", "sandboxclaim \"c\" runs");
	expect(gone, "problem", "sandbox-missing", "sandbox \"p-x\" of the claim has gone");
	expect(missing, "problem", "sandbox-missing", "has gone");
	asb_facts_release(&hidden);
}

static void a_claim_that_waits(void **state)
{
	static const char claim[] =
		"{\"apiVersion\":\"extensions.agents.x-k8s.io/v1beta1\",\"metadata\":{\"name\":"
		"\"c\",\"namespace\":\"work\",\"creationTimestamp\":\"2026-11-23T01:00:00Z\"},"
		"\"spec\":{\"warmPoolRef\":{\"name\":\"p\"}},\"status\":{\"conditions\":"
		"[" CONDITION("Ready", "False", "WarmPoolNotFound", "01:00:00") "]}}";
	ASB_JSON report = report_of(claim, NULL, NULL, NULL);

	(void)state;
	expect(report, "problem", "no-pool", "there is no warm pool \"p\"");
	assert_string_equal(asb_json_string(report, "kind"), "SandboxClaim");
	assert_string_equal(asb_json_string(report, "pool"), "p");
	assert_string_equal(asb_json_string(report, "conditions/0/meaning"),
			    "there is no such warm pool");
}

/* --- the story --- */

static char *story(const cJSON *report)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	const cJSON *item;

	cJSON_ArrayForEach(item, asb_json_at(report, "timeline"))
	{
		asb_buffer_addf(
			&text, "%.0f+%.0f %s\n", asb_json_number(item, "afterMs", -1) / 1000,
			asb_json_number(item, "tookMs", -1) / 1000, asb_json_string(item, "what"));
	}
	return asb_buffer_steal(&text);
}

static void it_is_told_in_order(void **state)
{
	static const char sandbox[] =
		SANDBOX("v1beta1", UNTIL("2026-11-23T03:00:00Z"),
			CONDITION("Suspended", "False", "NotSuspended", "01:00:00") "," READY);
	static const char pod[] = POD(
		RUNNING ",\"conditions\":[" CONDITION("PodScheduled", "True", "", "01:00:01") "]");
	static const char events[] =
		"[" EVENT("p-0", "Killing", "of another life", "00:50:00", "00:50:00", 1) "," EVENT(
			"p-1", "Started", "Container started", "01:00:05", "01:00:05",
			1) "," EVENT("p-1", "Pulled", "Successfully pulled image in 2s", "01:00:04",
				     "01:00:04", 1) "," EVENT("p-1", "Pulling", "Pulling image",
							      "01:00:02", "01:00:02",
							      1) "," EVENT("p-1", "BackOff",
									   "Back-off", "01:10:00",
									   "01:12:00", 7) "]";
	ASB_JSON report = report_of(NULL, sandbox, pod, events);
	ASB_TEXT text = story(report);

	(void)state;
	assert_string_equal(text, "0+0 sandbox made\n"
				  "1+1 pod made\n"
				  "1+0 scheduled on node node-1\n"
				  "2+1 the image is being pulled\n"
				  "4+2 Successfully pulled image in 2s\n"
				  "5+1 container main started\n"
				  "6+1 ready\n"
				  "600+594 Back-off (7 times within 2m)\n"
				  "3600+3000 now\n"
				  "7200+3600 end of its time\n");
	assert_int_equal(cJSON_GetArraySize(asb_json_at(report, "events")), 4);
	assert_string_equal(asb_json_string(report, "events/3/reason"), "BackOff");
	assert_int_equal(asb_json_number(report, "events/3/count", 0), 7);
}

static void ends_are_told(void **state)
{
	static const char pod[] = POD(
		CONTAINER("\"terminated\":{\"reason\":\"OOMKilled\",\"exitCode\":137,\"startedAt\":"
			  "\"2026-11-23T01:00:05Z\",\"finishedAt\":\"2026-11-23T01:01:05Z\"}"));
	ASB_JSON report = report_of(
		NULL, SANDBOX("v1beta1", "", CONDITION("Ready", "False", "PodFailed", "01:01:06")),
		pod, NULL);
	ASB_TEXT text = story(report);

	(void)state;
	expect(report, "problem", "oom", "ran out of memory");
	assert_non_null(strstr(text, "5+4 container main started\n65+60 container main ended: "
				     "OOMKilled, exit code 137\n"));
	assert_true(cJSON_IsNull(asb_json_at(report, "end")));
	assert_int_equal(asb_json_number(report, "containers/0/exitCode", 0), 137);
}

/* --- who may not read everything --- */

static void without_the_pod(void **state)
{
	struct asb_facts facts = {
		.namespace_ = "work",
		.name = "box",
		.sandbox = asb_json_literal(SANDBOX("v1beta1", "", READY)),
		.events = asb_json_literal("[]"),
		.notes = asb_json_literal("[\"the pod can't be read\"]"),
		.pod_hidden = true,
		.events_hidden = true,
		.now_ms = NOW,
	};
	ASB_JSON report = asb_report(&facts);
	ASB_JSON refused = NULL;

	(void)state;
	expect(report, "running", "running", "sandbox \"box\" runs");
	assert_string_equal(cJSON_GetStringValue(asb_json_at(report, "notes/0")),
			    "the pod can't be read");
	cJSON_Delete(facts.sandbox);
	facts.sandbox = asb_json_literal(
		SANDBOX("v1beta1", "",
			WAITING ",{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":"
				"\"Unschedulable\",\"message\":\"0/1 nodes are available: 1 "
				"Insufficient cpu.\"}"));
	refused = asb_report(&facts);
	expect(refused, "problem", "unschedulable", "Insufficient cpu");
	asb_facts_release(&facts);
}

/* --- reading --- */

#define SANDBOXES "/apis/agents.x-k8s.io/v1beta1/namespaces/work/sandboxes/"
#define CLAIMS "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/work/sandboxclaims/"
#define POOLS "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/work/sandboxwarmpools/"
#define PODS "/api/v1/namespaces/work/pods/"
#define EVENTS "/api/v1/namespaces/work/events?limit=500&fieldSelector=involvedObject.name%3D"

struct object {
	const char *path, *json; /* NULL json: forbidden */
};

struct world {
	const struct object *objects; /* NULL path ends */
	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	struct asb_facts facts;
};

static bool handle(void *context, const struct fake_request *request)
{
	struct world *world = context;
	const struct object *object = world->objects;

	while (object->path != NULL && strcmp(object->path, request->path) != 0)
		object++;
	if (object->path == NULL)
		fake_answer(request, 404, "",
			    "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"none\"}");
	else if (object->json == NULL)
		fake_answer(request, 403, "",
			    "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"no\"}");
	else
		fake_answer(request, 200, "Date: Mon, 23 Nov 2026 02:00:00 GMT\r\n", object->json);
	return true;
}

static int read_world(struct world *world, const struct object *objects, const char *name,
		      struct asb_error *err)
{
	memset(world, 0, sizeof(*world));
	world->objects = objects;
	fake_start(&world->server, handle, world);
	world->kubeconfig.server = world->server.url;
	world->http = asb_http_new(&world->kubeconfig, err);
	assert_non_null(world->http);
	return asb_facts_read(&world->facts, world->http, &asb_api_v1beta1, "work", name, err);
}

static void close_world(struct world *world)
{
	asb_facts_release(&world->facts);
	asb_http_free(world->http);
	fake_stop(&world->server);
}

static const char *name_of(const cJSON *object)
{
	const char *name = asb_json_string(object, "metadata/name");

	return name != NULL ? name : "";
}

#define OWNED(kind, name, uid)                                                             \
	"\"ownerReferences\":[{\"kind\":\"" kind "\",\"name\":\"" name "\",\"uid\":\"" uid \
	"\",\"controller\":true}]"
#define WARM                                                                          \
	"{\"metadata\":{\"name\":\"p-x\",\"uid\":\"s-2\"," OWNED("SandboxClaim", "c", \
								 "c-1") "},\"spec\":{}}"
#define WARM_POD "{\"metadata\":{\"name\":\"p-x\"," OWNED("Sandbox", "p-x", "s-2") "}}"
#define CLAIM                                                                                 \
	"{\"metadata\":{\"name\":\"c\",\"uid\":\"c-1\"},\"spec\":{\"warmPoolRef\":{\"name\":" \
	"\"p\"}},\"status\":{\"sandbox\":{\"name\":\"p-x\"}}}"

/* Asked for by either name, both are found, with the pod and the events of all. */
static void claim_and_sandbox_lead_to_each_other(void **state)
{
	static const struct object objects[] = {
		{SANDBOXES "p-x", WARM},
		{CLAIMS "c", CLAIM},
		{PODS "p-x", WARM_POD},
		{EVENTS "c", "{\"items\":[{\"metadata\":{\"uid\":\"1\"}}]}"},
		{EVENTS "p-x", "{\"items\":[{\"metadata\":{\"uid\":\"2\"}}]}"},
		{0},
	};
	static const char *const names[] = {"c", "p-x"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct asb_error err = ASB_ERROR_INIT;
		struct world world;

		assert_int_equal(read_world(&world, objects, names[i], &err), 0);
		assert_string_equal(name_of(world.facts.claim), "c");
		assert_string_equal(name_of(world.facts.sandbox), "p-x");
		assert_string_equal(name_of(world.facts.pod), "p-x");
		assert_int_equal(cJSON_GetArraySize(world.facts.events), i == 0 ? 2 : 1);
		assert_null(world.facts.notes->child);
		close_world(&world);
	}
}

static void a_foreign_pod_is_not_taken(void **state)
{
	static const struct object both[] = {
		{SANDBOXES "box", "{\"metadata\":{\"name\":\"box\",\"uid\":\"s-1\"},\"spec\":{}}"},
		{PODS "box", "{\"metadata\":{\"name\":\"box\"}}"},
		{0},
	};
	static const struct object *alone = both + 1;
	struct asb_error err = ASB_ERROR_INIT;
	struct world world;

	(void)state;
	assert_int_equal(read_world(&world, both, "box", &err), 0);
	assert_null(world.facts.pod);
	assert_false(world.facts.pod_hidden);
	close_world(&world);
	assert_int_equal(read_world(&world, alone, "box", &err), -1);
	assert_int_equal(err.http, 404);
	assert_string_equal(err.message, "Error from server (NotFound): sandboxes.agents.x-k8s.io "
					 "\"box\" not found");
	close_world(&world);
}

static void a_plain_pod_is_one(void **state)
{
	static const struct object pod[] = {
		{PODS "box",
		 "{\"metadata\":{\"name\":\"box\",\"labels\":{\"app.kubernetes.io/managed-by\":"
		 "\"kubectl-agentsandbox\",\"app.kubernetes.io/component\":\"sandbox\"}}}"},
		{0},
	};
	struct asb_error err = ASB_ERROR_INIT;
	struct world world;

	(void)state;
	assert_int_equal(read_world(&world, pod, "box", &err), 0);
	assert_string_equal(name_of(world.facts.pod), "box");
	assert_null(world.facts.sandbox);
	close_world(&world);
}

static void what_may_not_be_read_is_named(void **state)
{
	static const struct object poor[] = {
		{SANDBOXES "box", "{\"metadata\":{\"name\":\"box\",\"uid\":\"s-1\"},\"spec\":{}}"},
		{CLAIMS "box", NULL},
		{PODS "box", NULL},
		{EVENTS "box", NULL},
		{0},
	};
	static const struct object nothing[] = {
		{SANDBOXES "box", NULL},
		{PODS "box", NULL},
		{0},
	};
	struct asb_error err = ASB_ERROR_INIT;
	struct world world;

	(void)state;
	assert_int_equal(read_world(&world, poor, "box", &err), 0);
	assert_true(world.facts.pod_hidden);
	assert_true(world.facts.events_hidden);
	assert_int_equal(cJSON_GetArraySize(world.facts.notes), 2); /* claims are no loss */
	close_world(&world);
	assert_int_equal(read_world(&world, nothing, "box", &err), -1);
	assert_int_equal(err.http, 403);
	close_world(&world);
}

/* A Sandbox that waits in a pool, and the pool. */
static void a_pool_is_read(void **state)
{
	static const struct object objects[] = {
		{SANDBOXES "p-x", "{\"metadata\":{\"name\":\"p-x\",\"uid\":\"s-2\"," OWNED(
					  "SandboxWarmPool", "p", "w") "},\"spec\":{}}"},
		{POOLS "p", "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"replicas\":2}}"},
		{0},
	};
	struct asb_error err = ASB_ERROR_INIT;
	struct world world;

	(void)state;
	assert_int_equal(read_world(&world, objects, "p-x", &err), 0);
	assert_string_equal(name_of(world.facts.pool), "p");
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_runs),
		cmocka_unit_test(problems_of_what_runs),
		cmocka_unit_test(on_its_way),
		cmocka_unit_test(a_pod_that_goes),
		cmocka_unit_test(both_versions_are_suspended),
		cmocka_unit_test(an_old_word_is_not_believed),
		cmocka_unit_test(a_claim_alone),
		cmocka_unit_test(a_claim_that_waits),
		cmocka_unit_test(it_is_told_in_order),
		cmocka_unit_test(ends_are_told),
		cmocka_unit_test(without_the_pod),
		cmocka_unit_test(claim_and_sandbox_lead_to_each_other),
		cmocka_unit_test(a_foreign_pod_is_not_taken),
		cmocka_unit_test(a_plain_pod_is_one),
		cmocka_unit_test(what_may_not_be_read_is_named),
		cmocka_unit_test(a_pool_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
