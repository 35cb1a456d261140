/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/proxy.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- NO_PROXY --------------------------------------------------------------------------------- */

/* An address as 16 bytes, IPv4 mapped into IPv6. */
static bool parse_address(const char *text, uint8_t out[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	if (inet_pton(AF_INET, text, out + 12) == 1) {
		memcpy(out, mapped, sizeof(mapped));
		return true;
	}
	return inet_pton(AF_INET6, text, out) == 1;
}

/* Does the network "address/bits" hold that address? */
static bool in_network(const char *network, const char *host)
{
	const char *slash = strchr(network, '/');
	ASB_TEXT base = asb_strndup(network, (size_t)(slash - network));
	bool v4 = strchr(base, ':') == NULL;
	uint8_t a[16];
	uint8_t b[16];
	char *end = NULL;
	long bits = strtol(slash + 1, &end, 10);

	if (end == slash + 1 || *end != '\0' || bits < 0 || bits > (v4 ? 32 : 128) ||
	    !parse_address(base, a) || !parse_address(host, b))
		return false;
	if (v4)
		bits += 96;
	for (int i = 0; i < 16 && bits > 0; i++, bits -= 8) {
		uint8_t mask = bits >= 8 ? 0xff : (uint8_t)(0xff << (8 - bits));

		if (((a[i] ^ b[i]) & mask) != 0)
			return false;
	}
	return true;
}

/* Is `host` the domain or below it? ".name" means below it only. */
static bool in_domain(const char *domain, const char *host)
{
	bool below_only = domain[0] == '.';
	const char *name = below_only ? domain + 1 : domain;
	size_t n = strlen(name);
	size_t length = strlen(host);

	if (n == 0 || length < n || strcasecmp(host + length - n, name) != 0)
		return false;
	return length == n ? !below_only : host[length - n - 1] == '.';
}

/* Cuts ":port" off an entry and compares it; what only looks like one is left. False: another port.
 */
static bool take_port(char **entry, int port)
{
	char *colon = strrchr(*entry, ':');
	char *bracket = strchr(*entry, ']');

	if ((*entry)[0] == '[' && bracket != NULL) {
		colon = bracket[1] == ':' ? bracket + 1 : NULL;
		*bracket = '\0';
		(*entry)++;
	} else if (colon != NULL && strchr(*entry, ':') != colon) {
		return true; /* a bare IPv6 address */
	}
	if (colon == NULL)
		return true;
	*colon = '\0';
	return colon[1] == '\0' || strtol(colon + 1, NULL, 10) == port;
}

/* One entry of the list, without blanks. */
static bool names(char *entry, const char *host, int port)
{
	uint8_t a[16];
	uint8_t b[16];

	if (strcmp(entry, "*") == 0)
		return true;
	if (strchr(entry, '/') != NULL)
		return in_network(entry, host);
	if (!take_port(&entry, port))
		return false;
	if (parse_address(entry, a))
		return parse_address(host, b) && memcmp(a, b, sizeof(a)) == 0;
	if (strncmp(entry, "*.", 2) == 0)
		entry++;
	return in_domain(entry, host);
}

bool asb_proxy_bypassed(const char *list, const char *host, int port)
{
	while (*list != '\0') {
		size_t n = strcspn(list, ",");
		ASB_TEXT entry = asb_strndup(list, n);
		char *start = entry + strspn(entry, " \t");
		size_t length = strlen(start);

		while (length > 0 && strchr(" \t", start[length - 1]) != NULL)
			start[--length] = '\0';
		if (length > 0 && names(start, host, port))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* --- the choice ------------------------------------------------------------------------------- */

static const char *environment(const char *upper, const char *lower)
{
	const char *value = getenv(upper);

	if (value == NULL || *value == '\0')
		value = getenv(lower);
	return value != NULL && *value != '\0' ? value : NULL;
}

/* Go never asks a proxy for the machine itself. */
static bool is_loopback(const char *host)
{
	uint8_t address[16];

	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
		return true;
	return strchr(host, ':') == NULL && parse_address(host, address) && address[12] == 127;
}

/* The host of "scheme://host[:port][/...]" without brackets, heap; and its port. */
static char *host_of(const char *server, int *port)
{
	const char *host = strstr(server, "://") + 3;
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
	const char *colon;

	*port = strncmp(server, "https:", 6) == 0 ? 443 : 80;
	colon = end != NULL ? end + 1 : host + strcspn(host, ":/");
	if (*colon == ':')
		*port = (int)strtol(colon + 1, NULL, 10);
	return end != NULL ? asb_strndup(host + 1, (size_t)(end - host) - 1)
			   : asb_strndup(host, (size_t)(colon - host));
}

static const char *from_environment(const struct asb_kubeconfig *kubeconfig)
{
	bool tls = strncmp(kubeconfig->server, "https:", 6) == 0;
	const char *proxy = tls ? environment("HTTPS_PROXY", "https_proxy")
				: environment("HTTP_PROXY", "http_proxy");
	const char *no_proxy = environment("NO_PROXY", "no_proxy");
	int port;
	ASB_TEXT host = host_of(kubeconfig->server, &port);

	if (proxy == NULL || is_loopback(host) ||
	    (no_proxy != NULL && asb_proxy_bypassed(no_proxy, host, port)))
		return NULL;
	return proxy;
}

static const struct scheme {
	const char *theirs, *ours;
	int port;
} schemes[] = {
	{"http://", "http://", 80},
	{"https://", "https://", 443},
	{"socks5://", "socks5h://", 1080},
	{"socks5h://", "socks5h://", 1080},
};

static const struct scheme *scheme_of(const char *url)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncasecmp(url, schemes[i].theirs, strlen(schemes[i].theirs)) == 0)
			return &schemes[i];
	}
	return NULL;
}

/* NULL: it can't be an address. */
static char *normal(const char *url)
{
	const struct scheme *scheme = scheme_of(url);
	const char *rest = scheme != NULL ? url + strlen(scheme->theirs) : url;
	ASB_TEXT authority = asb_strndup(rest, strcspn(rest, "/?#"));
	const char *host = strrchr(authority, '@');
	bool has_port;

	if (scheme == NULL && strstr(url, "://") != NULL)
		return NULL;
	scheme = scheme == NULL ? &schemes[0] : scheme; /* "host:port" */
	host = host != NULL ? host + 1 : authority;
	for (const char *p = authority; *p != '\0'; p++) {
		if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
			return NULL;
	}
	if (host[0] == '\0' || host[0] == ':')
		return NULL;
	has_port = host[0] == '[' ? strstr(host, "]:") != NULL : strchr(host, ':') != NULL;
	return has_port ? asb_strf("%s%s", scheme->ours, authority)
			: asb_strf("%s%s:%d", scheme->ours, authority, scheme->port);
}

int asb_proxy_choose(const struct asb_kubeconfig *kubeconfig, char **url, struct asb_error *err)
{
	const char *chosen = kubeconfig->proxy_url != NULL ? kubeconfig->proxy_url
							   : from_environment(kubeconfig);

	*url = chosen == NULL ? NULL : normal(chosen);
	if (chosen == NULL || *url != NULL)
		return 0;
	/* Not shown: it may hold a password. */
	asb_fail(err, "%s is not the address of a proxy", asb_proxy_source(kubeconfig));
	return asb_hint(err, "it is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT");
}

const char *asb_proxy_source(const struct asb_kubeconfig *kubeconfig)
{
	if (kubeconfig->proxy_url != NULL)
		return "proxy-url";
	return strncmp(kubeconfig->server, "https:", 6) == 0 ? "$HTTPS_PROXY" : "$HTTP_PROXY";
}

char *asb_proxy_shown(const struct asb_kubeconfig *kubeconfig)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	char *url = NULL;
	char *shown = NULL;

	if (asb_proxy_choose(kubeconfig, &url, &ignored) == 0 && url != NULL) {
		char *rest = strstr(url, "://") + 3;
		const char *at = strrchr(rest, '@');

		shown = asb_strf("%.*s%s", (int)(rest - url), url, at == NULL ? rest : at + 1);
		asb_wipe(url, strlen(url));
	}
	free(url);
	return shown;
}
