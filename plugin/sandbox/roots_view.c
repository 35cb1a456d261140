/* SPDX-License-Identifier: Apache-2.0 */
/* roots_view.c - how a root is, whatever kind it is. */
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/sandbox/observer.h"
#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/spec.h"

static const char *pod_status(const cJSON *pod)
{
	const char *phase = asb_json_string(pod, "status/phase");
	const cJSON *ready = asb_json_find(pod, "status/conditions", "type", "Ready");

	if (asb_same_text(phase, "Succeeded"))
		return "Completed";
	if (asb_same_text(phase, "Failed"))
		return asb_same_text(asb_json_string(pod, "status/reason"), "DeadlineExceeded")
			       ? "Expired"
			       : "Failed";
	if (asb_same_text(asb_json_string(ready, "status"), "True"))
		return "Running";
	return asb_json_string(pod, "spec/nodeName") != NULL ? "Starting" : "Pending";
}

const char *asb_root_status(const cJSON *root, const cJSON *sandbox)
{
	if (asb_json_string(root, "metadata/deletionTimestamp") != NULL)
		return "Terminating";
	if (asb_root_kind(root) == ASB_ROOT_POD)
		return pod_status(root);
	/* The conditions of a claim are those of its Sandbox. */
	return asb_inventory_status(sandbox != NULL ? sandbox : root);
}

int64_t asb_root_end_ms(const cJSON *root)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	double seconds = asb_json_number(root, "spec/activeDeadlineSeconds", -1);
	int64_t started = asb_time_parse(asb_json_string(root, "status/startTime"));

	if (asb_root_kind(root) != ASB_ROOT_POD)
		return asb_time_parse(asb_json_string(root, asb_root_end_path(root, &ignored)));
	return seconds < 0 || started < 0 ? -1 : started + (int64_t)(seconds * 1000);
}

const cJSON *asb_root_pod_spec(const cJSON *root, const cJSON *sandbox)
{
	return asb_root_kind(root) == ASB_ROOT_POD ? asb_json_at(root, "spec")
						   : asb_json_at(sandbox, "spec/podTemplate/spec");
}

const char *asb_root_image(const cJSON *root, const cJSON *sandbox)
{
	const cJSON *spec = asb_root_pod_spec(root, sandbox);
	const cJSON *main = asb_json_find(spec, "containers", "name", ASB_CONTAINER);

	if (main == NULL)
		main = asb_json_at(spec, "containers/0");
	return asb_json_string(main, "image");
}

const char *asb_root_pod(const cJSON *root, const cJSON *sandbox)
{
	if (asb_root_kind(root) == ASB_ROOT_POD)
		return asb_json_string(root, "metadata/name");
	return sandbox == NULL ? NULL : asb_observer_pod_name(sandbox);
}

const char *asb_root_node(const cJSON *root, const cJSON *sandbox)
{
	if (asb_root_kind(root) == ASB_ROOT_POD)
		return asb_json_string(root, "spec/nodeName");
	return asb_json_string(sandbox, "status/nodeName");
}
