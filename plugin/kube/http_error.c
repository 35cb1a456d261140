/* SPDX-License-Identifier: Apache-2.0 */
/* http_error.c - why no answer came, in the user's words. */
#include <errno.h>
#include <string.h>

#include "plugin/base/options.h"
#include "plugin/kube/http_parts.h"
#include "plugin/kube/http_proxy.h"

/* --- no connection ---------------------------------------------------------------------------- */

static int explain_refused(CURL *easy, const char *detail, const struct asb_kubeconfig *kubeconfig,
			   struct asb_error *err)
{
	long code = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &code);
	errno = (int)code;
	if (code == 0)
		return asb_fail(err, "cannot connect to %s: %s", kubeconfig->server, detail);
	if (code != ECONNREFUSED)
		return asb_fail_errno(err, "cannot connect to %s", kubeconfig->server);
	asb_fail(err, "cannot connect to %s: connection refused", kubeconfig->server);
	if (kubeconfig->cluster == NULL)
		return -1;
	return asb_hint(err,
			"is the API server running? its address is that of cluster \"%s\" in the "
			"kubeconfig; choose another with --context",
			kubeconfig->cluster);
}

static int explain_tls(CURLcode code, const char *detail, const struct asb_kubeconfig *kubeconfig,
		       struct asb_error *err)
{
	if (code == CURLE_SSL_CERTPROBLEM)
		return asb_fail(err,
				"the client certificate or key of user \"%s\" can't be used: %s",
				kubeconfig->user == NULL ? "" : kubeconfig->user, detail);
	if (code == CURLE_SSL_CONNECT_ERROR) {
		asb_fail(err, "TLS with %s failed: %s", kubeconfig->server, detail);
		return asb_hint(err, "is it an https:// server at all, and does it accept the "
				     "client certificate?");
	}
	if (code == CURLE_SSL_CACERT_BADFILE)
		return asb_fail(err, "the certificate-authority of the cluster can't be used: %s",
				detail);
	asb_fail(err, "TLS verification of %s failed: %s", kubeconfig->server, detail);
	return asb_hint(err, "certificate-authority must be the CA that signed the server's "
			     "certificate, and the certificate must be for the server's name (or "
			     "tls-server-name); insecure-skip-tls-verify gives up this protection");
}

static bool connected(CURL *easy)
{
	curl_off_t us = 0;

	curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &us);
	return us != 0;
}

bool asb_connect_explain(CURL *easy, CURLcode code, const char *detail,
			 const struct asb_kubeconfig *kubeconfig, struct asb_error *err)
{
	if (asb_proxy_explain(easy, code, detail, kubeconfig, err))
		return true;
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		explain_refused(easy, detail, kubeconfig, err);
		return true;
	case CURLE_COULDNT_RESOLVE_HOST:
		asb_fail(err, "cannot connect to %s: name not resolved", kubeconfig->server);
		asb_hint(err, "is the name right, and does DNS work (VPN)?");
		return true;
	case CURLE_OPERATION_TIMEDOUT:
		if (connected(easy))
			return false;
		asb_fail(err, "cannot connect to %s: timed out", kubeconfig->server);
		asb_hint(err, "is the API server reachable from here (network, VPN, firewall)?");
		return true;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		explain_tls(code, detail, kubeconfig, err);
		return true;
	default:
		return false;
	}
}

/* --- no answer -------------------------------------------------------------------------------- */

static int explain_silence(const struct asb_transfer *transfer, struct asb_error *err)
{
	const struct asb_kubeconfig *kubeconfig = transfer->http->kubeconfig;
	char took[32];

	return asb_fail(err, "no answer from %s within %s", kubeconfig->server,
			asb_duration_format(kubeconfig->request_timeout_ms > 0
						    ? kubeconfig->request_timeout_ms
						    : transfer->request->timeout_ms,
					    took));
}

/* Turns curl's result into words for the user. */
int asb_transfer_explain(const struct asb_transfer *transfer, CURLcode code, struct asb_error *err)
{
	const struct asb_kubeconfig *kubeconfig = transfer->http->kubeconfig;
	const char *server = kubeconfig->server;
	const char *detail =
		transfer->detail[0] != '\0' ? transfer->detail : curl_easy_strerror(code);

	if (transfer->broken_off)
		return asb_fail(err, "the answer of %s was not read to its end", server);
	if (transfer->too_large)
		return asb_fail(err, "the answer of %s is larger than %u MiB", server,
				ASB_RESPONSE_LIMIT >> 20);
	if (asb_connect_explain(transfer->easy, code, detail, kubeconfig, err))
		return -1;
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return explain_silence(transfer, err);
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return asb_fail(err, "connection to %s lost: %s", server, detail);
	default:
		return asb_fail(err, "request to %s failed: %s", server, detail);
	}
}
