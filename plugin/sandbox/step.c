/* SPDX-License-Identifier: Apache-2.0 */
/* step.c - what has happened since the last look, and what time alone decides: for all kinds. */
#include "plugin/base/clock.h"
#include "plugin/base/options.h"
#include "plugin/sandbox/sandbox_internal.h"

/* A pod that ends takes the exec stream along, and what came through the stream (an exit record)
 * says more than the pod's status: it gets this long to arrive first. */
#define STREAM_FIRST_MS 2000
static void step_lease(struct asb_sandbox *sandbox)
{
	struct asb_error failure = ASB_ERROR_INIT;

	if (sandbox->kind->shared)
		asb_lease_observe(&sandbox->lease,
				  sandbox->claim.newest != NULL ? sandbox->claim.newest
								: sandbox->observer.sandbox,
				  asb_http_clock_offset_ms(sandbox->http), asb_lease_clock_ms());
	if (asb_lease_step(&sandbox->lease, sandbox->http, &failure) == 0 || failure.http == 404)
		return;			  /* that it has gone is the observer's to find */
	if (sandbox->lease.failures == 2) /* one may fail */
		asb_sandbox_notice(sandbox, "the sandbox's lease could not be renewed yet: %s",
				   failure.message);
}

static int64_t ready_deadline(const struct asb_sandbox *sandbox)
{
	if (sandbox->options.ready_timeout_ms <= 0)
		return -1;
	return sandbox->started_ms + sandbox->options.ready_timeout_ms;
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
	int64_t until = asb_judgement_deadline(judgement);
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

int asb_sandbox_step(struct asb_sandbox *sandbox, struct asb_error *err)
{
	if (sandbox->kind->step(sandbox, err) < 0)
		return -1;
	/* Who rests asks for nothing, but hears what he has asked for: an old answer must not be
	 * taken for news later. */
	if (sandbox->leased && (!sandbox->resting || sandbox->lease.running))
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
	int64_t patience = asb_judgement_deadline(&sandbox->judgement);
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
	if (sandbox->leased && !sandbox->resting)
		nearest = asb_nearer_timeout(
			nearest, asb_lease_timeout(&sandbox->lease, asb_lease_clock_ms()));
	if (!sandbox->blind)
		nearest = asb_nearer_timeout(nearest, asb_observer_timeout(&sandbox->observer));
	return nearest;
}
