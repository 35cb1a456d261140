/* SPDX-License-Identifier: Apache-2.0 */
/*
 * persist.h - the exec stream that stays. The first command in a sandbox opens a stream of its own
 * and leaves a process in the background, the holder, which opens one more and keeps it; commands
 * after it reach the shim through the holder's socket (session/control.h), without a request to the
 * API server. The holder ends when nobody has used it for a while, and with its sandbox.
 *
 * A holder serves one namespace and name, one identity at one server, and one version of this
 * program: the name of its socket is a hash of all these. It copies bytes and knows nothing of
 * sessions: each command has its own, which goes on over another stream when the holder dies.
 */
#ifndef ASB_PERSIST_H
#define ASB_PERSIST_H

#include "plugin/commands/command.h"

#define ASB_PERSIST_IDLE_MS 60000

/* $KUBECTL_AGENTSANDBOX_PERSIST: how long a holder waits for commands. Unset, empty or "yes": a
 * minute; "no" or 0: none is used or started, *idle_ms is 0. Anything but a duration else is a
 * usage error. */
int asb_persist_idle(int64_t *idle_ms, struct asb_error *err);

/* Where the socket of the sandbox's holder is or would be, heap. NULL: there is no safe place. */
char *asb_persist_path(const struct asb_kubeconfig *kubeconfig, const char *namespace_,
		       const char *name, struct asb_error *err);

/*
 * Starts a holder in the background and doesn't wait for it. It sees our environment and, through a
 * pipe, our global options, so that no secret shows in its command line; it keeps neither our
 * terminal nor any descriptor. Where it can't be started, or has nothing to hold, there is none:
 * that is no error.
 */
void asb_persist_start(const struct asb_context *context, const char *namespace_, const char *name,
		       int64_t idle_ms);

#endif
