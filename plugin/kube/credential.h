/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential.h - credentials that somebody else hands out: a credential plugin
 * (client.authentication.k8s.io v1 and v1beta1) or the id-token of an oidc auth-provider.
 *
 * A plugin is a program that is started by its argument vector, never through a shell, with
 * KUBERNETES_EXEC_INFO in its environment; it prints an ExecCredential of the same version on
 * stdout, its stderr is ours, and the terminal is its stdin where its interactiveMode allows
 * (client-go plugin/pkg/client/auth/exec). Nothing of the server is known to it but what
 * provideClusterInfo asks for.
 *
 * What it hands out is used until it expires and, unlike kubectl, kept for the next call in
 * $XDG_CACHE_HOME/kubectl-agentsandbox (else ~/.cache/...), a file of mode 0600 in a directory of
 * mode 0700, when it names an expiry and the plugin had no terminal to ask somebody. The file's
 * name is a hash of the plugin's and the cluster's configuration, our uid and the environment, so
 * that another profile ($AWS_PROFILE) is another entry. A server that refuses it ends it.
 *
 * All calls belong to one thread.
 */
#ifndef ASB_CREDENTIAL_H
#define ASB_CREDENTIAL_H

#include "plugin/kube/kubeconfig_parts.h"

/* What was handed out; NULL: no such part. Secrets. */
struct asb_credential_parts {
	char *token;
	char *certificate, *key; /* PEM, both or none */
	int64_t expires_ms;	 /* since 1970; -1: it does not say */
};
void asb_credential_parts_release(struct asb_credential_parts *parts);

/*
 * Reads the members exec and auth-provider of a user's entry. Where out->kind says that other
 * credentials come first they are only checked. Otherwise sets out->kind and out->credential or
 * out->token. The rest of `out` must be there.
 */
int asb_credential_take(const struct asb_stanza *user, const struct asb_stanza *cluster,
			const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
			struct asb_error *err);
void asb_credential_free(struct asb_credential *credential); /* NULL is legal */

/* A name that differs where the plugin's or the cluster's configuration, our uid or the environment
 * does; heap. NULL for NULL. */
char *asb_credential_name(const struct asb_credential *credential);

/* Has what is valid now: kept, from the cache, or by running the plugin. */
int asb_credential_ensure(struct asb_credential *credential, struct asb_error *err);
/* Forgets what was refused and runs the plugin, unless `generation` isn't the present one. */
int asb_credential_renew(struct asb_credential *credential, unsigned generation,
			 struct asb_error *err);
/* Counts what was handed out; 0: nothing yet. */
unsigned asb_credential_generation(const struct asb_credential *credential);
/* Borrowed until the next ensure or renew; all NULL before the first. */
const struct asb_credential_parts *asb_credential_now(const struct asb_credential *credential);

#endif
