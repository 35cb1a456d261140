/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/link.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/sandbox/labels.h"

#define FAILED_GRACE_MS 3000 /* for exit records on their way while the sandbox ends */
#define READY_TIMEOUT_MS (5 * 60 * 1000)

int asb_link_plan(struct asb_run *run, const struct asb_context *context, const char *name,
		  struct asb_error *err)
{
	*run = (struct asb_run){.interrupts.fd = -1, .lasts = true};
	if (!asb_is_dns_label(name))
		return asb_fail_usage(err, "\"%s\" can't be the name of a sandbox", name);
	run->plan.sandbox.namespace_ =
		context->namespace_ == NULL ? ASB_DEFAULT_NAMESPACE : context->namespace_;
	run->plan.sandbox.name = name;
	run->plan.sandbox.ready_timeout_ms = READY_TIMEOUT_MS;
	return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

#define NO_STATUS "no exit status was received: "

/* There may be many commands, or none that anybody waits for. */
static const char *without_status(const char *message)
{
	return strncmp(message, NO_STATUS, strlen(NO_STATUS)) == 0 ? message + strlen(NO_STATUS)
								   : message;
}

/* The sandbox knows more than a connection that ended because of it. `err` says how that was
 * noticed. */
static int explain_loss(struct asb_link *link, struct asb_error *err)
{
	struct asb_error pod = ASB_ERROR_INIT;
	ASB_TEXT cause = asb_strdup(err->message);
	int status;

	if (asb_failed(&link->failed)) {
		*err = link->failed;
		return -1;
	}
	status = asb_sandbox_post_mortem(link->run->sandbox, &pod);
	if (status == ASB_STATUS_PLUGIN)
		asb_fail(err, "%s (%s)", without_status(pod.message), without_status(cause));
	else
		asb_fail(err, "%s", without_status(pod.message));
	err->status = ASB_STATUS_PLUGIN;
	if (pod.hint[0] != '\0')
		asb_hint(err, "%s", pod.hint);
	return -1;
}

void asb_link_close(struct asb_link *link)
{
	if (link->session != NULL && !asb_failed(&link->failed))
		asb_connection_bye(&link->connection);
	asb_connection_close(&link->connection);
	link->session = NULL;
	free(link->fds);
	link->fds = NULL;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int timeout(const struct asb_link *link, int timeout_ms)
{
	int ms = asb_nearer_timeout(timeout_ms, asb_connection_timeout(&link->connection));

	if (link->deadline != 0)
		return asb_nearer_timeout(ms, asb_poll_timeout(link->deadline));
	return asb_nearer_timeout(ms, asb_sandbox_timeout(link->run->sandbox));
}

/* The caller's descriptors and two of ours. */
static int wait_for_all(struct asb_link *link, struct pollfd *fds, unsigned n, int timeout_ms,
			short *revents, struct asb_error *err)
{
	int rc;

	if (n + 2 > link->capacity) {
		link->capacity = n + 2;
		link->fds = asb_realloc(link->fds, link->capacity * sizeof(*link->fds));
	}
	link->fds[0] = (struct pollfd){.fd = link->run->interrupts.fd, .events = POLLIN};
	link->fds[1] = (struct pollfd){.fd = asb_connection_fd(&link->connection),
				       .events = asb_connection_events(&link->connection)};
	if (n > 0)
		memcpy(link->fds + 2, fds, n * sizeof(*fds));
	rc = asb_http_poll(link->run->http, link->fds, n + 2, timeout(link, timeout_ms), err);
	if (n > 0)
		memcpy(fds, link->fds + 2, n * sizeof(*fds));
	*revents = link->fds[1].revents;
	return rc;
}

/* What has failed says why; jobs that ended before have some time to say so. */
static int step_sandbox(struct asb_link *link, struct asb_error *err)
{
	if (!asb_failed(&link->failed) && asb_sandbox_step(link->run->sandbox, &link->failed) != 0)
		link->deadline = asb_monotonic_ms() + FAILED_GRACE_MS;
	if (link->deadline == 0 || asb_poll_timeout(link->deadline) > 0)
		return 0;
	*err = link->failed;
	return -1;
}

/* The session has failed for good. */
static int judge_loss(struct asb_link *link, struct asb_error *err)
{
	if (asb_connection_explain(&link->connection, err) != ASB_WAY_LOST &&
	    !asb_session_ready(link->session) && !asb_failed(&link->failed))
		return -1;
	return explain_loss(link, err);
}

int asb_link_poll(struct asb_link *link, struct pollfd *fds, unsigned n, int timeout_ms,
		  struct asb_error *err)
{
	short revents;

	if (wait_for_all(link, fds, n, timeout_ms, &revents, err) != 0 ||
	    asb_run_interrupted(link->run))
		return -1;
	if (asb_connection_step(&link->connection, revents, err) != 0)
		return judge_loss(link, err);
	return step_sandbox(link, err);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* That a connection is lost and made again is worth no word when it is quick. */
static void on_changed(void *context, const struct asb_error *why)
{
	struct asb_run *run = context;

	if (why == NULL)
		asb_progress_clear(&run->progress);
	else
		asb_progress_show(&run->progress, "sandbox %s: connection lost, trying again (%s)",
				  asb_sandbox_name(run->sandbox), why->message);
}

static int connect_to(struct asb_link *link, struct asb_error *err)
{
	struct asb_run *run = link->run;
	const struct asb_way way = asb_run_way(run, asb_sandbox_pod(run->sandbox), false);

	if (asb_connection_open(&link->connection, &way, err) != 0)
		return -1;
	link->session = link->connection.session;
	link->connection.give_up_ms = run->give_up_ms;
	link->connection.changed = on_changed;
	link->connection.context = run;
	while (!asb_session_ready(link->session))
		if (asb_link_poll(link, NULL, 0, -1, err) != 0)
			return -1;
	return 0;
}

int asb_link_open(struct asb_link *link, struct asb_run *run, const struct asb_context *context,
		  struct asb_error *err)
{
	const struct asb_sandbox_hooks hooks = asb_run_hooks(run);

	*link = (struct asb_link){.run = run};
	if (asb_run_open(run, context, err) != 0 || asb_run_prepare_stream(run, err) != 0)
		return -1;
	run->sandbox = asb_sandbox_open(run->http, run->plan.sandbox.namespace_,
					run->plan.sandbox.name, &hooks);
	if (asb_run_start(run, ASB_SANDBOX_RUNNING, err) != 0 || connect_to(link, err) != 0)
		return -1;
	run->outcome.began = true; /* whatever the sandbox does now is no step towards it */
	asb_progress_clear(&run->progress);
	return 0;
}
