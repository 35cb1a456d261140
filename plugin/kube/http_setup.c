/* SPDX-License-Identifier: Apache-2.0 */
/* http_setup.c - one request becomes libcurl's options. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "plugin/base/clock.h"
#include "plugin/kube/http_parts.h"

#define CONNECT_TIMEOUT_MS 15000L
#define TOKEN_AGE_MS 60000 /* client-go transport.NewCachedFileTokenSource */
#define DEAD_PEER_MS 30000u

/* The list's texts are overwritten, since one of them may be a token. */
void asb_transfer_free_headers(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h != NULL; h = h->next)
		asb_wipe(h->data, strlen(h->data));
	curl_slist_free_all(headers);
}

static void add_header(struct asb_transfer *transfer, const char *text)
{
	struct curl_slist *headers = curl_slist_append(transfer->headers, text);

	if (headers == NULL)
		asb_out_of_memory();
	transfer->headers = headers;
}

static void refresh_authorization(struct asb_http *http)
{
	static const char field[] = "Authorization: Bearer ";
	unsigned generation = asb_kubeconfig_generation(http->kubeconfig);
	int64_t now = asb_monotonic_ms();

	if (http->authorization_ms != 0 && generation == http->authorization_generation &&
	    (http->kubeconfig->token_file == NULL || now - http->authorization_ms < TOKEN_AGE_MS))
		return;
	http->authorization_ms = now;
	http->authorization_generation = generation;
	asb_buffer_release_secret(&http->authorization);
	asb_buffer_addstr(&http->authorization, field);
	asb_kubeconfig_token(http->kubeconfig, &http->authorization);
	if (http->authorization.length == strlen(field))
		asb_buffer_reset(&http->authorization);
}

static void set_headers(struct asb_transfer *transfer)
{
	struct asb_http *http = transfer->http;
	const struct asb_http_request *request = transfer->request;

	add_header(transfer, "Accept: application/json");
	add_header(transfer, "Expect:"); /* no pause before a large body */
	if (request->body != NULL) {
		ASB_TEXT type = asb_strf("Content-Type: %s", request->content_type == NULL
								     ? "application/json"
								     : request->content_type);

		add_header(transfer, type);
	}
	if (http->host_header != NULL)
		add_header(transfer, http->host_header);
	refresh_authorization(http);
	if (http->authorization.length > 0)
		add_header(transfer, http->authorization.data);
	for (size_t i = 0; i < http->kubeconfig->header_count; i++)
		add_header(transfer, http->kubeconfig->headers[i]);
	/* Never to a proxy. */
	curl_easy_setopt(transfer->easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct asb_transfer *transfer = context;
	struct asb_http_request *request = transfer->request;
	size_t n = size * count;
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (request->on_data != NULL && status / 100 == 2) {
		transfer->http->progress++;
		transfer->broken_off = request->on_data(request->context, bytes, n) != 0;
	} else {
		transfer->too_large = asb_buffer_add(&request->response, bytes, n) != 0;
	}
	return transfer->broken_off || transfer->too_large ? 0 : n;
}

/* A peer that stops acknowledging is given up long before the kernel would do it: the connection
 * serves all requests and outlives their own timeouts. And no child inherits it. */
static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
	unsigned ms = DEAD_PEER_MS;

	(void)context;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef TCP_USER_TIMEOUT
	if (purpose == CURLSOCKTYPE_IPCXN)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
#else
	(void)ms;
	(void)purpose;
#endif
	return CURL_SOCKOPT_OK;
}

static void set_method(struct asb_transfer *transfer)
{
	const struct asb_http_request *request = transfer->request;

	if (request->body != NULL) {
		curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, request->body);
		curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)request->body_length);
	}
	if (request->body != NULL || strcmp(request->method, "GET") != 0)
		curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* Streams side by side inside two layers of TLS stop now and then until libcurl 7.88: it does not
 * see what the outer layer has read already. */
static long version_of(const struct asb_http *http)
{
	bool twice = http->proxy != NULL && strncmp(http->proxy, "https:", 6) == 0;

	return twice ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS;
}

static void set_connection(struct asb_transfer *transfer)
{
	struct asb_http *http = transfer->http;
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version_of(http));
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	/* The API server closes a connection that brought it bad credentials. */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, transfer->again ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 15L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, http->connect_to);
	curl_easy_setopt(easy, CURLOPT_PROXY, http->proxy == NULL ? "" : http->proxy);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
}

static struct curl_blob borrowed_blob(char *text)
{
	return (struct curl_blob){text, strlen(text), CURL_BLOB_NOCOPY};
}

/* A plugin's may be replaced while the transfer runs. */
static struct curl_blob copied_blob(const char *text)
{
	return (struct curl_blob){(char *)(uintptr_t)text, strlen(text), CURL_BLOB_COPY};
}

/* With a CA of its own the cluster is believed by that one alone. False when libcurl lacks what is
 * needed, which must not pass in silence. */
static bool set_tls(CURL *easy, const struct asb_kubeconfig *kubeconfig)
{
	bool fine = true;

	/* An https proxy may be one of the cluster's, or of the world's. */
	if (kubeconfig->insecure_skip_tls_verify) {
		curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 0L);
	} else if (kubeconfig->ca_pem != NULL) {
		struct curl_blob ca = borrowed_blob(kubeconfig->ca_pem);

		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO_BLOB, &ca);
	}
	if (kubeconfig->ca_pem != NULL || kubeconfig->insecure_skip_tls_verify) {
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	}
	if (kubeconfig->insecure_skip_tls_verify) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	} else if (kubeconfig->ca_pem != NULL) {
		struct curl_blob ca = borrowed_blob(kubeconfig->ca_pem);

		fine = curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca) == CURLE_OK;
	}
	if (asb_kubeconfig_certificate(kubeconfig) != NULL) {
		struct curl_blob cert = copied_blob(asb_kubeconfig_certificate(kubeconfig));
		struct curl_blob key = copied_blob(asb_kubeconfig_key(kubeconfig));

		curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
		curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
		fine = fine && curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &cert) == CURLE_OK &&
		       curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key) == CURLE_OK;
	}
	return fine;
}

/* --request-timeout is for requests, not for what is to last (a watch). */
static int64_t timeout_of(const struct asb_transfer *transfer)
{
	const struct asb_kubeconfig *kubeconfig = transfer->http->kubeconfig;

	return transfer->request->on_data == NULL && kubeconfig->request_timeout_ms > 0
		       ? kubeconfig->request_timeout_ms
		       : transfer->request->timeout_ms;
}

static void set_rest(struct asb_transfer *transfer)
{
	const struct asb_http_request *request = transfer->request;
	const struct asb_kubeconfig *kubeconfig = transfer->http->kubeconfig;
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->detail);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_of(transfer));
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "kubectl-agentsandbox/" ASB_VERSION);
	if (request->on_data == NULL && !kubeconfig->disable_compression)
		curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	if (kubeconfig->username != NULL) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, kubeconfig->username);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, kubeconfig->password);
	}
}

int asb_transfer_set_up(struct asb_transfer *transfer, const char *url)
{
	set_method(transfer);
	set_connection(transfer);
	set_rest(transfer);
	set_headers(transfer);
	if (curl_easy_setopt(transfer->easy, CURLOPT_URL, url) != CURLE_OK)
		return -1;
	return set_tls(transfer->easy, transfer->http->kubeconfig) ? 0 : -1;
}
