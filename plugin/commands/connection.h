/* SPDX-License-Identifier: Apache-2.0 */
/* connection.h - one exec stream to a sandbox's shim and the session on it. */
#ifndef ASB_CONNECTION_H
#define ASB_CONNECTION_H

#include "plugin/kube/exec.h"
#include "plugin/kube/kubeconfig.h"
#include "plugin/sandbox/sandbox.h"
#include "plugin/session/session.h"

struct asb_connection {
	struct asb_exec *exec;
	struct asb_session *session;
};

/* Starts connecting and returns at once: jobs may be started before the shim has answered. */
int asb_connection_open(struct asb_connection *connection, const struct asb_kubeconfig *kubeconfig,
			const struct asb_sandbox *sandbox, const char *namespace_, const char *pod,
			struct asb_error *err);

int asb_connection_fd(const struct asb_connection *connection);

enum asb_connection_end {
	ASB_CONNECTION_LOST,	  /* the command may have run */
	ASB_CONNECTION_REFUSED,	  /* nothing has reached the container, nor will it */
	ASB_CONNECTION_TOO_EARLY, /* nothing has reached it: it does not quite run yet */
};

/* What became of a session that was lost. When the stream itself has a reason it takes the place of
 * the session's own words in err. */
enum asb_connection_end asb_connection_explain(struct asb_connection *connection,
					       struct asb_error *err);

/*
 * For a sandbox that goes on: without it the shim keeps the session, and what the command has left
 * running, for the session's lease of a minute, and has room for 16 of them. Waits for the shim's
 * answer, half a second at most; what the session holds is lost.
 */
void asb_connection_bye(struct asb_connection *connection);

/* May be called twice. */
void asb_connection_close(struct asb_connection *connection);

/* Whether an error of the exec stream tells that the container does not run yet. Pure. */
bool asb_connection_too_early(const struct asb_error *err);

#endif
