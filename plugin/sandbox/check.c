/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - whether commands can be run in a sandbox that is there. */
#include <string.h>

#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

/* What else may be wrong with it is waited for. */
static int check_state(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_findings findings = asb_sandbox_findings(sandbox);
	struct asb_diagnosis diagnosis;

	if (asb_diagnose_life(&findings, &diagnosis))
		return asb_sandbox_fail(sandbox, &diagnosis, err);
	return 0;
}

/* What runs in a container is said by its command, or else by its image. */
static int fail_other_command(const struct asb_sandbox *sandbox, const cJSON *container,
			      struct asb_error *err)
{
	const char *program = asb_json_string(container, "command/0");

	asb_fail(err,
		 "sandbox \"%s\" was not made for this plugin: its container \"" ASB_CONTAINER
		 "\" runs %s, not " ASB_SHIM_PROGRAM " init",
		 sandbox->name, program != NULL ? program : "what its image says");
	return asb_hint(err, "`kubectl -n %s exec %s -- COMMAND` may do",
			sandbox->options.namespace_, sandbox->name);
}

int asb_sandbox_check_shim(const struct asb_sandbox *sandbox, const cJSON *pod_spec,
			   struct asb_error *err)
{
	const cJSON *container = asb_json_find(pod_spec, "containers", "name", ASB_CONTAINER);
	const char *program = asb_json_string(container, "command/0");
	const char *mode = asb_json_string(container, "command/1");

	if (container == NULL) {
		asb_fail(err,
			 "sandbox \"%s\" was not made for this plugin: its pod has no container "
			 "\"" ASB_CONTAINER "\"",
			 sandbox->name);
		return asb_hint(err, "`kubectl -n %s exec %s -- COMMAND` may do",
				sandbox->options.namespace_, sandbox->name);
	}
	if (program == NULL || strcmp(program, ASB_SHIM_PROGRAM) != 0 || mode == NULL ||
	    strcmp(mode, "init") != 0)
		return fail_other_command(sandbox, container, err);
	if (asb_json_find(container, "volumeMounts", "mountPath", ASB_SHIM_MOUNT) != NULL)
		return 0;
	return asb_fail(err,
			"sandbox \"%s\" was not made for this plugin: nothing is mounted "
			"at " ASB_SHIM_MOUNT,
			sandbox->name);
}

int asb_sandbox_check_pod(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	const cJSON *spec = asb_json_at(sandbox->found_pod, "spec");

	if (spec == NULL)
		spec = asb_json_at(sandbox->found, "spec/podTemplate/spec");
	return asb_sandbox_check_shim(sandbox, spec, err);
}

int asb_sandbox_check_opened(struct asb_sandbox *sandbox, struct asb_error *err)
{
	const char *pool = asb_root_owner(sandbox->found, "SandboxWarmPool");

	if (pool != NULL) {
		asb_fail(err, "sandbox \"%s\" waits in warm pool \"%s\" for who claims it",
			 sandbox->name, pool);
		return asb_hint(err, "kubectl agentsandbox -n %s run --pool %s ...",
				sandbox->options.namespace_, pool);
	}
	return check_state(sandbox, err) < 0 ? -1 : asb_sandbox_check_pod(sandbox, err);
}
