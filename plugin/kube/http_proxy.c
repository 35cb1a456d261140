/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/http_proxy.h"

#include <string.h>

#include "plugin/kube/proxy.h"

/* A failure as its words are made. */
struct failure {
	const struct asb_kubeconfig *kubeconfig;
	const char *proxy; /* without password */
	const char *source;
	const char *detail;
	long answer;   /* HTTP status of its answer to CONNECT; 0: none */
	long os_error; /* errno of connect(2); 0: none */
};

static int fail(const struct failure *failure, const char *why, struct asb_error *err)
{
	return asb_fail(err, "cannot connect to %s through the proxy %s: %s",
			failure->kubeconfig->server, failure->proxy, why);
}

static void explain_unreachable(const struct failure *failure, const char *why,
				struct asb_error *err)
{
	fail(failure, why, err);
	asb_hint(err,
		 "is the proxy running, reachable from here and of that kind? its address is that "
		 "of %s",
		 failure->source);
}

static void explain_tls(const struct failure *failure, struct asb_error *err)
{
	fail(failure, failure->detail, err);
	asb_wrap(err, "TLS with the proxy failed");
	asb_hint(err,
		 "does it speak TLS at all (%s says https)? its certificate must be for its "
		 "name, and signed by the cluster's certificate-authority or, where there is "
		 "none, by one of the system's",
		 failure->source);
}

/* What curl says when a socks5 proxy wants a name and a password, or other ones. */
static bool is_login(const struct failure *failure)
{
	return failure->answer == 407 || failure->answer == 401 ||
	       strstr(failure->detail, "No authentication method") != NULL ||
	       strstr(failure->detail, "User was rejected") != NULL;
}

static void explain_refusal(const struct failure *failure, struct asb_error *err)
{
	ASB_TEXT status = asb_strf("it answered with HTTP status %ld", failure->answer);

	if (is_login(failure)) {
		fail(failure, "it wants a user and a password, or others than these", err);
		asb_hint(err,
			 "both belong into %s, as in http://USER:PASSWORD@HOST:PORT (what isn't a "
			 "letter or a digit as %%XX)",
			 failure->source);
	} else if (failure->answer == 403) {
		fail(failure, "it forbids that (HTTP status 403)", err);
		asb_hint(err, "its rules must allow CONNECT to the API server's address and port");
	} else if (failure->answer != 0) {
		fail(failure, status, err);
		asb_hint(err, "does the proxy reach the API server?");
	} else {
		fail(failure, failure->detail, err);
		asb_hint(err, "is it a proxy of that kind? its address is that of %s",
			 failure->source);
	}
}

/* Every code that the way to a proxy may end with; false for others. */
static bool explain(const struct failure *failure, CURLcode code, struct asb_error *err)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
		explain_unreachable(failure, "its name is not resolved", err);
		return true;
	case CURLE_COULDNT_CONNECT:
		explain_unreachable(failure,
				    failure->os_error != 0 ? strerror((int)failure->os_error)
							   : failure->detail,
				    err);
		return true;
	case CURLE_OPERATION_TIMEDOUT:
		explain_unreachable(failure, "timed out", err);
		return true;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		if (strncmp(failure->proxy, "https:", 6) != 0)
			return false;
		explain_tls(failure, err);
		return true;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PROXY:
		explain_refusal(failure, err);
		return true;
	default:
		return false;
	}
}

bool asb_proxy_explain(CURL *easy, CURLcode code, const char *detail,
		       const struct asb_kubeconfig *kubeconfig, struct asb_error *err)
{
	ASB_TEXT proxy = asb_proxy_shown(kubeconfig);
	struct failure failure = {.kubeconfig = kubeconfig, .proxy = proxy, .detail = detail};
	curl_off_t secured = 0;

	if (proxy == NULL)
		return false;
	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &failure.answer);
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &failure.os_error);
	curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &secured);
	/* Behind it: TLS with the API server, and everything after. */
	if (secured > 0 || failure.answer / 100 == 2)
		return false;
	failure.source = asb_proxy_source(kubeconfig);
	return explain(&failure, code, err);
}
