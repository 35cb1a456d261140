/* SPDX-License-Identifier: Apache-2.0 */
/* age.h - the API's times, and how long ago they were as kubectl words it. Pure. */
#ifndef ASB_AGE_H
#define ASB_AGE_H

#include <stdint.h>

#define ASB_AGE_SIZE 32

/* ms since 1970 of an RFC 3339 time ("2026-11-23T02:00:00Z", fractions and offsets are fine);
 * -1 for NULL and for what is none. */
int64_t asb_time_parse(const char *text);

/* "45s", "5m30s", "3h", "2d4h", "40d": two units while the first one is small. Below zero: "0s". */
const char *asb_age_format(int64_t ms, char out[ASB_AGE_SIZE]);

#endif
