/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_options.h - what `run` was asked to do, and whether that can be understood. Nothing is sent
 * before asb_run_plan_init has found no fault. It looks at nothing but whether stdin is a terminal,
 * and its TERM, with -t.
 */
#ifndef ASB_RUN_OPTIONS_H
#define ASB_RUN_OPTIONS_H

#include "plugin/commands/command.h"
#include "plugin/sandbox/sandbox.h"
#include "plugin/session/session.h"

#define ASB_DEFAULT_NAMESPACE "computer"
#define ASB_DEFAULT_IMAGE "bitnami/kubectl:latest"
#define ASB_DEFAULT_IMAGE_PULL_POLICY "IfNotPresent"
#define ASB_DEFAULT_SERVICE_ACCOUNT "normal-user"
#define ASB_DEFAULT_SANDBOX "agent-sandbox"
#define ASB_DEFAULT_CPU "1"
#define ASB_DEFAULT_MEMORY "512Mi"
#define ASB_DEFAULT_LEASE "2m"
#define ASB_DEFAULT_READY_TIMEOUT "5m"

/* Values of the options, as typed. */
struct asb_run_values {
	const char *image, *image_pull_policy, *runtime_class, *service_account;
	const char *name, *cpu, *memory, *user, *workdir, *output, *sandbox;
	const char *pool, *cold, *arch;
	struct asb_strings env;
	int64_t timeout_ms, ready_timeout_ms, lease_ms;
	bool keep, stdin_, tty, quiet, no_persist, detach;
};

#define ASB_RUN_DEFAULTS                                                                         \
	{                                                                                        \
		.image = ASB_DEFAULT_IMAGE, .image_pull_policy = ASB_DEFAULT_IMAGE_PULL_POLICY,  \
		.sandbox = ASB_DEFAULT_SANDBOX, .service_account = ASB_DEFAULT_SERVICE_ACCOUNT,  \
		.cpu = ASB_DEFAULT_CPU, .memory = ASB_DEFAULT_MEMORY, .lease_ms = 2 * 60 * 1000, \
		.ready_timeout_ms = 5 * 60 * 1000,                                               \
	}

extern const struct asb_command_option asb_run_options[], asb_exec_options[];
extern const struct asb_run_values asb_run_defaults;

/* The same, checked and in the words of the floors below. Borrows the values and operands. */
struct asb_run_plan {
	struct asb_sandbox_options
		sandbox; /* inner_namespace is not set: it takes the kubeconfig */
	struct asb_job_spec job;
	const char **words; /* owned: argv or env with their NULL */
	const char **env;   /* owned */
	char *term;	    /* owned: TERM=..., or NULL */
	const char *note;   /* why -t has no effect; NULL: it has, or was not given */
	bool json, quiet, stdin_;
	bool persist; /* a stream may be shared with other commands */
};

/* What can be known to be wrong about each value by itself. Usage errors that begin with the
 * option ("--lease is shorter than 10s"): asb_settings counts on it. */
int asb_run_values_check(const struct asb_run_values *values, const char *namespace_,
			 struct asb_error *err);

/*
 * Settles what kind of sandbox it is (run_kind.c). A pool whose name was typed excludes options
 * that say what the sandbox is like; one of the settings gives way to such options.
 */
int asb_run_choose_kind(struct asb_sandbox_options *sandbox, const struct asb_operands *operands,
			struct asb_error *err);

/* Whether `value` (NULL: fine) can be the name of an object: a DNS subdomain, RFC 1123. */
int asb_check_object_name(const char *option, const char *value, struct asb_error *err);

/* Whether `arch` (NULL: fine) can be that of a node: "amd64", "arm64". */
int asb_check_arch(const char *arch, struct asb_error *err);

/* Usage errors carry a hint. Of a variable that is there twice the last value counts. Release in
 * any case. */
int asb_run_plan_init(struct asb_run_plan *plan, const struct asb_context *context,
		      const struct asb_run_values *values, const struct asb_operands *operands,
		      struct asb_error *err);
/* The same for `exec NAME ...`: of plan->sandbox only namespace, name and times are set. */
int asb_exec_plan_init(struct asb_run_plan *plan, const struct asb_context *context,
		       const struct asb_run_values *values, const struct asb_operands *operands,
		       struct asb_error *err);
/* The same for `create`: nothing but the sandbox, without its name. */
int asb_create_plan_init(struct asb_run_plan *plan, const struct asb_context *context,
			 const struct asb_run_values *values, const struct asb_operands *operands,
			 struct asb_error *err);
void asb_run_plan_release(struct asb_run_plan *plan);

#endif
