/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward_lane.h - one forwarded connection: a local socket on one side, on the other a job, the
 * shim's `forward` (shim/forward.h), whose stdin and stdout are the connection in the sandbox. Each
 * half ends by itself; a reader that is slow stops its own lane only.
 */
#ifndef ASB_FORWARD_LANE_H
#define ASB_FORWARD_LANE_H

#include <poll.h>

#include "plugin/session/session.h"

struct asb_lane {
	int fd; /* owned, non-blocking */
	uint16_t local, remote;
	struct asb_job *job;	  /* NULL: to be started when there is room in the sandbox */
	int64_t start_ms;	  /* monotonic, not before that */
	bool read_ended;	  /* nothing more comes from the local side */
	bool write_ended;	  /* nor goes there */
	bool moved;		  /* something has come from the sandbox */
	struct asb_error problem; /* worth telling, when it is over */
	struct asb_lane *next;	  /* its owner's */
};

struct asb_lane *asb_lane_new(int fd, uint16_t local, uint16_t remote);
/* Ends what is under way: a connection that has not come to its end is reset. */
void asb_lane_free(struct asb_lane *lane);

/* Events to wait for on lane->fd, 0: none, it is to be left out. */
short asb_lane_events(const struct asb_lane *lane);
/* Milliseconds until it wants a turn without any, -1: none. */
int asb_lane_timeout(const struct asb_lane *lane);

/* Moves what can be moved; `shim` is its path inside the sandbox. Returns false when the lane is
 * over. */
bool asb_lane_step(struct asb_lane *lane, struct asb_session *session, const char *shim);

#endif
