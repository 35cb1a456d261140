/* SPDX-License-Identifier: Apache-2.0 */
/* report_parts.h - between the report_*.c files. */
#ifndef ASB_REPORT_PARTS_H
#define ASB_REPORT_PARTS_H

#include "plugin/sandbox/report.h"

/* "sandbox", "claim" or "pod" -> array "conditions" of the report. */
void asb_report_conditions(cJSON *report, const struct asb_facts *facts);

/* Arrays "events" and "timeline". */
void asb_report_timeline(cJSON *report, const struct asb_facts *facts);

/* ms since 1970 of when the event was seen first and last, -1: it doesn't say; how often. */
int64_t asb_event_first_ms(const cJSON *event);
int64_t asb_event_last_ms(const cJSON *event);
int asb_event_count(const cJSON *event);

/* When its life ends by the clock, ms since 1970; -1: never. */
int64_t asb_report_end_ms(const struct asb_facts *facts);

/* Sets a string, or null. */
void asb_report_set(cJSON *object, const char *name, const char *text);

#endif
