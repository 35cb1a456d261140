/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the one place that waits: descriptors, timers and the clock.
 *
 * A watch or timer lives inside its owner's static storage. Its callback runs from asb_loop_step()
 * only, may open, change and close any watch, its own too, and never blocks. Nothing runs and the
 * process does not wake when no watched descriptor is ready and no timer is due.
 */
#ifndef ASB_LOOP_H
#define ASB_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct asb_watch {
	int fd; /* owned while open; -1 otherwise */
	short wants;
	bool resting;
	short polled; /* place in the set that is being dispatched, -1: none */
	void (*ready)(struct asb_watch *watch, short events);
	void *owner;
};

struct asb_timer {
	int64_t due; /* monotonic nanoseconds */
	bool armed;
	void (*fire)(struct asb_timer *timer);
	void *owner;
	struct asb_timer *next;
};

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t asb_now(void);

/* Takes the descriptor over, resting. Returns -1 when the table is full (fd is then still the
 * caller's). */
int asb_watch_open(struct asb_watch *watch, int fd, void (*ready)(struct asb_watch *, short),
		   void *owner);
bool asb_watch_is_open(const struct asb_watch *watch);
/* Waits for these events, and always for errors and hang-ups: 0 waits for those alone. */
void asb_watch_want(struct asb_watch *watch, short events);
/* Not waited for at all. A hang-up that nobody can act on yet would otherwise wake us for ever. */
void asb_watch_rest(struct asb_watch *watch);
/* Closes the descriptor. Harmless when it is not open. */
void asb_watch_close(struct asb_watch *watch);

/* Arms (again) for `ms` from now, at least 1. `fire` and `owner` are set by the caller beforehand.
 */
void asb_timer_arm(struct asb_timer *timer, uint64_t ms);
void asb_timer_stop(struct asb_timer *timer);

/* Waits until something happens and runs its callbacks: descriptors first, then timers. */
void asb_loop_step(void);

/* For `connect`, which has a few descriptors and no table: like the system call, but not ended by
 * signals. */
int asb_loop_wait(struct pollfd *fds, unsigned n, int timeout_ms);

#endif
