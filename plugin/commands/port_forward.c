/* SPDX-License-Identifier: Apache-2.0 */
/* port_forward.c - `port-forward`: local ports whose connections go on inside the sandbox. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/commands/forward_lane.h"
#include "plugin/commands/forward_ports.h"
#include "plugin/commands/link.h"

#define ACCEPT_PAUSE_MS 100 /* when there is no descriptor left for one more */

struct values {
	const char *address;
	bool quiet;
};

static const struct values defaults = {.address = "localhost"};

static const struct asb_command_option options[] = {
	{"address", 0, ASB_OPTION_STRING, offsetof(struct values, address), "ADDRESS",
	 "local addresses to listen on, separated by commas: localhost, which is 127.0.0.1 and "
	 "::1, or IP addresses (default localhost)"},
	{"quiet", 'q', ASB_OPTION_FLAG, offsetof(struct values, quiet), NULL,
	 "no progress and no notes on stderr"},
	{0},
};

struct forward {
	struct asb_link link;
	const char *shim; /* its path in the sandbox */
	struct asb_forward_port *ports;
	size_t count;
	struct asb_listeners listeners;
	int64_t accept_ms; /* monotonic, not before that */
	struct asb_lane *lanes;
	struct pollfd *fds;
	size_t capacity;
};

/* --- connections ------------------------------------------------------------------------------ */

static void accept_all(struct forward *forward, const struct asb_listener *listener)
{
	for (;;) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct asb_lane *lane;

		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN)
				forward->accept_ms = asb_monotonic_ms() + ACCEPT_PAUSE_MS;
			return;
		}
		printf("Handling connection for %u\n", listener->port->local);
		fflush(stdout);
		lane = asb_lane_new(fd, listener->port->local, listener->port->remote);
		lane->next = forward->lanes;
		forward->lanes = lane;
	}
}

static void say_problem(struct forward *forward, const struct asb_lane *lane)
{
	ASB_TEXT text = NULL;

	if (!asb_failed(&lane->problem))
		return;
	text = asb_strf("connection for %u ended: %s", lane->local, lane->problem.message);
	asb_progress_note(&forward->link.run->progress, "note", text);
}

static void step_lanes(struct forward *forward)
{
	struct asb_lane **at = &forward->lanes;

	while (*at != NULL) {
		struct asb_lane *lane = *at;

		if (asb_lane_step(lane, forward->link.session, forward->shim)) {
			at = &lane->next;
			continue;
		}
		*at = lane->next;
		say_problem(forward, lane);
		asb_lane_free(lane);
	}
}

static void end_lanes(struct forward *forward)
{
	while (forward->lanes != NULL) {
		struct asb_lane *lane = forward->lanes;

		forward->lanes = lane->next;
		asb_lane_free(lane);
	}
}

/* --- the loop --------------------------------------------------------------------------------- */

static void watch(struct forward *forward, size_t *n, int fd, short events)
{
	if (*n == forward->capacity) {
		forward->capacity = forward->capacity * 2 + 16;
		forward->fds = asb_realloc(forward->fds, forward->capacity * sizeof(*forward->fds));
	}
	forward->fds[(*n)++] = (struct pollfd){.fd = fd, .events = events};
}

/* Listeners first, and only those that may accept. Returns how many descriptors there are. */
static size_t collect(struct forward *forward, int *timeout_ms)
{
	int wait = forward->accept_ms == 0 ? 0 : asb_poll_timeout(forward->accept_ms);
	size_t n = 0;

	*timeout_ms = wait > 0 ? wait : -1;
	for (size_t i = 0; i < forward->listeners.count; i++)
		watch(forward, &n, wait > 0 ? -1 : forward->listeners.items[i].fd, POLLIN);
	for (const struct asb_lane *lane = forward->lanes; lane != NULL; lane = lane->next) {
		short events = asb_lane_events(lane);

		*timeout_ms = asb_nearer_timeout(*timeout_ms, asb_lane_timeout(lane));
		if (events != 0)
			watch(forward, &n, lane->fd, events);
	}
	return n;
}

static int turn(struct forward *forward, struct asb_error *err)
{
	int timeout_ms;
	size_t n = collect(forward, &timeout_ms);

	if (asb_link_poll(&forward->link, forward->fds, (unsigned)n, timeout_ms, err) != 0)
		return -1;
	for (size_t i = 0; i < forward->listeners.count; i++)
		if (forward->fds[i].revents != 0)
			accept_all(forward, &forward->listeners.items[i]);
	step_lanes(forward);
	return 0;
}

static int go_through(struct forward *forward, struct asb_run *run,
		      const struct asb_context *context, const char *address, struct asb_error *err)
{
	if (asb_listeners_open(&forward->listeners, address, forward->ports, forward->count, err) !=
		    0 ||
	    asb_link_open(&forward->link, run, context, err) != 0)
		return -1;
	forward->shim = asb_sandbox_connect_argv(run->sandbox)[0];
	for (size_t i = 0; i < forward->listeners.count; i++)
		printf("Forwarding from %s -> %u\n", forward->listeners.items[i].name,
		       forward->listeners.items[i].port->remote);
	fflush(stdout);
	while (turn(forward, err) == 0)
		continue;
	return -1;
}

/* --- the command ------------------------------------------------------------------------------ */

static int take_ports(struct forward *forward, const struct asb_operands *operands,
		      struct asb_error *err)
{
	if (operands->count < 2) {
		asb_fail_usage(err, "port-forward takes the name of a sandbox, and ports");
		return asb_hint(err, "port-forward box 8080:80");
	}
	forward->count = operands->count - 1;
	forward->ports = asb_calloc(forward->count, sizeof(*forward->ports));
	for (size_t i = 0; i < forward->count; i++)
		if (asb_forward_port_parse(operands->items[i + 1], &forward->ports[i], err) != 0)
			return -1;
	return 0;
}

static void release(struct forward *forward)
{
	end_lanes(forward);
	asb_link_close(&forward->link);
	asb_listeners_release(&forward->listeners);
	free(forward->ports);
	free(forward->fds);
}

static int run_port_forward(const struct asb_context *context, const void *values,
			    const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *given = values;
	struct forward forward = {0};
	struct asb_run run;
	int rc;

	if (take_ports(&forward, operands, err) != 0 ||
	    asb_forward_addresses_check(given->address, err) != 0 ||
	    asb_link_plan(&run, context, operands->items[0], err) != 0) {
		release(&forward);
		return -1;
	}
	run.plan.quiet = given->quiet;
	rc = go_through(&forward, &run, context, given->address, err);
	release(&forward);
	asb_run_clean_up(&run);
	/* Ctrl-C is how one ends it. */
	if (run.outcome.signal == SIGINT && run.outcome.began) {
		run.outcome.signal = 0;
		rc = 0;
	}
	rc = asb_run_conclude(&run, rc, err);
	asb_run_release(&run);
	return rc;
}

const struct asb_command asb_command_port_forward = {
	.name = "port-forward",
	.summary = "Forwards local ports into a sandbox",
	.usage = "port-forward NAME [LOCAL:]REMOTE... [--address ADDRESS]",
	.description =
		"Whoever connects to the local port LOCAL talks to port REMOTE of the sandbox's "
		"localhost; without LOCAL it is the same number, :REMOTE takes any that is free. "
		"It works under gVisor, too, where that of kubectl does not: the connection goes "
		"on inside the sandbox. Nothing has to be allowed but what \"exec\" needs.\n"
		"Each end of a connection is passed on by itself. It runs until Ctrl-C, with exit "
		"status 0, or until the sandbox ends, with 125; meanwhile the sandbox does not "
		"end by its time.",
	.examples = "port-forward box 8080:80\n"
		    "port-forward box 8080 :5432 --address 0.0.0.0",
	.options = options,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.settings = true,
	.run = run_port_forward,
};
