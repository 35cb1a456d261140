/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - `session`: any number of commands in one sandbox over one connection, asked for and
 * reported in lines of JSON. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/commands/link.h"
#include "plugin/commands/session_event.h"
#include "plugin/commands/session_tasks.h"

#define READ_SIZE 65536u
#define LONGEST_LINE (16u << 20)
#define FLUSH_MS 2000 /* for what is known when a signal ends us */

struct values {
	bool quiet;
};

static const struct asb_command_option options[] = {
	{"quiet", 'q', ASB_OPTION_FLAG, offsetof(struct values, quiet), NULL,
	 "no progress and no notes on stderr"},
	{0},
};

struct session {
	struct asb_link link;
	struct asb_tasks *tasks;
	struct asb_buffer in, out;
	uint64_t line;	/* number of the last line that was taken */
	size_t looked;	/* bytes of `in` that hold no line end */
	bool in_ended;	/* stdin */
	bool skipping;	/* the rest of a line that is too long */
	bool out_whole; /* stdout is a regular file */
};

/* --- lines in --------------------------------------------------------------------------------- */

static void too_long(struct session *session)
{
	asb_event_error(&session->out, NULL, session->line + 1, "a line is longer than 16 MiB");
	asb_buffer_reset(&session->in);
	session->looked = 0;
	session->skipping = true;
}

static void take_line(struct session *session, size_t n, bool ended)
{
	session->line++;
	if (!session->skipping)
		asb_tasks_line(session->tasks, session->line, session->in.data, n);
	session->skipping = false;
	asb_buffer_drop(&session->in, n + (ended ? 1 : 0));
	session->looked = 0;
}

/* The last line may lack its end. */
static void take_last(struct session *session)
{
	if (session->in.length > 0)
		take_line(session, session->in.length, false);
	asb_tasks_last(session->tasks);
}

/* As many whole lines as there is room for. Whether more bytes are wanted. */
static bool take_lines(struct session *session)
{
	while (asb_tasks_take_more(session->tasks)) {
		const char *from = session->in.data + session->looked;
		const char *end = memchr(from, '\n', session->in.length - session->looked);

		if (end == NULL) {
			session->looked = session->in.length;
			if (session->looked > LONGEST_LINE || session->skipping) {
				if (!session->skipping)
					too_long(session);
				asb_buffer_reset(&session->in);
				session->looked = 0;
			}
			return true;
		}
		take_line(session, (size_t)(end - session->in.data), true);
	}
	return false;
}

/* Once poll(2) has said that it can't block. */
static int read_some(struct session *session, struct asb_error *err)
{
	char bytes[READ_SIZE];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return asb_fail_errno(err, "stdin can't be read");
	asb_buffer_add(&session->in, bytes, (size_t)n);
	session->in_ended = n == 0;
	return 0;
}

/* --- lines out -------------------------------------------------------------------------------- */

static bool writable(void)
{
	struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) == 1;
}

/* As streams.h has it: nothing is written before poll(2) says that it can't block. */
static int write_some(struct session *session, struct asb_error *err)
{
	while (session->out.length > 0 && writable()) {
		size_t most = session->out_whole ? ASB_TASKS_OUT : PIPE_BUF;
		size_t n = session->out.length < most ? session->out.length : most;
		ssize_t written = write(STDOUT_FILENO, session->out.data, n);

		if (written < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (written < 0)
			return asb_fail_errno(err, "stdout can't be written");
		asb_buffer_drop(&session->out, (size_t)written);
	}
	return 0;
}

/* The session is lost: what has come is handed on, and of each command told that it failed. The
 * reader may take its time, but not when a signal has told us to end. */
static void write_rest(struct session *session)
{
	struct asb_run *run = session->link.run;
	int64_t deadline = run->outcome.signal == 0 ? -1 : asb_monotonic_ms() + FLUSH_MS;
	struct asb_error ignored = ASB_ERROR_INIT;

	asb_tasks_step(session->tasks);
	while (session->out.length > 0 && asb_poll_timeout(deadline) != 0) {
		struct pollfd fds[2] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
					{.fd = run->interrupts.fd, .events = POLLIN}};

		if (poll(fds, 2, asb_poll_timeout(deadline)) < 0 && errno != EINTR)
			return;
		if (run->outcome.signal == 0 && asb_run_interrupted(run))
			deadline = asb_monotonic_ms() + FLUSH_MS;
		if (write_some(session, &ignored) != 0)
			return;
		asb_tasks_step(session->tasks);
	}
}

/* --- the loop --------------------------------------------------------------------------------- */

static bool is_done(const struct session *session)
{
	return session->in_ended && session->in.length == 0 && session->out.length == 0 &&
	       asb_tasks_idle(session->tasks);
}

/* What can be done without waiting. Whether stdin is to be read. */
static int advance(struct session *session, bool *wants_more, struct asb_error *err)
{
	*wants_more = take_lines(session) && !session->in_ended;
	if (session->in_ended && memchr(session->in.data, '\n', session->in.length) == NULL &&
	    asb_tasks_take_more(session->tasks))
		take_last(session);
	asb_tasks_step(session->tasks);
	return write_some(session, err);
}

static int turn(struct session *session, struct asb_error *err)
{
	struct pollfd fds[2] = {{.fd = -1}, {.fd = -1}};
	bool wants_more;

	if (advance(session, &wants_more, err) != 0)
		return -1;
	if (is_done(session))
		return 0;
	if (wants_more)
		fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	if (session->out.length > 0)
		fds[1] = (struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT};
	if (asb_link_poll(&session->link, fds, 2, asb_tasks_timeout(session->tasks), err) != 0) {
		asb_tasks_lost(session->tasks, asb_failed(err) ? err->message : "interrupted");
		return -1;
	}
	return fds[0].revents != 0 ? read_some(session, err) : 0;
}

static int converse(struct session *session, struct asb_error *err)
{
	struct stat st;
	int rc = 0;

	session->out_whole = fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode);
	session->tasks = asb_tasks_new(session->link.session, &session->out);
	while (rc == 0 && !is_done(session))
		rc = turn(session, err);
	if (rc != 0)
		write_rest(session);
	asb_tasks_free(session->tasks);
	return rc;
}

static int run_session(const struct asb_context *context, const void *values,
		       const struct asb_operands *operands, struct asb_error *err)
{
	struct session session = {.in = ASB_BUFFER_INIT, .out = ASB_BUFFER_INIT};
	struct asb_run run;
	int rc;

	if (operands->count != 1)
		return asb_fail_usage(err, "session takes the name of one sandbox");
	if (asb_link_plan(&run, context, operands->items[0], err) != 0)
		return -1;
	run.plan.quiet = ((const struct values *)values)->quiet;
	rc = asb_link_open(&session.link, &run, context, err);
	if (rc == 0)
		rc = converse(&session, err);
	asb_link_close(&session.link);
	asb_run_clean_up(&run);
	rc = asb_run_conclude(&run, rc, err);
	asb_run_release(&run);
	asb_buffer_release(&session.in);
	asb_buffer_release(&session.out);
	return rc;
}

const struct asb_command asb_command_session = {
	.name = "session",
	.summary = "Runs many commands in a sandbox over one connection, for programs",
	.usage = "session NAME",
	.description =
		"For agents: reads what to run from stdin and tells what happens on stdout, both a "
		"JSON object per line. A command costs one round trip and not a connection; up to "
		"256 run at once, more wait in line.\n"
		"In: {\"id\":\"a\",\"line\":\"make test\"} or "
		"{\"id\":\"a\",\"argv\":[\"ls\",\"-l\"]} "
		"starts a command, with \"env\":{}, \"cwd\", \"stdin\" or \"stdinBase64\", "
		"\"timeout\":\"10s\". With \"stdinOpen\":true, {\"id\":\"a\",\"stdin\":\"more\"} "
		"and "
		"{\"id\":\"a\",\"stdinOpen\":false} may follow. {\"id\":\"a\",\"signal\":\"INT\"} "
		"signals it.\n"
		"Out: each command is \"started\" (\"pid\"), writes \"stdout\" and \"stderr\" "
		"(\"offset\", and \"text\", or \"base64\" when it is no UTF-8), and ends with one "
		"\"exit\" (\"exitCode\", \"signal\", \"timedOut\", \"oomKilled\" ...) or "
		"\"failed\" "
		"(\"exitCode\", \"message\"), always as {\"id\":\"a\",\"event\":...}. A line that "
		"can't "
		"be understood is answered by an \"error\" with its \"line\" and a \"message\", "
		"and "
		"nothing else happens.\n"
		"It ends when stdin has ended and every command, too: with 0, whatever their exit "
		"status, or 125 when the session was lost; 128+n when signal n ended it.",
	.examples = "session box <commands.jsonl",
	.options = options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = run_session,
};
