/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detached.h - jobs as the whole sandbox sees them: LIST, WAIT, ATTACH and what else a client does
 * to jobs that are not its own (docs/protocol.md §8).
 */
#ifndef ASB_DETACHED_H
#define ASB_DETACHED_H

#include "shim/conn.h"
#include "shim/protocol/frame.h"

/* Handlers of the frames. They return NULL, or how the frame breaks the protocol. */
const char *asb_detached_list(struct asb_conn *conn, const struct asb_frame *frame);
const char *asb_detached_wait(struct asb_conn *conn, const struct asb_frame *frame);
const char *asb_detached_attach(struct asb_conn *conn, const struct asb_frame *frame);
const char *asb_detached_detach(struct asb_conn *conn, const struct asb_frame *frame);
const char *asb_detached_signal(struct asb_conn *conn, const struct asb_frame *frame);
const char *asb_detached_forget(struct asb_conn *conn, const struct asb_frame *frame);

/*
 * A START whose id is that of a detached job which is not on this channel: it is answered and not
 * run again. Returns false when there is no such job.
 */
bool asb_detached_start_again(struct asb_conn *conn, uint32_t channel, const uint8_t *id);

#endif
