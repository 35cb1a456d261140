/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plugin/kube/exec_internal.h"

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

/* One entry of the list, without blanks. */
static bool names(char *entry, const char *host, int port)
{
	uint8_t a[16];
	uint8_t b[16];
	char *colon = strrchr(entry, ':');

	if (strcmp(entry, "*") == 0)
		return true;
	if (strchr(entry, '/') != NULL)
		return in_network(entry, host);
	if (entry[0] == '[' && strchr(entry, ']') != NULL) {
		colon = strchr(entry, ']')[1] == ':' ? strchr(entry, ']') + 1 : NULL;
		*strchr(entry, ']') = '\0';
		entry++;
	} else if (colon != NULL && strchr(entry, ':') != colon) {
		colon = NULL; /* a bare IPv6 address */
	}
	if (colon != NULL) {
		*colon = '\0';
		if (strtol(colon + 1, NULL, 10) != port)
			return false;
	}
	if (parse_address(entry, a))
		return parse_address(host, b) && memcmp(a, b, sizeof(a)) == 0;
	if (strncmp(entry, "*.", 2) == 0)
		entry++;
	return in_domain(entry, host);
}

bool asb_exec_no_proxy(const char *list, const char *host, int port)
{
	while (*list != '\0') {
		size_t n;
		bool found;
		char *entry;

		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		entry = asb_strndup(list, n);
		found = n > 0 && names(entry, host, port);
		free(entry);
		if (found)
			return true;
		list += n;
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

static const char *from_environment(bool tls, const char *host, int port)
{
	const char *proxy = tls ? environment("HTTPS_PROXY", "https_proxy")
				: environment("HTTP_PROXY", "http_proxy");
	const char *no_proxy = environment("NO_PROXY", "no_proxy");

	if (proxy == NULL || is_loopback(host) ||
	    (no_proxy != NULL && asb_exec_no_proxy(no_proxy, host, port)))
		return NULL;
	return proxy;
}

/* "http://[user:password@]host[:port][/]" -> "[user:password@]host:port" */
static char *host_and_port(const char *url)
{
	const char *at;
	size_t n = strcspn(url, "/?#");
	ASB_TEXT authority = asb_strndup(url, n);
	bool has_port;

	at = strrchr(authority, '@');
	at = at != NULL ? at + 1 : authority;
	has_port = at[0] == '[' ? strstr(at, "]:") != NULL : strchr(at, ':') != NULL;
	return asb_strf(has_port ? "%s" : "%s:80", authority);
}

int asb_exec_proxy(const struct asb_kubeconfig *kubeconfig, bool tls, const char *host, int port,
		   char **out, struct asb_error *err)
{
	const char *url = kubeconfig->proxy_url != NULL ? kubeconfig->proxy_url
							: from_environment(tls, host, port);
	const char *scheme = url != NULL ? strstr(url, "://") : NULL;

	*out = NULL;
	if (url == NULL)
		return 0;
	if (scheme != NULL && strncasecmp(url, "http://", 7) != 0) {
		asb_fail(err, "an exec stream can't go through a proxy of the kind %.*s://",
			 (int)(scheme - url), url);
		return asb_hint(err, "use a proxy-url that begins with http://");
	}
	if (!tls)
		return asb_fail(err, "an exec stream without TLS can't go through a proxy");
	*out = host_and_port(scheme != NULL ? scheme + 3 : url);
	return 0;
}
