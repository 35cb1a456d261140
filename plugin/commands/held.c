/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/held.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/commands/attach.h"
#include "plugin/commands/persist.h"
#include "plugin/kube/api.h"
#include "plugin/session/control.h"

#define PATIENCE_MS 5000 /* with a holder: it is there and so is its stream, or not at all */

/* --- without a holder ------------------------------------------------------------------------- */

/* Nothing is waited for: the command is what counts now. */
static void on_began(void *context)
{
	const struct asb_held *held = context;
	const struct asb_sandbox_options *sandbox = &held->run->plan.sandbox;

	asb_persist_start(held->context, sandbox->namespace_, sandbox->name, held->idle_ms);
}

/* --- when it is lost -------------------------------------------------------------------------- */

static int start(struct asb_run *run, struct asb_error *err)
{
	const struct asb_sandbox_hooks hooks = asb_run_hooks(run);

	if (run->http == NULL && asb_run_open_client(run, err) != 0)
		return -1;
	run->sandbox = asb_sandbox_open(run->http, run->plan.sandbox.namespace_,
					run->plan.sandbox.name, &hooks);
	return asb_run_start(run, ASB_SANDBOX_RUNNING, err);
}

/* From the shortcut to the way that everybody takes: client, sandbox. */
static int leave(struct asb_run *run, struct asb_error *err)
{
	if (run->sandbox != NULL)
		return 0;
	if (start(run, err) == 0)
		return 0;
	asb_sandbox_free(run->sandbox);
	run->sandbox = NULL;
	if (run->outcome.signal == 0)
		return -1;
	/* It is the command's: whoever attends to that takes it. */
	kill(getpid(), run->outcome.signal);
	run->outcome.signal = 0;
	return asb_fail(err, "interrupted");
}

/* Whether the server answers at all. Then what was found out about the sandbox is so. */
static bool server_answers(struct asb_run *run)
{
	struct asb_error err = ASB_ERROR_INIT;
	cJSON *version = run->http == NULL ? NULL : asb_api_get(run->http, "/version", &err);
	bool answers = version != NULL || (err.http >= 400 && err.http < 500);

	cJSON_Delete(version);
	return answers;
}

static void use_own_stream(struct asb_held *held)
{
	struct asb_run *run = held->run;

	if (run->attach != NULL) {
		run->attach->http = run->http;
		run->attach->sandbox = run->sandbox;
	}
	held->direct = asb_run_way(run, asb_sandbox_pod(run->sandbox), false);
	held->has_direct = true;
}

static int open_own(struct asb_held *held, struct asb_error *err)
{
	struct asb_run *run = held->run;

	if (leave(run, err) != 0) {
		if (run->attach != NULL) /* a client at least, should there be one now */
			run->attach->http = run->http;
		if (run->attach != NULL && server_answers(run))
			asb_attach_give_up(run->attach, err);
		return -1;
	}
	if (!held->has_direct)
		use_own_stream(held);
	return held->direct.open(held->direct.context, err);
}

/* --- the way ---------------------------------------------------------------------------------- */

static int open_held(void *context, struct asb_error *err)
{
	struct asb_held *held = context;

	return held->fd >= 0 ? held->fd : open_own(held, err);
}

static enum asb_way_end close_held(void *context, bool heard, struct asb_error *err)
{
	struct asb_held *held = context;

	if (held->fd < 0)
		return held->direct.close(held->direct.context, heard, err);
	close(held->fd);
	held->fd = -1;
	/* A holder that leaves, or hangs: that says nothing about the sandbox. */
	return heard ? ASB_WAY_LOST : ASB_WAY_EARLY;
}

static void free_held(void *context)
{
	struct asb_held *held = context;

	if (held->has_direct && held->direct.free != NULL)
		held->direct.free(held->direct.context);
}

int asb_held_find(struct asb_held *held, struct asb_run *run, const struct asb_context *context,
		  struct asb_error *err)
{
	struct asb_error ignored = ASB_ERROR_INIT; /* then there is none */
	ASB_TEXT path = NULL;

	*held = (struct asb_held){.run = run, .context = context, .fd = -1};
	if (asb_persist_idle(&held->idle_ms, err) != 0)
		return -1;
	if (held->idle_ms > 0)
		path = asb_persist_path(&run->kubeconfig, run->plan.sandbox.namespace_,
					run->plan.sandbox.name, &ignored);
	if (path == NULL)
		return 0;
	held->fd = asb_control_connect(path);
	held->shortcut = (struct asb_run_shortcut){
		.way = {open_held, close_held, free_held, held, PATIENCE_MS, true},
		.leave = leave,
	};
	if (held->fd >= 0) {
		run->shortcut = &held->shortcut;
		return 0;
	}
	run->began = on_began;
	run->began_context = held;
	return 0;
}
