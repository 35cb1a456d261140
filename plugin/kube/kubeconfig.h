/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig.h - which API server, as whom, in which namespace: found and merged as kubectl does.
 *
 * Order (client-go tools/clientcmd): --kubeconfig alone (must exist); else $KUBECONFIG, a list,
 * files that don't exist are skipped, the first file that defines a cluster, user or context wins
 * for the whole entry; else ~/.kube/config. Flags override members of the chosen entries. Where all
 * that names no server it is the pod's ServiceAccount, if we run in a pod. Relative paths are
 * relative to the file that names them, those of flags to the working directory. Files named by the
 * configuration are read here; nothing is written.
 *
 * As for client-go, an http:// server gets no credentials at all (rest.IsConfigTransportTLS), a
 * token comes before a credential plugin, and a readable tokenFile before any other token. Unlike
 * kubectl we never ask for a name and a password on the terminal, never renew the token of an
 * auth-provider, don't guess http://localhost:8080 where no server is named, and impersonate in a
 * pod, too.
 */
#ifndef ASB_KUBECONFIG_H
#define ASB_KUBECONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/buffer.h"
#include "plugin/base/error.h"
#include "plugin/base/options.h"

/* What the command line says, as kubectl's flags of those names; NULL, false, 0: not given, which
 * an empty text means too. Texts are borrowed, the lists' arrays are the caller's. */
struct asb_kubeconfig_flags {
	const char *kubeconfig;
	const char *context;
	const char *cluster;
	const char *user;
	const char *server;
	const char *token;
	const char *username, *password;
	const char *client_certificate, *client_key; /* files */
	const char *certificate_authority;	     /* file */
	const char *tls_server_name;
	const char *proxy_url;
	const char *as, *as_uid;
	struct asb_strings as_group, as_user_extra; /* of the latter "key=value" */
	const char *request_timeout;		    /* "30s", plain number: seconds, "0": none */
	bool insecure_skip_tls_verify;
	bool disable_compression;
	bool no_credential_cache; /* run the credential plugin each time */
	int verbosity;		  /* -v: from 6 on requests are told on stderr */
};

struct asb_credential; /* credential.h */

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
	char *password;			   /* secret */
	struct asb_credential *credential; /* what a credential plugin hands out; NULL: none */
	const char *kind;  /* of the credentials: "client certificate", "token" ..., "none" */
	char *impersonate; /* user to act as, NULL: oneself */
	char **headers;	   /* "Impersonate-User: jane" and the like, for every request */
	size_t header_count;
	bool in_cluster; /* the pod's ServiceAccount */
	bool disable_compression;
	int64_t request_timeout_ms; /* 0: the caller's own */
	int verbosity;
};

/* On failure `out` is empty. */
int asb_kubeconfig_load(const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
			struct asb_error *err);

/*
 * Has credentials ready that are valid now: runs the credential plugin where there is one and what
 * it gave last has expired. May take as long as the plugin does, and lets it talk to the terminal.
 */
int asb_kubeconfig_authenticate(const struct asb_kubeconfig *kubeconfig, struct asb_error *err);

/*
 * After a 401: has the plugin run anew unless that was done since `generation`. False when there is
 * no plugin, or when it failed (then err is set).
 */
bool asb_kubeconfig_renew(const struct asb_kubeconfig *kubeconfig, unsigned generation,
			  struct asb_error *err);
/* Changes whenever the plugin has handed out new credentials. */
unsigned asb_kubeconfig_generation(const struct asb_kubeconfig *kubeconfig);

/* Certificates and key to show to the server as they are now, NULL: none; borrowed until the next
 * authenticate or renew. */
const char *asb_kubeconfig_certificate(const struct asb_kubeconfig *kubeconfig);
const char *asb_kubeconfig_key(const struct asb_kubeconfig *kubeconfig);

/*
 * Appends the bearer token as it is now: the plugin's; else the content of token_file where there
 * is one (tokens of ServiceAccounts are replaced while we run; client-go reads them again every
 * minute), else, or when the file can't be read any more, the token found at the start. Nothing is
 * appended when there is no token at all.
 */
void asb_kubeconfig_token(const struct asb_kubeconfig *kubeconfig, struct asb_buffer *out);

/* Appends what differs where the server, the way to it or the identity does: secret bytes, to be
 * hashed. Of a credential plugin it is how and in which environment it is run; it isn't run. */
void asb_kubeconfig_identity(const struct asb_kubeconfig *kubeconfig, struct asb_buffer *out);

/* Overwrites the secrets. */
void asb_kubeconfig_release(struct asb_kubeconfig *kubeconfig);

#endif
