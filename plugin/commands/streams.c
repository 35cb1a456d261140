/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE (256u << 10)
#define ROUND (512u << 10) /* bytes of one stream before the others get their turn */

/* --- how not to block ------------------------------------------------------------------------- */

/* The same pipe as an open file of our own. -1: the system can't do that. */
static int open_anew(int fd, int mode)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static bool is_null(const struct stat *st)
{
	struct stat null;

	return S_ISCHR(st->st_mode) && stat("/dev/null", &null) == 0 && st->st_rdev == null.st_rdev;
}

/* Chooses the manner; *fd and *own change where the descriptor is opened anew. `mode`: O_RDONLY or
 * O_WRONLY. */
static enum asb_stream_manner choose(int *fd, bool *own, int mode)
{
	struct stat st;
	int flags = fcntl(*fd, F_GETFL);
	int anew;

	if (fstat(*fd, &st) != 0)
		return ASB_STREAM_CAREFUL;
	if (S_ISREG(st.st_mode) || is_null(&st) || (flags >= 0 && (flags & O_NONBLOCK) != 0))
		return ASB_STREAM_FREE;
	if (S_ISSOCK(st.st_mode))
		return ASB_STREAM_SOCKET;
	anew = S_ISFIFO(st.st_mode) ? open_anew(*fd, mode) : -1;
	if (anew < 0)
		return ASB_STREAM_CAREFUL;
	*fd = anew;
	*own = true;
	return ASB_STREAM_FREE;
}

void asb_stream_in_init(struct asb_stream_in *in, int fd)
{
	*in = (struct asb_stream_in){.fd = fd, .open = fd >= 0};
	if (in->open)
		in->manner = choose(&in->fd, &in->own, O_RDONLY);
}

void asb_stream_out_init(struct asb_stream_out *out, int fd, enum asb_stream stream)
{
	*out = (struct asb_stream_out){
		.fd = fd,
		.stream = stream,
		.name = fd == STDERR_FILENO ? "stderr" : "stdout",
		.open = true,
	};
	out->manner = choose(&out->fd, &out->own, O_WRONLY);
}

void asb_stream_in_release(struct asb_stream_in *in)
{
	if (in->own)
		close(in->fd);
	*in = (struct asb_stream_in){.fd = -1};
}

void asb_stream_out_release(struct asb_stream_out *out)
{
	if (out->own)
		close(out->fd);
	*out = (struct asb_stream_out){.fd = -1};
}

/* Hangup and errors count: the read or write tells which. */
static bool ready(int fd, enum asb_stream_manner manner, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return manner != ASB_STREAM_CAREFUL || poll(&p, 1, 0) == 1;
}

static bool try_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* --- stdin ------------------------------------------------------------------------------------ */

bool asb_stream_in_wanted(const struct asb_stream_in *in, const struct asb_job *job)
{
	return in->open && asb_job_stdin_room(job) > 0;
}

static ssize_t take(const struct asb_stream_in *in, void *bytes, size_t n)
{
	return in->manner == ASB_STREAM_SOCKET ? recv(in->fd, bytes, n, MSG_DONTWAIT)
					       : read(in->fd, bytes, n);
}

int asb_stream_in_pump(struct asb_stream_in *in, struct asb_job *job, struct asb_error *err)
{
	char bytes[READ_SIZE];
	size_t moved = 0;

	while (moved < ROUND && asb_stream_in_wanted(in, job) &&
	       ready(in->fd, in->manner, POLLIN)) {
		size_t room = asb_job_stdin_room(job);
		ssize_t n = take(in, bytes, room < sizeof bytes ? room : sizeof bytes);

		if (n < 0 && try_later())
			return 0;
		if (n < 0)
			return asb_fail_errno(err, "stdin can't be read");
		if (n == 0) {
			in->open = false;
			asb_job_close_stdin(job);
			return 0;
		}
		asb_job_write(job, bytes, (size_t)n);
		in->bytes += (uint64_t)n;
		moved += (size_t)n;
	}
	return 0;
}

/* --- stdout and stderr ------------------------------------------------------------------------ */

bool asb_stream_out_wanted(const struct asb_stream_out *out, const struct asb_job *job)
{
	return out->open && asb_job_pending(job, out->stream) > 0;
}

static int write_failed(struct asb_stream_out *out, struct asb_job *job, struct asb_error *err)
{
	if (try_later())
		return 0;
	if (errno != EPIPE)
		return asb_fail_errno(err, "%s can't be written", out->name);
	out->open = false;
	asb_job_discard(job, out->stream);
	return 0;
}

static ssize_t give(const struct asb_stream_out *out, struct iovec *iov, int count)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};

	switch (out->manner) {
	case ASB_STREAM_FREE:
		return writev(out->fd, iov, count);
	case ASB_STREAM_SOCKET:
		return sendmsg(out->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	case ASB_STREAM_CAREFUL:
		break;
	}
	return write(out->fd, iov->iov_base, iov->iov_len < PIPE_BUF ? iov->iov_len : PIPE_BUF);
}

int asb_stream_out_pump(struct asb_stream_out *out, struct asb_job *job, struct asb_error *err)
{
	size_t moved = 0;

	while (moved < ROUND && asb_stream_out_wanted(out, job) &&
	       ready(out->fd, out->manner, POLLOUT)) {
		struct iovec iov[2];
		ssize_t n = give(out, iov, asb_job_peek(job, out->stream, iov));

		if (n < 0)
			return write_failed(out, job, err);
		asb_job_consumed(job, out->stream, (size_t)n);
		moved += (size_t)n;
	}
	return 0;
}
