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
			const struct asb_sandbox *sandbox, const char *namespace_,
			struct asb_error *err);

int asb_connection_fd(const struct asb_connection *connection);

/*
 * Why the session was lost, in place of the session's own words in err when the stream itself has a
 * reason. True when the stream was refused because the container is not quite there yet: nothing
 * can have reached it, and it may be tried again.
 */
bool asb_connection_explain(struct asb_connection *connection, struct asb_error *err);

/* May be called twice. */
void asb_connection_close(struct asb_connection *connection);

/* Whether an error of the exec stream tells that the container does not run yet. Pure. */
bool asb_connection_too_early(const struct asb_error *err);

#endif
