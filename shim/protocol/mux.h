/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mux.h - several sessions over one exec stream: the packets between a client and `connect mux`
 * (docs/protocol.md, section 11).
 *
 *     index (32)  length (32)  bytes
 *
 * Big-endian. The bytes of one index are those of one connection to PID 1; nobody on the way looks
 * at them. An index is chosen by the client, larger than all before, and used once: so a packet for
 * one that is closed is known to be late, and dropped.
 */
#ifndef ASB_PROTOCOL_MUX_H
#define ASB_PROTOCOL_MUX_H

#include "shim/protocol/frame.h"

#define ASB_MUX_HEADER 8u
#define ASB_MUX_CONNECTIONS 256u /* open at once */
#define ASB_MUX_ECHO_MAX 64u	 /* bytes of a packet of index 0, which is sent back */
#define ASB_MUX_SILENCE_MS 60000 /* after which `connect mux` takes its client as lost */

static inline void asb_mux_header(uint8_t out[ASB_MUX_HEADER], uint32_t index, uint32_t length)
{
	asb_put32(out, index);
	asb_put32(out + 4, length);
}

#endif
