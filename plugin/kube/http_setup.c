/* SPDX-License-Identifier: Apache-2.0 */
/* http_setup.c - one request becomes libcurl's options. */
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/kube/http_parts.h"

#define TOKEN_AGE_MS 60000 /* client-go transport.NewCachedFileTokenSource */

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
	if (http->target.host_header != NULL)
		add_header(transfer, http->target.host_header);
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
	bool twice = http->target.proxy != NULL && strncmp(http->target.proxy, "https:", 6) == 0;

	return twice ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS;
}

static int set_connection(struct asb_transfer *transfer)
{
	struct asb_http *http = transfer->http;
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version_of(http));
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	/* The API server closes a connection that brought it bad credentials. */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, transfer->again ? 1L : 0L);
	return asb_connect_set_up(easy, &http->target, http->kubeconfig);
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
	set_rest(transfer);
	set_headers(transfer);
	if (curl_easy_setopt(transfer->easy, CURLOPT_URL, url) != CURLE_OK)
		return -1;
	return set_connection(transfer);
}
