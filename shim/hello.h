/* SPDX-License-Identifier: Apache-2.0 */
/* hello.h - the first frame of a connection: which session it is for, and what both sides can do
 * (docs/protocol.md §3, §7). */
#ifndef ASB_HELLO_H
#define ASB_HELLO_H

#include "shim/conn.h"
#include "shim/protocol/frame.h"

/* Makes this PID 1's instance id; called once. */
void asb_hello_init(void);

/* HELLO: the connection gets a session, new or taken up again, and is open; or it is closed with an
 * ERROR. */
void asb_hello(struct asb_conn *conn, const struct asb_frame *frame);

#endif
