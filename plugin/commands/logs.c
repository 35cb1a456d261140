/* SPDX-License-Identifier: Apache-2.0 */
/* logs.c - `logs`: what was run in a sandbox and what became of it, as its shim wrote it down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin/base/visible.h"
#include "plugin/commands/cluster.h"
#include "plugin/kube/access.h"
#include "plugin/sandbox/audit_log.h"
#include "plugin/sandbox/lease.h"
#include "plugin/sandbox/locate.h"
#include "plugin/sandbox/pod_log.h"
#include "plugin/sandbox/spec.h"
#include "plugin/term/table.h"

struct values {
	bool follow;
	int64_t tail, since_ms;
	const char *output;
};

struct logs {
	struct asb_cluster cluster;
	const char *name;
	bool json;
	bool live; /* the container runs */
	struct asb_audit_log log;
	size_t shown;  /* records */
	size_t others; /* lines that are no records */
	struct asb_table table;
	struct asb_pod_log source;
};

static const struct asb_command_option options[] = {
	{"follow", 'f', ASB_OPTION_FLAG, offsetof(struct values, follow), NULL,
	 "go on with what happens, until the sandbox has ended"},
	{"tail", 0, ASB_OPTION_INT, offsetof(struct values, tail), "N",
	 "only the last N commands (default all)"},
	{"since", 0, ASB_OPTION_DURATION, offsetof(struct values, since_ms), "DURATION",
	 "only commands that ran in the last, such as 10m (default all)"},
	{"output", 'o', ASB_OPTION_STRING, offsetof(struct values, output), "FORMAT",
	 "\"json\": the records, one on a line, with all they say"},
	{0},
};

static const struct values defaults = {.tail = -1, .since_ms = -1};

static int check(const struct values *values, const struct asb_operands *operands,
		 struct asb_error *err)
{
	if (operands->count != 1)
		return asb_fail_usage(err, "logs takes the name of one sandbox");
	if (asb_cluster_check_name("sandbox", operands->items[0], err) != 0)
		return -1;
	if (values->tail < -1)
		return asb_fail_usage(err, "--tail is negative");
	if (values->output == NULL || strcmp(values->output, "json") == 0)
		return 0;
	asb_fail_usage(err, "--output: unknown format \"%s\"", values->output);
	return asb_hint(err, "use json, or leave it out");
}

/* --- a table --- */

static const char *format_time(int64_t ms, char **out)
{
	*out = ms < 0 ? NULL : asb_lease_rfc3339(ms);
	return *out == NULL ? "<unknown>" : *out;
}

static char *format_bytes(double n)
{
	static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti"};
	size_t i = 0;

	if (n < 0)
		return asb_strdup("-");
	for (; n >= 1024 && i < 4; i++)
		n /= 1024;
	return asb_strf("%.*f%s", i > 0 && n < 10 ? 1 : 0, n, units[i]);
}

static void add_row(struct logs *logs, const struct asb_audit_job *job, int64_t time,
		    const char *status)
{
	ASB_TEXT time_text = NULL;
	ASB_TEXT out = format_bytes(job->stdout_bytes);
	ASB_TEXT errors = format_bytes(job->stderr_bytes);
	char id[9], duration[32];
	const char *const cells[] = {
		format_time(time, &time_text),
		id,
		status,
		job->duration_ms < 0 ? "-"
				     : asb_duration_format((int64_t)job->duration_ms, duration),
		out,
		errors,
		job->command,
	};

	snprintf(id, sizeof(id), "%s", job->id);
	asb_table_add(&logs->table, cells);
}

/* What has no end goes on, unless the pod does not. */
static const char *status_of(const struct logs *logs, const struct asb_audit_job *job)
{
	if (job->status != NULL)
		return job->status;
	return logs->live ? "running" : "unknown";
}

static void show_job(struct logs *logs, const struct asb_audit_job *job)
{
	add_row(logs, job, job->start_ms >= 0 ? job->start_ms : job->end_ms, status_of(logs, job));
}

static void show_record(struct logs *logs, const struct asb_audit_record *record)
{
	const struct asb_audit_job *job = &logs->log.jobs[record->job];
	ASB_TEXT text = NULL;

	if (logs->json) {
		text = asb_visible_json(record->text);
		puts(text);
	} else if (record->start) {
		struct asb_audit_job started = *job;

		started.duration_ms = started.stdout_bytes = started.stderr_bytes = -1;
		add_row(logs, &started, job->start_ms, "started");
	} else {
		add_row(logs, job, job->end_ms, job->status);
	}
}

/* --- what there is --- */

static bool is_recent(const struct logs *logs, const struct asb_audit_job *job, int64_t since_ms)
{
	int64_t last = job->end_ms > job->start_ms ? job->end_ms : job->start_ms;

	if (since_ms < 0 || (job->status == NULL && logs->live))
		return true;
	return last >= asb_http_now_ms(logs->cluster.http) - since_ms;
}

/* Which jobs --since and --tail leave: an array of as many as there are, heap. */
static bool *choose(const struct logs *logs, const struct values *values)
{
	bool *chosen = asb_calloc(logs->log.job_count + 1, sizeof(*chosen));
	int64_t left = values->tail < 0 ? INT64_MAX : values->tail;

	for (size_t i = logs->log.job_count; i > 0 && left > 0; i--) {
		chosen[i - 1] = is_recent(logs, &logs->log.jobs[i - 1], values->since_ms);
		left -= chosen[i - 1];
	}
	return chosen;
}

static void show_present(struct logs *logs, const struct values *values)
{
	bool *chosen = choose(logs, values);

	for (size_t i = 0; i < logs->log.record_count && logs->json; i++) {
		if (chosen[logs->log.records[i].job])
			show_record(logs, &logs->log.records[i]);
	}
	for (size_t i = 0; i < logs->log.job_count && !logs->json; i++) {
		if (chosen[i])
			show_job(logs, &logs->log.jobs[i]);
	}
	if (!logs->json && (logs->log.job_count > 0 || values->follow))
		asb_table_print(&logs->table, stdout);
	logs->shown = logs->log.record_count;
	free(chosen);
}

static void note_rest(const struct logs *logs)
{
	if (logs->log.job_count == 0)
		fprintf(stderr, "No commands were run in %s.\n", logs->name);
	if (logs->log.dropped > 0)
		fprintf(stderr, "note: %.0f records are missing: the log could not take them\n",
			logs->log.dropped);
	if (logs->others > 0)
		fprintf(stderr,
			"note: %zu other lines are not shown; see: kubectl -n %s logs %s -c %s\n",
			logs->others, asb_json_string(logs->source.pod, "metadata/namespace"),
			asb_json_string(logs->source.pod, "metadata/name"),
			asb_pod_log_container(logs->source.pod));
}

/* --- what comes --- */

static void on_line(void *context, const char *line, size_t n)
{
	struct logs *logs = context;
	enum asb_audit_line what = asb_audit_log_take(&logs->log, line, n);
	const struct asb_audit_record *record;
	const struct asb_audit_job *job;

	if (what == ASB_AUDIT_OTHER)
		logs->others++;
	if (what != ASB_AUDIT_NEW)
		return;
	record = &logs->log.records[logs->log.record_count - 1];
	job = &logs->log.jobs[record->job];
	logs->source.since_ms = record->start ? job->start_ms : job->end_ms;
}

static int on_rest(void *context)
{
	struct logs *logs = context;

	for (; logs->shown < logs->log.record_count; logs->shown++)
		show_record(logs, &logs->log.records[logs->shown]);
	if (!logs->json)
		asb_table_print(&logs->table, stdout);
	return fflush(stdout) == 0 ? 0 : -1; /* whoever reads may have gone */
}

/* --- the command --- */

/* The server names one missing right; what else is missing is asked for then. */
static int explain_rights(const struct logs *logs, struct asb_error *err)
{
	const char *namespace_ = logs->cluster.namespace_;
	struct asb_error missing = ASB_ERROR_INIT;
	struct asb_access rights[] = {
		{.group = "", .resource = "pods", .verb = "get", .namespace_ = namespace_},
		{.group = "",
		 .resource = "pods",
		 .subresource = "log",
		 .verb = "get",
		 .namespace_ = namespace_},
		{.group = ASB_SANDBOX_GROUP,
		 .resource = "sandboxes",
		 .verb = "get",
		 .namespace_ = namespace_},
	};

	if (err->http == 403 && asb_access_review(logs->cluster.http, rights, 3, &missing) == 0 &&
	    asb_access_require(rights, 3, namespace_, &missing) != 0)
		*err = missing;
	return -1;
}

static int show(struct logs *logs, const struct values *values, const cJSON *pod,
		struct asb_error *err)
{
	logs->live = asb_pod_log_is_live(pod);
	logs->source = (struct asb_pod_log){
		.http = logs->cluster.http,
		.pod = pod,
		.line = on_line,
		.rest = on_rest,
		.context = logs,
	};
	if (asb_pod_log_read(&logs->source, err) != 0)
		return explain_rights(logs, err);
	show_present(logs, values);
	if (values->follow && logs->live)
		return asb_pod_log_follow(&logs->source, err);
	note_rest(logs);
	return 0;
}

static int run_logs(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	static const char *const headings[] = {"TIME", "JOB", "STATUS",	 "DURATION",
					       "OUT",  "ERR", "COMMAND", NULL};
	const struct values *own = values;
	struct logs logs = {.json = own->output != NULL};
	ASB_JSON pod = NULL;
	int rc = -1;

	if (check(own, operands, err) != 0)
		return -1;
	logs.name = operands->items[0];
	asb_table_init(&logs.table, headings);
	if (asb_cluster_open_any(&logs.cluster, context, err) == 0) {
		pod = asb_locate_pod(logs.cluster.http, logs.cluster.api, logs.cluster.namespace_,
				     logs.name, err);
		rc = pod == NULL ? explain_rights(&logs, err) : show(&logs, own, pod, err);
	}
	asb_cluster_close(&logs.cluster);
	asb_audit_log_release(&logs.log);
	asb_table_release(&logs.table);
	return rc;
}

const struct asb_command asb_command_logs = {
	.name = "logs",
	.summary = "Shows what was run in a sandbox",
	.usage = "logs NAME [-f] [--tail N] [--since DURATION] [-o json]",
	.description =
		"Shows the audit trail of a sandbox, of a claim or of a plain pod: every command "
		"that was started in it, by whom soever, with its end. It lies in the log of the "
		"pod and goes with it. What commands print is not part of it, nor are their "
		"environment and their input.\n"
		"Without --follow each command is one line: a STATUS of \"running\" says that it "
		"has not ended, \"unknown\" that the pod ended before it. With --follow what comes "
		"gets a line when a command starts and another one when it ends. OUT and ERR count "
		"the bytes of both outputs. Characters that could steer the terminal are written "
		"as \\n or \\x1b.",
	.examples = "logs box\n"
		    "logs box --follow --tail 5\n"
		    "logs box -o json",
	.options = options,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.settings = true,
	.run = run_logs,
};
