/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec.h - an exec stream to a container as a plain descriptor.
 *
 * The WebSocket (subprotocol v5.channel.k8s.io, then v4; k8s.io/streaming remotecommand) is served
 * by a thread of its own which does nothing else. What the remote process writes on stdout can be
 * read from asb_exec_fd, what is written there arrives on its stdin. The descriptor is one end of a
 * socketpair: it can be polled, it pushes back in both directions, and it reads end of file when
 * the stream is over, for whatever reason. stdin of the remote process is never closed while the
 * stream lives. TLS is identical with the REST side: same CA, certificate, server name,
 * verification. So are credentials, impersonation and the proxy (http_stream.h).
 */
#ifndef ASB_EXEC_H
#define ASB_EXEC_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/base/error.h"
#include "plugin/kube/kubeconfig.h"

struct asb_exec;

struct asb_exec_target {
	const char *namespace_;
	const char *pod;
	const char *container;
	const char *const *argv; /* NULL-ended, constant and short: it travels in the URL */
	int connect_timeout_ms;	 /* 0: 30 s */
};

/* Starts connecting and returns at once. kubeconfig must outlive the stream. NULL only for a
 * request that can't be made (URL too long ...). */
struct asb_exec *asb_exec_open(const struct asb_kubeconfig *kubeconfig,
			       const struct asb_exec_target *target, struct asb_error *err);

/*
 * The same in two steps: connects (TCP, proxy, TLS) before it is known where the stream is to lead,
 * then asks for it on the same connection. A connection that failed or that the server has closed
 * meanwhile is made anew without a word. After asb_exec_prepare asb_exec_fd is valid and silent;
 * asb_exec_ask may be called once, and asb_exec_result only after it. -1: a request that can't be
 * made.
 */
struct asb_exec *asb_exec_prepare(const struct asb_kubeconfig *kubeconfig, struct asb_error *err);
int asb_exec_ask(struct asb_exec *exec, const struct asb_exec_target *target,
		 struct asb_error *err);
/* False: other credentials than those it was prepared with are valid by now. */
bool asb_exec_is_current(const struct asb_exec *exec);

/* Non-blocking, close-on-exec; owned by the stream. */
int asb_exec_fd(const struct asb_exec *exec);

/*
 * To be called once asb_exec_fd has read end of file (or never opened). Returns 0 when the remote
 * process ended with exit code 0 and the stream was closed in order. Else -1: err tells why -
 * refused upgrade (err->http and the Status message where the server gave one), connection lost,
 * remote exit code, plus what the remote process wrote on stderr (at most 4 KiB).
 */
int asb_exec_result(struct asb_exec *exec, struct asb_error *err);

/* After asb_exec_result: whether the stream came to be at all. When not, nothing has reached the
 * container. */
bool asb_exec_established(struct asb_exec *exec);

/* Ends the connection if it is still open, joins the thread, closes the descriptor. */
void asb_exec_close(struct asb_exec *exec);

/* The pure part, unit-tested and fuzzed: pieces of WebSocket messages in any cuts -> channel and
 * bytes (see exec_channel.c). */
struct asb_exec_demux {
	int channel; /* -1: the next byte is a channel number */
};
void asb_exec_demux_feed(struct asb_exec_demux *demux, const void *bytes, size_t n,
			 int message_start, int message_end,
			 void (*sink)(void *context, int channel, const void *bytes, size_t n),
			 void *context);

#endif
