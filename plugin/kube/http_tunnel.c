/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/http_tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>

#define PIECE 65536u

/* Bytes on their way in one direction. */
struct flow {
	char bytes[PIECE];
	size_t length, sent;
	bool ended; /* no more come */
};

struct asb_tunnel {
	char name[48];
	int listener, wake; /* wake: an eventfd that ends the thread */
	int fd;		    /* the connection to the unix socket */
	atomic_bool stop;
	pthread_t thread;
	bool joined;
	CURL *easy;
	curl_socket_t socket;
	char detail[CURL_ERROR_SIZE];
	char problem[CURL_ERROR_SIZE + 64]; /* the thread's until it has been joined */
	struct flow out, in;
};

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

/* Another process that guessed the name is turned away. */
static bool from_us(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.pid == getpid();
}

/* False when the tunnel is no longer wanted. */
static bool take_connection(struct asb_tunnel *tunnel)
{
	struct pollfd fds[] = {{tunnel->listener, POLLIN, 0}, {tunnel->wake, POLLIN, 0}};

	while (tunnel->fd < 0) {
		if ((poll(fds, 2, -1) < 0 && errno != EINTR) || fds[1].revents != 0)
			return false;
		tunnel->fd = accept4(tunnel->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (tunnel->fd >= 0 && !from_us(tunnel->fd)) {
			close(tunnel->fd);
			tunnel->fd = -1;
		}
	}
	return true;
}

static bool connect_proxy(struct asb_tunnel *tunnel)
{
	CURLcode code = curl_easy_perform(tunnel->easy);

	if (code == CURLE_OK)
		code = curl_easy_getinfo(tunnel->easy, CURLINFO_ACTIVESOCKET, &tunnel->socket);
	if (code == CURLE_OK)
		return true;
	snprintf(tunnel->problem, sizeof(tunnel->problem), "through the proxy: %s",
		 tunnel->detail[0] != '\0' ? tunnel->detail : curl_easy_strerror(code));
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
			{tunnel->fd, 0, 0}, {tunnel->socket, 0, 0}, {tunnel->wake, POLLIN, 0}};

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

static int start_listening(struct asb_tunnel *tunnel, struct asb_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint64_t number[2];
	socklen_t length;
	int n;

	if (getrandom(number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return asb_fail_errno(err, "no random numbers");
	n = snprintf(tunnel->name, sizeof(tunnel->name), "asb-%016llx%016llx",
		     (unsigned long long)number[0], (unsigned long long)number[1]);
	memcpy(address.sun_path + 1, tunnel->name, (size_t)n);
	tunnel->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	tunnel->wake = eventfd(0, EFD_CLOEXEC);
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	if (tunnel->listener >= 0 && tunnel->wake >= 0 &&
	    bind(tunnel->listener, (struct sockaddr *)&address, length) == 0 &&
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

	tunnel->listener = tunnel->wake = tunnel->fd = -1;
	tunnel->joined = true;
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
	return tunnel->name;
}

const char *asb_tunnel_end(struct asb_tunnel *tunnel)
{
	const uint64_t one = 1;

	if (!tunnel->joined) {
		atomic_store(&tunnel->stop, true);
		/* An eventfd takes a one at any time. */
		if (write(tunnel->wake, &one, sizeof(one)) == (ssize_t)sizeof(one))
			pthread_join(tunnel->thread, NULL);
		tunnel->joined = true;
	}
	return tunnel->problem;
}

void asb_tunnel_free(struct asb_tunnel *tunnel)
{
	if (tunnel == NULL)
		return;
	asb_tunnel_end(tunnel);
	curl_easy_cleanup(tunnel->easy);
	if (tunnel->fd >= 0)
		close(tunnel->fd);
	if (tunnel->listener >= 0)
		close(tunnel->listener);
	if (tunnel->wake >= 0)
		close(tunnel->wake);
	free(tunnel);
	curl_global_cleanup();
}
