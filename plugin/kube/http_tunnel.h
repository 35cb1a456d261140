/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_tunnel.h - a connection through a proxy (http and https with CONNECT, socks5), for who can't
 * speak to proxies himself.
 *
 * A thread of its own makes it with libcurl, so that requests and tunnels treat proxies alike, and
 * carries bytes between it and one connection to a unix socket, in a folder that nobody else may
 * enter. The bytes are TLS between the user of the tunnel and the API server: the proxy sees none
 * of them.
 */
#ifndef ASB_HTTP_TUNNEL_H
#define ASB_HTTP_TUNNEL_H

#include "plugin/kube/kubeconfig.h"

struct asb_tunnel;

/* Starts connecting and returns at once. `proxy` as asb_proxy_choose has it; `host` without
 * brackets; `kubeconfig` must live as long as the tunnel. An https proxy is verified by the
 * system's authorities and the cluster's. */
struct asb_tunnel *asb_tunnel_open(const struct asb_kubeconfig *kubeconfig, const char *proxy,
				   const char *host, int port, int timeout_ms,
				   struct asb_error *err);

/* The path of the unix socket. */
const char *asb_tunnel_address(const struct asb_tunnel *tunnel);

/* Ends it if it still runs; -1 when it couldn't be made. */
int asb_tunnel_end(struct asb_tunnel *tunnel, struct asb_error *err);
void asb_tunnel_free(struct asb_tunnel *tunnel); /* NULL is legal */

#endif
