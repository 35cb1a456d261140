/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the local socket at which a process that holds an exec stream open (the holder) is
 * found by commands for the same sandbox.
 *
 * It lies in $XDG_RUNTIME_DIR/kubectl-agentsandbox, or where there is no such folder of ours in
 * /tmp/kubectl-agentsandbox-UID: a folder that must be ours alone (owner, mode, no link), else
 * there is no socket. The name is the caller's, one that says everything that must be the same.
 * Both ends see to it that the other one is a process of the same user, where the system can tell.
 *
 * Whoever holds the lock beside the socket is the one holder; a socket without a locked lock is
 * stale, and replaced. The socket appears under its name only when it is listened to.
 */
#ifndef ASB_CONTROL_H
#define ASB_CONTROL_H

#include "plugin/base/error.h"

struct asb_control {
	char *path; /* owned; of the socket */
	int lock;   /* -1: not held */
	int fd;	    /* is listened to; -1: not yet, or not any more */
};

#define ASB_CONTROL_INIT             \
	{                            \
		.lock = -1, .fd = -1 \
	}

/* Where the socket of that name is; heap. NULL: there is no place for it, err says why. Makes
 * nothing. */
char *asb_control_path(const char *name, struct asb_error *err);

/* A connection to the holder (non-blocking, close-on-exec), or -1: there is none that may be talked
 * to. Never waits. */
int asb_control_connect(const char *path);

/* Makes the folder and becomes the one holder of that path (copied). 1: there is one already.
 * Release in any case. */
int asb_control_lock(struct asb_control *control, const char *path, struct asb_error *err);

/* From now on commands find us. The lock is held. */
int asb_control_listen(struct asb_control *control, struct asb_error *err);

/* The next caller (non-blocking, close-on-exec), -1: none waits. Those who may not talk to us are
 * turned away. */
int asb_control_accept(const struct asb_control *control);

/* Nobody finds us any more; who is waiting to be accepted still is. */
void asb_control_hide(struct asb_control *control);

/* Socket and lock are gone. May be called twice. */
void asb_control_release(struct asb_control *control);

#endif
