/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/streams.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 65536u
#define ROUND (512u << 10) /* bytes of one stream before the others get their turn */

void asb_stream_in_init(struct asb_stream_in *in, int fd)
{
	*in = (struct asb_stream_in){.fd = fd, .open = fd >= 0};
}

void asb_stream_out_init(struct asb_stream_out *out, int fd, enum asb_stream stream)
{
	struct stat st;

	*out = (struct asb_stream_out){
		.fd = fd,
		.stream = stream,
		.open = true,
		.whole = fstat(fd, &st) == 0 && S_ISREG(st.st_mode),
	};
}

bool asb_stream_in_wanted(const struct asb_stream_in *in, const struct asb_job *job)
{
	return in->open && asb_job_stdin_room(job) > 0;
}

bool asb_stream_out_wanted(const struct asb_stream_out *out, const struct asb_job *job)
{
	return out->open && asb_job_pending(job, out->stream) > 0;
}

/* Hangup and errors count: the read or write tells which. */
static bool ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) == 1;
}

static bool try_later(void)
{
	return errno == EAGAIN || errno == EINTR;
}

int asb_stream_in_pump(struct asb_stream_in *in, struct asb_job *job, struct asb_error *err)
{
	char bytes[READ_SIZE];
	size_t moved = 0;

	while (moved < ROUND && asb_stream_in_wanted(in, job) && ready(in->fd, POLLIN)) {
		size_t room = asb_job_stdin_room(job);
		ssize_t n = read(in->fd, bytes, room < sizeof bytes ? room : sizeof bytes);

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

static int write_failed(struct asb_stream_out *out, struct asb_job *job, struct asb_error *err)
{
	if (try_later())
		return 0;
	if (errno != EPIPE)
		return asb_fail_errno(err, "%s can't be written",
				      out->fd == STDOUT_FILENO ? "stdout" : "stderr");
	out->open = false;
	asb_job_discard(job, out->stream);
	return 0;
}

int asb_stream_out_pump(struct asb_stream_out *out, struct asb_job *job, struct asb_error *err)
{
	size_t moved = 0;

	while (moved < ROUND && asb_stream_out_wanted(out, job) && ready(out->fd, POLLOUT)) {
		struct iovec iov[2];
		size_t most = out->whole ? ROUND : PIPE_BUF;
		ssize_t n;

		asb_job_peek(job, out->stream, iov);
		n = write(out->fd, iov[0].iov_base, iov[0].iov_len < most ? iov[0].iov_len : most);
		if (n < 0)
			return write_failed(out, job, err);
		asb_job_consumed(job, out->stream, (size_t)n);
		moved += (size_t)n;
	}
	return 0;
}
