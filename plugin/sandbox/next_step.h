/* SPDX-License-Identifier: Apache-2.0 */
/*
 * next_step.h - what to do about a sandbox that is there and in trouble: one line to paste. Pure.
 *
 * The line is complete (namespace, name, options that the sandbox was made with); words in capitals
 * such as IMAGE stand for what only the user can choose. Whatever comes from an object is quoted
 * for a shell where it has to be: objects may be made by somebody else.
 *
 * A sandbox that has to be made anew is deleted and created by the plugin when it is as the
 * plugin's own options make it (one container, no volumes of its own); any other is edited, and its
 * pod deleted, so that nothing of it is lost. What comes from a warm pool is as the pool's template
 * says: that is made anew. Nobody else's objects are touched.
 */
#ifndef ASB_NEXT_STEP_H
#define ASB_NEXT_STEP_H

#include "plugin/sandbox/diagnose.h"

/* What a sandbox that says nothing else was made with: create's options need not be repeated. */
#define ASB_STEP_IMAGE "bitnami/kubectl:latest"
#define ASB_STEP_ACCOUNT "normal-user"
#define ASB_STEP_CPU "1"
#define ASB_STEP_MEMORY "512Mi"

/*
 * For the diagnosis of those findings; `claim` is the SandboxClaim that the Sandbox belongs to, or
 * that has none yet (findings->sandbox then is NULL); `pool` the SandboxWarmPool that it names or
 * that the Sandbox waits in; both may be NULL. Heap. What nobody can say at the sandbox itself is
 * looked for in the installation.
 */
char *asb_next_step(const struct asb_findings *findings, const cJSON *claim, const cJSON *pool,
		    const struct asb_diagnosis *diagnosis);

/* The name of the pool that a claim wants one from, or NULL. Borrowed. */
const char *asb_claim_pool(const cJSON *claim);

#endif
