/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.h - what a command needs that asks the API server and leaves again: who we are, where,
 * and a client. */
#ifndef ASB_CLUSTER_H
#define ASB_CLUSTER_H

#include "plugin/commands/command.h"
#include "plugin/sandbox/resources.h"

struct asb_cluster {
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	const struct asb_api *api; /* as which it serves Sandboxes */
	const char *namespace_;	   /* where sandboxes live; borrowed */
	bool bare;		   /* agent-sandbox isn't installed */
};

/* For commands that have `settings`. Asks which API is served, so that the server's clock
 * is known too. Close in any case. */
int asb_cluster_open(struct asb_cluster *cluster, const struct asb_context *context,
		     struct asb_error *err);
/* The same, for what makes sense without agent-sandbox too: `api` is NULL when it isn't installed.
 */
int asb_cluster_open_any(struct asb_cluster *cluster, const struct asb_context *context,
			 struct asb_error *err);

/* The same, for what plain pods of ours can be given to as well: without agent-sandbox `api` is the
 * newest, in which nothing is found then. */
int asb_cluster_open_roots(struct asb_cluster *cluster, const struct asb_context *context,
			   struct asb_error *err);
/* After err says that something is not found (404): that agent-sandbox isn't installed says more,
 * if that is so. Returns -1. */
int asb_cluster_explain(const struct asb_cluster *cluster, struct asb_error *err);

void asb_cluster_close(struct asb_cluster *cluster);

/* asb_kubeconfig_load with what the command line says. */
int asb_cluster_kubeconfig(const struct asb_context *context, struct asb_kubeconfig *kubeconfig,
			   struct asb_error *err);

/* A usage error unless `name` can be the name of an object. */
int asb_cluster_check_name(const char *what, const char *name, struct asb_error *err);

#endif
