/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a sandbox: everything that was made, or may have been, is deleted; or, kept, it gets
 * an hour. */
#include <stdlib.h>
#include <string.h>

#include "plugin/sandbox/sandbox_internal.h"

#define SETTLE_MS 3000
#define KEEP_MS 3600000

static int keep(struct asb_sandbox *sandbox, struct asb_error *err)
{
	int64_t offset = asb_http_clock_offset_ms(sandbox->http);
	ASB_TEXT end = asb_lease_shutdown_time(KEEP_MS, offset);
	ASB_JSON patch = asb_json_literal("{}");
	ASB_JSON answer = NULL;

	if (sandbox->endless) {
		asb_sandbox_notice(sandbox, "sandbox %s is kept until it is deleted",
				   sandbox->name);
		return 0;
	}
	if (!asb_sandbox_renewable(sandbox)) {
		asb_sandbox_notice(sandbox,
				   "sandbox %s is kept until the end that was fixed at its start",
				   sandbox->name);
		return 0;
	}
	asb_json_set_string(patch, sandbox->kind->end_path, end);
	answer = asb_api_merge_patch(sandbox->http, sandbox->root.path, patch, err);
	if (answer == NULL)
		return asb_wrap(err, "keeping sandbox \"%s\"", sandbox->name);
	asb_sandbox_notice(sandbox, "sandbox %s is kept until %s", sandbox->name, end);
	return 0;
}

/* We don't know whether the Sandbox under our name is ours. A name that we drew is nobody else's;
 * one that the user gave may be. */
static void identify(struct asb_sandbox *sandbox)
{
	struct asb_object *object = &sandbox->root;
	cJSON *found = NULL;

	if (object->state != ASB_OBJECT_CONFLICT && object->state != ASB_OBJECT_UNKNOWN)
		return;
	if (sandbox->options.name == NULL)
		object->state = ASB_OBJECT_UNKNOWN;
	else
		asb_object_identify(object, sandbox->http, sandbox->instance, &found);
	cJSON_Delete(found);
}

static void settle(struct asb_sandbox *sandbox)
{
	asb_sandbox_let_go(sandbox);
	asb_object_settle(&sandbox->root, sandbox->http, SETTLE_MS);
	asb_object_settle(&sandbox->shim, sandbox->http, SETTLE_MS);
	asb_object_settle(&sandbox->config, sandbox->http, SETTLE_MS);
	identify(sandbox);
	/* It carries the Sandbox's UID, so that garbage collection takes it if we may not, or can't
	 * be sure that it is ours. */
	if (!asb_rights_allow(&sandbox->rights, ASB_RIGHT_CONFIGMAP_DELETE) ||
	    (sandbox->config.state == ASB_OBJECT_UNKNOWN && sandbox->options.name != NULL))
		sandbox->config.state = ASB_OBJECT_NONE;
}

static int fail_deletion(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	const char *noun = sandbox->kind->noun;

	asb_wrap(err, "deleting %s \"%s\"", noun, sandbox->name);
	return asb_hint(
		err, "the cluster ends it when its lease runs out; or: kubectl -n %s delete %s %s",
		sandbox->options.namespace_, noun, sandbox->name);
}

int asb_sandbox_delete_created(struct asb_sandbox *sandbox, bool force, struct asb_error *err)
{
	struct asb_object *objects[] = {&sandbox->root, &sandbox->config};

	if (sandbox->options.keep && !force && sandbox->root.state == ASB_OBJECT_PRESENT) {
		asb_sandbox_let_go(sandbox);
		return keep(sandbox, err);
	}
	settle(sandbox);
	if (asb_objects_delete(objects, 2, sandbox->http, err) < 0)
		return fail_deletion(sandbox, err);
	asb_sandbox_set_phase(sandbox, ASB_SANDBOX_GONE);
	return 0;
}
