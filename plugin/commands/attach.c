/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/attach.h"

#include <errno.h>

#include "plugin/base/clock.h"

#define TERM_GRACE_MS 2000   /* for the command to end after SIGTERM or SIGHUP */
#define FAILED_GRACE_MS 3000 /* for an exit record on its way while the sandbox ends */

/* What one turn waits for. */
struct watched {
	struct pollfd fds[6];
	unsigned n;
	int connection; /* index, -1: not watched */
};

static int watch(struct watched *watched, int fd, short events)
{
	watched->fds[watched->n] = (struct pollfd){.fd = fd, .events = events};
	return (int)watched->n++;
}

static void collect(struct asb_attach *attach, struct watched *watched)
{
	size_t i;

	*watched = (struct watched){.connection = -1};
	watch(watched, attach->interrupts->fd, POLLIN);
	if (asb_connection_fd(attach->connection) >= 0)
		watched->connection = watch(watched, asb_connection_fd(attach->connection),
					    asb_connection_events(attach->connection));
	if (asb_session_ready(attach->connection->session) &&
	    asb_stream_in_wanted(&attach->in, attach->job))
		watch(watched, attach->in.fd, POLLIN);
	if (attach->terminal != NULL)
		watched->n += asb_terminal_watch(attach->terminal, watched->fds + watched->n);
	for (i = 0; i < 2; i++)
		if (asb_stream_out_wanted(&attach->outs[i], attach->job))
			watch(watched, attach->outs[i].fd, POLLOUT);
}

static bool watches_sandbox(const struct asb_attach *attach)
{
	return attach->sandbox != NULL && !asb_failed(&attach->failed);
}

static int timeout(const struct asb_attach *attach)
{
	int ms = attach->deadline == 0 ? -1 : asb_poll_timeout(attach->deadline);

	ms = asb_nearer_timeout(ms, asb_connection_timeout(attach->connection));
	if (watches_sandbox(attach))
		ms = asb_nearer_timeout(ms, asb_sandbox_timeout(attach->sandbox));
	return ms;
}

static bool job_is_over(const struct asb_attach *attach)
{
	enum asb_job_state state = asb_job_view(attach->job)->state;

	return state == ASB_JOB_ENDED || state == ASB_JOB_REFUSED || state == ASB_JOB_LOST;
}

static bool all_handed_on(const struct asb_attach *attach)
{
	return !asb_stream_out_wanted(&attach->outs[0], attach->job) &&
	       !asb_stream_out_wanted(&attach->outs[1], attach->job);
}

static void set_deadline(struct asb_attach *attach, int64_t ms)
{
	attach->deadline = asb_monotonic_ms() + ms;
}

/* Returns false when nothing is to be waited for any more. */
static bool take_signal(struct asb_attach *attach, int number)
{
	bool running = asb_job_view(attach->job)->state == ASB_JOB_RUNNING;
	bool again = attach->signal != 0 || (number == SIGINT && attach->signalled);

	if (!running || again) {
		attach->signal = number;
		return false;
	}
	attach->signalled = true;
	if (number == SIGINT) {
		asb_job_signal(attach->job, "INT");
		return true;
	}
	asb_job_signal(attach->job, number == SIGTERM ? "TERM" : "HUP");
	attach->signal = number;
	set_deadline(attach, TERM_GRACE_MS);
	return true;
}

/* The same. */
static bool step_terminal(struct asb_attach *attach)
{
	int number =
		attach->terminal == NULL ? 0 : asb_terminal_step(attach->terminal, attach->job);

	if (number == SIGHUP)
		return take_signal(attach, number);
	attach->signal = number != 0 ? number : attach->signal;
	return number == 0;
}

static void step_connection(struct asb_attach *attach, const struct watched *watched)
{
	const struct asb_job_view *view = asb_job_view(attach->job);
	struct asb_error ignored = ASB_ERROR_INIT; /* the job's view holds the same */
	short revents = watched->connection < 0 ? 0 : watched->fds[watched->connection].revents;

	asb_connection_step(attach->connection, revents, &ignored);
	if (!attach->said_started &&
	    (view->state == ASB_JOB_RUNNING || view->state == ASB_JOB_ENDED)) {
		attach->said_started = true;
		attach->started(attach->context);
	}
}

static void step_sandbox(struct asb_attach *attach)
{
	/* Not with every piece of output: it looks at all that is known of it. */
	if (!watches_sandbox(attach) ||
	    (!asb_http_progressed(attach->http) && asb_sandbox_timeout(attach->sandbox) != 0))
		return;
	if (asb_sandbox_step(attach->sandbox, &attach->failed) != 0 && attach->deadline == 0)
		set_deadline(attach, FAILED_GRACE_MS);
}

static int pump(struct asb_attach *attach, struct asb_error *err)
{
	size_t i;

	if (asb_session_ready(attach->connection->session) &&
	    asb_stream_in_pump(&attach->in, attach->job, err) != 0)
		return -1;
	if (!attach->said_output && !all_handed_on(attach)) {
		attach->said_output = true;
		attach->output(attach->context);
	}
	for (i = 0; i < 2; i++)
		if (asb_stream_out_pump(&attach->outs[i], attach->job, err) != 0)
			return -1;
	return 0;
}

/* The sandbox's own failure says more than a connection that ended because of it. */
static enum asb_attach_end lost(struct asb_attach *attach, struct asb_error *err)
{
	const struct asb_error *why = asb_job_view(attach->job)->error;

	if (asb_failed(&attach->failed))
		*err = attach->failed;
	else if (why != NULL)
		*err = *why;
	else
		asb_fail(err, "the connection to the sandbox was lost");
	return ASB_ATTACH_LOST;
}

/* Whether the job or our patience has come to its end; *end is set then. */
static bool finished(struct asb_attach *attach, enum asb_attach_end *end, struct asb_error *err)
{
	bool over = job_is_over(attach);
	/* A failed sandbox is no reason to cut off output that is here and has a slow reader. */
	bool late = attach->deadline != 0 && (attach->signal != 0 || !over) &&
		    asb_poll_timeout(attach->deadline) == 0;

	if (over && all_handed_on(attach)) {
		*end = asb_job_view(attach->job)->state == ASB_JOB_LOST ? lost(attach, err)
									: ASB_ATTACH_ENDED;
		return true;
	}
	if (late) {
		*end = attach->signal != 0 ? ASB_ATTACH_INTERRUPTED : lost(attach, err);
		return true;
	}
	return false;
}

static int wait(struct asb_attach *attach, struct watched *watched, struct asb_error *err)
{
	if (attach->http != NULL)
		return asb_http_poll(attach->http, watched->fds, watched->n, timeout(attach), err);
	if (poll(watched->fds, watched->n, timeout(attach)) < 0 && errno != EINTR)
		return asb_fail_errno(err, "polling failed");
	return 0;
}

void asb_attach_give_up(struct asb_attach *attach, const struct asb_error *why)
{
	attach->failed = *why;
	set_deadline(attach, 0);
}

enum asb_attach_end asb_attach_run(struct asb_attach *attach, struct asb_error *err)
{
	enum asb_attach_end end;
	struct watched watched;

	while (!finished(attach, &end, err)) {
		int number;

		collect(attach, &watched);
		if (wait(attach, &watched, err) != 0)
			return ASB_ATTACH_FAILED;
		number = watched.fds[0].revents == 0 ? 0 : asb_interrupts_take(attach->interrupts);
		if (number != 0 && !take_signal(attach, number))
			return ASB_ATTACH_INTERRUPTED;
		step_connection(attach, &watched);
		if (!step_terminal(attach))
			return ASB_ATTACH_INTERRUPTED;
		if (pump(attach, err) != 0)
			return ASB_ATTACH_FAILED;
		if (attach->turn != NULL)
			attach->turn(attach->context);
		step_sandbox(attach);
	}
	return end;
}
