/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/audit_log.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/visible.h"

/* --- one record --- */

/* "exit 3", "SIGKILL", and why, where the shim was the one who ended it. */
static char *status_of(const cJSON *record)
{
	const char *signal = asb_json_string(record, "signal");
	const char *why = "";
	bool numbered = signal != NULL && signal[0] >= '0' && signal[0] <= '9';
	ASB_TEXT harmless = asb_visible_text(signal == NULL ? "" : signal);

	if (asb_json_bool(record, "timed_out", false))
		why = " (timeout)";
	else if (asb_json_bool(record, "oom", false))
		why = " (out of memory)";
	else if (asb_json_bool(record, "shutdown", false))
		why = " (sandbox ended)";
	if (signal == NULL)
		return asb_strf("exit %.0f%s", asb_json_number(record, "code", -1), why);
	return asb_strf("%s%s%s", numbered ? "signal " : "SIG", harmless, why);
}

static void add_words(struct asb_buffer *out, const cJSON *argv)
{
	const cJSON *word;

	cJSON_ArrayForEach(word, argv)
	{
		const char *text = cJSON_GetStringValue(word);

		if (out->length > 0)
			asb_buffer_addch(out, ' ');
		asb_visible_word(out, text == NULL ? "" : text);
	}
}

static char *command_of(const cJSON *record)
{
	const char *line = asb_json_string(record, "line");
	const char *error = asb_json_string(record, "error");
	struct asb_buffer out = ASB_BUFFER_INIT;
	ASB_TEXT text = asb_visible_text(line == NULL ? "" : line);
	ASB_TEXT why = asb_visible_text(error == NULL ? "" : error);

	if (line != NULL)
		asb_buffer_addstr(&out, text);
	else
		add_words(&out, asb_json_member(record, "argv"));
	if (asb_json_bool(record, "truncated", false))
		asb_buffer_addstr(&out, " ...");
	if (error != NULL)
		asb_buffer_addf(&out, "  (%s)", why);
	return asb_buffer_steal(&out);
}

/* --- the log --- */

static size_t find_job(const struct asb_audit_log *log, const char *id)
{
	/* From the end: most jobs end soon after they began. */
	for (size_t i = log->job_count; i > 0; i--) {
		if (strcmp(log->jobs[i - 1].id, id) == 0)
			return i - 1;
	}
	return log->job_count;
}

static void add_job(struct asb_audit_log *log, const char *id)
{
	if (log->job_count == log->job_room) {
		log->job_room = log->job_room * 2 + 16;
		log->jobs = asb_realloc(log->jobs, log->job_room * sizeof(log->jobs[0]));
	}
	log->jobs[log->job_count++] = (struct asb_audit_job){
		.id = asb_strdup(id),
		.start_ms = -1,
		.end_ms = -1,
		.duration_ms = -1,
		.stdout_bytes = -1,
		.stderr_bytes = -1,
	};
}

static void add_record(struct asb_audit_log *log, const char *line, size_t n, size_t job,
		       bool start)
{
	if (log->record_count == log->record_room) {
		log->record_room = log->record_room * 2 + 16;
		log->records =
			asb_realloc(log->records, log->record_room * sizeof(log->records[0]));
	}
	log->records[log->record_count++] =
		(struct asb_audit_record){asb_strndup(line, n), job, start};
}

/* -1: unknown. What can't be true would not fit an integer either. */
static double count_at(const cJSON *record, const char *path)
{
	double n = asb_json_number(record, path, -1);

	return n >= 0 && n < 1e15 ? n : -1;
}

/* False when it was told before. */
static bool tell_job(struct asb_audit_job *job, const cJSON *record, bool start)
{
	int64_t time = asb_time_parse(asb_json_string(record, "time"));
	bool failed = strcmp(asb_json_string(record, "event"), "failed") == 0;

	if (start ? job->start_ms >= 0 : job->status != NULL)
		return false;
	if (job->command == NULL && (start || failed))
		job->command = command_of(record);
	if (start) {
		job->start_ms = time;
		return true;
	}
	job->end_ms = time;
	job->status = failed ? asb_strdup("failed") : status_of(record);
	job->duration_ms = count_at(record, "duration_ms");
	job->stdout_bytes = count_at(record, "stdout_bytes");
	job->stderr_bytes = count_at(record, "stderr_bytes");
	return true;
}

static bool is_record(const cJSON *json)
{
	const char *event = asb_json_string(json, "event");

	return event != NULL && asb_json_string(json, "job") != NULL &&
	       asb_time_parse(asb_json_string(json, "time")) >= 0 &&
	       (strcmp(event, "start") == 0 || strcmp(event, "end") == 0 ||
		strcmp(event, "failed") == 0);
}

enum asb_audit_line asb_audit_log_take(struct asb_audit_log *log, const char *line, size_t n)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON record = n > 0 && line[0] == '{' ? asb_json_parse(line, n, &ignored) : NULL;
	bool start;
	size_t job;

	if (record == NULL || !is_record(record))
		return ASB_AUDIT_OTHER;
	start = strcmp(asb_json_string(record, "event"), "start") == 0;
	job = find_job(log, asb_json_string(record, "job"));
	if (job == log->job_count)
		add_job(log, asb_json_string(record, "job"));
	if (!tell_job(&log->jobs[job], record, start))
		return ASB_AUDIT_KNOWN;
	log->dropped += asb_json_number(record, "dropped", 0);
	add_record(log, line, n, job, start);
	return ASB_AUDIT_NEW;
}

void asb_audit_log_release(struct asb_audit_log *log)
{
	for (size_t i = 0; i < log->job_count; i++) {
		free(log->jobs[i].id);
		free(log->jobs[i].command);
		free(log->jobs[i].status);
	}
	for (size_t i = 0; i < log->record_count; i++)
		free(log->records[i].text);
	free(log->jobs);
	free(log->records);
	memset(log, 0, sizeof(*log));
}
