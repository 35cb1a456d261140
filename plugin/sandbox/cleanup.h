/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup.h - finds what was left behind (leftover.h) and deletes it.
 *
 * Only objects with our label are deleted, and only as they were seen: UID and resourceVersion are
 * preconditions, so that what somebody has changed meanwhile (a lease that was renewed after all)
 * stays. Whether a ConfigMap is in use is found out just before, and once more a second later: a
 * run that began in that moment, and had seen it, gets it back.
 */
#ifndef ASB_CLEANUP_H
#define ASB_CLEANUP_H

#include "plugin/sandbox/resources.h"

struct asb_cleanup_options {
	const char *namespace_; /* NULL: all */
	int64_t older_ms;	/* only what has been left for so long */
	bool dry_run;
};

struct asb_cleanup_hooks {
	/* Deleted, or to be: "sandbox.agents.x-k8s.io", the object, why, and for how many ms. */
	void (*deleted)(void *context, const char *noun, const cJSON *object, const char *reason,
			int64_t for_ms);
	void (*note)(void *context, const char *text); /* what stays, and why */
	void *context;
};

/*
 * `api` NULL: the cluster has no agent-sandbox. -1 when something could not be deleted (the others
 * were tried) or nothing could be looked at. Kinds that may not be listed are passed over:
 * `unseen`, not set before, is then an error that names the missing rights.
 */
int asb_cleanup_run(struct asb_http *http, const struct asb_api *api,
		    const struct asb_cleanup_options *options,
		    const struct asb_cleanup_hooks *hooks, struct asb_error *unseen,
		    struct asb_error *err);

#endif
