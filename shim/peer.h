/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.h - the shim's socket and who is at its other end.
 *
 * The socket is an abstract one: it needs no writable directory, and its name protects nothing.
 * What does is this check. A process that the container runtime put into the container has its
 * parent outside the pid namespace, so that it is 0 in /proc; a process that a command started has
 * a parent inside, and when that dies, PID 1 or a keeper. No command can get there from inside. In
 * doubt (no pid, no /proc, hidepid) the answer is no.
 */
#ifndef ASB_PEER_H
#define ASB_PEER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * True when this process is a test: its environment has ASB_SHIM_TEST and it is not PID 1. Then
 * ASB_SHIM_SOCKET names the socket and processes of the same user are let in.
 */
bool asb_peer_testing(void);

/* The address of the shim; returns its length. */
socklen_t asb_peer_address(struct sockaddr_un *out);

/* For PID 1: whether the process that connected came in through the container runtime. Says why not
 * on stderr. */
bool asb_peer_is_trusted(int fd);

/* For `connect`: whether PID 1 of this pid namespace listens at the other end. */
bool asb_peer_is_init(int fd);

#endif
