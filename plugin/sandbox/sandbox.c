/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/sandbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/base/options.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/next_step.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

/* A pod that ends takes the exec stream along, and what came through the stream (an exit record)
 * says more than the pod's status: it gets this long to arrive first. */
#define STREAM_FIRST_MS 2000
/* How long watches may fail before it is given up. */
#define BLIND_MS 60000

#define OPEN_READY_TIMEOUT_MS (5 * 60 * 1000)
#define OPEN_LEASE_MS (2 * 60 * 1000)

static const char *const connect_argv[] = {ASB_SHIM_PROGRAM, "connect", NULL};

static struct asb_sandbox *make(struct asb_http *http, const struct asb_kind *kind,
				const struct asb_sandbox_options *options,
				const struct asb_sandbox_hooks *hooks)
{
	struct asb_sandbox *sandbox = asb_calloc(1, sizeof(*sandbox));

	sandbox->http = http;
	sandbox->kind = kind;
	sandbox->api = &asb_api_v1beta1;
	sandbox->options = *options;
	if (hooks != NULL)
		sandbox->hooks = *hooks;
	asb_rights_init(&sandbox->rights, options->namespace_, kind->purpose);
	return sandbox;
}

struct asb_sandbox *asb_sandbox_new(struct asb_http *http,
				    const struct asb_sandbox_options *options,
				    const struct asb_sandbox_hooks *hooks)
{
	const struct asb_kind *kind = &asb_kind_made;
	struct asb_sandbox *sandbox;

	if (options->mode == ASB_MODE_POD)
		kind = &asb_kind_pod;
	else if (options->pool != NULL)
		kind = &asb_kind_claimed;
	sandbox = make(http, kind, options, hooks);

	sandbox->instance = asb_random_name(&sandbox->unnamed);
	sandbox->name = asb_strdup(options->name != NULL ? options->name : sandbox->instance);
	return sandbox;
}

struct asb_sandbox *asb_sandbox_open(struct asb_http *http, const char *namespace_,
				     const char *name, const struct asb_sandbox_hooks *hooks)
{
	const struct asb_sandbox_options options = {
		.namespace_ = namespace_,
		.name = name,
		.ready_timeout_ms = OPEN_READY_TIMEOUT_MS,
		.lease_ms = OPEN_LEASE_MS,
	};
	struct asb_sandbox *sandbox = make(http, &asb_kind_opened, &options, hooks);

	sandbox->name = asb_strdup(name);
	return sandbox;
}

void asb_sandbox_free(struct asb_sandbox *sandbox)
{
	if (sandbox == NULL)
		return;
	asb_sandbox_let_go(sandbox);
	asb_claim_release(&sandbox->claim, sandbox->http);
	asb_object_release(&sandbox->shim, sandbox->http);
	asb_object_release(&sandbox->root, sandbox->http);
	asb_object_release(&sandbox->config, sandbox->http);
	cJSON_Delete(sandbox->found);
	cJSON_Delete(sandbox->found_pod);
	free(sandbox->name);
	free(sandbox->instance);
	free(sandbox->running_uid);
	free(sandbox);
}

void asb_sandbox_let_go(struct asb_sandbox *sandbox)
{
	if (sandbox->leased)
		asb_lease_release(&sandbox->lease, sandbox->http);
	sandbox->leased = false;
	asb_observer_release(&sandbox->observer);
}

void asb_sandbox_set_phase(struct asb_sandbox *sandbox, enum asb_sandbox_phase phase)
{
	sandbox->phase = phase;
	if (sandbox->hooks.phase != NULL)
		sandbox->hooks.phase(sandbox->hooks.context, phase);
}

void asb_sandbox_notice(struct asb_sandbox *sandbox, const char *format, ...)
{
	char text[1536];
	va_list ap;

	if (sandbox->hooks.notice == NULL)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	sandbox->hooks.notice(sandbox->hooks.context, text);
}

static void step_lease(struct asb_sandbox *sandbox)
{
	struct asb_error failure = ASB_ERROR_INIT;

	if (sandbox->kind->shared)
		asb_lease_observe(&sandbox->lease,
				  sandbox->claim.newest != NULL ? sandbox->claim.newest
								: sandbox->observer.sandbox,
				  asb_http_clock_offset_ms(sandbox->http), asb_lease_clock_ms());
	if (asb_lease_step(&sandbox->lease, sandbox->http, &failure) == 0 || failure.http == 404)
		return; /* that it has gone is the observer's to find */
	if (!sandbox->lease.renewable)
		asb_sandbox_notice(sandbox, "the sandbox's lease can't be renewed any more: %s",
				   failure.message);
	else if (sandbox->lease.failures == 2) /* one may fail */
		asb_sandbox_notice(sandbox, "the sandbox's lease could not be renewed yet: %s",
				   failure.message);
}

/* What is there already is repaired; of what we have made nothing is left, and a better one is
 * made.
 */
int asb_sandbox_fail(const struct asb_sandbox *sandbox, const struct asb_diagnosis *diagnosis,
		     struct asb_error *err)
{
	struct asb_findings findings = asb_sandbox_findings(sandbox);
	ASB_TEXT step = NULL;

	asb_fail(err, "%s", diagnosis->cause);
	if (sandbox->kind->shared) {
		step = asb_next_step(&findings, sandbox->claim.newest, NULL, diagnosis);
		asb_hint(err, "%s", step);
	} else if (diagnosis->hint[0] != '\0') {
		asb_hint(err, "%s", diagnosis->hint);
	}
	return -1;
}

bool asb_sandbox_is_other_pod(const struct asb_sandbox *sandbox, const cJSON *pod)
{
	const char *uid = asb_json_string(pod, "metadata/uid");

	return uid != NULL && sandbox->running_uid != NULL &&
	       strcmp(uid, sandbox->running_uid) != 0;
}

struct asb_findings asb_sandbox_findings(const struct asb_sandbox *sandbox)
{
	if (sandbox->observer.uid != NULL)
		return asb_observer_findings(&sandbox->observer);
	return (struct asb_findings){
		.sandbox = sandbox->found,
		.pod = sandbox->found_pod,
		.now_ms = asb_http_now_ms(sandbox->http),
	};
}

static int64_t ready_deadline(const struct asb_sandbox *sandbox)
{
	if (sandbox->options.ready_timeout_ms <= 0)
		return -1;
	return sandbox->started_ms + sandbox->options.ready_timeout_ms;
}

/* When the verdict turns terminal by lasting, -1: never. */
static int64_t patience_deadline(const struct asb_judgement *judgement)
{
	if (judgement->diagnosis.patience_ms == 0)
		return -1;
	return judgement->since_ms + judgement->diagnosis.patience_ms;
}

static bool passed(int64_t deadline)
{
	return deadline >= 0 && asb_monotonic_ms() >= deadline;
}

/* Each trouble is told once, with how long it is waited for. */
static void tell(struct asb_sandbox *sandbox)
{
	struct asb_judgement *judgement = &sandbox->judgement;
	const struct asb_diagnosis *diagnosis = &judgement->diagnosis;
	int64_t until = patience_deadline(judgement);
	int64_t left;
	char length[32];

	if (diagnosis->verdict != ASB_VERDICT_MAY_HEAL ||
	    asb_same_text(judgement->told, diagnosis->code))
		return;
	judgement->told = diagnosis->code;
	if (until < 0)
		until = ready_deadline(sandbox);
	left = until < 0 ? 0 : (until - asb_monotonic_ms() + 999) / 1000 * 1000;
	if (left > 0)
		asb_sandbox_notice(sandbox, "%s; waiting up to %s", diagnosis->cause,
				   asb_duration_format(left, length));
	else
		asb_sandbox_notice(sandbox, "%s; waiting", diagnosis->cause);
}

static int fail_not_ready(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	const struct asb_diagnosis *diagnosis = &sandbox->judgement.diagnosis;
	bool known = sandbox->phase != ASB_SANDBOX_CREATING;
	char length[32];

	asb_duration_format(sandbox->options.ready_timeout_ms, length);
	asb_fail(err, "the sandbox is not ready after %s: %s", length,
		 known ? diagnosis->cause : "the API server has not made it yet");
	if (known && diagnosis->hint[0] != '\0')
		return asb_hint(err, "%s", diagnosis->hint);
	return asb_hint(err, "a longer --ready-timeout may help");
}

static void enter_running(struct asb_sandbox *sandbox)
{
	sandbox->running_uid = asb_strdup(asb_json_string(sandbox->observer.pod, "metadata/uid"));
	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_RUNNING);
}

/* The API server may be down for a while; but what answers may also be no API server at all. */
static void diagnose_blindness(const struct asb_error *trouble, struct asb_diagnosis *out)
{
	*out = (struct asb_diagnosis){
		.verdict = ASB_VERDICT_MAY_HEAL,
		.patience_ms = BLIND_MS,
		.code = "unwatchable",
	};
	snprintf(out->cause, sizeof(out->cause), "the sandbox can't be watched: %.900s",
		 trouble->message);
	snprintf(out->hint, sizeof(out->hint), "%.*s", (int)sizeof(out->hint) - 1, trouble->hint);
}

int asb_sandbox_weigh(struct asb_sandbox *sandbox, struct asb_diagnosis *found,
		      const struct asb_error *trouble, struct asb_error *err)
{
	struct asb_judgement *judgement = &sandbox->judgement;

	if (trouble != NULL && found->verdict != ASB_VERDICT_RUNNING &&
	    found->verdict != ASB_VERDICT_TERMINAL)
		diagnose_blindness(trouble, found);
	if (!asb_same_text(judgement->diagnosis.code, found->code))
		judgement->since_ms = asb_monotonic_ms();
	judgement->diagnosis = *found;
	if (found->verdict == ASB_VERDICT_TERMINAL || passed(patience_deadline(judgement)))
		return asb_sandbox_fail(sandbox, found, err);
	return 0;
}

static int step_waiting(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_findings findings = asb_observer_findings(&sandbox->observer);
	struct asb_diagnosis found;

	if (sandbox->observer.sandbox_gone) {
		asb_fail(err, "sandbox \"%s\" was deleted by somebody", sandbox->name);
		return -1;
	}
	asb_diagnose(&findings, &found);
	if (asb_sandbox_weigh(sandbox, &found, asb_observer_trouble(&sandbox->observer), err) < 0)
		return -1;
	if (sandbox->phase == ASB_SANDBOX_SCHEDULING &&
	    asb_json_string(sandbox->observer.pod, "spec/nodeName") != NULL)
		asb_sandbox_set_phase(sandbox, ASB_SANDBOX_STARTING);
	if (found.verdict == ASB_VERDICT_RUNNING)
		enter_running(sandbox);
	else
		tell(sandbox);
	return 0;
}

/* Whether the pod the command runs in has ended. */
static bool find_end(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	const struct asb_observer *observer = &sandbox->observer;
	const cJSON *pod = observer->pod != NULL ? observer->pod : observer->former_pod;
	const struct asb_loss loss = {
		.noun = sandbox->kind->noun,
		.name = sandbox->name,
		.sandbox = observer->plain ? pod : observer->sandbox,
		.sandbox_gone = observer->sandbox_gone,
		.pod = pod,
		.pod_gone = observer->pod_gone || asb_sandbox_is_other_pod(sandbox, observer->pod),
		.now_ms = asb_http_now_ms(sandbox->http),
	};
	struct asb_diagnosis diagnosis;
	int status;

	if (!asb_diagnose_loss(&loss, &diagnosis, &status))
		return false;
	asb_sandbox_fail(sandbox, &diagnosis, err);
	err->status = status;
	return true;
}

static int step_running(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_error end = ASB_ERROR_INIT;

	if (!find_end(sandbox, &end)) {
		sandbox->failing_ms = 0;
		return 0;
	}
	if (sandbox->failing_ms == 0)
		sandbox->failing_ms = asb_monotonic_ms();
	if (!passed(sandbox->failing_ms + STREAM_FIRST_MS))
		return 0;
	*err = end;
	return -1;
}

/* A command that runs is not given up because nobody lets us look at its pod any more: what counts
 * then is the exec stream. */
static int step_observer(struct asb_sandbox *sandbox, struct asb_error *err)
{
	if (sandbox->blind || asb_observer_step(&sandbox->observer, err) == 0)
		return 0;
	if (sandbox->phase != ASB_SANDBOX_RUNNING)
		return -1;
	sandbox->blind = true;
	asb_sandbox_notice(sandbox, "the sandbox can't be watched any more: %s", err->message);
	asb_error_clear(err);
	return 0;
}

int asb_sandbox_create(struct asb_sandbox *sandbox, struct asb_error *err)
{
	sandbox->started_ms = asb_monotonic_ms();
	return sandbox->kind->create(sandbox, err);
}

int asb_sandbox_delete(struct asb_sandbox *sandbox, bool force, struct asb_error *err)
{
	if (sandbox->phase == ASB_SANDBOX_GONE)
		return 0;
	return sandbox->kind->delete (sandbox, force, err);
}

int asb_sandbox_step(struct asb_sandbox *sandbox, struct asb_error *err)
{
	if (sandbox->kind->step(sandbox, err) < 0)
		return -1;
	if (sandbox->leased)
		step_lease(sandbox);
	if (sandbox->observer.uid != NULL) {
		if (step_observer(sandbox, err) < 0)
			return -1;
		if (sandbox->phase == ASB_SANDBOX_RUNNING)
			return step_running(sandbox, err);
		if (step_waiting(sandbox, err) < 0)
			return -1;
	}
	if (sandbox->phase < ASB_SANDBOX_RUNNING && passed(ready_deadline(sandbox)))
		return fail_not_ready(sandbox, err);
	return 0;
}

/* The next moment at which time alone changes the verdict, -1: none. */
static int64_t judgement_deadline(const struct asb_sandbox *sandbox)
{
	int64_t patience = patience_deadline(&sandbox->judgement);
	int64_t ready = ready_deadline(sandbox);

	if (sandbox->phase == ASB_SANDBOX_RUNNING)
		return sandbox->failing_ms == 0 ? -1 : sandbox->failing_ms + STREAM_FIRST_MS;
	if (patience < 0 || ready < 0)
		return patience < 0 ? ready : patience;
	return patience < ready ? patience : ready;
}

int asb_sandbox_timeout(const struct asb_sandbox *sandbox)
{
	const struct asb_object *objects[] = {&sandbox->shim, &sandbox->root, &sandbox->config};
	int nearest = asb_poll_timeout(judgement_deadline(sandbox));

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		nearest = asb_nearer_timeout(nearest, asb_object_timeout(objects[i]));
	nearest = asb_nearer_timeout(nearest, asb_source_timeout(&sandbox->claim.source));
	if (sandbox->leased)
		nearest = asb_nearer_timeout(
			nearest, asb_lease_timeout(&sandbox->lease, asb_lease_clock_ms()));
	if (!sandbox->blind)
		nearest = asb_nearer_timeout(nearest, asb_observer_timeout(&sandbox->observer));
	return nearest;
}

const char *asb_sandbox_noun(const struct asb_sandbox *sandbox)
{
	return sandbox->kind->noun;
}

bool asb_sandbox_settled(const struct asb_sandbox *sandbox)
{
	return sandbox->root.state != ASB_OBJECT_SENT && sandbox->shim.state != ASB_OBJECT_SENT &&
	       sandbox->config.state != ASB_OBJECT_SENT;
}

enum asb_sandbox_phase asb_sandbox_phase(const struct asb_sandbox *sandbox)
{
	return sandbox->phase;
}

const char *asb_sandbox_name(const struct asb_sandbox *sandbox)
{
	return sandbox->name;
}

const char *asb_sandbox_pod(const struct asb_sandbox *sandbox)
{
	return sandbox->observer.pod_name;
}

/* A pool's pods have the names of their Sandboxes since v0.5. */
const char *asb_sandbox_promised_pod(const struct asb_sandbox *sandbox)
{
	return sandbox->api == &asb_api_v1beta1 && sandbox->claim.runs ? sandbox->claim.bound
								       : NULL;
}

const char *asb_sandbox_container(const struct asb_sandbox *sandbox)
{
	(void)sandbox;
	return ASB_CONTAINER;
}

const char *const *asb_sandbox_connect_argv(const struct asb_sandbox *sandbox)
{
	(void)sandbox;
	return connect_argv;
}
