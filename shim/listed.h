/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listed.h - what a connection was asked about jobs and has not answered yet: LIST and WAIT
 * (docs/protocol.md §8).
 *
 * The answers may be long, so they are states, made into frames when there is room: a listing goes
 * through the table of jobs, a WAIT is a bit of the job that it is for.
 */
#ifndef ASB_LISTED_H
#define ASB_LISTED_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/out.h"
#include "shim/protocol/frame.h"

struct asb_listed {
	int conn;  /* index of the connection */
	bool busy; /* with a listing; until it is through no other can begin */
	int next;  /* job of that */
	bool one;  /* only the job `id` */
	uint8_t id[ASB_ID_LEN];
	int waits; /* jobs whose end is waited for */
};

/* LIST of one job, or with NULL of all. */
void asb_listed_begin(struct asb_listed *l, const uint8_t *id);

/* WAIT. False: there is no such job. */
bool asb_listed_wait(struct asb_listed *l, const uint8_t id[ASB_ID_LEN]);

/* LISTED and LIST_END as they are due; false when there was no room. */
bool asb_listed_tell(struct asb_listed *l, struct asb_out *out);

/* The connection is closed: nothing is waited for any more. */
void asb_listed_drop(struct asb_listed *l);

#endif
