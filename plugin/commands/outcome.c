/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/outcome.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/base/json.h"
#include "plugin/base/options.h"

static void explain_not_executable(const char *program, int number, struct asb_error *err)
{
	if (number == ENOEXEC) {
		asb_fail(err, "%s: can't be executed in the sandbox: exec format error", program);
		asb_hint(err, "it is built for another architecture (--arch chooses the node's), "
			      "or a script without #!");
		return;
	}
	asb_fail(err, "%s: can't be executed in the sandbox", program);
	asb_hint(err, "it is no program, or lacks the x bit");
}

/* Words for what could not be started; the status follows from the same code. */
static void explain_refusal(const struct asb_job_view *view, const struct asb_job_spec *job,
			    struct asb_error *err)
{
	const char *program = job->argv == NULL ? "the shell" : job->argv[0];

	switch (view->failed) {
	case ASB_FAILED_NOT_FOUND:
		asb_fail(err, "%s: not found in the sandbox's PATH", program);
		asb_hint(err, "--image chooses an image that has it");
		return;
	case ASB_FAILED_NOT_EXECUTABLE:
		explain_not_executable(program, view->failed_errno, err);
		return;
	case ASB_FAILED_NO_SHELL:
		asb_fail(err, "the image has no shell that could take a command line");
		asb_hint(err, "name a program and its arguments instead: run -- PROGRAM ARG...");
		return;
	case ASB_FAILED_CWD:
		asb_fail(err, "the working directory %s can't be entered: %s",
			 job->cwd == NULL ? "" : job->cwd, strerror(view->failed_errno));
		asb_hint(err, "--workdir chooses another one; /workspace always exists");
		return;
	default:
		asb_fail(err, "the sandbox can't start the command: %s",
			 view->failed_text == NULL || view->failed_text[0] == '\0'
				 ? "no reason given"
				 : view->failed_text);
		return;
	}
}

static void explain_end(const struct asb_exit_record *record, const struct asb_job_spec *job,
			struct asb_error *err)
{
	char duration[32];

	if (record->timed_out) {
		asb_fail(err, "timed out after %s (--timeout)",
			 asb_duration_format(job->timeout_ms, duration));
	} else if (record->oom_killed) {
		asb_fail(err, "the command was killed: out of memory");
	} else if (record->shutdown) {
		asb_fail(err, "the sandbox was stopped while the command ran");
	}
}

int asb_outcome_of_job(const struct asb_job_view *view, const struct asb_job_spec *job,
		       struct asb_error *err)
{
	int status = asb_job_exit_status(view);

	asb_error_clear(err);
	if (view->state == ASB_JOB_REFUSED)
		explain_refusal(view, job, err);
	else
		explain_end(&view->record, job, err);
	if (asb_failed(err))
		err->status = status;
	return status;
}

/* --- the JSON object --- */

static void set_string_or_null(cJSON *json, const char *name, const char *value)
{
	asb_json_set(json, name, value == NULL ? cJSON_CreateNull() : cJSON_CreateString(value));
}

static void add_durations(cJSON *json, const struct asb_timeline *timeline)
{
	int phase;

	for (phase = 0; phase < ASB_RUN_PHASES; phase++) {
		ASB_TEXT path = asb_strf("durations/%s", asb_timeline_name(phase));

		asb_json_set_number(json, path, (double)timeline->spent[phase] / 1000);
	}
	asb_json_set_number(json, "durations/total", (double)asb_timeline_total(timeline) / 1000);
}

static void add_bytes(cJSON *json, const struct asb_outcome *outcome)
{
	asb_json_set_number(json, "bytes/stdin", (double)outcome->bytes[ASB_STDIN]);
	asb_json_set_number(json, "bytes/stdout", (double)outcome->bytes[ASB_STDOUT]);
	asb_json_set_number(json, "bytes/stderr", (double)outcome->bytes[ASB_STDERR]);
	asb_json_set_number(json, "bytes/wireSent", (double)outcome->wire_sent);
	asb_json_set_number(json, "bytes/wireReceived", (double)outcome->wire_received);
}

static void add_error(cJSON *json, const struct asb_outcome *outcome, const struct asb_error *err)
{
	if (asb_failed(err))
		asb_json_set_string(json, "error", err->message);
	else if (outcome->signal != 0)
		asb_json_set(json, "error",
			     cJSON_CreateString(outcome->began ? "interrupted"
							       : "interrupted before the command "
								 "was started"));
	else
		asb_json_set(json, "error", cJSON_CreateNull());
}

char *asb_outcome_json(const struct asb_outcome *outcome, const struct asb_sandbox_options *sandbox,
		       const char *name, const char *pod, const struct asb_error *err)
{
	ASB_JSON json = cJSON_CreateObject();
	const struct asb_exit_record *record = &outcome->record;
	bool killed = outcome->ended && record->signal != 0;

	set_string_or_null(json, "sandbox", name);
	asb_json_set_string(json, "namespace", sandbox->namespace_);
	set_string_or_null(json, "pod", pod);
	asb_json_set_string(json, "image", sandbox->image);
	asb_json_set_number(json, "exitCode", outcome->status);
	set_string_or_null(json, "signal", killed ? record->signal_name : NULL);
	asb_json_set_bool(json, "timedOut", outcome->ended && record->timed_out);
	asb_json_set_bool(json, "oomKilled", outcome->ended && record->oom_killed);
	add_durations(json, &outcome->timeline);
	add_bytes(json, outcome);
	asb_json_set_number(json, "reconnects", outcome->reconnects);
	add_error(json, outcome, err);
	return asb_json_print(json);
}
