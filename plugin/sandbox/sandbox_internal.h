/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_internal.h - what prepare.c, creation.c, sandbox.c and deletion.c share. Nobody else
 * includes it.
 */
#ifndef ASB_SANDBOX_INTERNAL_H
#define ASB_SANDBOX_INTERNAL_H

#include "plugin/sandbox/lease.h"
#include "plugin/sandbox/object.h"
#include "plugin/sandbox/observer.h"
#include "plugin/sandbox/rights.h"
#include "plugin/sandbox/sandbox.h"

/* How long a verdict has stood. */
struct asb_judgement {
	struct asb_diagnosis diagnosis;
	int64_t since_ms; /* monotonic: when this code was found first */
	const char *told; /* code of the last notice */
};

struct asb_sandbox {
	struct asb_http *http;
	struct asb_sandbox_options options;
	struct asb_sandbox_hooks hooks;
	char *name;
	char *instance;		  /* see labels.h */
	struct asb_error unnamed; /* why there are no names, told by prepare */
	enum asb_sandbox_phase phase;
	struct asb_rights rights;

	bool shim_present; /* its ConfigMap was seen and is ours */
	struct asb_object shim, sandbox, config;
	struct asb_observer observer;
	bool blind; /* the observer has failed while the command ran */
	struct asb_lease lease;
	bool leased;	    /* `lease` is in use */
	int64_t started_ms; /* monotonic, of asb_sandbox_create */

	struct asb_judgement judgement;
	char *running_uid;  /* of the pod whose container was seen running */
	int64_t failing_ms; /* monotonic: since when it fails while running, 0: it doesn't */
};

void asb_sandbox_set_phase(struct asb_sandbox *sandbox, enum asb_sandbox_phase phase);
__attribute__((format(printf, 2, 3))) void asb_sandbox_notice(struct asb_sandbox *sandbox,
							      const char *format, ...);

/* creation.c: moves the objects on; starts observing and the lease once the Sandbox is there. */
int asb_sandbox_step_creation(struct asb_sandbox *sandbox, struct asb_error *err);

/* Length of the lease that the Sandbox is made with. */
int64_t asb_sandbox_first_lease_ms(const struct asb_sandbox *sandbox);

/* Stops lease and observation, so that requests about the Sandbox can't cross its deletion. */
void asb_sandbox_let_go(struct asb_sandbox *sandbox);

#endif
