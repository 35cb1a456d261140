/* SPDX-License-Identifier: Apache-2.0 */
/* http_connect.c - how connections to the API server are made, for requests and streams alike: the
 * way there, whom to believe and who we are. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "plugin/kube/http_parts.h"
#include "plugin/kube/keypair.h"

#define CONNECT_TIMEOUT_MS 15000L
#define DEAD_PEER_MS 30000u

int asb_connect_check(const struct asb_kubeconfig *kubeconfig, struct asb_error *err)
{
	if (kubeconfig->client_certificate_pem == NULL || kubeconfig->client_key_pem == NULL ||
	    asb_keypair_check(kubeconfig->client_certificate_pem, kubeconfig->client_key_pem,
			      err) == 0)
		return 0;
	return asb_wrap(err, "user \"%s\"", kubeconfig->user == NULL ? "" : kubeconfig->user);
}

/* A peer that stops acknowledging is given up long before the kernel would do it: the connection
 * serves all requests and outlives their own timeouts. And no child inherits it. */
static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
	unsigned ms = DEAD_PEER_MS;

	(void)context;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef TCP_USER_TIMEOUT
	if (purpose == CURLSOCKTYPE_IPCXN)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
#else
	(void)ms;
	(void)purpose;
#endif
	return CURL_SOCKOPT_OK;
}

static struct curl_blob borrowed_blob(char *text)
{
	return (struct curl_blob){text, strlen(text), CURL_BLOB_NOCOPY};
}

/* A plugin's may be replaced while the transfer runs. */
static struct curl_blob copied_blob(const char *text)
{
	return (struct curl_blob){(char *)(uintptr_t)text, strlen(text), CURL_BLOB_COPY};
}

/* An https proxy may be one of the cluster's, or of the world's. */
static void trust_proxy(CURL *easy, const struct asb_kubeconfig *kubeconfig)
{
	if (kubeconfig->insecure_skip_tls_verify) {
		curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 0L);
	} else if (kubeconfig->ca_pem != NULL) {
		struct curl_blob ca = borrowed_blob(kubeconfig->ca_pem);

		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO_BLOB, &ca);
	}
}

/* With a CA of its own the cluster is believed by that one alone. */
static CURLcode trust_server(CURL *easy, const struct asb_kubeconfig *kubeconfig)
{
	struct curl_blob ca;

	if (kubeconfig->ca_pem == NULL && !kubeconfig->insecure_skip_tls_verify)
		return CURLE_OK;
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	if (kubeconfig->insecure_skip_tls_verify) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	ca = borrowed_blob(kubeconfig->ca_pem);
	return curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
}

static CURLcode show_identity(CURL *easy, const struct asb_kubeconfig *kubeconfig)
{
	struct curl_blob certificate, key;
	CURLcode code;

	if (asb_kubeconfig_certificate(kubeconfig) == NULL ||
	    asb_kubeconfig_key(kubeconfig) == NULL)
		return CURLE_OK;
	certificate = copied_blob(asb_kubeconfig_certificate(kubeconfig));
	key = copied_blob(asb_kubeconfig_key(kubeconfig));
	curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
	curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
	curl_easy_setopt(easy, CURLOPT_KEYPASSWD, ""); /* never ask on the terminal */
	code = curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &certificate);
	return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
}

int asb_connect_set_up(CURL *easy, const struct asb_http_target *target,
		       const struct asb_kubeconfig *kubeconfig)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 15L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, target->connect_to);
	curl_easy_setopt(easy, CURLOPT_PROXY, target->proxy == NULL ? "" : target->proxy);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, ASB_USER_AGENT);
	trust_proxy(easy, kubeconfig);
	return trust_server(easy, kubeconfig) == CURLE_OK &&
			       show_identity(easy, kubeconfig) == CURLE_OK
		       ? 0
		       : -1;
}
