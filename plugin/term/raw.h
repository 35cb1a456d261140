/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw.h - our terminal while somebody else's program draws on it: every key is handed on, Ctrl-C
 * too, and nothing is echoed or translated here.
 *
 * Its modes are restored on every way out: asb_raw_leave, exit(3), abort(3) and every signal that
 * ends a program, as far as its action is the default. Whoever stops us (SIGTSTP) finds it restored
 * too. Only SIGKILL and SIGSTOP give no chance. There is one per process, since a signal handler
 * knows nothing but its process.
 */
#ifndef ASB_RAW_H
#define ASB_RAW_H

#include <stdbool.h>

#include "plugin/base/error.h"

/* Enters raw mode on terminal fd (borrowed). In the background this stops us, as reading would. */
int asb_raw_enter(int fd, struct asb_error *err);

/* The modes are as before, and so are the actions of signals. Harmless when not entered. */
void asb_raw_leave(void);

enum asb_raw_event {
	ASB_RAW_NOTHING,
	ASB_RAW_RESIZED,   /* the terminal has another size */
	ASB_RAW_STOP,	   /* somebody wants us to stop: asb_raw_suspend */
	ASB_RAW_CONTINUED, /* we were stopped; the terminal is raw again, its contents are old */
};

/* Readable when asb_raw_take has something; -1 when not entered. */
int asb_raw_events(void);
enum asb_raw_event asb_raw_take(void);

/* Stops this process as Ctrl-Z does, with the terminal as it was before. ASB_RAW_CONTINUED follows,
 * also when there is no shell to continue us and so nothing was stopped. */
void asb_raw_suspend(void);

/* False when fd is no terminal, or one that doesn't know its size: both are 0 then. */
bool asb_raw_size(int fd, unsigned short *rows, unsigned short *columns);

#endif
