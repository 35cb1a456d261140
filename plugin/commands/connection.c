/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "plugin/base/clock.h"

#define BYE_MS 500

int asb_connection_open(struct asb_connection *connection, const struct asb_kubeconfig *kubeconfig,
			const struct asb_sandbox *sandbox, const char *namespace_, const char *pod,
			struct asb_error *err)
{
	const struct asb_exec_target target = {
		.namespace_ = namespace_,
		.pod = pod,
		.container = asb_sandbox_container(sandbox),
		.argv = asb_sandbox_connect_argv(sandbox),
	};

	*connection = (struct asb_connection){0};
	connection->exec = asb_exec_open(kubeconfig, &target, err);
	if (connection->exec == NULL)
		return -1;
	connection->session = asb_session_new(asb_exec_fd(connection->exec));
	return 0;
}

int asb_connection_fd(const struct asb_connection *connection)
{
	return asb_exec_fd(connection->exec);
}

void asb_connection_bye(struct asb_connection *connection)
{
	int64_t deadline = asb_monotonic_ms() + BYE_MS;
	struct asb_error ignored = ASB_ERROR_INIT;

	asb_session_bye(connection->session);
	while (!asb_session_over(connection->session) && asb_poll_timeout(deadline) > 0) {
		struct pollfd fd = {.fd = asb_connection_fd(connection),
				    .events = asb_session_events(connection->session)};

		if (poll(&fd, 1, asb_poll_timeout(deadline)) < 0 && errno != EINTR)
			return;
		if (asb_session_step(connection->session, fd.revents, &ignored) != 0)
			return;
	}
}

void asb_connection_close(struct asb_connection *connection)
{
	if (connection->exec == NULL)
		return;
	asb_session_free(connection->session);
	asb_exec_close(connection->exec);
	*connection = (struct asb_connection){0};
}

/*
 * The API server may say that the container runs before the kubelet lets anybody in. A refusal
 * before the upgrade is a 5xx without words, or a 404 for a pod not yet known everywhere; one
 * behind it has a text of the kubelet, containerd or CRI-O.
 */
bool asb_connection_too_early(const struct asb_error *err)
{
	static const char *const texts[] = {
		"container not found",
		"container is not running",
		"container is in CONTAINER_CREATED state",
		"container not created or running",
		"is not created or running",
		"cannot exec in a stopped",
		"cannot exec in a non running",
		"not running",
		"does not have a host assigned",
		"no such container",
		"pod does not exist",
	};
	size_t i;

	if (err->http >= 500 || err->http == 404)
		return true;
	for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (strstr(err->message, texts[i]) != NULL)
			return true;
	return false;
}

/* The stream's result may be asked for only once it has reached its end. */
static bool at_end(const struct asb_connection *connection)
{
	char byte;

	return recv(asb_exec_fd(connection->exec), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

enum asb_connection_end asb_connection_explain(struct asb_connection *connection,
					       struct asb_error *err)
{
	struct asb_error why = ASB_ERROR_INIT;
	uint64_t sent, received;

	if (!at_end(connection) || asb_exec_result(connection->exec, &why) == 0)
		return ASB_CONNECTION_LOST;
	*err = why;
	asb_session_traffic(connection->session, &sent, &received);
	if (received > 0)
		return ASB_CONNECTION_LOST;
	if (asb_connection_too_early(&why))
		return ASB_CONNECTION_TOO_EARLY;
	return asb_exec_established(connection->exec) ? ASB_CONNECTION_LOST
						      : ASB_CONNECTION_REFUSED;
}
