/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/forward_lane.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/base/printable.h"

#define READ_SIZE 65536u
#define ROUND (512u << 10) /* bytes of one direction before the others get their turn */
#define BUSY_MS 200	   /* until a sandbox without room is asked again */

struct asb_lane *asb_lane_new(int fd, uint16_t local, uint16_t remote)
{
	struct asb_lane *lane = asb_calloc(1, sizeof(*lane));
	int on = 1;

	*lane = (struct asb_lane){.fd = fd, .local = local, .remote = remote};
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return lane;
}

void asb_lane_free(struct asb_lane *lane)
{
	const struct linger reset = {.l_onoff = 1};

	if (lane == NULL)
		return;
	if (!lane->write_ended)
		(void)setsockopt(lane->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	asb_job_free(lane->job);
	close(lane->fd);
	free(lane);
}

/* --- the job ---------------------------------------------------------------------------------- */

static void start(struct asb_lane *lane, struct asb_session *session, const char *shim)
{
	char port[8];
	const char *const argv[] = {shim, "forward", "localhost", port, NULL};
	const struct asb_job_spec spec = {.argv = argv, .has_stdin = true};

	snprintf(port, sizeof(port), "%u", lane->remote);
	lane->job = asb_job_start(session, &spec, &lane->problem);
}

static bool is_over(const struct asb_job_view *view)
{
	return view->state != ASB_JOB_SENT && view->state != ASB_JOB_RUNNING;
}

/* What the shim has said about it, its name left out. */
static void take_words(struct asb_lane *lane)
{
	struct iovec iov[2];
	char text[512];
	const char *words = text;
	const char prefix[] = "agentsandbox-shim: ";

	if (asb_job_peek(lane->job, ASB_STDERR, iov) == 0)
		return;
	asb_printable(text, sizeof(text), iov[0].iov_base, iov[0].iov_len);
	if (strncmp(words, prefix, sizeof(prefix) - 1) == 0)
		words += sizeof(prefix) - 1;
	asb_fail(&lane->problem, "%s", words);
	asb_job_consumed(lane->job, ASB_STDERR, asb_job_pending(lane->job, ASB_STDERR));
}

/* The job has ended in its own way. Whether the lane goes on. */
static bool take_end(struct asb_lane *lane, const struct asb_job_view *view)
{
	if (view->state == ASB_JOB_REFUSED && view->failed == ASB_FAILED_BUSY) {
		asb_job_free(lane->job);
		lane->job = NULL;
		lane->start_ms = asb_monotonic_ms() + BUSY_MS;
		return true;
	}
	if (view->state == ASB_JOB_REFUSED)
		asb_fail(&lane->problem, "the sandbox can't forward: %s", view->failed_text);
	else if (view->state == ASB_JOB_ENDED && view->record.code == 0)
		asb_error_clear(&lane->problem);
	else if (view->error != NULL && !asb_failed(&lane->problem))
		lane->problem = *view->error;
	return false;
}

/* --- the two directions ----------------------------------------------------------------------- */

/* Not before the command runs: a sandbox without room is asked again, with all of it. */
static bool reads(const struct asb_lane *lane)
{
	return lane->job != NULL && !lane->read_ended &&
	       asb_job_view(lane->job)->state == ASB_JOB_RUNNING &&
	       asb_job_stdin_room(lane->job) > 0;
}

static bool writes(const struct asb_lane *lane)
{
	return lane->job != NULL && !lane->write_ended &&
	       asb_job_pending(lane->job, ASB_STDOUT) > 0;
}

/* false: the local side is gone. */
static bool read_local(struct asb_lane *lane)
{
	char bytes[READ_SIZE];
	size_t moved = 0;

	while (moved < ROUND && reads(lane)) {
		size_t room = asb_job_stdin_room(lane->job);
		ssize_t n = recv(lane->fd, bytes, room < sizeof bytes ? room : sizeof bytes,
				 MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0) {
			lane->read_ended = true;
			asb_job_close_stdin(lane->job);
			return true;
		}
		asb_job_write(lane->job, bytes, (size_t)n);
		moved += (size_t)n;
	}
	return true;
}

static bool write_local(struct asb_lane *lane)
{
	size_t moved = 0;

	while (moved < ROUND && writes(lane)) {
		struct iovec iov[2];
		struct msghdr message = {.msg_iov = iov};
		ssize_t n;

		message.msg_iovlen = (size_t)asb_job_peek(lane->job, ASB_STDOUT, iov);
		n = sendmsg(lane->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		lane->moved = true;
		asb_job_consumed(lane->job, ASB_STDOUT, (size_t)n);
		moved += (size_t)n;
	}
	return true;
}

/* The connection's other half has ended in order: so does ours. */
static void end_writing(struct asb_lane *lane)
{
	const struct asb_job_view *view = asb_job_view(lane->job);
	bool good = view->state == ASB_JOB_RUNNING ||
		    (view->state == ASB_JOB_ENDED && view->record.code == 0);

	if (lane->write_ended || !view->eof[ASB_STDOUT] || !good ||
	    asb_job_pending(lane->job, ASB_STDOUT) > 0)
		return;
	/* Of a job that fails, stdout has ended, too: its record is on its way then. */
	if (view->state == ASB_JOB_RUNNING && asb_failed(&lane->problem))
		return;
	(void)shutdown(lane->fd, SHUT_WR);
	lane->write_ended = true;
}

/* --- a turn ----------------------------------------------------------------------------------- */

short asb_lane_events(const struct asb_lane *lane)
{
	return (short)((reads(lane) ? POLLIN : 0) | (writes(lane) ? POLLOUT : 0));
}

int asb_lane_timeout(const struct asb_lane *lane)
{
	return lane->job != NULL ? -1 : asb_poll_timeout(lane->start_ms);
}

bool asb_lane_step(struct asb_lane *lane, struct asb_session *session, const char *shim)
{
	const struct asb_job_view *view;

	if (lane->job == NULL && asb_poll_timeout(lane->start_ms) > 0)
		return true;
	if (lane->job == NULL)
		start(lane, session, shim);
	if (lane->job == NULL)
		return false;
	view = asb_job_view(lane->job);
	take_words(lane);
	if (!read_local(lane) || !write_local(lane))
		return false;
	end_writing(lane);
	if (!is_over(view) || asb_job_pending(lane->job, ASB_STDOUT) > 0)
		return true;
	return take_end(lane, view);
}
