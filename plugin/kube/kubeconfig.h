/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig.h - which API server, as whom, in which namespace: found and merged as kubectl does.
 *
 * Order (client-go tools/clientcmd): --kubeconfig alone (must exist); else $KUBECONFIG, a list,
 * files that don't exist are skipped, the first file that defines a cluster, user or context wins
 * for the whole entry; else ~/.kube/config; else, with nothing configured, the in-cluster
 * ServiceAccount. Relative paths are relative to the file that names them. Files named by the
 * configuration are read here; nothing is written.
 *
 * Refused rather than ignored, because ignoring them would act as somebody else: impersonation
 * ("as"), credential plugins ("exec") and auth providers without a token of their own. An http://
 * server gets no credentials at all (client-go rest.IsConfigTransportTLS).
 */
#ifndef ASB_KUBECONFIG_H
#define ASB_KUBECONFIG_H

#include <stdbool.h>

#include "plugin/base/buffer.h"
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
	char *token_file;     /* where the token was read; it may be newer by now */
	char *username;
	char *password; /* secret */
};

/* On failure `out` is empty. */
int asb_kubeconfig_load(const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
			struct asb_error *err);

/*
 * Appends the bearer token as it is now: the content of token_file where there is one (tokens of
 * ServiceAccounts are replaced while we run; client-go reads them again every minute), else, or
 * when the file can't be read any more, the token found at the start. Nothing is appended when
 * there is no token at all.
 */
void asb_kubeconfig_token(const struct asb_kubeconfig *kubeconfig, struct asb_buffer *out);

/* Overwrites the secrets. */
void asb_kubeconfig_release(struct asb_kubeconfig *kubeconfig);

#endif
