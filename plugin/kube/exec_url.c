/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "plugin/base/buffer.h"
#include "plugin/kube/exec_internal.h"
#include "plugin/kube/proxy.h"

/* --- the server ------------------------------------------------------------------------------- */

/* Takes "https://" off the front of *url. */
static int take_scheme(struct asb_exec_request *request, const char **url, struct asb_error *err)
{
	if (strncasecmp(*url, "https://", 8) == 0) {
		request->tls = true;
		*url += 8;
		return 0;
	}
	if (strncasecmp(*url, "http://", 7) == 0) {
		request->tls = false;
		*url += 7;
		return 0;
	}
	return asb_fail(err, "server %s is neither https:// nor http://", *url);
}

static int take_port(struct asb_exec_request *request, const char *text, size_t n)
{
	char *end = NULL;
	long port;

	if (n == 0)
		return 0;
	port = strtol(text, &end, 10);
	if (end != text + n || text[0] < '0' || text[0] > '9' || port < 1 || port > 65535)
		return -1;
	request->port = (int)port;
	return 0;
}

/* Takes "host", "host:port", "[v6]" or "[v6]:port": the n bytes of `text`. */
static int take_authority(struct asb_exec_request *request, const char *text, size_t n)
{
	const char *close = text[0] == '[' ? memchr(text, ']', n) : NULL;
	const char *colon = close != NULL ? close + 1 : memchr(text, ':', n);

	if (text[0] == '[' && close == NULL)
		return -1;
	if (colon == NULL || colon == text + n)
		colon = text + n;
	else if (*colon != ':' ||
		 take_port(request, colon + 1, (size_t)(text + n - colon) - 1) != 0)
		return -1;
	request->host = close != NULL ? asb_strndup(text + 1, (size_t)(close - text) - 1)
				      : asb_strndup(text, (size_t)(colon - text));
	if (request->host[0] == '\0' || strlen(request->host) > ASB_EXEC_HOST_MAX ||
	    memchr(text, '@', n) != NULL)
		return -1;
	return 0;
}

/* Returns the server's path prefix, "" without one; NULL when the URL can't be understood. */
static const char *take_server(struct asb_exec_request *request, const char *url,
			       struct asb_error *err)
{
	const char *rest = url;
	size_t n;

	if (take_scheme(request, &rest, err) != 0)
		return NULL;
	n = strcspn(rest, "/?#");
	request->port = request->tls ? 443 : 80;
	if (take_authority(request, rest, n) != 0) {
		asb_fail(err, "server %s is not understood", url);
		return NULL;
	}
	request->host_header = asb_strf(strchr(request->host, ':') != NULL ? "[%s]:%d" : "%s:%d",
					request->host, request->port);
	return rest + n;
}

/* A name that would make the path another one. */
static bool is_path(const char *name)
{
	return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* --- the request ------------------------------------------------------------------------------ */

static int build_path(struct asb_exec_request *request, const char *prefix,
		      const struct asb_exec_target *target, struct asb_error *err)
{
	struct asb_buffer path = ASB_BUFFER_INIT;
	size_t prefix_length = strcspn(prefix, "?#");

	if (is_path(target->namespace_) || is_path(target->pod))
		return asb_fail(err, "namespace \"%s\" or pod \"%s\" is no name",
				target->namespace_, target->pod);
	while (prefix_length > 0 && prefix[prefix_length - 1] == '/')
		prefix_length--;
	asb_buffer_add(&path, prefix, prefix_length);
	asb_buffer_addstr(&path, "/api/v1/namespaces/");
	asb_buffer_add_url(&path, target->namespace_);
	asb_buffer_addstr(&path, "/pods/");
	asb_buffer_add_url(&path, target->pod);
	asb_buffer_addstr(&path, "/exec?container=");
	asb_buffer_add_url(&path, target->container);
	for (size_t i = 0; target->argv[i] != NULL; i++) {
		asb_buffer_addstr(&path, "&command=");
		asb_buffer_add_url(&path, target->argv[i]);
	}
	/* stdin is always asked for: runtimes exist that lose output without it. */
	asb_buffer_addstr(&path, "&stdin=true&stdout=true&stderr=true");
	request->path = asb_buffer_steal(&path);
	request->api_path = request->path + prefix_length;
	if (strlen(request->path) > ASB_EXEC_PATH_MAX)
		return asb_fail(err, "the request for the exec stream is longer than %d bytes",
				ASB_EXEC_PATH_MAX);
	return 0;
}

static char *basic(const char *username, const char *password)
{
	ASB_TEXT pair = asb_strf("%s:%s", username, password != NULL ? password : "");
	size_t n = strlen(pair);
	ASB_TEXT encoded = asb_malloc(n / 3 * 4 + 5);
	char *value;

	EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)pair, (int)n);
	value = asb_strf("Basic %s", encoded);
	asb_wipe(pair, n);
	asb_wipe(encoded, strlen(encoded));
	return value;
}

static char *authorization(const struct asb_kubeconfig *kubeconfig)
{
	struct asb_buffer token = ASB_BUFFER_INIT;
	char *value = NULL;

	asb_kubeconfig_token(kubeconfig, &token);
	if (token.length > 0)
		value = asb_strf("Bearer %s", token.data);
	asb_buffer_release_secret(&token);
	if (value != NULL)
		return value;
	if (kubeconfig->username != NULL)
		return basic(kubeconfig->username, kubeconfig->password);
	return NULL;
}

int asb_exec_request_init(struct asb_exec_request *request, const struct asb_kubeconfig *kubeconfig,
			  const struct asb_exec_target *target, struct asb_error *err)
{
	const char *prefix;

	*request = (struct asb_exec_request){0};
	prefix = take_server(request, kubeconfig->server, err);
	if (prefix == NULL || build_path(request, prefix, target, err) != 0 ||
	    asb_kubeconfig_authenticate(kubeconfig, err) != 0)
		return -1;
	request->server_name = asb_strdup(
		kubeconfig->tls_server_name != NULL ? kubeconfig->tls_server_name : request->host);
	request->authorization = authorization(kubeconfig);
	return asb_proxy_choose(kubeconfig, &request->proxy, err);
}

void asb_exec_request_release(struct asb_exec_request *request)
{
	free(request->host);
	free(request->host_header);
	free(request->server_name);
	free(request->path);
	asb_free_secret(request->authorization);
	asb_free_secret(request->proxy);
	*request = (struct asb_exec_request){0};
}
