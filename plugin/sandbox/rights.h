/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.h - what may be done in the namespace of the sandboxes.
 *
 * Which rights are asked for depends on the purpose. Required to make a Sandbox: sandboxes create,
 * delete and watch (or get); pods get; pods/exec create and get; configmaps create. To open one:
 * sandboxes get, pods get, pods/exec create and get. To claim one from a warm pool: sandboxclaims
 * create, delete and watch (or get) besides these. For a plain pod: pods create, delete and get,
 * pods/exec create and get, configmaps create. Everything else is optional and only makes it
 * better:
 *
 *   sandboxes patch        the lease is renewed; else its end is fixed at the start
 *   sandboxclaims patch    the same for a claim
 *   sandboxes get, list    reading again what a watch has missed
 *   pods list, watch       states of the pod as they happen; else it is read twice a second
 *   events list, watch     causes that only events tell, and a quicker start
 *   configmaps get         the shim's ConfigMap is compared, not written again
 *   configmaps delete      the sandbox's ConfigMap goes at once; else garbage collection takes it
 */
#ifndef ASB_RIGHTS_H
#define ASB_RIGHTS_H

#include "plugin/kube/access.h"

enum asb_right {
	ASB_RIGHT_SANDBOX_CREATE,
	ASB_RIGHT_SANDBOX_DELETE,
	ASB_RIGHT_SANDBOX_WATCH,
	ASB_RIGHT_SANDBOX_GET,
	ASB_RIGHT_SANDBOX_LIST,
	ASB_RIGHT_SANDBOX_PATCH,
	ASB_RIGHT_CLAIM_CREATE,
	ASB_RIGHT_CLAIM_DELETE,
	ASB_RIGHT_CLAIM_WATCH,
	ASB_RIGHT_CLAIM_GET,
	ASB_RIGHT_CLAIM_PATCH,
	ASB_RIGHT_POD_CREATE,
	ASB_RIGHT_POD_DELETE,
	ASB_RIGHT_POD_GET,
	ASB_RIGHT_POD_LIST,
	ASB_RIGHT_POD_WATCH,
	ASB_RIGHT_EXEC_CREATE,
	ASB_RIGHT_EXEC_GET,
	ASB_RIGHT_CONFIGMAP_CREATE,
	ASB_RIGHT_CONFIGMAP_GET,
	ASB_RIGHT_CONFIGMAP_DELETE,
	ASB_RIGHT_EVENT_LIST,
	ASB_RIGHT_EVENT_WATCH,
	ASB_RIGHTS,
};

/* What for. */
enum asb_purpose {
	ASB_PURPOSE_MAKE,  /* a Sandbox of our own */
	ASB_PURPOSE_OPEN,  /* a Sandbox that is there */
	ASB_PURPOSE_CLAIM, /* one from a warm pool */
	ASB_PURPOSE_POD,   /* a plain pod */
	ASB_PURPOSES,
};

struct asb_rights {
	struct asb_access items[ASB_RIGHTS]; /* namespace_ borrowed */
	const char *namespace_;
	enum asb_purpose purpose;
};

/* Nothing is allowed yet. */
void asb_rights_init(struct asb_rights *rights, const char *namespace_, enum asb_purpose purpose);

/*
 * Asks the API server for those that the purpose has a use for; the others stay denied: in one
 * question for all (access_rules.h), one by one where that does not tell, or not enough. A server
 * that doesn't let us ask (403) is taken as "everything": what is missing then shows when it is
 * used. -1 when the question could not be asked otherwise.
 */
int asb_rights_review(struct asb_rights *rights, struct asb_http *http, struct asb_error *err);

/* 0 when what is required is there, else -1 with one error that lists what is missing and a hint
 * with the Role that grants it. Pure. */
int asb_rights_require(struct asb_rights *rights, struct asb_error *err);

bool asb_rights_allow(const struct asb_rights *rights, enum asb_right right);

#endif
