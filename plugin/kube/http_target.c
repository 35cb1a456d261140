/* SPDX-License-Identifier: Apache-2.0 */
/* http_target.c - where requests go: base URL, proxy, and the name the server must prove. */
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/http_parts.h"
#include "plugin/kube/proxy.h"

/*
 * tls-server-name is what the server's certificate must be for and what SNI says, while connection
 * and Host header stay with the server's own address: the URL gets the name, CONNECT_TO the
 * address.
 */
static int use_tls_server_name(struct asb_http *http, CURLU *url, const char *host)
{
	char *port = NULL, *renamed = NULL;
	int rc = -1;

	if (curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	    curl_url_set(url, CURLUPART_HOST, http->kubeconfig->tls_server_name, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_URL, &renamed, 0) == CURLUE_OK) {
		ASB_TEXT address = asb_strf("::%s:%s", host, port);
		size_t n = strlen(renamed);

		if (n > 0 && renamed[n - 1] == '/')
			renamed[n - 1] = '\0';
		free(http->base);
		http->base = asb_strdup(renamed);
		http->host_header = asb_strf("Host: %s:%s", host, port);
		http->connect_to = curl_slist_append(NULL, address);
		rc = 0;
	}
	curl_free(port);
	curl_free(renamed);
	return rc;
}

int asb_http_set_target(struct asb_http *http, struct asb_error *err)
{
	const struct asb_kubeconfig *kubeconfig = http->kubeconfig;
	bool tls = strncmp(kubeconfig->server, "https:", 6) == 0;
	CURLU *url = curl_url();
	char *host = NULL;
	int rc = -1;

	http->base = asb_strdup(kubeconfig->server);
	if (curl_url_set(url, CURLUPART_URL, kubeconfig->server, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || host == NULL) {
		asb_fail(err, "server address %s is not a usable URL", kubeconfig->server);
		goto out;
	}
	/* libcurl would look at the environment by itself, but in another way. */
	if (asb_proxy_choose(kubeconfig, &http->proxy, err) != 0)
		goto out;
	if (tls && kubeconfig->tls_server_name != NULL &&
	    use_tls_server_name(http, url, host) != 0) {
		asb_fail(err, "tls-server-name \"%s\" is not a host name",
			 kubeconfig->tls_server_name);
		goto out;
	}
	rc = 0;
out:
	curl_free(host);
	curl_url_cleanup(url);
	return rc;
}
