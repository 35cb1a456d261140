/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect.h - what an exec starts in the container: copies stdin to PID 1's socket and the socket
 * to stdout, both through bounded buffers and without looking at the bytes. Neither direction waits
 * for the other.
 */
#ifndef ASB_CONNECT_H
#define ASB_CONNECT_H

/*
 * Waits up to two seconds for PID 1 to listen: the container may have just started. Returns 0 when
 * the socket has ended and everything from it was written to stdout; 125, with text on stderr, when
 * there is no PID 1 of ours or stdout is gone.
 */
int asb_connect(void);

/* The socket alone, non-blocking: connected to PID 1 and to nobody else. -1, with text on stderr,
 * after two seconds. */
int asb_connect_reach(void);

#endif
