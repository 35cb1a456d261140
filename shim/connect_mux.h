/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect_mux.h - like connect.h for many connections to PID 1 at once: stdin and stdout carry
 * packets (protocol/mux.h). PID 1 knows nothing of it.
 *
 * A connection that is slow to be read holds up its own way out only, since nothing is read from it
 * while stdout is full, and others get their turn in a circle. PID 1 always reads: what can't be
 * written to one connection makes stdin wait, for all, until it has.
 */
#ifndef ASB_CONNECT_MUX_H
#define ASB_CONNECT_MUX_H

/*
 * Returns 0 at the end of stdin; 125, with text on stderr where somebody may read it, when stdout
 * is gone, nothing came for ASB_MUX_SILENCE_MS, or what came is no packet.
 */
int asb_connect_mux(void);

#endif
