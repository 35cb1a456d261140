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
static int use_tls_server_name(struct asb_http_target *target, CURLU *url, const char *name)
{
	char *renamed = NULL;
	int rc = -1;

	if (curl_url_set(url, CURLUPART_HOST, name, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_URL, &renamed, 0) == CURLUE_OK) {
		ASB_TEXT address = asb_strf("::%s", target->host);
		size_t n = strlen(renamed);

		if (n > 0 && renamed[n - 1] == '/')
			renamed[n - 1] = '\0';
		free(target->base);
		target->base = asb_strdup(renamed);
		target->host_header = asb_strf("Host: %s", target->host);
		target->connect_to = curl_slist_append(NULL, address);
		rc = 0;
	}
	curl_free(renamed);
	return rc;
}

/* Host, port and path prefix of the server's address. */
static int take_address(struct asb_http_target *target, CURLU *url)
{
	char *host = NULL, *port = NULL, *path = NULL;
	int rc = -1;

	if (curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && host != NULL &&
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK) {
		size_t n = strlen(path);

		while (n > 0 && path[n - 1] == '/')
			n--;
		target->host = asb_strf("%s:%s", host, port);
		target->prefix = asb_strndup(path, n);
		rc = 0;
	}
	curl_free(host);
	curl_free(port);
	curl_free(path);
	return rc;
}

int asb_http_target_init(struct asb_http_target *target, const struct asb_kubeconfig *kubeconfig,
			 struct asb_error *err)
{
	bool tls = strncmp(kubeconfig->server, "https:", 6) == 0;
	CURLU *url = curl_url();
	int rc = -1;

	*target = (struct asb_http_target){.base = asb_strdup(kubeconfig->server)};
	if (curl_url_set(url, CURLUPART_URL, kubeconfig->server, 0) != CURLUE_OK ||
	    take_address(target, url) != 0) {
		asb_fail(err, "server address %s is not a usable URL", kubeconfig->server);
		goto out;
	}
	/* libcurl would look at the environment by itself, but in another way. */
	if (asb_proxy_choose(kubeconfig, &target->proxy, err) != 0)
		goto out;
	if (tls && kubeconfig->tls_server_name != NULL &&
	    use_tls_server_name(target, url, kubeconfig->tls_server_name) != 0) {
		asb_fail(err, "tls-server-name \"%s\" is not a host name",
			 kubeconfig->tls_server_name);
		goto out;
	}
	rc = 0;
out:
	curl_url_cleanup(url);
	return rc;
}

void asb_http_target_release(struct asb_http_target *target)
{
	curl_slist_free_all(target->connect_to);
	asb_free_secret(target->proxy);
	free(target->host_header);
	free(target->host);
	free(target->prefix);
	free(target->base);
	*target = (struct asb_http_target){0};
}
