/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/printable.h"
#include "plugin/kube/api.h"
#include "plugin/kube/exec_internal.h"
#include "plugin/kube/http.h"

/* --- opening ---------------------------------------------------------------------------------- */

static int open_pair(struct asb_exec *exec, struct asb_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return asb_fail_errno(err, "cannot make a socket pair");
	for (int i = 0; i < 2; i++) {
		fcntl(pair[i], F_SETFD, FD_CLOEXEC);
		fcntl(pair[i], F_SETFL, O_NONBLOCK);
	}
	exec->fd = pair[0];
	exec->local = pair[1];
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

static int open_tunnel(struct asb_exec *exec, struct asb_error *err)
{
	const struct asb_exec_request *request = &exec->request;

	if (request->proxy == NULL)
		return 0;
	exec->tunnel = asb_tunnel_open(exec->kubeconfig, request->proxy, request->host,
				       request->port, exec->connect_timeout_ms, err);
	return exec->tunnel == NULL ? -1 : 0;
}

struct asb_exec *asb_exec_open(const struct asb_kubeconfig *kubeconfig,
			       const struct asb_exec_target *target, struct asb_error *err)
{
	struct asb_exec *exec = asb_calloc(1, sizeof(*exec));

	exec->fd = exec->local = -1;
	exec->joined = true;
	exec->kubeconfig = kubeconfig;
	exec->pod = asb_strdup(target->pod);
	exec->connect_timeout_ms =
		target->connect_timeout_ms > 0 ? target->connect_timeout_ms : ASB_EXEC_CONNECT_MS;
	asb_buffer_init(&exec->outcome.diagnostics);
	exec->outcome.diagnostics.limit = ASB_EXEC_STDERR;
	asb_buffer_init(&exec->outcome.status);
	exec->outcome.status.limit = ASB_EXEC_STATUS;
	if (asb_exec_request_init(&exec->request, kubeconfig, target, err) == 0 &&
	    asb_exec_tls_init(&exec->tls, kubeconfig, exec->request.server_name, err) == 0 &&
	    open_pair(exec, err) == 0 && open_tunnel(exec, err) == 0 &&
	    start_thread(exec, err) == 0)
		return exec;
	asb_exec_close(exec);
	return NULL;
}

int asb_exec_fd(const struct asb_exec *exec)
{
	return exec->fd;
}

/* --- the result ------------------------------------------------------------------------------- */

/* Asks the same URL once more without an upgrade, which runs nothing but says in a Status why it is
 * refused. True when the server refused it with the same HTTP status: err holds its words. */
static bool ask_why(struct asb_exec *exec, struct asb_http *http, const char *method,
		    struct asb_error *err)
{
	struct asb_http_request request;
	struct asb_http_request *requests[] = {&request};
	bool told = false;

	asb_http_request_init(&request, method, exec->request.api_path);
	request.timeout_ms = ASB_EXEC_CONNECT_MS;
	if (asb_http_start(http, &request, err) == 0 &&
	    asb_http_wait(http, requests, 1, err) == 0 && request.status == exec->outcome.http) {
		asb_error_clear(err);
		told = asb_api_check(&request, err) != 0;
	}
	asb_http_request_release(&request);
	return told;
}

static int refused(struct asb_exec *exec, struct asb_error *err)
{
	int status = exec->outcome.http;
	struct asb_error why = ASB_ERROR_INIT;
	struct asb_http *http = asb_http_new(exec->kubeconfig, &why);
	bool told = false;

	if (http != NULL) {
		/* An upgrade needs the right to get and, since Kubernetes 1.35, to create: the
		 * method decides which of the two is judged. */
		told = ask_why(exec, http, "GET", &why);
		if (!told) {
			asb_error_clear(&why);
			told = ask_why(exec, http, "POST", &why);
		}
		asb_http_free(http);
	}
	if (told) {
		*err = why;
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

/* A proxy that failed is why the connection behind it did. */
static int not_opened(struct asb_exec *exec, struct asb_error *err)
{
	if (exec->tunnel != NULL && asb_tunnel_end(exec->tunnel, err) != 0)
		return asb_wrap(err, "cannot open an exec stream");
	return asb_fail(err, "cannot open an exec stream to %s: %s", exec->request.host_header,
			exec->outcome.problem);
}

static int judge(struct asb_exec *exec, struct asb_error *err)
{
	const struct asb_exec_outcome *outcome = &exec->outcome;
	struct asb_exec_status status =
		asb_exec_status_read(outcome->status.data, outcome->status.length);
	ASB_TEXT words = said(exec);

	if (!outcome->established && outcome->http != 0)
		return refused(exec, err);
	if (!outcome->established && exec->tls.problem[0] != '\0')
		return asb_fail(err, "cannot open an exec stream to %s: certificate refused: %s",
				exec->request.host_header, exec->tls.problem);
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
	asb_tunnel_free(exec->tunnel);
	asb_exec_tls_release(&exec->tls);
	asb_exec_request_release(&exec->request);
	asb_buffer_release(&exec->outcome.diagnostics);
	asb_buffer_release(&exec->outcome.status);
	free(exec->pod);
	free(exec);
}
