/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_options.h - what `run` was asked to do, and whether that can be understood. Pure: nothing is
 * sent before asb_run_plan_init has found no fault.
 */
#ifndef ASB_RUN_OPTIONS_H
#define ASB_RUN_OPTIONS_H

#include "plugin/commands/command.h"
#include "plugin/sandbox/sandbox.h"
#include "plugin/session/session.h"

#define ASB_DEFAULT_NAMESPACE "computer"

/* Values of the options, as typed. */
struct asb_run_values {
	const char *image, *image_pull_policy, *runtime_class, *service_account;
	const char *name, *cpu, *memory, *user, *workdir, *output;
	struct asb_strings env;
	int64_t timeout_ms, ready_timeout_ms, lease_ms;
	bool keep, stdin_, quiet;
};

extern const struct asb_command_option asb_run_options[];
extern const struct asb_run_values asb_run_defaults;

/* The same, checked and in the words of the floors below. Borrows the values and operands. */
struct asb_run_plan {
	struct asb_sandbox_options
		sandbox; /* inner_namespace is not set: it takes the kubeconfig */
	struct asb_job_spec job;
	const char **words; /* owned: argv or env with their NULL */
	const char **env;   /* owned */
	bool json, quiet, stdin_;
};

/* Usage errors carry a hint. Release in any case. */
int asb_run_plan_init(struct asb_run_plan *plan, const struct asb_context *context,
		      const struct asb_run_values *values, const struct asb_operands *operands,
		      struct asb_error *err);
void asb_run_plan_release(struct asb_run_plan *plan);

#endif
