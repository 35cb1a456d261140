/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_parts.h - what the http*.c files share, the only ones that know libcurl; nobody else
 * includes it.
 *
 *   http.c         the client, its requests and its loop
 *   http_target.c  base URL, proxy, tls-server-name
 *   http_setup.c   a request's options
 *   http_trace.c   what -v tells of requests
 *   http_error.c   a failure's words
 */
#ifndef ASB_HTTP_PARTS_H
#define ASB_HTTP_PARTS_H

#include <curl/curl.h>

#include "plugin/kube/http.h"
#include "plugin/kube/warning.h"

#define ASB_RESPONSE_LIMIT (64u << 20)

struct asb_transfer {
	struct asb_http *http;
	struct asb_http_request *request;
	CURL *easy;
	struct curl_slist *headers; /* secret */
	char detail[CURL_ERROR_SIZE];
	bool too_large, broken_off;
	bool ended; /* with `result` */
	CURLcode result;
	bool again;	     /* with credentials that were renewed */
	unsigned generation; /* of the credentials that it carries */
	struct asb_transfer *next;
};

struct asb_http {
	const struct asb_kubeconfig *kubeconfig;
	CURLM *multi;
	char *base;		       /* what is put before a request's path */
	char *host_header;	       /* with tls-server-name, else NULL */
	struct curl_slist *connect_to; /* likewise */
	char *proxy;		       /* NULL: none */
	struct asb_buffer authorization;
	int64_t authorization_ms; /* when it was made, and from which credentials */
	unsigned authorization_generation;
	unsigned refused_generation; /* the last credentials that the server refused */
	struct asb_warnings warnings;
	struct asb_transfer *running;
	struct curl_waitfd *waitfds;
	unsigned waitfd_room;
	bool launched;	   /* a transfer that was not moved yet */
	unsigned progress; /* requests done and pieces handed on since poll began */
	int64_t clock_offset_ms;
	int interrupt_fd; /* borrowed; -1: none */
};

/* Fills base, host_header, connect_to and the proxy. */
int asb_http_set_target(struct asb_http *http, struct asb_error *err);

/* Sets all options of transfer->easy. -1 when libcurl lacks one that must not be missing. */
int asb_transfer_set_up(struct asb_transfer *transfer, const char *url);
/* Overwrites the texts first, since one of them may be a token. */
void asb_transfer_free_headers(struct curl_slist *headers);

/* Tells on stderr what was asked and answered, as the verbosity wants it: 6 the URL, status and
 * time, 7 headers, 8 the beginning of the bodies, 9 more and 10 all of them. Secrets are
 * "<masked>". */
void asb_trace_request(const struct asb_transfer *transfer);
void asb_trace_answer(const struct asb_transfer *transfer, CURLcode code);

/* Sets the error for a transfer that ended with `code`. Returns -1. */
int asb_transfer_explain(const struct asb_transfer *transfer, CURLcode code, struct asb_error *err);

#endif
