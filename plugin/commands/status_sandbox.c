/* SPDX-License-Identifier: Apache-2.0 */
/* status_sandbox.c - `status NAME`: what is the matter with one sandbox. */
#include <stdio.h>
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/commands/cluster.h"
#include "plugin/commands/status_parts.h"
#include "plugin/sandbox/report.h"
#include "plugin/term/table.h"

#define MOST_EVENTS 10

/* What is printed is what others have written: it must not steer the terminal. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	va_list ap;

	va_start(ap, format);
	asb_buffer_vaddf(&text, format, ap);
	va_end(ap);
	asb_print_safely(stdout, text.data);
	asb_buffer_release(&text);
}

static const char *text_of(const cJSON *object, const char *path)
{
	const char *text = asb_json_string(object, path);

	return text != NULL ? text : "";
}

static void say_field(const char *name, const char *value)
{
	if (value != NULL)
		say("%-15s %s\n", name, value);
}

/* --- the diagnosis --- */

static void print_diagnosis(const cJSON *report)
{
	bool healthy = asb_json_bool(report, "healthy", false);
	const char *step = asb_json_string(report, "nextStep");

	say("%s: %s\n", healthy ? "ok" : "problem", text_of(report, "summary"));
	if (step != NULL)
		say("next: %s\n", step);
}

/* --- what it is --- */

static void print_end(const cJSON *report)
{
	const cJSON *end = asb_json_at(report, "end");
	double left = asb_json_number(end, "inMs", 0);
	bool delete = strcmp(text_of(end, "policy"), "Delete") == 0;
	char age[ASB_AGE_SIZE];

	if (asb_json_string(end, "time") == NULL) {
		say_field("Ends:", "never by itself");
		return;
	}
	asb_age_format((int64_t)(left < 0 ? -left : left), age);
	say("%-15s %s, %s%s%s; %s\n", "Ends:", text_of(end, "time"), left < 0 ? "" : "in ", age,
	    left < 0 ? " ago" : "", delete ? "it is deleted then" : "its pod is deleted then");
	say_field("", text_of(end, "how"));
}

static void print_container(const cJSON *container)
{
	const char *reason = asb_json_string(container, "reason");
	const char *message = asb_json_string(container, "message");
	double code = asb_json_number(container, "exitCode", -1);
	struct asb_buffer line = ASB_BUFFER_INIT;

	asb_buffer_addf(&line, "%s, %s", text_of(container, "name"), text_of(container, "state"));
	if (reason != NULL)
		asb_buffer_addf(&line, ": %s", reason);
	if (code >= 0)
		asb_buffer_addf(&line, ", exit code %.0f", code);
	if (message != NULL)
		asb_buffer_addf(&line, ": %s", message);
	say_field("Container:", line.data);
	asb_buffer_reset(&line);
	if (asb_json_at(container, "last/state") != NULL) {
		asb_buffer_addf(&line,
				"restarted %.0f times, before it ended with %s, exit code %.0f",
				asb_json_number(container, "restarts", 0),
				text_of(container, "last/reason"),
				asb_json_number(container, "last/exitCode", -1));
		say_field("", line.data);
	}
	asb_buffer_release(&line);
}

static void print_identity(const cJSON *report)
{
	bool ours = asb_json_bool(report, "madeByPlugin", false);
	const char *runtime = asb_json_string(report, "runtimeClass");
	ASB_TEXT kind =
		asb_strf("%s (%s)%s", text_of(report, "kind"), text_of(report, "apiVersion"),
			 ours ? "" : ", not made by this plugin");
	const cJSON *item;

	say_field("Name:", text_of(report, "name"));
	say_field("Namespace:", text_of(report, "namespace"));
	say_field("Kind:", kind);
	say_field("Warm pool:", asb_json_string(report, "pool"));
	if (asb_json_string(report, "claim") != NULL)
		say_field("Sandbox:", asb_json_string(report, "sandbox"));
	say_field("Pod:", asb_json_string(report, "pod"));
	say_field("Node:", asb_json_string(report, "node"));
	say_field("Image:", asb_json_string(report, "image"));
	say_field("RuntimeClass:", runtime != NULL ? runtime : "none (the node's default)");
	say_field("ServiceAccount:", asb_json_string(report, "serviceAccount"));
	print_end(report);
	cJSON_ArrayForEach(item, asb_json_at(report, "containers"))
	{
		print_container(item);
	}
	cJSON_ArrayForEach(item, asb_json_at(report, "notes"))
	{
		say_field("Note:", cJSON_GetStringValue(item));
	}
}

/* --- tables --- */

static void print_timeline(const cJSON *report)
{
	static const char *const headings[] = {"WHEN", "AFTER", "TOOK", "WHAT", NULL};
	struct asb_table table;
	const cJSON *item;

	asb_table_init(&table, headings);
	cJSON_ArrayForEach(item, asb_json_at(report, "timeline"))
	{
		char after[ASB_AGE_SIZE], took[ASB_AGE_SIZE];
		const char *const cells[] = {
			text_of(item, "time"),
			asb_age_format((int64_t)asb_json_number(item, "afterMs", 0), after),
			asb_age_format((int64_t)asb_json_number(item, "tookMs", 0), took),
			text_of(item, "what"),
		};

		asb_table_add(&table, cells);
	}
	puts("\nTimeline:");
	asb_table_print(&table, stdout);
	asb_table_release(&table);
}

static void print_conditions(const cJSON *report)
{
	static const char *const headings[] = {"OF",	"CONDITION", "STATUS", "REASON",
					       "SINCE", "MEANING",   NULL};
	struct asb_table table;
	const cJSON *item;
	size_t n = 0;

	asb_table_init(&table, headings);
	cJSON_ArrayForEach(item, asb_json_at(report, "conditions"))
	{
		const char *const cells[] = {
			text_of(item, "of"),	 text_of(item, "type"),	 text_of(item, "status"),
			text_of(item, "reason"), text_of(item, "since"), text_of(item, "meaning"),
		};

		asb_table_add(&table, cells);
		n++;
	}
	if (n > 0) {
		puts("\nConditions:");
		asb_table_print(&table, stdout);
	}
	asb_table_release(&table);
}

static void print_events(const cJSON *report)
{
	static const char *const headings[] = {"LAST SEEN", "TIMES",  "TYPE",
					       "REASON",    "OBJECT", "MESSAGE"};
	const char *columns[ASB_TABLE_COLUMNS] = {0};
	const cJSON *events = asb_json_at(report, "events"), *item;
	int skipped = cJSON_GetArraySize(events) - MOST_EVENTS;
	struct asb_table table;

	if (cJSON_GetArraySize(events) == 0)
		return;
	memcpy(columns, headings, sizeof(headings));
	asb_table_init(&table, columns);
	cJSON_ArrayForEach(item, events)
	{
		ASB_TEXT times = asb_strf("%.0f", asb_json_number(item, "count", 1));
		const char *const cells[] = {
			text_of(item, "time"),	 times,
			text_of(item, "type"),	 text_of(item, "reason"),
			text_of(item, "object"), text_of(item, "message"),
		};

		if (skipped-- <= 0)
			asb_table_add(&table, cells);
	}
	puts("\nEvents:");
	asb_table_print(&table, stdout);
	asb_table_release(&table);
}

static void print_text(const cJSON *report)
{
	print_diagnosis(report);
	putchar('\n');
	print_identity(report);
	print_timeline(report);
	print_conditions(report);
	print_events(report);
}

static int print(const cJSON *report, bool json)
{
	if (json) {
		ASB_TEXT text = asb_json_print(report);

		puts(text);
	} else {
		print_text(report);
	}
	return asb_json_bool(report, "healthy", false) ? ASB_STATUS_OK : ASB_STATUS_PROBLEMS;
}

/* Where agent-sandbox is not installed there may still be plain pods. */
static int open_cluster(struct asb_cluster *cluster, const struct asb_context *context,
			struct asb_error *missing, struct asb_error *err)
{
	if (asb_cluster_open(cluster, context, err) == 0)
		return 0;
	if (cluster->http == NULL || err->http != 404)
		return -1;
	*missing = *err;
	asb_error_clear(err);
	cluster->api = &asb_api_v1beta1;
	return 0;
}

int asb_status_sandbox(const struct asb_context *context, const char *name, bool json,
		       struct asb_error *err)
{
	struct asb_error missing = ASB_ERROR_INIT;
	struct asb_cluster cluster = {0};
	struct asb_facts facts = {0};
	int status = open_cluster(&cluster, context, &missing, err);

	if (status == 0)
		status = asb_facts_read(&facts, cluster.http, cluster.api, cluster.namespace_, name,
					err);
	if (status == 0) {
		ASB_JSON report = asb_report(&facts);

		status = print(report, json);
	} else if (asb_failed(&missing)) {
		*err = missing;
	}
	asb_facts_release(&facts);
	asb_cluster_close(&cluster);
	return status;
}
