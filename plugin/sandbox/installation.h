/* SPDX-License-Identifier: Apache-2.0 */
/*
 * installation.h - what an administrator puts into a cluster once: the files of manifests/,
 * embedded.
 *
 * They name the namespace "computer". For another one its name is put in its place, and
 * cluster-wide names get it behind them, so that several installations stand side by side. All
 * objects carry the label app.kubernetes.io/part-of: kubectl-agentsandbox, and nothing without it
 * is ever deleted.
 */
#ifndef ASB_INSTALLATION_H
#define ASB_INSTALLATION_H

#include "plugin/kube/api.h"

#define ASB_INSTALLATION_NAMESPACE "computer"
#define ASB_FIELD_MANAGER "kubectl-agentsandbox"

extern const char asb_manifests[]; /* YAML documents, each behind a line "---" */

/* The objects for a namespace, the Namespace first: an array, owned by the caller. */
cJSON *asb_installation_objects(const char *namespace_);

/* A RoleBinding that makes `name` a user of it; `kind` is "User" or "Group". One for each, so that
 * a later one takes nothing from an earlier one. */
cJSON *asb_installation_binding(const char *namespace_, const char *kind, const char *name);

/* "clusterrole.rbac.authorization.k8s.io/x", as kubectl names it; heap. Only kinds that there are
 * among the manifests. */
char *asb_installation_name(const cJSON *object);

/* 0 when the API server allows all that applying takes, else -1 with what is missing. */
int asb_installation_require(struct asb_http *http, const char *namespace_, struct asb_error *err);

struct asb_installation_mode {
	bool dry_run; /* the server does everything but store it */
	bool force;   /* take over what others manage */
};

enum asb_installation_change {
	ASB_INSTALLATION_APPLIED,
	ASB_INSTALLATION_UNCHANGED,
	ASB_INSTALLATION_NOT_TRIED, /* a dry run, and its namespace doesn't exist yet */
};

/* Server-side apply of one object. Another manager's fields are an error with what to do, and so is
 * a namespace that was there before, without our label: unless mode->force. */
int asb_installation_apply(struct asb_http *http, const cJSON *object,
			   const struct asb_installation_mode *mode,
			   enum asb_installation_change *change, struct asb_error *err);

/* --- and away with it (removal.c) --- */

/* What lives in the namespace and is ours: an array of "sandbox/x", owned by the caller. `api`
 * NULL: the cluster has no agent-sandbox. NULL: err. */
struct asb_api;
cJSON *asb_installation_living(struct asb_http *http, const struct asb_api *api,
			       const char *namespace_, struct asb_error *err);

/* The objects that are there, in the order in which they are to go, the Namespace last; NULL: err.
 */
cJSON *asb_installation_present(struct asb_http *http, const char *namespace_,
				struct asb_error *err);

/*
 * Deletes one of them. 1: it stays, and `why` says why: the label is missing, or it is a namespace
 * that holds anything else, or of which that can't be found out.
 */
int asb_installation_delete(struct asb_http *http, const cJSON *object, bool dry_run,
			    struct asb_buffer *why, struct asb_error *err);

#endif
