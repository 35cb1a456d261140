/* SPDX-License-Identifier: Apache-2.0 */
/* http_trace.c - requests and answers on stderr for -v=6 and more, without secrets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plugin/kube/http_parts.h"

#define URLS 6
#define HEADERS 7
#define BODIES 8

static int level(const struct asb_transfer *transfer)
{
	return transfer->http->kubeconfig->verbosity;
}

static size_t body_limit(int verbosity)
{
	if (verbosity == BODIES)
		return 1024;
	return verbosity == BODIES + 1 ? 10240 : SIZE_MAX;
}

/* --- masking ---------------------------------------------------------------------------------- */

/* Every occurrence of a secret is replaced; heap, takes `text`. */
static char *without(char *text, const char *secret)
{
	struct asb_buffer out = ASB_BUFFER_INIT;
	size_t n = secret == NULL ? 0 : strlen(secret);
	const char *rest = text, *found;

	if (n == 0)
		return text;
	found = strstr(rest, secret);
	while (found != NULL) {
		asb_buffer_add(&out, rest, (size_t)(found - rest));
		asb_buffer_addstr(&out, "<masked>");
		rest = found + n;
		found = strstr(rest, secret);
	}
	asb_buffer_addstr(&out, rest);
	asb_wipe(text, strlen(text));
	free(text);
	return asb_buffer_steal(&out);
}

/* Values of members that hold secrets wherever they appear (TokenRequest, kubeconfigs). */
static void mask_members(char *text)
{
	static const char *const members[] = {"\"token\":\"", "\"password\":\"",
					      "\"client-key-data\":\""};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		char *at = strstr(text, members[i]);

		for (; at != NULL; at = strstr(at, members[i])) {
			at += strlen(members[i]);
			memset(at, '*', strcspn(at, "\""));
		}
	}
}

static void print_body(const struct asb_transfer *transfer, const char *name, const char *bytes,
		       size_t n)
{
	const struct asb_kubeconfig *kubeconfig = transfer->http->kubeconfig;
	struct asb_buffer token = ASB_BUFFER_INIT;
	size_t limit = body_limit(kubeconfig->verbosity), length;
	char *text;

	if (bytes == NULL || n == 0)
		return;
	/* Masked before it is cut, so that no half of a secret stays. */
	text = asb_strndup(bytes, n);
	asb_kubeconfig_token(kubeconfig, &token);
	text = without(text, token.data);
	text = without(text, kubeconfig->token);
	text = without(text, kubeconfig->password);
	text = without(text, asb_kubeconfig_key(kubeconfig));
	mask_members(text);
	asb_buffer_release_secret(&token);
	length = strlen(text);
	if (length > limit)
		text[limit] = '\0';
	fprintf(stderr, "%s body: ", name);
	asb_print_safely(stderr, text);
	if (length > limit)
		fprintf(stderr, " [%zu bytes more]", length - limit);
	putc('\n', stderr);
	asb_wipe(text, strlen(text));
	free(text);
}

static void print_header(const char *direction, const char *line)
{
	size_t n = strcspn(line, ":");
	bool secret = strncasecmp(line, "Authorization:", 14) == 0 ||
		      strncasecmp(line, "Set-Cookie:", 11) == 0 ||
		      strncasecmp(line, "Proxy-Auth", 10) == 0;

	fprintf(stderr, "%s ", direction);
	if (secret)
		fprintf(stderr, "%.*s: <masked>", (int)n, line);
	else
		asb_print_safely(stderr, line);
	putc('\n', stderr);
}

/* --- the two sides ---------------------------------------------------------------------------- */

void asb_trace_request(const struct asb_transfer *transfer)
{
	const struct asb_http_request *request = transfer->request;

	if (level(transfer) < HEADERS)
		return;
	fprintf(stderr, "%s ", request->method);
	asb_print_safely(stderr, transfer->http->kubeconfig->server);
	asb_print_safely(stderr, request->path);
	putc('\n', stderr);
	for (const struct curl_slist *h = transfer->headers; h != NULL; h = h->next) {
		if (h->data[strcspn(h->data, ":") + 1] != '\0') /* else one that isn't sent */
			print_header(">", h->data);
	}
	if (transfer->http->kubeconfig->username != NULL)
		print_header(">", "Authorization: Basic");
	if (level(transfer) >= BODIES)
		print_body(transfer, "request", request->body, request->body_length);
}

static void print_answer_headers(const struct asb_transfer *transfer)
{
	struct curl_header *header = curl_easy_nextheader(transfer->easy, CURLH_HEADER, -1, NULL);

	for (; header != NULL;
	     header = curl_easy_nextheader(transfer->easy, CURLH_HEADER, -1, header)) {
		ASB_TEXT line = asb_strf("%s: %s", header->name, header->value);

		print_header("<", line);
	}
}

void asb_trace_answer(const struct asb_transfer *transfer, CURLcode code)
{
	const struct asb_http_request *request = transfer->request;
	curl_off_t took_us = 0;
	long status = 0;

	if (level(transfer) < URLS)
		return;
	curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	fprintf(stderr, "%s ", request->method);
	asb_print_safely(stderr, transfer->http->kubeconfig->server);
	asb_print_safely(stderr, request->path);
	if (code == CURLE_OK)
		fprintf(stderr, " %ld in %lld ms\n", status, (long long)(took_us / 1000));
	else
		fprintf(stderr, " %s in %lld ms\n", curl_easy_strerror(code),
			(long long)(took_us / 1000));
	if (level(transfer) >= HEADERS)
		print_answer_headers(transfer);
	if (level(transfer) >= BODIES)
		print_body(transfer, "response", request->response.data, request->response.length);
}
