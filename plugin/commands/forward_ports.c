/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/forward_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/buffer.h"

#define WAITING 128 /* connections that were not accepted yet */

/* --- what is typed ---------------------------------------------------------------------------- */

/* 1 to 65535, else 0. */
static unsigned port_of(const char *text, size_t n)
{
	unsigned port = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(text[i] - '0');
		if (port > 65535)
			return 0;
	}
	return port;
}

int asb_forward_port_parse(const char *text, struct asb_forward_port *port, struct asb_error *err)
{
	const char *colon = strchr(text, ':');
	const char *remote = colon == NULL ? text : colon + 1;
	unsigned there = port_of(remote, strlen(remote));
	unsigned here = colon == NULL ? there : port_of(text, (size_t)(colon - text));

	if (there == 0 || (here == 0 && colon != text)) {
		asb_fail_usage(err, "\"%s\" is no port to forward", text);
		return asb_hint(err,
				"8080:80 forwards the local port 8080 to port 80 of the sandbox, "
				"80 the same one, :80 any that is free");
	}
	*port = (struct asb_forward_port){.local = (uint16_t)here, .remote = (uint16_t)there};
	return 0;
}

/* Length of the address, 0 when it is none. */
static socklen_t address_of(const char *host, uint16_t port, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	return 0;
}

/* The next of a list separated by commas, heap; NULL at its end. */
static char *next_address(const char **addresses)
{
	size_t n = strcspn(*addresses, ",");
	char *address = n == 0 ? NULL : asb_strndup(*addresses, n);

	*addresses += n + ((*addresses)[n] == ',' ? 1 : 0);
	return address;
}

int asb_forward_addresses_check(const char *addresses, struct asb_error *err)
{
	struct sockaddr_storage address;

	do {
		ASB_TEXT text = next_address(&addresses);

		if (text != NULL &&
		    (strcmp(text, "localhost") == 0 || address_of(text, 0, &address) != 0))
			continue;
		asb_fail_usage(err, "--address \"%s\" is no IP address", text == NULL ? "" : text);
		return asb_hint(err, "use localhost, 127.0.0.1, 0.0.0.0 ..., separated by commas");
	} while (*addresses != '\0');
	return 0;
}

/* --- listening -------------------------------------------------------------------------------- */

static uint16_t port_at(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	socklen_t length = sizeof(address);

	memset(&address, 0, sizeof(address));
	if (getsockname(fd, &address.any, &length) != 0)
		return 0;
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
						       : address.v4.sin_port);
}

/* -1 with errno. */
static int listen_at(const char *host, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t length = address_of(host, port, &address);
	int on = 1;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.ss_family == AF_INET6) /* :: beside 0.0.0.0 */
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, WAITING) != 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int add(struct asb_listeners *listeners, const char *host, struct asb_forward_port *port)
{
	struct asb_listener *listener;
	int fd = listen_at(host, port->local);

	if (fd < 0)
		return -1;
	if (port->local == 0)
		port->local = port_at(fd);
	listeners->items =
		asb_realloc(listeners->items, (listeners->count + 1) * sizeof(*listeners->items));
	listener = &listeners->items[listeners->count++];
	*listener = (struct asb_listener){.fd = fd, .port = port};
	snprintf(listener->name, sizeof(listener->name),
		 strchr(host, ':') == NULL ? "%s:%u" : "[%s]:%u", host, port->local);
	return 0;
}

static int listen_for(struct asb_listeners *listeners, const char *host,
		      struct asb_forward_port *port, struct asb_error *err)
{
	bool local = strcmp(host, "localhost") == 0;
	int rc = add(listeners, local ? "127.0.0.1" : host, port);
	int error = errno;

	if (local && (rc == 0 || error != EADDRINUSE))
		rc = add(listeners, "::1", port) == 0 ? 0 : rc;
	if (rc == 0)
		return 0;
	asb_fail(err, "port %u of %s can't be listened on: %s", port->local, host, strerror(error));
	if (error == EADDRINUSE)
		asb_hint(err, "another program has it: choose one, as in %u:%u, or :%u for any",
			 port->local < 50000 ? port->local + 10000u : port->local - 10000u,
			 port->remote, port->remote);
	return -1;
}

int asb_listeners_open(struct asb_listeners *listeners, const char *addresses,
		       struct asb_forward_port *ports, size_t count, struct asb_error *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *rest = addresses;

		while (*rest != '\0') {
			ASB_TEXT host = next_address(&rest);

			if (host != NULL && listen_for(listeners, host, &ports[i], err) != 0)
				return -1;
		}
	}
	return 0;
}

void asb_listeners_release(struct asb_listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++)
		close(listeners->items[i].fd);
	free(listeners->items);
	*listeners = (struct asb_listeners){0};
}
