/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupts.h - SIGINT, SIGTERM and SIGHUP as something to poll, so that they are dealt with
 * between two steps and never in the middle of one.
 *
 * They are blocked for the thread that opens this and for all it starts later: open it first. A
 * SIGHUP that was ignored at the start (nohup) stays ignored.
 */
#ifndef ASB_INTERRUPTS_H
#define ASB_INTERRUPTS_H

#include <signal.h>

#include "plugin/base/error.h"

struct asb_interrupts {
	int fd; /* readable when a signal waits; -1: not open */
	sigset_t before;
};

int asb_interrupts_open(struct asb_interrupts *interrupts, struct asb_error *err);

/* Takes a signal that has arrived; 0 when there is none. */
int asb_interrupts_take(const struct asb_interrupts *interrupts);

/* For the clean-up at the end, which has to be finished: from now on signals are not seen by
 * _take, but one that comes ends the program, with status 128+n, when it still runs 10 s later. */
void asb_interrupts_last_steps(struct asb_interrupts *interrupts);

/* Everything is as it was before. */
void asb_interrupts_close(struct asb_interrupts *interrupts);

#endif
