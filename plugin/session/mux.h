/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mux.h - local connections over one exec stream: the client's side of `connect mux`
 * (docs/protocol.md, section 11). Copies bytes and knows no session.
 *
 * A connection whose reader is slow keeps nobody waiting: what comes for it is kept for it. A
 * session has its own bounds for that; one that goes beyond ASB_MUX_BACKLOG is ended. What goes up
 * waits at its connection while the stream takes nothing.
 */
#ifndef ASB_MUX_H
#define ASB_MUX_H

#include <poll.h>
#include <stdbool.h>

#include "plugin/base/error.h"
#include "shim/protocol/mux.h"

#define ASB_MUX_BACKLOG (16u << 20)
#define ASB_MUX_FDS (1 + ASB_MUX_CONNECTIONS) /* most that asb_mux_fds fills in */
#define ASB_MUX_LOST_MS 20000		      /* silence after which the stream is lost */

struct asb_mux;

/* Borrows the stream's descriptor, a non-blocking socket. Never NULL. */
struct asb_mux *asb_mux_new(int stream);
/* Closes all connections. NULL is legal. */
void asb_mux_free(struct asb_mux *mux);

/* Whether the other end has answered at all: it is what we take it for. */
bool asb_mux_ready(const struct asb_mux *mux);

/* Takes a connected, non-blocking socket over. One too many is closed at once. */
void asb_mux_add(struct asb_mux *mux, int fd);
unsigned asb_mux_count(const struct asb_mux *mux);

/* What to poll for; returns how many. They go to the next step unchanged but for revents, and
 * connections are added behind it. */
unsigned asb_mux_fds(const struct asb_mux *mux, struct pollfd fds[ASB_MUX_FDS]);
/* ms until a step is wanted without traffic. */
int asb_mux_timeout(const struct asb_mux *mux);
/* Moves what can be moved. -1: the stream has ended, is silent, or carries something else. */
int asb_mux_step(struct asb_mux *mux, const struct pollfd *fds, struct asb_error *err);

#endif
