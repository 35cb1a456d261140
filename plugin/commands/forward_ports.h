/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward_ports.h - the local ends of `port-forward`: what "[LOCAL:]REMOTE" and --address mean, and
 * sockets that listen there.
 */
#ifndef ASB_FORWARD_PORTS_H
#define ASB_FORWARD_PORTS_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/base/error.h"

struct asb_forward_port {
	uint16_t local; /* 0: any that is free, until it is listened on */
	uint16_t remote;
};

/* "8080:80", "80" (the same at both ends), ":80" (any local one). -1: a usage error. */
int asb_forward_port_parse(const char *text, struct asb_forward_port *port, struct asb_error *err);

struct asb_listener {
	int fd; /* non-blocking */
	const struct asb_forward_port *port;
	char name[80]; /* "127.0.0.1:8080", "[::1]:8080" */
};

struct asb_listeners {
	struct asb_listener *items; /* owned, each with its descriptor */
	size_t count;
};

/* Whether each of `addresses`, separated by commas, is an IP address or "localhost". Usage error.
 */
int asb_forward_addresses_check(const char *addresses, struct asb_error *err);

/* Listens for each port at each address. "localhost" is 127.0.0.1 and ::1, of which one is enough.
 * Ports are borrowed; one that was any becomes the one that was free. */
int asb_listeners_open(struct asb_listeners *listeners, const char *addresses,
		       struct asb_forward_port *ports, size_t count, struct asb_error *err);
void asb_listeners_release(struct asb_listeners *listeners);

#endif
