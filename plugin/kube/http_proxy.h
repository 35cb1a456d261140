/* SPDX-License-Identifier: Apache-2.0 */
/* http_proxy.h - what went wrong between us and a proxy, for requests and streams alike. */
#ifndef ASB_HTTP_PROXY_H
#define ASB_HTTP_PROXY_H

#include <curl/curl.h>

#include "plugin/kube/kubeconfig.h"

/*
 * Says why a transfer that asb_proxy_choose gave a proxy ended with `code`, when that happened on
 * the way to the proxy or at it. False, and nothing is set, when the API server was reached or the
 * failure has another cause. `detail` is curl's own text. The address is shown without password.
 */
bool asb_proxy_explain(CURL *easy, CURLcode code, const char *detail,
		       const struct asb_kubeconfig *kubeconfig, struct asb_error *err);

#endif
