/* SPDX-License-Identifier: Apache-2.0 */
/* handle.h - what the shim does with each frame of a client (docs/protocol.md §2 to §5). */
#ifndef ASB_HANDLE_H
#define ASB_HANDLE_H

#include "shim/conn.h"
#include "shim/protocol/frame.h"

/* Makes this PID 1's instance id; called once. `base` is the environment of all commands, borrowed
 * for ever. */
void asb_handle_init(char **base);

/* From now on no session is opened and no job started. */
void asb_handle_refuse(void);

/*
 * Handles one frame. Breaking the protocol ends this connection and no other. The payload is used
 * up during the call. There must be room for an answer (asb_conn_can_reply).
 */
void asb_handle(struct asb_conn *conn, const struct asb_frame *frame);

#endif
