/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig.h - which API server, as whom, in which namespace: found and merged as kubectl does.
 *
 * Order (client-go tools/clientcmd): --kubeconfig alone (must exist); else $KUBECONFIG, a list,
 * files that don't exist are skipped, the first file that defines a cluster, user or context wins
 * for the whole entry; else ~/.kube/config; else, with nothing configured, the in-cluster
 * ServiceAccount. Relative paths are relative to the file that names them. Files named by the
 * configuration are read here; nothing is written.
 */
#ifndef ASB_KUBECONFIG_H
#define ASB_KUBECONFIG_H

#include <stdbool.h>

#include "plugin/base/error.h"

/* What the command line says; NULL: not given. All borrowed. */
struct asb_kubeconfig_flags {
	const char *kubeconfig;
	const char *context;
	const char *cluster;
	const char *user;
};

/* The answer. All strings owned, NULL when absent; PEM texts may hold several blocks. */
struct asb_kubeconfig {
	char *context; /* name, NULL in-cluster */
	char *cluster;
	char *user;
	char *namespace_; /* of the context (in-cluster: of the ServiceAccount), NULL when it names
			     none */
	char *server;	  /* https://host[:port][/prefix], no trailing slash */
	char *tls_server_name;
	char *proxy_url;
	bool insecure_skip_tls_verify;
	char *ca_pem;
	char *client_certificate_pem;
	char *client_key_pem; /* secret */
	char *token;	      /* secret */
	char *username;
	char *password; /* secret */
};

int asb_kubeconfig_load(const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
			struct asb_error *err);

/* Overwrites the secrets. */
void asb_kubeconfig_release(struct asb_kubeconfig *kubeconfig);

#endif
