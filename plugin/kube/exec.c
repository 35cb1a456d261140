/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/printable.h"
#include "plugin/kube/api.h"
#include "plugin/kube/exec_internal.h"
#include "plugin/kube/http.h"

#define PAIR_SIZE (1 << 20) /* bytes on their way between the threads */

/* --- opening ---------------------------------------------------------------------------------- */

static int make_close_on_exec(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 ? 0 : -1;
}

static int open_pair(struct asb_exec *exec, struct asb_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return asb_fail_errno(err, "cannot make a socket pair");
	exec->fd = pair[0];
	exec->local = pair[1];
	for (int i = 0; i < 2; i++) {
		int size = PAIR_SIZE; /* the kernel takes what it allows of it */

		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		if (make_close_on_exec(pair[i]) != 0)
			return asb_fail_errno(err, "cannot make a socket pair");
	}
	return 0;
}

static int open_pipe(struct asb_exec *exec, struct asb_error *err)
{
	if (pipe(exec->wake) != 0)
		return asb_fail_errno(err, "cannot make a pipe");
	if (make_close_on_exec(exec->wake[0]) != 0 || make_close_on_exec(exec->wake[1]) != 0)
		return asb_fail_errno(err, "cannot make a pipe");
	return 0;
}

/* The thread takes no signal: they belong to the program's own loop. */
static int start_thread(struct asb_exec *exec, struct asb_error *err)
{
	sigset_t all;
	sigset_t before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&exec->thread, NULL, asb_exec_thread, exec);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return asb_fail(err, "cannot start a thread: %s", strerror(rc));
	exec->joined = false;
	return 0;
}

/* Everything but the thread. */
static struct asb_exec *make(const struct asb_kubeconfig *kubeconfig, struct asb_error *err)
{
	struct asb_exec *exec = asb_calloc(1, sizeof(*exec));

	exec->fd = exec->local = exec->wake[0] = exec->wake[1] = -1;
	exec->joined = true;
	exec->kubeconfig = kubeconfig;
	exec->deadline = asb_monotonic_ms() + ASB_EXEC_CONNECT_MS;
	pthread_mutex_init(&exec->lock, NULL);
	asb_buffer_init(&exec->outcome.refusal);
	asb_buffer_init(&exec->outcome.diagnostics);
	exec->outcome.diagnostics.limit = ASB_EXEC_STDERR;
	asb_buffer_init(&exec->outcome.status);
	exec->outcome.status.limit = ASB_EXEC_STATUS;
	exec->stream = asb_http_stream_new(kubeconfig, err);
	exec->generation = asb_kubeconfig_generation(kubeconfig);
	if (exec->stream != NULL && open_pair(exec, err) == 0 && open_pipe(exec, err) == 0)
		return exec;
	asb_exec_close(exec);
	return NULL;
}

/* Notes what is to be asked for, whether or not the thread runs already. */
static int ask(struct asb_exec *exec, const struct asb_exec_target *target, struct asb_error *err)
{
	struct asb_exec_request request = {.key = ""};
	int ms = target->connect_timeout_ms;

	if (asb_exec_request_init(&request, exec->kubeconfig, target,
				  asb_http_stream_host(exec->stream),
				  asb_http_stream_prefix(exec->stream), err) != 0) {
		asb_exec_request_release(&request);
		return -1;
	}
	exec->pod = asb_strdup(target->pod);
	pthread_mutex_lock(&exec->lock);
	exec->request = request;
	exec->deadline = asb_monotonic_ms() + (ms > 0 ? ms : ASB_EXEC_CONNECT_MS);
	exec->asked = true;
	pthread_mutex_unlock(&exec->lock);
	return 0;
}

struct asb_exec *asb_exec_open(const struct asb_kubeconfig *kubeconfig,
			       const struct asb_exec_target *target, struct asb_error *err)
{
	struct asb_exec *exec = make(kubeconfig, err);

	if (exec == NULL || (ask(exec, target, err) == 0 && start_thread(exec, err) == 0))
		return exec;
	asb_exec_close(exec);
	return NULL;
}

struct asb_exec *asb_exec_prepare(const struct asb_kubeconfig *kubeconfig, struct asb_error *err)
{
	struct asb_exec *exec = make(kubeconfig, err);

	if (exec == NULL || start_thread(exec, err) == 0)
		return exec;
	asb_exec_close(exec);
	return NULL;
}

int asb_exec_ask(struct asb_exec *exec, const struct asb_exec_target *target, struct asb_error *err)
{
	if (ask(exec, target, err) != 0)
		return -1;
	if (write(exec->wake[1], "", 1) != 1)
		return asb_fail_errno(err, "cannot write into a pipe");
	return 0;
}

bool asb_exec_is_current(const struct asb_exec *exec)
{
	return exec->generation == asb_kubeconfig_generation(exec->kubeconfig);
}

int asb_exec_fd(const struct asb_exec *exec)
{
	return exec->fd;
}

/* --- the result ------------------------------------------------------------------------------- */

/* New credentials where the old ones were refused, so that another stream can be opened. */
static void renew(struct asb_exec *exec, struct asb_error *err)
{
	struct asb_error why = ASB_ERROR_INIT;

	if (!asb_kubeconfig_renew(exec->kubeconfig, exec->generation, &why) && asb_failed(&why))
		*err = why;
}

static int refused(struct asb_exec *exec, struct asb_error *err)
{
	int status = exec->outcome.http;
	struct asb_buffer *body = &exec->outcome.refusal;
	/* A Status has words, a redirect or missing login its own ones. */
	bool tells = status / 100 == 3 || status == 401 || body->data[0] == '{';
	struct asb_http_request answer = {.status = status, .response = *body};

	if (tells && asb_api_check(&answer, err) != 0) {
		if (status == 401)
			renew(exec, err);
		return asb_wrap(err, "cannot exec in pod %s", exec->pod);
	}
	asb_fail(err, "cannot exec in pod %s: the server refused the stream with HTTP status %d%s",
		 exec->pod, status,
		 status >= 500 ? " (the container does not run, or its node does not answer)" : "");
	err->http = status;
	return -1;
}

/* What the remote process said on stderr, with a leading ": ", or nothing. */
static char *said(const struct asb_exec *exec)
{
	char text[1024];

	if (asb_printable(text, sizeof(text), exec->outcome.diagnostics.data,
			  exec->outcome.diagnostics.length) == 0)
		return asb_strdup("");
	return asb_strf(": %s", text);
}

static int not_opened(const struct asb_exec *exec, struct asb_error *err)
{
	const struct asb_exec_outcome *outcome = &exec->outcome;

	if (!asb_failed(&outcome->unconnected))
		return asb_fail(err, "cannot open an exec stream to %s: %s",
				asb_http_stream_host(exec->stream), outcome->problem);
	*err = outcome->unconnected;
	return asb_wrap(err, "cannot open an exec stream");
}

static int judge(struct asb_exec *exec, struct asb_error *err)
{
	const struct asb_exec_outcome *outcome = &exec->outcome;
	struct asb_exec_status status =
		asb_exec_status_read(outcome->status.data, outcome->status.length);
	ASB_TEXT words = said(exec);

	if (!outcome->established && outcome->http != 0)
		return refused(exec, err);
	if (!outcome->established)
		return not_opened(exec, err);
	if (!status.valid && outcome->status.length > 0)
		return asb_fail(err, "the exec stream to pod %s ended with what is no Status%s",
				exec->pod, words);
	if (!status.valid)
		return asb_fail(err, "the exec stream to pod %s was lost: %s%s", exec->pod,
				outcome->problem[0] != '\0' ? outcome->problem
							    : "the connection broke",
				words);
	if (status.success)
		return 0;
	if (status.exit_code >= 0)
		return asb_fail(err, "the shim's connection in pod %s ended with exit code %d%s",
				exec->pod, status.exit_code, words);
	return asb_fail(err, "exec in pod %s failed: %s%s", exec->pod, status.message, words);
}

static void join(struct asb_exec *exec)
{
	if (exec->joined)
		return;
	pthread_join(exec->thread, NULL);
	exec->joined = true;
}

int asb_exec_result(struct asb_exec *exec, struct asb_error *err)
{
	join(exec);
	return judge(exec, err);
}

bool asb_exec_established(struct asb_exec *exec)
{
	join(exec);
	return exec->outcome.established;
}

void asb_exec_close(struct asb_exec *exec)
{
	if (exec == NULL)
		return;
	/* The thread sees its end of the pair hang up, whatever it is doing. */
	if (exec->fd >= 0)
		shutdown(exec->fd, SHUT_RDWR);
	join(exec);
	if (exec->fd >= 0)
		close(exec->fd);
	if (exec->local >= 0)
		close(exec->local);
	for (int i = 0; i < 2; i++)
		if (exec->wake[i] >= 0)
			close(exec->wake[i]);
	asb_http_stream_free(exec->stream);
	pthread_mutex_destroy(&exec->lock);
	asb_exec_request_release(&exec->request);
	asb_buffer_release(&exec->outcome.refusal);
	asb_buffer_release(&exec->outcome.diagnostics);
	asb_buffer_release(&exec->outcome.status);
	free(exec->pod);
	free(exec);
}
