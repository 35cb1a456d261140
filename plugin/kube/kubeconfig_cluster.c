/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig_cluster.c - a cluster's entry: which server, and what proves that it is the one. */
#include "plugin/kube/kubeconfig_parts.h"

#include <string.h>
#include <strings.h>

/* scheme://host without user information: credentials don't belong there, and it is shown in
 * messages. */
static int check_server(const struct asb_stanza *cluster, const char *server, struct asb_error *err)
{
	const char *host = strstr(server, "://");
	size_t n;

	if (strncasecmp(server, "https://", 8) != 0 && strncasecmp(server, "http://", 7) != 0) {
		asb_fail(err, "server of cluster \"%s\" must start with https:// or http://",
			 cluster->name);
		return asb_hint(err, "correct it in %s", cluster->file);
	}
	host += 3;
	n = strcspn(host, "/");
	for (const char *p = server; *p != '\0'; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr("?#\\\"", *p) != NULL)
			n = 0;
	}
	if (n == 0 || memchr(host, '@', n) != NULL || host[0] == ':')
		return asb_fail(err, "%s: server of cluster \"%s\" is not a usable URL",
				cluster->file, cluster->name);
	return 0;
}

/*
 * Lower-case scheme, no slashes at the end; a query behind a path is dropped, and "host:port" is
 * without TLS (client-go rest.DefaultServerURL).
 */
static char *normal_server(const char *server)
{
	bool bare = strstr(server, "://") == NULL && strchr(server, '/') == NULL;
	char *text = bare ? asb_strf("http://%s", server) : asb_strdup(server);
	char *scheme_end = strstr(text, "://");
	char *path = scheme_end == NULL ? NULL : strchr(scheme_end + 3, '/');
	size_t n;

	if (path != NULL && path[1] != '\0')
		path[strcspn(path, "?#")] = '\0';
	n = strlen(text);
	while (path != NULL && text + n > path && text[n - 1] == '/')
		text[--n] = '\0';
	for (char *p = text; scheme_end != NULL && p < scheme_end; p++)
		*p = (char)(*p | 0x20);
	return text;
}

static int take_proxy(const struct asb_stanza *cluster, struct asb_kubeconfig *out,
		      struct asb_error *err)
{
	static const char *const schemes[] = {"http://", "https://", "socks5://"};
	const char *proxy;

	if (asb_stanza_text(cluster, "proxy-url", &proxy, err) != 0)
		return -1;
	if (proxy == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i]);

		if (strncasecmp(proxy, schemes[i], n) == 0 && strcspn(proxy + n, "/?# ") > 0 &&
		    asb_sendable(proxy)) {
			out->proxy_url = asb_strdup(proxy);
			return 0;
		}
	}
	/* Not shown: it may hold a password. */
	return asb_fail(err,
			"invalid proxy-url of cluster \"%s\": it must be http://HOST:PORT, "
			"https://... or socks5://...",
			cluster->name);
}

/* `out` must be released on failure, too. */
int asb_kubeconfig_cluster(const struct asb_stanza *cluster, struct asb_kubeconfig *out,
			   struct asb_error *err)
{
	const char *server, *tls_server_name;

	if (asb_stanza_text(cluster, "server", &server, err) != 0 ||
	    asb_stanza_text(cluster, "tls-server-name", &tls_server_name, err) != 0 ||
	    asb_stanza_flag(cluster, "insecure-skip-tls-verify", &out->insecure_skip_tls_verify,
			    err) != 0 ||
	    asb_stanza_flag(cluster, "disable-compression", &out->disable_compression, err) != 0 ||
	    asb_stanza_pem(cluster, "certificate-authority", "CERTIFICATE", &out->ca_pem, err) !=
		    0 ||
	    take_proxy(cluster, out, err) != 0)
		return -1;
	if (server == NULL)
		return asb_fail(err, "no server found for cluster \"%s\"", cluster->name);
	out->server = normal_server(server);
	if (check_server(cluster, out->server, err) != 0)
		return -1;
	if (out->insecure_skip_tls_verify && out->ca_pem != NULL)
		return asb_fail(err,
				"cluster \"%s\" has both a certificate-authority and "
				"insecure-skip-tls-verify: only one is allowed",
				cluster->name);
	out->tls_server_name = asb_strdup(tls_server_name);
	return 0;
}
