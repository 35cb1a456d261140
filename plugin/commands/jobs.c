/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - `jobs`, `wait` and `kill`: commands that were started with `exec --detach`. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/json.h"
#include "plugin/commands/jobs_ask.h"
#include "plugin/commands/session_request.h"
#include "plugin/term/table.h"

struct values {
	const char *output, *signal;
};

static int no_sandbox(const char *usage, struct asb_error *err)
{
	asb_fail_usage(err, "the name of a sandbox is missing, or of a job");
	return asb_hint(err, "%s", usage);
}

/* What every one of them does around `work`. */
static int with_link(const struct asb_context *context, const struct values *values,
		     const struct asb_operands *operands,
		     int (*work)(struct asb_link *link, const struct values *values,
				 const struct asb_operands *operands, struct asb_error *err),
		     struct asb_error *err)
{
	struct asb_link link = {0};
	struct asb_run run;
	int rc;

	if (asb_link_plan(&run, context, operands->items[0], err) != 0)
		return -1;
	rc = asb_jobs_open(&link, &run, context, err);
	if (rc == 0)
		rc = work(&link, values, operands, err);
	if (rc >= 0)
		run.outcome.status = rc;
	asb_link_close(&link);
	asb_run_clean_up(&run);
	rc = asb_run_conclude(&run, rc < 0 ? -1 : 0, err);
	asb_run_release(&run);
	return rc;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static cJSON *job_json(const struct asb_listed *job)
{
	cJSON *json = cJSON_CreateObject();
	char id[ASB_JOB_ID_TEXT];

	asb_json_set_string(json, "id", asb_job_id_text(job->id, id));
	asb_json_set_string(json, "state", job->ended ? "ended" : "running");
	asb_json_set_bool(json, "detached", job->detached);
	asb_json_set_number(json, "pid", job->pid);
	asb_json_set_string(json, "command", job->command);
	asb_json_set_number(json, "startedMs", (double)job->started_ms);
	asb_json_set_number(json, "stdout/start", (double)job->start[ASB_STDOUT]);
	asb_json_set_number(json, "stdout/end", (double)job->end[ASB_STDOUT]);
	asb_json_set_number(json, "stderr/start", (double)job->start[ASB_STDERR]);
	asb_json_set_number(json, "stderr/end", (double)job->end[ASB_STDERR]);
	asb_json_set(json, "exitCode",
		     job->ended ? cJSON_CreateNumber(asb_jobs_status(&job->record))
				: cJSON_CreateNull());
	return json;
}

static void print_json(const struct asb_listing *listing)
{
	ASB_JSON json = cJSON_CreateObject();
	ASB_TEXT text = NULL;

	asb_json_set(json, "jobs", cJSON_CreateArray());
	for (size_t i = 0; i < asb_listing_count(listing); i++)
		asb_json_append(json, "jobs", job_json(asb_listing_at(listing, i)));
	text = asb_json_print(json);
	puts(text);
}

static void add_row(struct asb_table *table, const struct asb_listed *job, int64_t now_ms)
{
	char id[ASB_JOB_ID_TEXT], age[ASB_AGE_SIZE], words[64] = "running";
	ASB_TEXT output = asb_strf("%" PRIu64, job->end[ASB_STDOUT] + job->end[ASB_STDERR]);
	const char *cells[] = {id,  words,  job->detached ? "detached" : "attached",
			       age, output, job->command};

	asb_job_id_text(job->id, id);
	id[12] = '\0'; /* enough to tell it from the others */
	asb_age_format(now_ms - job->started_ms, age);
	if (job->ended)
		asb_jobs_words(&job->record, words);
	asb_table_add(table, cells);
}

static void print_table(const struct asb_listing *listing, int64_t now_ms)
{
	static const char *const headings[] = {"JOB",	 "STATE",   "KIND", "AGE",
					       "OUTPUT", "COMMAND", NULL};
	struct asb_table table;

	asb_table_init(&table, headings);
	for (size_t i = 0; i < asb_listing_count(listing); i++)
		add_row(&table, asb_listing_at(listing, i), now_ms);
	asb_table_print(&table, stdout);
	asb_table_release(&table);
}

static int list_jobs(struct asb_link *link, const struct values *values,
		     const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_listing *listing = asb_jobs_ask(link, NULL, false, err);

	(void)operands;
	if (listing == NULL)
		return -1;
	if (values->output != NULL)
		print_json(listing);
	else if (asb_listing_count(listing) > 0)
		print_table(listing, asb_http_now_ms(link->run->http));
	else
		fprintf(stderr, "No jobs found in sandbox %s.\n", link->run->plan.sandbox.name);
	asb_listing_free(listing);
	return 0;
}

static int run_jobs(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *given = values;

	if (operands->count != 1)
		return asb_fail_usage(err, "jobs takes the name of one sandbox");
	if (given->output != NULL && strcmp(given->output, "json") != 0)
		return asb_fail_usage(err, "--output: unknown format \"%s\"", given->output);
	return with_link(context, given, operands, list_jobs, err);
}

/* --- wait ------------------------------------------------------------------------------------- */

/* Its exit status; -1: interrupted, or err. */
static int wait_for(struct asb_link *link, const char *text, bool tell, struct asb_error *err)
{
	struct asb_listing *listing = NULL;
	uint8_t id[ASB_ID_LEN];
	char words[64];
	int status = -1;

	if (asb_jobs_find(link, text, id, err) == 0)
		listing = asb_jobs_ask(link, id, true, err);
	if (listing == NULL)
		return -1;
	if (asb_listing_count(listing) == 0) {
		asb_fail(err, "job \"%s\" is not known any more", text);
	} else {
		const struct asb_exit_record *record = &asb_listing_at(listing, 0)->record;

		status = asb_jobs_status(record);
		if (tell)
			printf("%s %s\n", text, asb_jobs_words(record, words));
	}
	asb_listing_free(listing);
	return status;
}

static int wait_for_jobs(struct asb_link *link, const struct values *values,
			 const struct asb_operands *operands, struct asb_error *err)
{
	int first = 0;

	(void)values;
	for (size_t i = 1; i < operands->count; i++) {
		int status = wait_for(link, operands->items[i], operands->count > 2, err);

		if (status < 0)
			return -1;
		first = first == 0 ? status : first;
	}
	return first;
}

static int run_wait(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	if (operands->count < 2)
		return no_sandbox("wait box 3f2a9c", err);
	return with_link(context, values, operands, wait_for_jobs, err);
}

/* --- kill ------------------------------------------------------------------------------------- */

/* The list behind them tells that the signals have arrived. */
static int signal_all(struct asb_link *link, const uint8_t (*ids)[ASB_ID_LEN], size_t count,
		      const char *name, struct asb_error *err)
{
	unsigned resumptions;

	do { /* what was on its way when the connection was lost may be lost too */
		struct asb_listing *listing;

		resumptions = asb_session_resumptions(link->session);
		for (size_t i = 0; i < count; i++)
			asb_session_signal(link->session, ids[i], name);
		listing = asb_jobs_ask(link, NULL, false, err);
		if (listing == NULL)
			return -1;
		asb_listing_free(listing);
	} while (asb_session_resumptions(link->session) != resumptions);
	return 0;
}

static int kill_jobs(struct asb_link *link, const struct values *values,
		     const struct asb_operands *operands, struct asb_error *err)
{
	size_t count = operands->count - 1;
	uint8_t(*ids)[ASB_ID_LEN] = asb_calloc(count, sizeof(*ids));
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = asb_jobs_find(link, operands->items[i + 1], ids[i], err);
	if (rc == 0)
		rc = signal_all(link, (const uint8_t(*)[ASB_ID_LEN])ids, count,
				asb_request_signal(values->signal), err);
	free(ids);
	return rc;
}

static int run_kill(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *given = values;

	if (operands->count < 2)
		return no_sandbox("kill box 3f2a9c --signal INT", err);
	if (asb_request_signal(given->signal) == NULL)
		return asb_fail_usage(err, "--signal \"%s\" is unknown: use names such as INT",
				      given->signal);
	return with_link(context, given, operands, kill_jobs, err);
}

/* --- the commands ----------------------------------------------------------------------------- */

static const struct asb_command_option jobs_options[] = {
	{"output", 'o', ASB_OPTION_STRING, offsetof(struct values, output), "FORMAT",
	 "json: one object with all of them"},
	{0},
};

static const struct asb_command_option wait_options[] = {{0}};

static const struct asb_command_option kill_options[] = {
	{"signal", 's', ASB_OPTION_STRING, offsetof(struct values, signal), "NAME",
	 "the signal for the job's process group (default TERM)"},
	{0},
};

static const struct values defaults = {.signal = "TERM"};

const struct asb_command asb_command_jobs = {
	.name = "jobs",
	.summary = "Lists the commands that run in a sandbox, or were left there",
	.usage = "jobs NAME [-o json]",
	.description =
		"Commands of \"exec --detach\" stay listed for an hour after their end, with their "
		"exit status. Those of others who use the sandbox now are listed as attached.",
	.examples = "jobs box",
	.options = jobs_options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = run_jobs,
};

const struct asb_command asb_command_wait = {
	.name = "wait",
	.summary = "Waits for commands of \"exec --detach\"",
	.usage = "wait NAME JOB...",
	.description =
		"JOB is the id that \"exec --detach\" printed, or how it begins. Ends with the "
		"exit "
		"status of the job; of several with the first that is not 0, in the order they are "
		"named, and tells how each has ended.",
	.examples = "wait box 3f2a9c",
	.options = wait_options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = run_wait,
};

const struct asb_command asb_command_kill = {
	.name = "kill",
	.summary = "Sends a signal to commands of \"exec --detach\"",
	.usage = "kill NAME JOB... [--signal NAME]",
	.description = "JOB is the id that \"exec --detach\" printed, or how it begins. Nothing "
		       "happens to a job that has ended.",
	.examples = "kill box 3f2a9c --signal INT",
	.options = kill_options,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.settings = true,
	.run = run_kill,
};
