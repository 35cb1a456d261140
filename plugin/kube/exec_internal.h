/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_internal.h - what the files of the exec stream share (and their unit test looks at).
 *
 *   exec.c          life of a stream: thread, socketpair, result
 *   exec_thread.c   the thread: connects, waits to be asked, upgrades
 *   exec_wire.c     the thread: bytes both ways between the WebSocket and the socketpair
 *   exec_upgrade.c  the upgrade's request and the answer to it
 *   exec_channel.c  messages -> channels, and the Status that ends a stream
 */
#ifndef ASB_EXEC_INTERNAL_H
#define ASB_EXEC_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buffer.h"
#include "plugin/kube/exec.h"
#include "plugin/kube/http_stream.h"
#include "plugin/kube/websocket.h"

#define ASB_EXEC_PROTOCOLS "v5.channel.k8s.io,v4.channel.k8s.io"
#define ASB_EXEC_PATH_MAX 8192	/* proxies and servers take no request lines of any length */
#define ASB_EXEC_HEAD_MAX 65536 /* of the answer's head, and of the body of a refusal */
#define ASB_EXEC_MESSAGE 65535	/* largest message we send, channel byte included */
#define ASB_EXEC_STDERR 4096	/* kept of what the remote process writes on stderr */
#define ASB_EXEC_STATUS 65536	/* kept of the Status */
#define ASB_EXEC_PING_MS 15000	/* silence after which a WebSocket ping is sent */
#define ASB_EXEC_CLOSE_MS                                                       \
	5000 /* from the Status, the last that is said, until the server closes \
	      */
#define ASB_EXEC_CONNECT_MS 30000

enum asb_exec_channel {
	ASB_EXEC_STDIN_CHANNEL = 0,
	ASB_EXEC_STDOUT_CHANNEL = 1,
	ASB_EXEC_STDERR_CHANNEL = 2,
	ASB_EXEC_STATUS_CHANNEL = 3,
};

/* --- exec_upgrade.c --- */

struct asb_exec_request {	/* zeroed is empty */
	struct asb_buffer text; /* the whole HTTP request; secret */
	char key[ASB_WEBSOCKET_KEY];
};

/* `host` and `prefix` as http_stream.h has them. Takes the credentials as they are now. */
int asb_exec_request_init(struct asb_exec_request *request, const struct asb_kubeconfig *kubeconfig,
			  const struct asb_exec_target *target, const char *host,
			  const char *prefix, struct asb_error *err);
void asb_exec_request_release(struct asb_exec_request *request);

enum asb_exec_verdict {
	ASB_EXEC_MORE,	   /* the answer isn't whole yet */
	ASB_EXEC_UPGRADED, /* what follows its head is the WebSocket's */
	ASB_EXEC_REFUSED,  /* status and body say why */
	ASB_EXEC_NO_ANSWER /* problem says what it is instead */
};

struct asb_exec_answer {
	enum asb_exec_verdict verdict;
	int status;
	size_t head;		/* bytes of the head */
	struct asb_buffer body; /* of a refusal; owned */
	const char *problem;
};

/* Judges all n bytes that have come so far as the answer to a request with that key; `ended`: no
 * more will. out->body must be initialized, and is filled only for a refusal. Pure. */
void asb_exec_answer_read(struct asb_exec_answer *out, const char *bytes, size_t n, bool ended,
			  const char *key);

/* --- exec_channel.c --- */

struct asb_exec_status {
	bool valid; /* it was a Status */
	bool success;
	int exit_code; /* of the remote process, -1 when it does not say */
	char message[512];
};

/* Reads the JSON of channel 3 (metav1.Status). */
struct asb_exec_status asb_exec_status_read(const char *bytes, size_t n);

/* --- the stream --- */

/* How far a stream came, and why it ended. */
struct asb_exec_outcome {
	bool established;
	int http;		       /* status of a refused upgrade */
	struct asb_buffer refusal;     /* and its body */
	struct asb_error unconnected;  /* no connection came to be */
	char problem[256];	       /* "" when the stream was closed in order */
	struct asb_buffer diagnostics; /* channel 2 */
	struct asb_buffer status;      /* channel 3 */
};

struct asb_exec {
	int fd;	     /* the caller's end of the socketpair */
	int local;   /* ours; the thread's until it has been joined */
	int wake[2]; /* a pipe: a byte comes when `asked` is set */
	const struct asb_kubeconfig *kubeconfig;
	struct asb_http_stream *stream; /* the thread's until it has been joined */
	unsigned generation;		/* of the credentials that it shows */
	int connect_timeout_ms;
	pthread_t thread;
	bool joined;

	pthread_mutex_t lock; /* of the following until the thread has seen them */
	bool asked;
	int64_t deadline; /* monotonic: of connecting and upgrade */
	struct asb_exec_request request;

	char *pod;			 /* NULL until it was asked for */
	struct asb_exec_outcome outcome; /* the thread's until it has been joined */
};

/* --- exec_thread.c --- */

/* The thread: connects, waits until it is asked, serves and ends when the stream is over or the
 * caller's end is shut. */
void *asb_exec_thread(void *exec);

/* --- exec_wire.c --- */

/* Keeps the first problem that is told. */
void asb_exec_problem(struct asb_exec *exec, const char *text);

/* Serves the established stream, of which n bytes have come already, until it is over. */
void asb_exec_serve(struct asb_exec *exec, const char *bytes, size_t n);

#endif
