/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/http_tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "plugin/kube/http_proxy.h"

#define PIECE 65536u

/* Bytes on their way in one direction. */
struct flow {
	char bytes[PIECE];
	size_t length, sent;
	bool ended; /* no more come */
};

struct asb_tunnel {
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path) - 8]; /* "" once removed */
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listener;
	int wake[2]; /* a pipe: closing its second end ends the thread */
	int fd;	     /* the connection to the unix socket */
	atomic_bool stop;
	pthread_t thread;
	bool joined;
	CURL *easy;
	curl_socket_t socket;
	char detail[CURL_ERROR_SIZE];
	const struct asb_kubeconfig *kubeconfig;
	struct asb_error problem; /* the thread's until it has been joined */
	struct flow out, in;
};

/* Closed by exec, never waits. */
static bool set_flags(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

/* --- connecting ------------------------------------------------------------------------------- */

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct asb_tunnel *tunnel = context;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&tunnel->stop) ? 1 : 0;
}

static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
	(void)context;
	(void)purpose;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return CURL_SOCKOPT_OK;
}

static void trust(CURL *easy, const struct asb_kubeconfig *kubeconfig)
{
	if (kubeconfig->insecure_skip_tls_verify) {
		curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 0L);
	} else if (kubeconfig->ca_pem != NULL) {
		struct curl_blob ca = {kubeconfig->ca_pem, strlen(kubeconfig->ca_pem),
				       CURL_BLOB_COPY};

		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO_BLOB, &ca);
	}
}

static void set_up(struct asb_tunnel *tunnel, const struct asb_kubeconfig *kubeconfig,
		   const char *proxy, const char *host, int port, int timeout_ms)
{
	ASB_TEXT url =
		asb_strf(strchr(host, ':') != NULL ? "http://[%s]:%d" : "http://%s:%d", host, port);
	CURL *easy = tunnel->easy;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, tunnel->detail);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, tunnel);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "kubectl-agentsandbox/" ASB_VERSION);
	trust(easy, kubeconfig);
}

/* False when the tunnel is no longer wanted. */
static bool take_connection(struct asb_tunnel *tunnel)
{
	struct pollfd fds[] = {{tunnel->listener, POLLIN, 0}, {tunnel->wake[0], POLLIN, 0}};

	while (tunnel->fd < 0) {
		if ((poll(fds, 2, -1) < 0 && errno != EINTR) || fds[1].revents != 0)
			return false;
		tunnel->fd = accept(tunnel->listener, NULL, NULL);
	}
	return set_flags(tunnel->fd);
}

static bool connect_proxy(struct asb_tunnel *tunnel)
{
	CURLcode code = curl_easy_perform(tunnel->easy);
	const char *detail;

	if (code == CURLE_OK)
		code = curl_easy_getinfo(tunnel->easy, CURLINFO_ACTIVESOCKET, &tunnel->socket);
	if (code == CURLE_OK)
		return true;
	detail = tunnel->detail[0] != '\0' ? tunnel->detail : curl_easy_strerror(code);
	if (!asb_proxy_explain(tunnel->easy, code, detail, tunnel->kubeconfig, &tunnel->problem))
		asb_fail(&tunnel->problem, "through the proxy: %s", detail);
	return false;
}

/* --- carrying bytes --------------------------------------------------------------------------- */

static bool empty(const struct flow *flow)
{
	return flow->sent == flow->length;
}

/* From the unix socket to the proxy. */
static void move_out(struct asb_tunnel *tunnel)
{
	struct flow *flow = &tunnel->out;
	size_t n = 0;

	if (empty(flow) && !flow->ended) {
		ssize_t got = recv(tunnel->fd, flow->bytes, sizeof(flow->bytes), 0);

		flow->sent = 0;
		flow->length = got > 0 ? (size_t)got : 0;
		flow->ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
	}
	while (!empty(flow)) {
		CURLcode code = curl_easy_send(tunnel->easy, flow->bytes + flow->sent,
					       flow->length - flow->sent, &n);

		if (code == CURLE_AGAIN)
			return;
		if (code != CURLE_OK) {
			flow->ended = true;
			flow->length = flow->sent = 0;
			return;
		}
		flow->sent += n;
	}
}

/* From the proxy to the unix socket; true when there may be more at once. */
static bool move_in(struct asb_tunnel *tunnel)
{
	struct flow *flow = &tunnel->in;
	size_t n = 0;

	if (empty(flow) && !flow->ended) {
		CURLcode code = curl_easy_recv(tunnel->easy, flow->bytes, sizeof(flow->bytes), &n);

		flow->sent = 0;
		flow->length = code == CURLE_OK ? n : 0;
		flow->ended = code != CURLE_AGAIN && (code != CURLE_OK || n == 0);
	}
	while (!empty(flow)) {
		ssize_t sent = send(tunnel->fd, flow->bytes + flow->sent, flow->length - flow->sent,
				    MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return false;
		if (sent < 0) {
			flow->ended = true;
			flow->length = flow->sent = 0;
			return false;
		}
		flow->sent += (size_t)sent;
	}
	return n > 0;
}

/* What libcurl holds already no poll tells: it is read until there is no more. */
static void relay(struct asb_tunnel *tunnel)
{
	for (;;) {
		struct pollfd fds[] = {
			{tunnel->fd, 0, 0}, {tunnel->socket, 0, 0}, {tunnel->wake[0], POLLIN, 0}};

		move_out(tunnel);
		while (move_in(tunnel))
			;
		if ((tunnel->out.ended && empty(&tunnel->out)) ||
		    (tunnel->in.ended && empty(&tunnel->in)))
			return;
		fds[0].events = (short)((empty(&tunnel->out) ? POLLIN : 0) |
					(empty(&tunnel->in) ? 0 : POLLOUT));
		fds[1].events = (short)((empty(&tunnel->in) ? POLLIN : 0) |
					(empty(&tunnel->out) ? 0 : POLLOUT));
		if ((poll(fds, 3, -1) < 0 && errno != EINTR) || fds[2].revents != 0)
			return;
	}
}

static void *tunnel_main(void *argument)
{
	struct asb_tunnel *tunnel = argument;

	if (connect_proxy(tunnel) && take_connection(tunnel))
		relay(tunnel);
	/* Whoever waits at the unix socket learns that nothing comes. */
	if (tunnel->fd >= 0)
		shutdown(tunnel->fd, SHUT_RDWR);
	close(tunnel->listener);
	tunnel->listener = -1;
	return NULL;
}

/* --- its life --------------------------------------------------------------------------------- */

/* A new folder that only we may enter, short enough for the address of a socket in it. */
static bool make_folder(struct asb_tunnel *tunnel)
{
	const char *parents[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		int n = parents[i] == NULL ? -1
					   : snprintf(tunnel->folder, sizeof(tunnel->folder),
						      "%s/asb-XXXXXX", parents[i]);

		if (n > 0 && (size_t)n < sizeof(tunnel->folder) && tunnel->folder[0] == '/' &&
		    mkdtemp(tunnel->folder) != NULL)
			return true;
	}
	tunnel->folder[0] = '\0';
	return false;
}

static void remove_folder(struct asb_tunnel *tunnel)
{
	if (tunnel->folder[0] == '\0')
		return;
	unlink(tunnel->path);
	rmdir(tunnel->folder);
	tunnel->folder[0] = '\0';
}

static int start_listening(struct asb_tunnel *tunnel, struct asb_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (pipe(tunnel->wake) != 0 || !set_flags(tunnel->wake[0]) || !set_flags(tunnel->wake[1]))
		return asb_fail_errno(err, "cannot make a pipe");
	if (!make_folder(tunnel))
		return asb_fail_errno(err, "cannot make a folder in /tmp for the proxy's socket");
	snprintf(tunnel->path, sizeof(tunnel->path), "%s/proxy", tunnel->folder);
	memcpy(address.sun_path, tunnel->path, sizeof(address.sun_path));
	tunnel->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (tunnel->listener >= 0 && set_flags(tunnel->listener) &&
	    bind(tunnel->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(tunnel->listener, 4) == 0)
		return 0;
	return asb_fail_errno(err, "cannot make a unix socket for the proxy");
}

static int start_thread(struct asb_tunnel *tunnel, struct asb_error *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&tunnel->thread, NULL, tunnel_main, tunnel);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	tunnel->joined = rc != 0;
	return rc == 0 ? 0 : asb_fail(err, "cannot start a thread: %s", strerror(rc));
}

struct asb_tunnel *asb_tunnel_open(const struct asb_kubeconfig *kubeconfig, const char *proxy,
				   const char *host, int port, int timeout_ms,
				   struct asb_error *err)
{
	struct asb_tunnel *tunnel = asb_calloc(1, sizeof(*tunnel));

	tunnel->listener = tunnel->wake[0] = tunnel->wake[1] = tunnel->fd = -1;
	tunnel->joined = true;
	tunnel->kubeconfig = kubeconfig;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		asb_out_of_memory();
	tunnel->easy = curl_easy_init();
	if (tunnel->easy == NULL)
		asb_out_of_memory();
	set_up(tunnel, kubeconfig, proxy, host, port, timeout_ms);
	if (start_listening(tunnel, err) == 0 && start_thread(tunnel, err) == 0)
		return tunnel;
	asb_tunnel_free(tunnel);
	return NULL;
}

const char *asb_tunnel_address(const struct asb_tunnel *tunnel)
{
	return tunnel->path;
}

static void end(struct asb_tunnel *tunnel)
{
	if (!tunnel->joined) {
		atomic_store(&tunnel->stop, true);
		close(tunnel->wake[1]);
		tunnel->wake[1] = -1;
		pthread_join(tunnel->thread, NULL);
		tunnel->joined = true;
	}
}

int asb_tunnel_end(struct asb_tunnel *tunnel, struct asb_error *err)
{
	end(tunnel);
	if (!asb_failed(&tunnel->problem))
		return 0;
	*err = tunnel->problem;
	return -1;
}

static void close_all(const struct asb_tunnel *tunnel)
{
	const int fds[] = {tunnel->fd, tunnel->listener, tunnel->wake[0], tunnel->wake[1]};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

void asb_tunnel_free(struct asb_tunnel *tunnel)
{
	if (tunnel == NULL)
		return;
	end(tunnel);
	curl_easy_cleanup(tunnel->easy);
	remove_folder(tunnel);
	close_all(tunnel);
	free(tunnel);
	curl_global_cleanup();
}
