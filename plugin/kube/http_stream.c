/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/http_stream.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/ssl.h>

#include "plugin/base/clock.h"
#include "plugin/kube/http_parts.h"

#define LONGEST_SLEEP_MS                                                        \
	1000 /* libcurl up to 7.88 at least loses a timer now and then (http.c) \
	      */

struct asb_http_stream {
	const struct asb_kubeconfig *kubeconfig;
	struct asb_http_target target;
	CURLM *multi;
	CURL *easy;
	bool added; /* to multi */
	curl_socket_t socket;
	char detail[CURL_ERROR_SIZE];
};

/*
 * OpenSSL takes as much from the socket as one record may have, and not its header first: one
 * system call and not two. (A larger buffer would be moved to its beginning for each record in it.)
 */
static CURLcode on_tls(CURL *easy, void *tls, void *context)
{
	(void)easy;
	(void)context;
	SSL_CTX_set_read_ahead(tls, 1);
	return CURLE_OK;
}

static int set_up(struct asb_http_stream *stream, struct asb_error *err)
{
	CURL *easy = stream->easy;

	if (asb_http_target_init(&stream->target, stream->kubeconfig, err) != 0)
		return -1;
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, stream->detail);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
	if (curl_easy_setopt(easy, CURLOPT_URL, stream->target.base) == CURLE_OK &&
	    asb_connect_set_up(easy, &stream->target, stream->kubeconfig) == 0)
		return 0;
	return asb_fail(err, "libcurl %s can't make this connection",
			curl_version_info(0)->version);
}

struct asb_http_stream *asb_http_stream_new(const struct asb_kubeconfig *kubeconfig,
					    struct asb_error *err)
{
	struct asb_http_stream *stream;

	if (asb_kubeconfig_authenticate(kubeconfig, err) != 0)
		return NULL;
	stream = asb_calloc(1, sizeof(*stream));
	stream->kubeconfig = kubeconfig;
	stream->socket = CURL_SOCKET_BAD;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		asb_out_of_memory();
	stream->multi = curl_multi_init();
	stream->easy = curl_easy_init();
	if (stream->multi == NULL || stream->easy == NULL)
		asb_out_of_memory();
	if (set_up(stream, err) == 0)
		return stream;
	asb_http_stream_free(stream);
	return NULL;
}

static void drop(struct asb_http_stream *stream)
{
	if (stream->added)
		curl_multi_remove_handle(stream->multi, stream->easy);
	stream->added = false;
	stream->socket = CURL_SOCKET_BAD;
}

void asb_http_stream_free(struct asb_http_stream *stream)
{
	if (stream == NULL)
		return;
	drop(stream);
	curl_easy_cleanup(stream->easy);
	curl_multi_cleanup(stream->multi);
	asb_http_target_release(&stream->target);
	free(stream);
	curl_global_cleanup();
}

const char *asb_http_stream_host(const struct asb_http_stream *stream)
{
	return stream->target.host;
}

const char *asb_http_stream_prefix(const struct asb_http_stream *stream)
{
	return stream->target.prefix;
}

/* --- connecting ------------------------------------------------------------------------------- */

void asb_http_stream_connect(struct asb_http_stream *stream, int timeout_ms)
{
	drop(stream);
	stream->detail[0] = '\0';
	/* 0 would be minutes. */
	curl_easy_setopt(stream->easy, CURLOPT_CONNECTTIMEOUT_MS,
			 timeout_ms > 0 ? (long)timeout_ms : 1L);
	/* No other handle is in it, and none is in another: nothing that could fail but memory. */
	if (curl_multi_add_handle(stream->multi, stream->easy) != CURLM_OK)
		asb_out_of_memory();
	stream->added = true;
}

/* 1: done, `code` is how. */
static int move(struct asb_http_stream *stream, CURLcode *code)
{
	const CURLMsg *message;
	int running = 0, left = 0;

	if (curl_multi_perform(stream->multi, &running) != CURLM_OK) {
		*code = CURLE_FAILED_INIT;
		return 1;
	}
	message = curl_multi_info_read(stream->multi, &left);
	if (message == NULL)
		return 0;
	*code = message->data.result;
	return 1;
}

static int fail(struct asb_http_stream *stream, CURLcode code, struct asb_error *err)
{
	const char *detail = stream->detail[0] != '\0' ? stream->detail : curl_easy_strerror(code);

	if (asb_connect_explain(stream->easy, code, detail, stream->kubeconfig, err))
		return -1;
	return asb_fail(err, "cannot connect to %s: %s", stream->kubeconfig->server, detail);
}

static int conclude(struct asb_http_stream *stream, CURLcode code, struct asb_error *err)
{
	if (code == CURLE_OK)
		code = curl_easy_getinfo(stream->easy, CURLINFO_ACTIVESOCKET, &stream->socket);
	if (code == CURLE_OK && stream->socket != CURL_SOCKET_BAD)
		return 1;
	fail(stream, code, err);
	drop(stream);
	return -1;
}

int asb_http_stream_wait(struct asb_http_stream *stream, struct pollfd *fds, unsigned n,
			 int timeout_ms, struct asb_error *err)
{
	struct curl_waitfd waited[4];
	CURLcode code = CURLE_OK;
	int done;

	if (n > sizeof(waited) / sizeof(waited[0]))
		abort();
	for (unsigned i = 0; i < n; i++)
		waited[i] = (struct curl_waitfd){
			.fd = fds[i].fd,
			.events = (fds[i].events & POLLIN) != 0 ? CURL_WAIT_POLLIN : 0,
		};
	done = move(stream, &code);
	if (done == 0) {
		curl_multi_poll(stream->multi, waited, n,
				asb_nearer_timeout(timeout_ms, LONGEST_SLEEP_MS), NULL);
		done = move(stream, &code);
	}
	/* curl keeps hang-ups and errors to itself, so the descriptors are asked again. */
	for (unsigned i = 0; i < n; i++)
		fds[i].revents = 0;
	if (poll(fds, n, 0) < 0 && errno != EINTR)
		return asb_fail_errno(err, "polling failed");
	return done == 0 ? 0 : conclude(stream, code, err);
}

/* --- what is said ----------------------------------------------------------------------------- */

int asb_http_stream_fd(const struct asb_http_stream *stream)
{
	return stream->socket;
}

ssize_t asb_http_stream_send(struct asb_http_stream *stream, const void *bytes, size_t n)
{
	size_t sent = 0;
	CURLcode code = curl_easy_send(stream->easy, bytes, n, &sent);

	if (code == CURLE_OK)
		return (ssize_t)sent;
	return code == CURLE_AGAIN ? 0 : -1;
}

ssize_t asb_http_stream_recv(struct asb_http_stream *stream, void *bytes, size_t n)
{
	size_t got = 0;
	CURLcode code = curl_easy_recv(stream->easy, bytes, n, &got);

	if (code == CURLE_AGAIN)
		return 0;
	return code == CURLE_OK && got > 0 ? (ssize_t)got : -1;
}
