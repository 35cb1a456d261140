/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - what the files of `run` share. */
#ifndef ASB_RUN_H
#define ASB_RUN_H

#include "plugin/commands/interrupts.h"
#include "plugin/commands/outcome.h"
#include "plugin/commands/run_options.h"
#include "plugin/term/progress.h"

struct asb_run {
	struct asb_run_plan plan;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	struct asb_sandbox *sandbox;
	char *pod; /* owned: its name, for the report; NULL before the deletion */
	struct asb_interrupts interrupts;
	struct asb_progress progress;
	struct asb_outcome outcome;
	int64_t give_up_ms; /* monotonic: the sandbox must be ready by then */
};

/* A signal has come: noted in the outcome. */
bool asb_run_interrupted(struct asb_run *run);

/*
 * Connects to the running sandbox, starts the job and stays with it until it has ended
 * (converse.c). 0: outcome.status is its exit status, and err may hold words about it. -1:
 * interrupted (outcome.signal) or err.
 */
int asb_run_converse(struct asb_run *run, struct asb_error *err);

#endif
