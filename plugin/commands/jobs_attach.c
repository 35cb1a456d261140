/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_attach.c - `attach`, and `exec --detach`, which it is the other end of. */
#include <inttypes.h>
#include <unistd.h>

#include "plugin/commands/jobs_ask.h"
#include "plugin/commands/jobs_attach.h"
#include "plugin/commands/streams.h"

/* --- exec --detach ---------------------------------------------------------------------------- */

/* The job's id is printed as soon as it is known to run. */
static int start(struct asb_link *link, struct asb_run *run, struct asb_error *err)
{
	struct asb_job *job = asb_job_start(link->session, &run->plan.job, err);
	char id[ASB_JOB_ID_TEXT];

	if (job == NULL)
		return -1;
	while (asb_job_view(job)->state == ASB_JOB_SENT)
		if (asb_link_poll(link, NULL, 0, -1, err) != 0)
			return -1;
	if (asb_job_view(job)->state != ASB_JOB_DETACHED) {
		run->outcome.status = asb_outcome_of_job(asb_job_view(job), &run->plan.job, err);
		return 0;
	}
	puts(asb_job_id_text(asb_job_id(job), id));
	return 0;
}

int asb_exec_detach(struct asb_run *run, const struct asb_context *context, struct asb_error *err)
{
	struct asb_link link = {0};
	int rc;

	run->plan.job.detach = true;
	rc = asb_jobs_open(&link, run, context, err);
	if (rc == 0)
		rc = start(&link, run, err);
	asb_link_close(&link);
	return rc;
}

/* --- attach ----------------------------------------------------------------------------------- */

struct values {
	int64_t from, stderr_from;
	bool quiet;
};

static const struct asb_command_option options[] = {
	{"from", 0, ASB_OPTION_INT, offsetof(struct values, from), "OFFSET",
	 "first byte of stdout to show (default 0, the first)"},
	{"stderr-from", 0, ASB_OPTION_INT, offsetof(struct values, stderr_from), "OFFSET",
	 "first byte of stderr to show (default 0, the first)"},
	{"quiet", 'q', ASB_OPTION_FLAG, offsetof(struct values, quiet), NULL,
	 "no progress and no notes on stderr"},
	{0},
};

struct attached {
	struct asb_link link;
	struct asb_job *job;
	struct asb_stream_out outs[2];
};

static bool is_over(const struct attached *attached)
{
	const struct asb_job_view *view = asb_job_view(attached->job);

	return view->state != ASB_JOB_SENT && view->state != ASB_JOB_RUNNING &&
	       !asb_stream_out_wanted(&attached->outs[0], attached->job) &&
	       !asb_stream_out_wanted(&attached->outs[1], attached->job);
}

static int turn(struct attached *attached, struct asb_error *err)
{
	struct pollfd fds[2];
	unsigned n = 0;

	for (int i = 0; i < 2; i++)
		if (asb_stream_out_wanted(&attached->outs[i], attached->job))
			fds[n++] = (struct pollfd){.fd = attached->outs[i].fd, .events = POLLOUT};
	if (asb_link_poll(&attached->link, fds, n, -1, err) != 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (asb_stream_out_pump(&attached->outs[i], attached->job, err) != 0)
			return -1;
	return 0;
}

/* The sandbox keeps only so much. */
static void say_missing(const struct attached *attached, enum asb_stream stream, int64_t from)
{
	uint64_t first = asb_job_offset(attached->job, stream);
	ASB_TEXT text = NULL;

	if (first <= (uint64_t)from)
		return;
	text = asb_strf("%" PRIu64 " bytes of %s are not kept any more", first - (uint64_t)from,
			stream == ASB_STDOUT ? "stdout" : "stderr");
	asb_progress_note(&attached->link.run->progress, "note", text);
}

static int take_end(const struct attached *attached, struct asb_error *err)
{
	const struct asb_job_view *view = asb_job_view(attached->job);
	char words[64];

	if (view->state == ASB_JOB_REFUSED)
		return asb_fail(err, "the job can't be attached to: %s", view->failed_text);
	if (view->state == ASB_JOB_LOST) {
		*err = *view->error;
		return -1;
	}
	attached->link.run->outcome.status = asb_jobs_status(&view->record);
	if (view->record.timed_out || view->record.oom_killed) {
		asb_fail(err, "the job %s", asb_jobs_words(&view->record, words));
		err->status = attached->link.run->outcome.status;
	}
	return 0;
}

static int follow(struct attached *attached, const char *text, const struct values *values,
		  struct asb_error *err)
{
	uint8_t id[ASB_ID_LEN];

	if (asb_jobs_find(&attached->link, text, id, err) != 0)
		return -1;
	attached->job = asb_job_attach(attached->link.session, id, (uint64_t)values->from,
				       (uint64_t)values->stderr_from, err);
	if (attached->job == NULL)
		return -1;
	while (asb_job_view(attached->job)->state == ASB_JOB_SENT)
		if (asb_link_poll(&attached->link, NULL, 0, -1, err) != 0)
			return -1;
	if (asb_job_view(attached->job)->state != ASB_JOB_REFUSED) {
		say_missing(attached, ASB_STDOUT, values->from);
		say_missing(attached, ASB_STDERR, values->stderr_from);
	}
	while (!is_over(attached))
		if (turn(attached, err) != 0)
			return -1;
	return take_end(attached, err);
}

static int run_attach(const struct asb_context *context, const void *values,
		      const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *given = values;
	struct attached attached = {0};
	struct asb_run run;
	int rc;

	if (operands->count != 2 || given->from < 0 || given->stderr_from < 0)
		return asb_fail_usage(err,
				      "attach takes a sandbox and one of its jobs, offsets are "
				      "not below 0");
	if (asb_link_plan(&run, context, operands->items[0], err) != 0)
		return -1;
	run.plan.quiet = given->quiet;
	asb_stream_out_init(&attached.outs[0], STDOUT_FILENO, ASB_STDOUT);
	asb_stream_out_init(&attached.outs[1], STDERR_FILENO, ASB_STDERR);
	rc = asb_jobs_open(&attached.link, &run, context, err);
	if (rc == 0)
		rc = follow(&attached, operands->items[1], given, err);
	asb_stream_out_release(&attached.outs[0]);
	asb_stream_out_release(&attached.outs[1]);
	asb_job_free(attached.job);
	asb_link_close(&attached.link);
	asb_run_clean_up(&run);
	rc = asb_run_conclude(&run, rc, err);
	asb_run_release(&run);
	return rc;
}

const struct asb_command asb_command_attach = {
	.name = "attach",
	.summary = "Shows the output of a command of \"exec --detach\"",
	.usage = "attach NAME JOB [--from OFFSET]",
	.description =
		"JOB is the id that \"exec --detach\" printed, or how it begins. Shows what the "
		"job "
		"has written so far and then what it writes, and ends with its exit status. Ctrl-C "
		"leaves it running. Of output that nobody has read the sandbox keeps 64 MiB and "
		"then lets the job wait; what was shown once may make room.",
	.examples = "attach box 3f2a9c\n"
		    "attach box 3f2a9c --from 1048576",
	.options = options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = run_attach,
};
