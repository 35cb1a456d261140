/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.h - a session with a sandbox's shim, and the stream that it goes over at present.
 *
 * A stream that is lost is opened anew, and the session goes on where it was (session.h): after 100
 * ms, then with pauses that double up to 5 s, for as long as the shim keeps the session. Before the
 * shim has greeted the rules are others: who comes too early is let in later (a second at most
 * between two tries), who is refused is refused, and a stream that broke is tried twice more.
 *
 * The caller's loop polls asb_connection_fd for asb_connection_events, at most
 * asb_connection_timeout long, and calls asb_connection_step. Jobs are the session's.
 */
#ifndef ASB_CONNECTION_H
#define ASB_CONNECTION_H

#include "plugin/commands/way.h"
#include "plugin/session/session.h"

struct asb_connection {
	struct asb_session *session; /* owned; NULL: never opened */
	int64_t give_up_ms;	     /* monotonic; who is too early is not let in later than that;
					0: thirty tries. The caller's to set */
	/* Told when the way is lost and at each vain try to find it again (why), and when it is
	 * found (NULL). NULL: nobody is. The caller's to set. */
	void (*changed)(void *context, const struct asb_error *why);
	void *context;

	/* own */
	struct asb_way way;
	int fd;				      /* -1: there is no stream now */
	int64_t opened_ms, lost_ms, retry_ms; /* monotonic */
	int pause_ms;
	unsigned tries, losses; /* before the shim has greeted */
	unsigned resumptions;	/* that `changed` was told of */
	enum asb_way_end end;	/* of the last stream that has ended */
	struct asb_error why;	/* and what itself had to say about that, or unset */
};

/* Starts the first stream and returns at once: jobs may be started before the shim has answered.
 * Takes the way over, also when that fails. */
int asb_connection_open(struct asb_connection *connection, const struct asb_way *way,
			struct asb_error *err);

int asb_connection_fd(const struct asb_connection *connection); /* -1: none at present */
short asb_connection_events(const struct asb_connection *connection);
int asb_connection_timeout(const struct asb_connection *connection); /* ms, -1: none */

/* Moves the session on, and opens its next stream when that is due. -1: it has failed for good, its
 * jobs are LOST (err: asb_connection_explain knows more). */
int asb_connection_step(struct asb_connection *connection, short revents, struct asb_error *err);

/* What became of the last stream of a session that has failed. When the stream itself had a reason
 * it takes the place of the session's own words in err. */
enum asb_way_end asb_connection_explain(const struct asb_connection *connection,
					struct asb_error *err);

/*
 * For a sandbox that goes on: without it the shim keeps the session, and what the command has left
 * running, for the session's lease. Waits for the shim's answer, half a second at most, unless the
 * way delivers; what the session holds is lost.
 */
void asb_connection_bye(struct asb_connection *connection);

/* May be called twice, and for one that was never opened. */
void asb_connection_close(struct asb_connection *connection);

#endif
