/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.h - the loop that joins one job with our descriptors until it has ended, while the lease
 * of its sandbox is renewed, signals are passed on and a connection that was lost is made again.
 */
#ifndef ASB_ATTACH_H
#define ASB_ATTACH_H

#include "plugin/commands/connection.h"
#include "plugin/commands/interrupts.h"
#include "plugin/commands/streams.h"
#include "plugin/commands/terminal.h"
#include "plugin/kube/http.h"
#include "plugin/sandbox/sandbox.h"

struct asb_attach {
	/* set by the caller, borrowed */
	struct asb_http *http;	     /* NULL: nobody asks the server anything */
	struct asb_sandbox *sandbox; /* NULL: there is none to keep alive */
	struct asb_connection *connection;
	struct asb_job *job; /* of its session */
	const struct asb_interrupts *interrupts;
	struct asb_terminal *terminal; /* in the place of `in`; NULL: there is none */
	struct asb_stream_in in;
	struct asb_stream_out outs[2];
	void (*started)(void *context); /* the command runs */
	void (*output)(void *context);	/* its first bytes are about to be written */
	void (*turn)(void *context);	/* after each round of the loop; NULL: nothing to do */
	void *context;

	/* own */
	bool said_started, said_output;
	bool signalled;		 /* the command was sent a signal */
	int64_t deadline;	 /* monotonic ms after which nothing is waited for, 0: none */
	int signal;		 /* that ends us */
	struct asb_error failed; /* the sandbox, for good */
};

enum asb_attach_end {
	ASB_ATTACH_ENDED,	/* exit record or refusal is there, all output was handed on */
	ASB_ATTACH_LOST,	/* neither will come: err says why */
	ASB_ATTACH_INTERRUPTED, /* the user doesn't want to wait: `signal` */
	ASB_ATTACH_FAILED,	/* one of our own descriptors: err */
};

/*
 * stdin is not read before the shim has answered: what is typed for a command that never runs is
 * somebody else's.
 *
 * Signals: before the command runs each ends the wait. Then the first SIGINT goes to the command,
 * SIGTERM and SIGHUP go there too and end the wait 2 s later; a second signal ends it at once.
 * When the sandbox has failed, an exit record is still waited for, 3 s. While the connection is
 * lost signals wait with it; a second one ends that, too. On a terminal the keys make no signals
 * here; `~.` is what a second SIGINT is.
 */
enum asb_attach_end asb_attach_run(struct asb_attach *attach, struct asb_error *err);

/* The sandbox has failed for good, and no stream leads to it: the wait is over. */
void asb_attach_give_up(struct asb_attach *attach, const struct asb_error *why);

#endif
