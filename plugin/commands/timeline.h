/* SPDX-License-Identifier: Apache-2.0 */
/* timeline.h - how long each phase of a run took. The phases add up to the whole. */
#ifndef ASB_TIMELINE_H
#define ASB_TIMELINE_H

#include <stdint.h>

enum asb_run_phase {
	ASB_RUN_CHECK,	  /* kubeconfig, rights */
	ASB_RUN_CREATE,	  /* objects */
	ASB_RUN_SCHEDULE, /* waiting for a node */
	ASB_RUN_START,	  /* image, volumes, container */
	ASB_RUN_CONNECT,  /* exec stream, up to the shim's word that the command runs */
	ASB_RUN_RUN,	  /* the command, until its last byte is handed on */
	ASB_RUN_DELETE,
	ASB_RUN_PHASES,
};

struct asb_timeline {
	enum asb_run_phase current;
	int64_t since; /* monotonic ms when it began; 0: nothing runs */
	int64_t spent[ASB_RUN_PHASES];
};

/* The clock runs for `phase` from now on. Going back to an earlier phase is fine. */
void asb_timeline_enter(struct asb_timeline *timeline, enum asb_run_phase phase);
void asb_timeline_stop(struct asb_timeline *timeline);
int64_t asb_timeline_total(const struct asb_timeline *timeline);

/* "check", "create" ... as in the JSON object. */
const char *asb_timeline_name(enum asb_run_phase phase);

#endif
