/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pty.h - the terminal of a job (docs/protocol.md §9): its two ends and what can be asked of it.
 *
 * PID 1 holds the master and no slave: with one open it would never see the end. It has no
 * controlling terminal and opens every one with O_NOCTTY, so that nothing that happens to a
 * terminal can stop or kill it. Keepers hold neither end. While the command runs the master stays
 * open, whatever the command does to its own descriptors: closing it would hang up on it.
 */
#ifndef ASB_PTY_H
#define ASB_PTY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct asb_pty_size {
	uint16_t rows;
	uint16_t columns;
};

/* A new terminal of that size; the master is non-blocking, both are close-on-exec and the caller's.
 * Returns 0, or -1 with errno and both -1. */
int asb_pty_open(struct asb_pty_size size, int *master, int *slave);

/* In the command's process, a session leader: the slave becomes its controlling terminal. Safe
 * after fork. Returns 0 or -1 with errno. */
int asb_pty_take(int slave);

/* The kernel tells the foreground group, if the size is another. */
void asb_pty_resize(int master, struct asb_pty_size size);

/* Sends a signal to the foreground process group; false when there is none. */
bool asb_pty_signal(int master, int number);

/*
 * Types the end-of-file character, when lines are read and it has a meaning. *in_line: something
 * was typed since the last end of a line, which takes one more. False: there was no room, to be
 * called again.
 */
bool asb_pty_type_end(int master, bool *in_line);

#endif
