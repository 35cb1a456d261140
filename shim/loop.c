/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/loop.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shim/limits.h"
#include "shim/say.h"

#define NS_PER_MS 1000000

static struct asb_watch *watches[ASB_MAX_WATCHES];
static struct pollfd polled[ASB_MAX_WATCHES];
static struct asb_watch *polled_watch[ASB_MAX_WATCHES];
static struct asb_timer *timers;

int64_t asb_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int asb_watch_open(struct asb_watch *watch, int fd, void (*ready)(struct asb_watch *, short),
		   void *owner)
{
	for (int i = 0; i < ASB_MAX_WATCHES; i++) {
		if (watches[i] != NULL)
			continue;
		watches[i] = watch;
		*watch = (struct asb_watch){
			.fd = fd, .resting = true, .polled = -1, .ready = ready, .owner = owner};
		return 0;
	}
	return -1;
}

bool asb_watch_is_open(const struct asb_watch *watch)
{
	/* Static storage starts as zero: without a callback it was never opened. */
	return watch->ready != NULL && watch->fd >= 0;
}

void asb_watch_want(struct asb_watch *watch, short events)
{
	watch->wants = events;
	watch->resting = false;
}

void asb_watch_rest(struct asb_watch *watch)
{
	watch->resting = true;
}

void asb_watch_close(struct asb_watch *watch)
{
	if (!asb_watch_is_open(watch))
		return;
	for (int i = 0; i < ASB_MAX_WATCHES; i++) {
		if (watches[i] == watch)
			watches[i] = NULL;
	}
	if (watch->polled >= 0)
		polled_watch[watch->polled] = NULL;
	(void)close(watch->fd);
	watch->fd = -1;
	watch->polled = -1;
}

void asb_timer_stop(struct asb_timer *timer)
{
	if (!timer->armed)
		return;
	for (struct asb_timer **at = &timers; *at != NULL; at = &(*at)->next) {
		if (*at == timer) {
			*at = timer->next;
			break;
		}
	}
	timer->armed = false;
}

void asb_timer_arm(struct asb_timer *timer, uint64_t ms)
{
	/* A hundred years: the sum below can't overflow, and nobody will notice. */
	const uint64_t longest = UINT64_C(100) * 366 * 86400 * 1000;

	asb_timer_stop(timer);
	if (ms == 0)
		ms = 1;
	timer->due = asb_now() + (int64_t)(ms < longest ? ms : longest) * NS_PER_MS;
	timer->armed = true;
	timer->next = timers;
	timers = timer;
}

/* Milliseconds until the first timer is due, -1 without timers. Rounded up, so that it is due when
 * we wake. */
static int until_next_timer(void)
{
	int64_t first = INT64_MAX;
	int64_t ms;

	for (const struct asb_timer *t = timers; t != NULL; t = t->next) {
		if (t->due < first)
			first = t->due;
	}
	if (first == INT64_MAX)
		return -1;
	ms = (first - asb_now() + NS_PER_MS - 1) / NS_PER_MS;
	if (ms < 0)
		return 0;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void run_due_timers(void)
{
	int64_t now = asb_now();
	struct asb_timer *t = timers;

	while (t != NULL) {
		if (t->due > now) {
			t = t->next;
			continue;
		}
		asb_timer_stop(t);
		t->fire(t);
		/* The callback may have changed the list anywhere. What it armed is due later than
		 * `now`. */
		t = timers;
	}
}

static nfds_t gather(void)
{
	nfds_t n = 0;

	for (int i = 0; i < ASB_MAX_WATCHES; i++) {
		struct asb_watch *watch = watches[i];

		if (watch == NULL || watch->resting)
			continue;
		polled[n] = (struct pollfd){.fd = watch->fd, .events = watch->wants};
		polled_watch[n] = watch;
		watch->polled = (short)n;
		n++;
	}
	return n;
}

static void dispatch(nfds_t n, bool ready)
{
	for (nfds_t i = 0; i < n; i++) {
		struct asb_watch *watch = polled_watch[i];

		if (watch == NULL)
			continue;
		watch->polled = -1;
		if (ready && polled[i].revents != 0)
			watch->ready(watch, polled[i].revents);
	}
}

/* The kernel refused to wait (no memory). Serving goes on, but not at full speed on one error. */
static void breathe(void)
{
	const struct timespec pause = {.tv_nsec = 20 * NS_PER_MS};

	asb_say("cannot wait for events: %s", strerror(errno));
	(void)nanosleep(&pause, NULL);
}

void asb_loop_step(void)
{
	nfds_t n = gather();
	int ready = poll(polled, n, until_next_timer());

	if (ready < 0 && errno != EINTR)
		breathe();
	dispatch(n, ready > 0);
	run_due_timers();
}

int asb_loop_wait(struct pollfd *fds, unsigned n, int timeout_ms)
{
	int64_t end = asb_now() + (int64_t)timeout_ms * NS_PER_MS;
	int ready = poll(fds, n, timeout_ms);

	while (ready < 0 && errno == EINTR) {
		int64_t left = (end - asb_now()) / NS_PER_MS;

		if (timeout_ms >= 0)
			timeout_ms = left > 0 ? (int)left : 0;
		ready = poll(fds, n, timeout_ms);
	}
	return ready;
}
