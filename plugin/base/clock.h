/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - time that only moves forward, and the time of day. */
#ifndef ASB_CLOCK_H
#define ASB_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC: for deadlines and durations, unrelated to the date. Never 0. */
int64_t asb_monotonic_ms(void);

/* Milliseconds since 1970 by our own clock, which may be set back or forth. The cluster's objects
 * are dated by the server's: asb_http_now_ms. */
int64_t asb_wall_ms(void);

/* Timeout for poll(2) until `deadline` of that clock: 0 when it has passed; -1 (none) for a
 * deadline below 0. */
int asb_poll_timeout(int64_t deadline);

/* The nearer of two timeouts for poll(2), of which -1 means none. */
int asb_nearer_timeout(int a, int b);

#endif
