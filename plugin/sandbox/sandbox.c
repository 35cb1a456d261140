/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/sandbox.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

#define OPEN_READY_TIMEOUT_MS (5 * 60 * 1000)
#define OPEN_LEASE_MS (2 * 60 * 1000)

static const char *const connect_argv[] = {ASB_SHIM_PROGRAM, "connect", NULL};

static struct asb_sandbox *make(struct asb_http *http, const struct asb_kind *kind,
				const struct asb_sandbox_options *options,
				const struct asb_sandbox_hooks *hooks)
{
	struct asb_sandbox *sandbox = asb_calloc(1, sizeof(*sandbox));

	sandbox->http = http;
	sandbox->kind = kind;
	sandbox->api = &asb_api_v1beta1;
	sandbox->options = *options;
	if (hooks != NULL)
		sandbox->hooks = *hooks;
	asb_rights_init(&sandbox->rights, options->namespace_, kind->purpose);
	return sandbox;
}

struct asb_sandbox *asb_sandbox_new(struct asb_http *http,
				    const struct asb_sandbox_options *options,
				    const struct asb_sandbox_hooks *hooks)
{
	const struct asb_kind *kind = &asb_kind_made;
	struct asb_sandbox *sandbox;

	if (options->mode == ASB_MODE_POD)
		kind = &asb_kind_pod;
	else if (options->pool != NULL)
		kind = &asb_kind_claimed;
	sandbox = make(http, kind, options, hooks);

	sandbox->instance = asb_random_name(&sandbox->unnamed);
	sandbox->name = asb_strdup(options->name != NULL ? options->name : sandbox->instance);
	return sandbox;
}

struct asb_sandbox *asb_sandbox_open(struct asb_http *http, const char *namespace_,
				     const char *name, const struct asb_sandbox_hooks *hooks)
{
	const struct asb_sandbox_options options = {
		.namespace_ = namespace_,
		.name = name,
		.ready_timeout_ms = OPEN_READY_TIMEOUT_MS,
		.lease_ms = OPEN_LEASE_MS,
	};
	struct asb_sandbox *sandbox = make(http, &asb_kind_opened, &options, hooks);

	sandbox->name = asb_strdup(name);
	return sandbox;
}

void asb_sandbox_free(struct asb_sandbox *sandbox)
{
	if (sandbox == NULL)
		return;
	asb_sandbox_let_go(sandbox);
	asb_claim_release(&sandbox->claim, sandbox->http);
	asb_object_release(&sandbox->shim, sandbox->http);
	asb_object_release(&sandbox->root, sandbox->http);
	asb_object_release(&sandbox->config, sandbox->http);
	cJSON_Delete(sandbox->found);
	cJSON_Delete(sandbox->found_pod);
	free(sandbox->name);
	free(sandbox->instance);
	free(sandbox->running_uid);
	free(sandbox);
}

int asb_sandbox_create(struct asb_sandbox *sandbox, struct asb_error *err)
{
	sandbox->started_ms = asb_monotonic_ms();
	return sandbox->kind->create(sandbox, err);
}

int asb_sandbox_delete(struct asb_sandbox *sandbox, bool force, struct asb_error *err)
{
	if (sandbox->phase == ASB_SANDBOX_GONE)
		return 0;
	return sandbox->kind->delete (sandbox, force, err);
}

void asb_sandbox_rest(struct asb_sandbox *sandbox, bool resting)
{
	sandbox->resting = resting;
}

const char *asb_sandbox_noun(const struct asb_sandbox *sandbox)
{
	return sandbox->kind->noun;
}

bool asb_sandbox_settled(const struct asb_sandbox *sandbox)
{
	return sandbox->root.state != ASB_OBJECT_SENT && sandbox->shim.state != ASB_OBJECT_SENT &&
	       sandbox->config.state != ASB_OBJECT_SENT;
}

enum asb_sandbox_phase asb_sandbox_phase(const struct asb_sandbox *sandbox)
{
	return sandbox->phase;
}

const char *asb_sandbox_name(const struct asb_sandbox *sandbox)
{
	return sandbox->name;
}

const char *asb_sandbox_pod(const struct asb_sandbox *sandbox)
{
	return sandbox->observer.pod_name;
}

/* A pool's pods have the names of their Sandboxes since v0.5. */
const char *asb_sandbox_promised_pod(const struct asb_sandbox *sandbox)
{
	return sandbox->api == &asb_api_v1beta1 && sandbox->claim.runs ? sandbox->claim.bound
								       : NULL;
}

const char *asb_sandbox_container(const struct asb_sandbox *sandbox)
{
	(void)sandbox;
	return ASB_CONTAINER;
}

const char *const *asb_sandbox_connect_argv(const struct asb_sandbox *sandbox)
{
	(void)sandbox;
	return connect_argv;
}
