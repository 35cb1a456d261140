/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_parts.h - what the http*.c files share, the only ones that know libcurl; nobody else
 * includes it.
 *
 *   http.c         the client, its requests and its loop
 *   http_stream.c  a connection that is used as such, without requests
 *   http_target.c  base URL, proxy, tls-server-name
 *   http_connect.c how connections are made: the options that both have in common
 *   http_setup.c   the options of a request
 *   http_trace.c   what -v tells of requests
 *   http_error.c   a failure's words
 */
#ifndef ASB_HTTP_PARTS_H
#define ASB_HTTP_PARTS_H

#include <curl/curl.h>

#include "plugin/kube/http.h"
#include "plugin/kube/warning.h"

#define ASB_RESPONSE_LIMIT (64u << 20)
#define ASB_USER_AGENT "kubectl-agentsandbox/" ASB_VERSION

/* Where the API server is. All owned. */
struct asb_http_target {
	char *base;	   /* what is put before a request's path */
	char *host;	   /* "10.0.0.1:6443", "[fd00::1]:443": always with the port */
	char *prefix;	   /* path of the server's address, without a slash at its end; "" */
	char *host_header; /* "Host: ..." with tls-server-name, else NULL */
	struct curl_slist *connect_to; /* likewise */
	char *proxy;		       /* NULL: none; secret */
};

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
	struct asb_http_target target;
	struct asb_buffer authorization;
	int64_t authorization_ms; /* when it was made, and from which credentials */
	unsigned authorization_generation;
	unsigned refused_generation; /* the last credentials that the server refused */
	struct asb_warnings warnings;
	struct asb_transfer *running;
	struct curl_waitfd *waitfds;
	unsigned waitfd_room;
	bool launched;	      /* a transfer that was not moved yet */
	int64_t performed_ms; /* monotonic: when transfers were moved last */
	unsigned progress;    /* requests done and pieces handed on since poll began */
	int64_t clock_offset_ms;
	int interrupt_fd; /* borrowed; -1: none */
	void (*turn)(void *context);
	void *turn_context;
};

/* Release in any case. */
int asb_http_target_init(struct asb_http_target *target, const struct asb_kubeconfig *kubeconfig,
			 struct asb_error *err);
void asb_http_target_release(struct asb_http_target *target);

/* Whether the kubeconfig's own certificate and key can be used; those of a plugin have been looked
 * at. */
int asb_connect_check(const struct asb_kubeconfig *kubeconfig, struct asb_error *err);

/* Proxy, TLS, timeouts: what both requests and streams need to reach the server. -1 when libcurl
 * lacks what must not be missing. The kubeconfig is borrowed. */
int asb_connect_set_up(CURL *easy, const struct asb_http_target *target,
		       const struct asb_kubeconfig *kubeconfig);

/* Sets the error when `code` tells that the connection could not be made (proxy, name, TLS ...), in
 * the user's words; `detail` is that of curl. False, and nothing is set, when it tells other
 * things. */
bool asb_connect_explain(CURL *easy, CURLcode code, const char *detail,
			 const struct asb_kubeconfig *kubeconfig, struct asb_error *err);

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
