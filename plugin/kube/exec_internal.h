/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_internal.h - what the files of the exec stream share (and their unit test looks at).
 *
 *   exec.c          life of a stream: thread, socketpair, result
 *   exec_lws.c      the thread's side: libwebsockets and its callbacks
 *   exec_url.c      where to connect and what to ask for
 *   exec_tls.c      OpenSSL: trust, identity, the name that is verified
 *   exec_channel.c  messages -> channels, and the Status that ends a stream
 */
#ifndef ASB_EXEC_INTERNAL_H
#define ASB_EXEC_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "plugin/base/buffer.h"
#include "plugin/kube/exec.h"
#include "plugin/kube/http_tunnel.h"

#define ASB_EXEC_PROTOCOLS "v5.channel.k8s.io,v4.channel.k8s.io"
#define ASB_EXEC_PATH_MAX 1900 /* libwebsockets 4.1 cuts longer request lines without a word */
#define ASB_EXEC_HOST_MAX 120  /* likewise for the Host header */
#define ASB_EXEC_MESSAGE 65535 /* largest message we send, channel byte included */
#define ASB_EXEC_STDERR 4096   /* kept of what the remote process writes on stderr */
#define ASB_EXEC_STATUS 65536  /* kept of the Status */
#define ASB_EXEC_PING_S 15     /* silence after which a WebSocket ping is sent */
#define ASB_EXEC_CONNECT_MS 30000

enum asb_exec_channel {
	ASB_EXEC_STDIN_CHANNEL = 0,
	ASB_EXEC_STDOUT_CHANNEL = 1,
	ASB_EXEC_STDERR_CHANNEL = 2,
	ASB_EXEC_STATUS_CHANNEL = 3,
};

/* --- exec_url.c --- */

struct asb_exec_request { /* all owned */
	bool tls;
	char *host; /* address to connect to; an IPv6 literal without its brackets */
	int port;
	char *host_header;
	char *server_name;    /* verified, and asked for in the TLS handshake */
	char *path;	      /* with the server's prefix and the query */
	const char *api_path; /* borrowed: the part of path behind the prefix */
	char *authorization;  /* secret; NULL: none */
	char *proxy;	      /* as asb_proxy_choose has it, NULL: none; secret */
};

int asb_exec_request_init(struct asb_exec_request *request, const struct asb_kubeconfig *kubeconfig,
			  const struct asb_exec_target *target, struct asb_error *err);
void asb_exec_request_release(struct asb_exec_request *request);

/* --- exec_tls.c --- */

struct asb_exec_tls {
	struct ssl_ctx_st *context;
	const char *name; /* borrowed */
	bool insecure;
	char problem[160]; /* why the certificate was refused, else empty; the thread's */
};

int asb_exec_tls_init(struct asb_exec_tls *tls, const struct asb_kubeconfig *kubeconfig,
		      const char *name, struct asb_error *err);
void asb_exec_tls_release(struct asb_exec_tls *tls);

/* --- exec_channel.c --- */

struct asb_exec_status {
	bool valid; /* it was a Status */
	bool success;
	int exit_code; /* of the remote process, -1 when it does not say */
	char message[512];
};

/* Reads the JSON of channel 3 (metav1.Status). */
struct asb_exec_status asb_exec_status_read(const char *bytes, size_t n);

/* --- exec_lws.c --- */

/* How far a stream came, and why it ended. */
struct asb_exec_outcome {
	bool established;
	int http;		       /* status of a refused upgrade */
	char problem[256];	       /* "" when the stream was closed in order */
	struct asb_buffer diagnostics; /* channel 2 */
	struct asb_buffer status;      /* channel 3 */
};

struct asb_exec {
	int fd;	   /* the caller's end of the socketpair */
	int local; /* ours; the thread's until it has been joined */
	const struct asb_kubeconfig *kubeconfig;
	struct asb_exec_request request;
	struct asb_exec_tls tls;
	struct asb_tunnel *tunnel; /* NULL: no proxy */
	char *pod;
	int connect_timeout_ms;
	pthread_t thread;
	bool joined;
	struct asb_exec_outcome outcome; /* the thread's until it has been joined */
};

/* The thread: connects, serves and ends when the stream is over or the caller's end is shut. */
void *asb_exec_thread(void *exec);

#endif
