/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_stream.h - a connection to the API server for who speaks himself: TCP, proxy and TLS are
 * those of requests (http.h), what is said on it is the caller's (HTTP/1.1 is agreed on by ALPN).
 *
 * Nothing blocks but asb_http_stream_wait. After asb_http_stream_new a stream belongs to one thread
 * at a time.
 */
#ifndef ASB_HTTP_STREAM_H
#define ASB_HTTP_STREAM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "plugin/base/error.h"
#include "plugin/kube/kubeconfig.h"

struct asb_http_stream;

/* Takes the credentials as they are now (asb_kubeconfig_authenticate). No connection is made yet.
 * kubeconfig must outlive the stream. */
struct asb_http_stream *asb_http_stream_new(const struct asb_kubeconfig *kubeconfig,
					    struct asb_error *err);
void asb_http_stream_free(struct asb_http_stream *stream); /* NULL is legal */

/* "10.0.0.1:6443": the Host header; and the path before every path, "" without one. */
const char *asb_http_stream_host(const struct asb_http_stream *stream);
const char *asb_http_stream_prefix(const struct asb_http_stream *stream);

/* Begins to connect; again, it gives up the connection that was there before. */
void asb_http_stream_connect(struct asb_http_stream *stream, int timeout_ms);

/*
 * Moves the connecting on, until it is done or has failed, one of the descriptors is ready (revents
 * set) or timeout_ms (-1: for ever) has passed. 1: connected; 0: not yet; -1: failed, err says why.
 */
int asb_http_stream_wait(struct asb_http_stream *stream, struct pollfd *fds, unsigned n,
			 int timeout_ms, struct asb_error *err);

/* To be polled once it is connected: POLLIN and POLLOUT, after a call has returned 0. */
int asb_http_stream_fd(const struct asb_http_stream *stream);

/*
 * > 0: so many bytes. 0: not now. -1: the connection is gone or at its end. What was not sent must
 * be tried again with the same bytes in the same place before others are. Reading goes on until 0:
 * poll(2) does not tell of what has been decrypted already.
 */
ssize_t asb_http_stream_send(struct asb_http_stream *stream, const void *bytes, size_t n);
ssize_t asb_http_stream_recv(struct asb_http_stream *stream, void *bytes, size_t n);

#endif
