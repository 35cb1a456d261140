/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.h - our terminal on one side, that of a job on the other: keys go there one by one, the
 * size follows, and what is typed for us (escape.h) is done here. What the job shows is output like
 * any other.
 *
 * Keys are read while there is room for them here, also when the job takes none: `~.` has to be
 * heard at any time.
 */
#ifndef ASB_TERMINAL_H
#define ASB_TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/session/session.h"
#include "plugin/term/escape.h"

#define ASB_TERMINAL_KEYS 65536u

struct asb_terminal {
	int fd; /* borrowed */
	bool entered;
	bool gone; /* nothing is typed any more */
	struct asb_escape escape;
	uint64_t bytes;			  /* handed to the job */
	size_t start, end;		  /* of the keys that wait for room in the job */
	char keys[ASB_TERMINAL_KEYS + 1]; /* an escape that is none gives back a byte */
};

void asb_terminal_init(struct asb_terminal *terminal, int fd);

/* As the terminal is now. */
void asb_terminal_describe(const struct asb_terminal *terminal, struct asb_job_spec *spec);

/* The command runs: the terminal becomes raw (raw.h). asb_terminal_leave, which may always be
 * called, makes it as it was. */
void asb_terminal_enter(struct asb_terminal *terminal, struct asb_job *job);
void asb_terminal_leave(struct asb_terminal *terminal);

/* What to wait for; returns how many, 0 before the terminal was entered. */
unsigned asb_terminal_watch(const struct asb_terminal *terminal, struct pollfd fds[2]);

/* Moves what can be moved without blocking. 0, or the signal that what happened amounts to: SIGINT,
 * `~.` was typed; SIGHUP, once, the terminal is gone. */
int asb_terminal_step(struct asb_terminal *terminal, struct asb_job *job);

#endif
