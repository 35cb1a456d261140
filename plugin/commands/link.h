/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - one session with a running sandbox, for any number of jobs: opened, and kept while its
 * owner waits for descriptors and jobs of its own. The sandbox's lease is renewed, signals are
 * noticed, and a connection that was lost is made again: jobs stay as they are meanwhile.
 */
#ifndef ASB_LINK_H
#define ASB_LINK_H

#include "plugin/commands/run.h"

struct asb_link {
	struct asb_session *session;
	/* own */
	struct asb_run *run;
	struct asb_connection connection;
	struct asb_error failed; /* the sandbox, for good */
	int64_t deadline;	 /* monotonic ms until which its jobs may still end, 0: none */
	struct pollfd *fds;
	unsigned capacity;
};

/*
 * Runs what stands between a context and a session: `run` is empty but for what
 * asb_link_plan has set; asb_run_clean_up, _conclude and _release follow in any case, after
 * asb_link_close. The shim has answered then. -1: interrupted (run->outcome.signal) or err.
 */
int asb_link_open(struct asb_link *link, struct asb_run *run, const struct asb_context *context,
		  struct asb_error *err);

/*
 * Waits as asb_http_poll does, also for the session, and steps it and the sandbox. -1: interrupted,
 * or err says what became of the session; its jobs will not go on.
 */
int asb_link_poll(struct asb_link *link, struct pollfd *fds, unsigned n, int timeout_ms,
		  struct asb_error *err);

/* Ends the session and with it what still runs. May be called twice, and when nothing was opened.
 */
void asb_link_close(struct asb_link *link);

/* A sandbox that is there, by its name. */
int asb_link_plan(struct asb_run *run, const struct asb_context *context, const char *name,
		  struct asb_error *err);

#endif
