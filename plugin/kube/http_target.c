/* SPDX-License-Identifier: Apache-2.0 */
/* http_target.c - where requests go: base URL, proxy, and the name the server must prove. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plugin/kube/http_parts.h"

/* 127.0.0.0/8, ::1 and localhost: Go's environment proxy leaves them alone, and so must we for
 * clusters on this machine. */
static bool loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	ASB_TEXT bare = asb_strdup(host[0] == '[' ? host + 1 : host);

	if (strcasecmp(bare, "localhost") == 0)
		return true;
	bare[strcspn(bare, "]")] = '\0';
	if (inet_pton(AF_INET, bare, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static const char *first_set(const char *a, const char *b)
{
	const char *value = getenv(a);

	if (value == NULL || value[0] == '\0')
		value = getenv(b);
	return value == NULL ? "" : value;
}

/* curl would look at the environment by itself, but at ALL_PROXY too and for loopback as well. */
static void choose_proxy(struct asb_http *http, const char *host)
{
	const char *url = http->kubeconfig->proxy_url;

	http->proxy_always = url != NULL;
	if (url == NULL && loopback(host))
		url = "";
	else if (url == NULL && strncmp(http->kubeconfig->server, "https:", 6) == 0)
		url = first_set("HTTPS_PROXY", "https_proxy");
	else if (url == NULL)
		url = first_set("HTTP_PROXY", "http_proxy");
	/* Go lets a SOCKS proxy resolve the name, which curl calls socks5h. */
	if (strncasecmp(url, "socks5://", 9) == 0)
		http->proxy = asb_strf("socks5h://%s", url + 9);
	else
		http->proxy = asb_strdup(url);
}

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
	choose_proxy(http, host);
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
