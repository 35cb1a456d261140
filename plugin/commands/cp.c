/* SPDX-License-Identifier: Apache-2.0 */
/* cp.c - `cp`: files and directories into a sandbox that stays, or out of it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/printable.h"
#include "plugin/commands/cp_plan.h"
#include "plugin/commands/run.h"
#include "plugin/session/transfer.h"

#define REDRAW_MS 200
#define MOST_LINES (2 * ASB_ARCHIVE_MESSAGES) /* of a sandbox that has ever more to say */
#define LINE_SIZE (ASB_ARCHIVE_PATH + 512)

struct values {
	bool quiet, no_preserve;
	bool recursive; /* as it always is; scp and cp want to be told */
};

static const struct asb_command_option options[] = {
	{"no-preserve", 0, ASB_OPTION_FLAG, offsetof(struct values, no_preserve), NULL,
	 "give copies the usual mode and the present time instead of those of the originals"},
	{"quiet", 'q', ASB_OPTION_FLAG, offsetof(struct values, quiet), NULL,
	 "no progress on stderr, only errors"},
	{"recursive", 'r', ASB_OPTION_FLAG, offsetof(struct values, recursive), NULL, NULL},
	{0},
};

/* One copy. The archive goes between the local half and the job; what the job writes to stderr
 * comes back to us through a pipe, line by line. */
struct copy {
	struct asb_run run;
	struct asb_cp_plan plan;
	struct asb_run_streams streams;
	struct asb_transfer *transfer;
	int errors[2]; /* the pipe; -1: none */
	char line[LINE_SIZE];
	size_t line_length;
	unsigned lines;
	bool problems;	   /* on either side */
	int64_t start_ms;  /* monotonic: when the first round was */
	int64_t redraw_ms; /* when the progress was shown */
};

/* --- what the user sees ----------------------------------------------------------------------- */

/* Names are others' and hold anything. */
static void show_problem(struct copy *copy, const char *text, size_t n)
{
	char shown[LINE_SIZE];

	copy->problems = true;
	if (copy->lines == MOST_LINES)
		return;
	copy->lines++;
	asb_printable(shown, sizeof shown, text, n);
	asb_progress_clear(&copy->run.progress);
	fprintf(stderr, "error: %s\n", shown);
}

static void show_local_problems(struct copy *copy)
{
	for (;;) {
		ASB_TEXT text = asb_transfer_problem(copy->transfer);

		if (text == NULL)
			return;
		show_problem(copy, text, strlen(text));
	}
}

/* The end of a line that is too long is lost. */
static void take_byte(struct copy *copy, char c)
{
	if (c == '\n') {
		show_problem(copy, copy->line, copy->line_length);
		copy->line_length = 0;
	} else if (copy->line_length < sizeof copy->line) {
		copy->line[copy->line_length++] = c;
	}
}

static void show_remote_problems(struct copy *copy)
{
	char bytes[4096];

	for (;;) {
		ssize_t n = read(copy->errors[0], bytes, sizeof bytes);
		ssize_t i;

		if (n <= 0)
			return;
		for (i = 0; i < n; i++)
			take_byte(copy, bytes[i]);
	}
}

/* "1.5 MiB" */
static const char *size_text(uint64_t bytes, char out[32])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t i = 0;

	while (value >= 1024 && i + 1 < sizeof units / sizeof units[0]) {
		value /= 1024;
		i++;
	}
	snprintf(out, 32, i == 0 ? "%.0f %s" : "%.1f %s", value, units[i]);
	return out;
}

static void show_progress(struct copy *copy)
{
	int64_t now = asb_monotonic_ms();
	int64_t spent = now - copy->start_ms;
	uint64_t bytes, files;
	char size[32], rate[32];

	if (!copy->run.progress.rewrite || asb_poll_timeout(copy->redraw_ms + REDRAW_MS) > 0)
		return;
	copy->redraw_ms = now;
	asb_transfer_moved(copy->transfer, &bytes, &files);
	asb_progress_show(&copy->run.progress, "%s: %" PRIu64 "%s, %s, %s/s", copy->plan.sandbox,
			  files, files == 1 ? " file" : " files", size_text(bytes, size),
			  size_text(bytes * 1000 / (uint64_t)(spent > 0 ? spent : 1), rate));
}

static void on_turn(void *context)
{
	struct copy *copy = context;

	if (copy->start_ms == 0)
		copy->start_ms = copy->redraw_ms = asb_monotonic_ms();
	show_local_problems(copy);
	show_remote_problems(copy);
	show_progress(copy);
}

/* --- from here to there ----------------------------------------------------------------------- */

static int open_errors(struct copy *copy, struct asb_error *err)
{
	if (pipe(copy->errors) != 0)
		return asb_fail_errno(err, "no pipe can be made");
	for (size_t i = 0; i < 2; i++) {
		(void)fcntl(copy->errors[i], F_SETFD, FD_CLOEXEC);
		(void)fcntl(copy->errors[i], F_SETFL, O_NONBLOCK);
	}
	return 0;
}

static int open_local(struct copy *copy, const struct values *values, struct asb_error *err)
{
	const struct asb_cp_plan *plan = &copy->plan;
	const struct asb_archive_target target = {
		.path = plan->target,
		.directory = plan->count > 1,
		.preserve = !values->no_preserve,
		.names = (const char *const *)plan->names,
	};

	if (open_errors(copy, err) != 0)
		return -1;
	copy->transfer = plan->upload ? asb_transfer_send(plan->paths, err)
				      : asb_transfer_receive(&target, err);
	if (copy->transfer == NULL)
		return -1;
	/* A get writes the archive, a put writes nothing to stdout: nobody would read it. */
	copy->streams = (struct asb_run_streams){
		.fds = {asb_transfer_fd(copy->transfer),
			plan->upload ? copy->errors[1] : asb_transfer_fd(copy->transfer),
			copy->errors[1]},
		.turn = on_turn,
		.context = copy,
	};
	return 0;
}

/* 0, or -1: interrupted or err. */
static int go_through(struct copy *copy, const struct asb_context *context,
		      const struct values *values, struct asb_error *err)
{
	struct asb_run *run = &copy->run;
	const struct asb_sandbox_hooks hooks = asb_run_hooks(run);

	if (asb_run_open(run, context, err) != 0 || open_local(copy, values, err) != 0)
		return -1;
	run->streams = &copy->streams;
	run->sandbox = asb_sandbox_open(run->http, run->plan.sandbox.namespace_,
					run->plan.sandbox.name, &hooks);
	copy->plan.argv[0] = asb_sandbox_connect_argv(run->sandbox)[0];
	run->plan.job.argv = copy->plan.argv;
	return asb_run_start(run, ASB_SANDBOX_RUNNING, err) != 0 ? -1 : asb_run_converse(run, err);
}

/* The local half has the last word: what has come may not be written yet. */
static void finish_local(struct copy *copy, bool interrupted)
{
	bool good;

	if (copy->transfer == NULL)
		return;
	good = asb_transfer_finish(copy->transfer);
	/* That the archive ended early is no news to who has ended it; that its reader did, the
	 * reader has told. */
	if (interrupted)
		return;
	if (!copy->plan.upload && !good)
		copy->problems = true;
	show_local_problems(copy);
	show_remote_problems(copy);
}

/* From the job's exit status to ours. */
static int judge(const struct copy *copy, int status, struct asb_error *err)
{
	if (status == ASB_STATUS_OK && copy->problems)
		return ASB_STATUS_PROBLEMS;
	if (status != ASB_STATUS_USAGE || !copy->run.outcome.ended)
		return status;
	asb_fail(err, "the sandbox was made by an older version, whose shim can't copy files");
	asb_hint(err, "make a new one, or copy through a command: exec %s -i -- tar x <FILE",
		 copy->plan.sandbox);
	return err->status;
}

static void release(struct copy *copy)
{
	asb_transfer_free(copy->transfer);
	for (size_t i = 0; i < 2; i++)
		if (copy->errors[i] >= 0)
			close(copy->errors[i]);
	copy->run.plan.job.argv = NULL;
	asb_cp_plan_release(&copy->plan);
	asb_run_release(&copy->run);
	free(copy);
}

static int run_cp(const struct asb_context *context, const void *values,
		  const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *own = values;
	struct copy *copy = asb_calloc(1, sizeof *copy);
	struct asb_run *run = &copy->run;
	int status = -1;

	copy->errors[0] = copy->errors[1] = -1;
	*run = (struct asb_run){.interrupts.fd = -1, .lasts = true};
	if (asb_cp_plan_init(&copy->plan, context, operands, !own->no_preserve, err) == 0) {
		run->plan.quiet = own->quiet;
		run->plan.stdin_ = run->plan.job.has_stdin = copy->plan.upload;
		run->plan.sandbox = (struct asb_sandbox_options){
			.namespace_ = context->namespace_,
			.name = copy->plan.sandbox,
			.ready_timeout_ms = asb_run_defaults.ready_timeout_ms,
		};
		status = go_through(copy, context, own, err);
		finish_local(copy, run->outcome.signal != 0);
		asb_run_clean_up(run);
		status = asb_run_conclude(run, status, err);
		status = judge(copy, status, err);
	}
	release(copy);
	return status;
}

const struct asb_command asb_command_cp = {
	.name = "cp",
	.summary = "Copies files and directories into a sandbox that stays, or out of it",
	.usage = "cp [options] SRC... NAME:DST\n"
		 "cp [options] NAME:SRC... DST",
	.description =
		"Copies as \"cp -r\" does: into DST when it is a directory that is there, else "
		"under that name. Of SRC that ends in \"/.\" the contents are copied. NAME is that "
		"of the sandbox; paths inside that do not begin with \"/\" begin in /workspace. "
		"The image needs neither tar nor a shell.\n"
		"Modes and times are kept, symbolic links stay links (but SRC itself is followed), "
		"holes stay holes, names may hold any bytes. Owners, set-uid bits, devices and "
		"sockets are not copied. Each file is checked, and takes the place of what was "
		"there at once when it is complete; a directory that is there keeps what is in it. "
		"Whatever a sandbox sends, nothing outside of DST is written.\n"
		"Exit status: 0 when all was copied, 1 when something was not, 125 when the plugin "
		"failed, 2 when the command line can't be understood.",
	.examples = "cp ./src box:\n"
		    "cp box:/workspace/report.txt .\n"
		    "cp box:/workspace/. ./results",
	.options = options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = run_cp,
};
