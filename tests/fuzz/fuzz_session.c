/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a shim says, the session neither crashes nor hangs, and once it has ended no job is left
 * waiting. The first byte of the input says how the caller behaves: how much it reads at once,
 * whether it takes, leaves or discards output, and whether the session outlives its connection:
 * then the input is what two connections bring, one after the other.
 */
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/session/session.h"

#define JOBS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
	if (!truth)
		abort();
}

static void use(struct asb_job *job, uint8_t manner)
{
	static const char bytes[5000];

	for (int stream = ASB_STDOUT; stream <= ASB_STDERR; stream++) {
		size_t n = asb_job_pending(job, (enum asb_stream)stream);
		struct iovec iov[2];
		size_t peeked = 0;

		for (int i = 0, count = asb_job_peek(job, (enum asb_stream)stream, iov); i < count;
		     i++)
			peeked += iov[i].iov_len;
		require(peeked == n && n <= ASB_SESSION_WINDOW);
		if ((manner & 4) != 0)
			asb_job_consumed(job, (enum asb_stream)stream, (n + 1) / 2);
		if ((manner & 8) != 0)
			asb_job_discard(job, (enum asb_stream)stream);
	}
	if ((manner & 16) != 0) {
		size_t room = asb_job_stdin_room(job);

		asb_job_write(job, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
	}
	if ((manner & 32) != 0)
		asb_job_close_stdin(job);
	if ((manner & 128) != 0)
		asb_job_signal(job, "INT");
}

/* Takes what the session has said, so that its queue moves. */
static void drain(int fd)
{
	static char bytes[65536];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void judge(struct asb_job *const *jobs)
{
	for (int i = 0; i < JOBS; i++) {
		const struct asb_job_view *view = asb_job_view(jobs[i]);

		require(view->state != ASB_JOB_SENT && view->state != ASB_JOB_RUNNING);
		require((view->state == ASB_JOB_LOST) == (view->error != NULL));
		require(asb_job_exit_status(view) >= 0 && asb_job_exit_status(view) <= 255);
	}
}

struct rig {
	struct asb_session *session;
	struct asb_job *jobs[JOBS];
	int pair[2]; /* the shim's end, the session's */
	uint8_t manner;
};

static void open_pair(struct rig *rig)
{
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, rig->pair) == 0);
}

/* What one connection brings, and its end. */
static int bring(struct rig *rig, const uint8_t *data, size_t size)
{
	size_t piece = (rig->manner & 1) != 0 ? 7 : 4096;
	struct asb_error err = ASB_ERROR_INIT;
	int rc = 0;

	for (size_t at = 0; at < size && rc == 0; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		if (asb_session_over(rig->session) || asb_session_lost(rig->session) != NULL)
			break;
		require(send(rig->pair[0], data + at, n, MSG_NOSIGNAL) == (ssize_t)n);
		rc = asb_session_step(rig->session, POLLIN | POLLOUT, &err);
		drain(rig->pair[0]);
		for (int i = 0; i < JOBS; i++)
			use(rig->jobs[i], rig->manner);
	}
	close(rig->pair[0]);
	for (int i = 0; i < 3 && rc == 0; i++)
		rc = asb_session_step(rig->session, POLLIN | POLLHUP, &err);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const argv[] = {"true", NULL};
	static const struct asb_job_spec spec = {.argv = argv, .has_stdin = true};
	struct rig rig = {.manner = size > 0 ? data[0] : 0};
	bool outlives = (rig.manner & 64) != 0;
	size_t first = outlives ? size / 2 : size;
	struct asb_error err = ASB_ERROR_INIT;
	int rc;

	open_pair(&rig);
	rig.session = asb_session_new(rig.pair[1]);
	if (outlives)
		asb_session_outlive(rig.session);
	for (int i = 0; i < JOBS; i++)
		rig.jobs[i] = asb_job_start(rig.session, &spec, &err);
	rc = bring(&rig, data + (first > 0), first - (first > 0));
	if (asb_session_lost(rig.session) != NULL) {
		close(rig.pair[1]);
		open_pair(&rig);
		asb_session_resume(rig.session, rig.pair[1]);
		rc = bring(&rig, data + first, size - first);
	}
	if (asb_session_lost(rig.session) != NULL) {
		asb_fail(&err, "enough");
		asb_session_give_up(rig.session, &err);
		rc = asb_session_step(rig.session, 0, &err);
	}
	require(rc != 0 || asb_session_over(rig.session));
	judge(rig.jobs);
	asb_session_free(rig.session);
	close(rig.pair[1]);
	return 0;
}
