/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec.h - from what the user wants to the Sandbox object. Pure.
 *
 * The pod passes PodSecurity "restricted" unless the user asks for root by `user` "0". It runs the
 * shim as PID 1 in the one container "main", with a read-only root filesystem and three writable
 * places: HOME, the working directory and /tmp. Sandboxes made directly get no secure default from
 * the controller: everything is said here.
 */
#ifndef ASB_SPEC_H
#define ASB_SPEC_H

#include "plugin/base/json.h"
#include "plugin/sandbox/placement.h"
#include "plugin/sandbox/sandbox.h"

#define ASB_SANDBOX_GROUP "agents.x-k8s.io"
#define ASB_SANDBOX_VERSION "v1beta1"
#define ASB_SANDBOX_API_VERSION ASB_SANDBOX_GROUP "/" ASB_SANDBOX_VERSION

#define ASB_CONTAINER "main"
#define ASB_SHIM_MOUNT "/agentsandbox"
#define ASB_SHIM_PROGRAM ASB_SHIM_MOUNT "/shim"
#define ASB_CONFIG_MOUNT "/etc/agentsandbox"
#define ASB_HOME "/home/agent"
#define ASB_WORK "/workspace"

/* What is decided per run. All borrowed. */
struct asb_spec {
	const char *api_version; /* of the Sandbox; NULL: v1beta1 */
	const char *name;
	const char *instance;	   /* label app.kubernetes.io/instance, see labels.h */
	const char *shutdown_time; /* RFC 3339; of a Sandbox */
	int64_t deadline_ms;	   /* of a plain pod, from its start */
	struct asb_placement placement;
};

/* 0, or -1 with a usage error that names the option: what can be known to be wrong without asking
 * the cluster. */
int asb_spec_check(const struct asb_sandbox_options *options, struct asb_error *err);

/* The object, from options that asb_spec_check has passed. */
cJSON *asb_spec_build(const struct asb_sandbox_options *options, const struct asb_spec *spec);

/* The pod template alone (metadata and spec), with the ConfigMap `name` as its kubeconfig. */
cJSON *asb_spec_template(const struct asb_sandbox_options *options, const struct asb_spec *spec);

/* The same as a plain pod. */
cJSON *asb_spec_build_pod(const struct asb_sandbox_options *options, const struct asb_spec *spec);

#endif
