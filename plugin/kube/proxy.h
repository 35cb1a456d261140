/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy.h - through which proxy the API server is reached, for requests and exec streams alike.
 *
 * The cluster's proxy-url, whatever $NO_PROXY says; else $HTTPS_PROXY ($HTTP_PROXY for an http://
 * server), in lower case too, unless $NO_PROXY names the server or it is on this machine (Go
 * net/http ProxyFromEnvironment, golang.org/x/net/http/httpproxy).
 */
#ifndef ASB_PROXY_H
#define ASB_PROXY_H

#include "plugin/kube/kubeconfig.h"

/*
 * "http://[user:password@]host:port", "https://..." or "socks5h://..." (the proxy resolves names),
 * always with a port; heap, secret. *url is NULL when the connection is direct. -1 for an address
 * in the environment that is none.
 */
int asb_proxy_choose(const struct asb_kubeconfig *kubeconfig, char **url, struct asb_error *err);

/* The same without user and password, for messages; heap, NULL: direct, or not usable. */
char *asb_proxy_shown(const struct asb_kubeconfig *kubeconfig);

/* Where its address comes from: "proxy-url", "$HTTPS_PROXY" or "$HTTP_PROXY". */
const char *asb_proxy_source(const struct asb_kubeconfig *kubeconfig);

/*
 * Does a $NO_PROXY list name this host? Its entries, separated by commas, are names (which stand
 * for what is below them, too), ".name" and "*.name" (only what is below), addresses, CIDR blocks
 * and "*", each but the last two with an optional port. Loopback is on no list, and never asks a
 * proxy. `host` has no brackets.
 */
bool asb_proxy_bypassed(const char *list, const char *host, int port);

#endif
