/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup.h - the examination of an installation: is there everything in the cluster that `run`
 * needs, and does it work? Knows no terminal.
 *
 * Nothing is changed: objects are read, rights are asked for, and a pod and a Sandbox like those
 * that `run` would make are sent as a dry run (dryRun=All), which the API server examines and
 * forgets. Questions that don't depend on one another's answers go side by side on one connection.
 *
 * What may not be read is ASB_CHECK_UNKNOWN and never a problem; the dry run tells much of it in
 * another way. Checks are made from the ground up (server, nodes, API, controller, namespace,
 * rights ...), and a trouble that follows from a problem found before is no problem of its own:
 * the first problem is the cause.
 */
#ifndef ASB_CHECKUP_H
#define ASB_CHECKUP_H

#include "plugin/base/json.h"
#include "plugin/kube/http.h"
#include "plugin/sandbox/sandbox.h"

enum asb_check_status {
	ASB_CHECK_OK,
	ASB_CHECK_UNKNOWN, /* could not be examined, or follows from a problem: evidence says which
			    */
	ASB_CHECK_WARNING, /* works, but not as well as it could */
	ASB_CHECK_PROBLEM,
};

struct asb_check {
	const char *name; /* what was examined: "controller"; several entries may have one name */
	enum asb_check_status status;
	char *evidence;	 /* owned: what was found; one line, of the cluster's own words in parts */
	char *next_step; /* owned: lines for a shell that repair it; NULL: none. A word in
			    capitals is the reader's to choose */
};

struct asb_checkup {
	struct asb_check *items; /* owned; problems first, then warnings, then the others, each
				    from the ground up */
	size_t count;
};

struct asb_checkup_options {			   /* borrowed */
	const struct asb_sandbox_options *sandbox; /* what `run` would be asked for */
	const char *server;			   /* its URL, for the evidence */
	const char *program;			   /* "kubectl agentsandbox", for next steps */
};

/* Release in any case. An API server that does not answer is a problem, and the only one found; -1
 * only when asking itself was impossible. */
int asb_checkup(struct asb_http *http, const struct asb_checkup_options *options,
		struct asb_checkup *checkup, struct asb_error *err);
void asb_checkup_release(struct asb_checkup *checkup);

size_t asb_checkup_count(const struct asb_checkup *checkup, enum asb_check_status status);

/* "ok", "unknown", "warning", "problem". */
const char *asb_check_word(enum asb_check_status status);

/* {"healthy": no problem, "checks": [{"check", "status", "evidence", "nextStep" or null}]} */
cJSON *asb_checkup_json(const struct asb_checkup *checkup);

#endif
