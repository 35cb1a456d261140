/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/timeline.h"

#include "plugin/base/clock.h"

void asb_timeline_stop(struct asb_timeline *timeline)
{
	if (timeline->since != 0)
		timeline->spent[timeline->current] += asb_monotonic_ms() - timeline->since;
	timeline->since = 0;
}

void asb_timeline_enter(struct asb_timeline *timeline, enum asb_run_phase phase)
{
	asb_timeline_stop(timeline);
	timeline->current = phase;
	timeline->since = asb_monotonic_ms();
}

int64_t asb_timeline_total(const struct asb_timeline *timeline)
{
	int64_t total = 0;
	int phase;

	for (phase = 0; phase < ASB_RUN_PHASES; phase++)
		total += timeline->spent[phase];
	return total;
}

const char *asb_timeline_name(enum asb_run_phase phase)
{
	static const char *const names[ASB_RUN_PHASES] = {
		[ASB_RUN_CHECK] = "check",	 [ASB_RUN_CREATE] = "create",
		[ASB_RUN_SCHEDULE] = "schedule", [ASB_RUN_START] = "start",
		[ASB_RUN_CONNECT] = "connect",	 [ASB_RUN_RUN] = "run",
		[ASB_RUN_DELETE] = "delete",
	};

	return names[phase];
}
