/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.h - the loop that joins one job with our descriptors until it has ended, while the lease
 * of its sandbox is renewed and signals are passed on.
 */
#ifndef ASB_ATTACH_H
#define ASB_ATTACH_H

#include "plugin/commands/interrupts.h"
#include "plugin/commands/streams.h"
#include "plugin/kube/http.h"
#include "plugin/sandbox/sandbox.h"
#include "plugin/session/session.h"

struct asb_attach {
	/* set by the caller, borrowed */
	struct asb_http *http;
	struct asb_sandbox *sandbox; /* NULL: there is none to keep alive */
	struct asb_session *session;
	int session_fd;
	struct asb_job *job;
	const struct asb_interrupts *interrupts;
	struct asb_stream_in in;
	struct asb_stream_out outs[2];
	void (*started)(void *context); /* the command runs */
	void (*output)(void *context);	/* its first bytes are about to be written */
	void (*turn)(void *context);	/* after each round of the loop; NULL: nothing to do */
	void *context;

	/* own */
	bool over; /* the session has failed */
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
 * stdin is not read before the shim has answered, so that until then nothing is lost when the
 * stream has to be opened anew.
 *
 * Signals: before the command runs each ends the wait. Then the first SIGINT goes to the command,
 * SIGTERM and SIGHUP go there too and end the wait 2 s later; a second signal ends it at once.
 * When the sandbox has failed, an exit record is still waited for, 3 s.
 */
enum asb_attach_end asb_attach_run(struct asb_attach *attach, struct asb_error *err);

#endif
