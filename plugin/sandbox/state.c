/* SPDX-License-Identifier: Apache-2.0 */
/* state.c - where a sandbox stands, what is known of it, and what is told of it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/sandbox/next_step.h"
#include "plugin/sandbox/sandbox_internal.h"

/* How long watches may fail before it is given up. */
#define BLIND_MS 60000

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

void asb_sandbox_let_go(struct asb_sandbox *sandbox)
{
	if (sandbox->leased)
		asb_lease_release(&sandbox->lease, sandbox->http);
	sandbox->leased = false;
	asb_observer_release(&sandbox->observer);
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

int64_t asb_judgement_deadline(const struct asb_judgement *judgement)
{
	if (judgement->diagnosis.patience_ms == 0)
		return -1;
	return judgement->since_ms + judgement->diagnosis.patience_ms;
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
	if (found->verdict == ASB_VERDICT_TERMINAL ||
	    asb_poll_timeout(asb_judgement_deadline(judgement)) == 0)
		return asb_sandbox_fail(sandbox, found, err);
	return 0;
}
