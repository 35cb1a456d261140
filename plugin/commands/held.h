/* SPDX-License-Identifier: Apache-2.0 */
/* held.h - a command that goes over the stream that a holder has (persist.h), as long as that is
 * there, and over one of its own from then on. */
#ifndef ASB_HELD_H
#define ASB_HELD_H

#include "plugin/commands/run.h"

struct asb_held {
	struct asb_run_shortcut shortcut;
	/* own */
	struct asb_run *run;
	const struct asb_context *context;
	int64_t idle_ms;
	int fd;		       /* to the holder; -1: not (any more) */
	struct asb_way direct; /* the stream of our own */
	bool has_direct;
};

/*
 * For a run whose kubeconfig is there and that is to happen in a sandbox that lasts. With a holder
 * run->shortcut is set, and the run needs neither asb_run_open_client nor asb_run_start; without
 * one it is seen to that there will be one for the next command. Both are borrowed until
 * asb_run_release. -1: what is said about holders can't be understood.
 */
int asb_held_find(struct asb_held *held, struct asb_run *run, const struct asb_context *context,
		  struct asb_error *err);

#endif
