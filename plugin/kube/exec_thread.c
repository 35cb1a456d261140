/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_thread.c - the thread of an exec stream, up to the upgrade.
 *
 * It connects before it knows where the stream is to lead. A connection that was lost while it
 * waited (servers close those on which nothing is asked) is made anew without a word; so is one
 * that ends with no byte of an answer, since it may have been lost just then.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/kube/exec_internal.h"

/* How a step ended. */
enum step {
	DONE,
	STALE, /* the connection is gone, and nothing was said on it */
	OVER,  /* there is nothing more to do: the outcome says why, or the caller has left */
};

/* --- being asked ------------------------------------------------------------------------------ */

/* Whether we were; *deadline then holds. */
static bool asked(struct asb_exec *exec, int64_t *deadline)
{
	bool is;

	pthread_mutex_lock(&exec->lock);
	is = exec->asked;
	*deadline = exec->deadline;
	pthread_mutex_unlock(&exec->lock);
	return is;
}

/* `local` watches our end of the pair. */
static bool caller_left(const struct pollfd *local)
{
	return (local->revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

/* --- connecting ------------------------------------------------------------------------------- */

static enum step connect_server(struct asb_exec *exec)
{
	struct asb_error *err = &exec->outcome.unconnected;
	int64_t deadline;
	int rc = 0;

	asked(exec, &deadline);
	asb_error_clear(err);
	asb_http_stream_connect(exec->stream, asb_poll_timeout(deadline));
	while (rc == 0) {
		struct pollfd local = {.fd = exec->local};

		rc = asb_http_stream_wait(exec->stream, &local, 1, -1, err);
		if (caller_left(&local))
			return OVER;
	}
	return rc > 0 ? DONE : OVER;
}

/* Whatever the server says now, an answer it is not: session tickets stay inside TLS. */
static bool still_connected(struct asb_exec *exec)
{
	char byte;

	return asb_http_stream_recv(exec->stream, &byte, 1) == 0;
}

/* Until we are asked, or the caller leaves. STALE: without a connection by then. */
static enum step wait_idle(struct asb_exec *exec, bool connected)
{
	int64_t deadline;

	while (!asked(exec, &deadline)) {
		struct pollfd fds[3] = {
			{.fd = exec->local},
			{.fd = exec->wake[0], .events = POLLIN},
			{.fd = connected ? asb_http_stream_fd(exec->stream) : -1, .events = POLLIN},
		};

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return OVER;
		if (caller_left(fds))
			return OVER;
		if (connected && fds[2].revents != 0)
			connected = still_connected(exec);
	}
	return connected ? DONE : STALE;
}

/* --- the upgrade ------------------------------------------------------------------------------ */

/* What is under way between request and answer. */
struct upgrade {
	struct asb_exec *exec;
	size_t sent; /* of the request */
	struct asb_buffer came;
	struct asb_exec_answer answer;
	bool ended; /* no more will come */
};

static void send_request(struct upgrade *upgrade)
{
	const struct asb_buffer *text = &upgrade->exec->request.text;
	ssize_t n = asb_http_stream_send(upgrade->exec->stream, text->data + upgrade->sent,
					 text->length - upgrade->sent);

	if (n > 0)
		upgrade->sent += (size_t)n;
	else if (n < 0) /* there may be an answer nevertheless */
		upgrade->sent = text->length;
}

static void read_answer(struct upgrade *upgrade)
{
	char bytes[16384];
	ssize_t n = 0;

	while (upgrade->answer.verdict == ASB_EXEC_MORE && !upgrade->ended) {
		n = asb_http_stream_recv(upgrade->exec->stream, bytes, sizeof(bytes));
		if (n == 0)
			return;
		if (n > 0)
			asb_buffer_add(&upgrade->came, bytes, (size_t)n);
		upgrade->ended = n < 0;
		asb_exec_answer_read(&upgrade->answer, upgrade->came.data, upgrade->came.length,
				     upgrade->ended, upgrade->exec->request.key);
	}
}

/* Sends the request and reads until the answer is judged. */
static enum step exchange(struct upgrade *upgrade)
{
	struct asb_exec *exec = upgrade->exec;

	for (;;) {
		struct pollfd fds[2];

		if (upgrade->sent < exec->request.text.length)
			send_request(upgrade);
		read_answer(upgrade);
		if (upgrade->answer.verdict != ASB_EXEC_MORE)
			return DONE;
		if (asb_poll_timeout(exec->deadline) == 0) {
			asb_exec_problem(exec, "the server did not answer in time");
			return OVER;
		}
		fds[0] = (struct pollfd){.fd = exec->local};
		fds[1] = (struct pollfd){.fd = asb_http_stream_fd(exec->stream), .events = POLLIN};
		if (upgrade->sent < exec->request.text.length)
			fds[1].events |= POLLOUT;
		if (poll(fds, 2, asb_poll_timeout(exec->deadline)) < 0 && errno != EINTR)
			return OVER;
		if (caller_left(fds))
			return OVER;
	}
}

static void take_refusal(struct asb_exec *exec, const struct asb_exec_answer *answer)
{
	if (answer->verdict == ASB_EXEC_NO_ANSWER) {
		asb_exec_problem(exec, answer->problem);
		return;
	}
	exec->outcome.http = answer->status;
	asb_buffer_add(&exec->outcome.refusal, answer->body.data, answer->body.length);
}

/* Asks for the stream and serves it. STALE: nothing came back at all. */
static enum step ask(struct asb_exec *exec)
{
	struct upgrade upgrade = {.exec = exec};
	enum step step;

	asb_buffer_init(&upgrade.came);
	asb_buffer_init(&upgrade.answer.body);
	step = exchange(&upgrade);
	if (step == DONE && upgrade.ended && upgrade.came.length == 0)
		step = STALE;
	if (step == DONE && upgrade.answer.verdict == ASB_EXEC_UPGRADED) {
		exec->outcome.established = true;
		asb_exec_serve(exec, upgrade.came.data + upgrade.answer.head,
			       upgrade.came.length - upgrade.answer.head);
	} else if (step == DONE) {
		take_refusal(exec, &upgrade.answer);
	}
	asb_buffer_release(&upgrade.came);
	asb_buffer_release(&upgrade.answer.body);
	return step;
}

/* --- the thread ------------------------------------------------------------------------------- */

static void run(struct asb_exec *exec)
{
	int64_t deadline;
	bool early = !asked(exec, &deadline); /* the connection was made before */
	enum step step = connect_server(exec);

	if (early) {
		/* What went wrong, nobody is told before it has gone wrong when it counted. */
		step = wait_idle(exec, step == DONE);
		if (step == OVER)
			return;
		exec->outcome.problem[0] = '\0';
		if (step == STALE)
			step = connect_server(exec);
		else if (step == DONE && ask(exec) != STALE)
			return;
		else
			step = connect_server(exec);
	}
	if (step == DONE && ask(exec) == STALE)
		asb_exec_problem(exec, "the server closed the connection");
}

void *asb_exec_thread(void *argument)
{
	struct asb_exec *exec = argument;

	run(exec);
	shutdown(exec->local, SHUT_RDWR);
	return NULL;
}
