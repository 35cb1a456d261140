/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig_parts.h - what the kubeconfig*.c files share; nobody else includes it but their tests.
 *
 *   files    kubeconfig_load.c         one file -> checked tree; the list of them in order
 *   stanza   kubeconfig_stanza.c       one entry of clusters, contexts or users, typed reading
 *   flags    kubeconfig_override.c     what the command line puts over entries
 *   cluster  kubeconfig_cluster.c      a cluster's entry -> server, proxy and TLS settings
 *   user     kubeconfig_credentials.c  a user's entry -> credentials
 *   as whom  kubeconfig_impersonate.c  a user's entry -> the headers of impersonation
 *   pod      kubeconfig_incluster.c    the ServiceAccount of the pod we run in
 *   answer   kubeconfig.c              finding, choosing, putting together
 */
#ifndef ASB_KUBECONFIG_PARTS_H
#define ASB_KUBECONFIG_PARTS_H

#include "plugin/base/digest.h"
#include "plugin/base/file.h"
#include "plugin/base/json.h"
#include "plugin/kube/kubeconfig.h"

#define ASB_KUBECONFIG_FILE_LIMIT (16u << 20) /* a configuration file */
#define ASB_KUBECONFIG_PART_LIMIT (1u << 20)  /* a certificate, key or token */

/* asb_file_read, or a stand-in for tests. */
typedef int asb_file_read_fn(const char *path, size_t limit, struct asb_buffer *out,
			     struct asb_error *err);

/* What is asked of the environment; all borrowed, NULL: not set. */
struct asb_kubeconfig_env {
	const char *kubeconfig; /* $KUBECONFIG */
	const char *home;
	const char *service_host, *service_port; /* $KUBERNETES_SERVICE_HOST, _PORT */
	const char *pod_namespace;
	const char *service_account; /* directory of ca.crt, namespace and token */
	const char *master;	     /* $KUBERNETES_MASTER: the server where none is named */
};

struct asb_kubeconfig_file {
	char *path;
	cJSON *root; /* an object whose lists and entries have the right shape */
};

/* In order of precedence. */
struct asb_kubeconfig_files {
	struct asb_kubeconfig_file *items;
	size_t count;
	asb_file_read_fn *read; /* for the files they name; NULL: asb_file_read */
};

/* Adds the file at the end of the list. */
int asb_kubeconfig_files_add(struct asb_kubeconfig_files *files, const char *path,
			     struct asb_error *err);
int asb_kubeconfig_files_add_text(struct asb_kubeconfig_files *files, const char *path,
				  const char *text, size_t n, struct asb_error *err);
/* Overwrites every text first. */
void asb_kubeconfig_files_release(struct asb_kubeconfig_files *files);
/* Overwrites the tree's texts, then frees it. NULL is legal. */
void asb_kubeconfig_tree_free(cJSON *root);

/* One entry of a list, borrowed from the files. */
struct asb_stanza {
	const char *kind; /* "cluster", "context", "user" */
	const char *name;
	const char *file;  /* that defines it */
	const cJSON *body; /* NULL or an object */
	asb_file_read_fn *read;
};

/* The first entry of that name; `kind` as above. False when there is none. */
bool asb_stanza_find(const struct asb_kubeconfig_files *files, const char *kind, const char *name,
		     struct asb_stanza *stanza);
/* Names of all entries of a kind as "a, b, c", for hints; "" when there is none. */
void asb_stanza_names(const struct asb_kubeconfig_files *files, const char *kind,
		      struct asb_buffer *out);

/* Values of a member. Absent, null and "" are NULL (false); another type is an error. */
int asb_stanza_text(const struct asb_stanza *stanza, const char *key, const char **value,
		    struct asb_error *err);
int asb_stanza_flag(const struct asb_stanza *stanza, const char *key, bool *value,
		    struct asb_error *err);
/* What was found instead, for messages: "a number (put it in quotes)". */
const char *asb_stanza_type_name(const cJSON *json);
/* A member that is there and neither null, "", {} nor []. */
bool asb_stanza_has(const struct asb_stanza *stanza, const char *key);
/* Path of a file named by a member, resolved against the defining file; heap or NULL. */
int asb_stanza_path(const struct asb_stanza *stanza, const char *key, char **path,
		    struct asb_error *err);
/* `key`-data decoded or the file `key` names: PEM text that holds `what` ("CERTIFICATE", "PRIVATE
 * KEY"). Heap or NULL when neither is there. */
int asb_stanza_pem(const struct asb_stanza *stanza, const char *key, const char *what, char **pem,
		   struct asb_error *err);

/* A token file's text without the blanks around, never empty, no control characters; heap. */
int asb_token_read(const char *path, asb_file_read_fn *read, char **token, struct asb_error *err);

/* A copy of the entry's body (NULL: of an empty one) with the flags' values over it; to be freed
 * with asb_kubeconfig_tree_free. */
cJSON *asb_override_cluster(const cJSON *body, const struct asb_kubeconfig_flags *flags);
cJSON *asb_override_user(const cJSON *body, const struct asb_kubeconfig_flags *flags);

/* Takes server, proxy and TLS settings of a cluster's entry. */
int asb_kubeconfig_cluster(const struct asb_stanza *cluster, struct asb_kubeconfig *out,
			   struct asb_error *err);

/* Takes the credentials of a user's entry, once the cluster has been taken. `cluster` is what a
 * credential plugin may be told of. */
int asb_kubeconfig_credentials(const struct asb_stanza *user, const struct asb_stanza *cluster,
			       const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
			       struct asb_error *err);
/* Takes impersonation, which an http:// server is told of, too. */
int asb_kubeconfig_impersonation(const struct asb_stanza *user, struct asb_kubeconfig *out,
				 struct asb_error *err);
/* No line break or other control character in it: it may become a header field. */
bool asb_sendable(const char *text);

bool asb_incluster_possible(const struct asb_kubeconfig_env *env);
/* --token and --certificate-authority come before the pod's own. `out` is to be released in any
 * case. */
int asb_incluster_load(const struct asb_kubeconfig_env *env,
		       const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
		       struct asb_error *err);
/* $POD_NAMESPACE, else that of the ServiceAccount; heap or NULL. */
char *asb_incluster_namespace(const struct asb_kubeconfig_env *env);

/* asb_kubeconfig_load with another environment, and its second half, where env->master and
 * env->service_* alone count. On failure `out` is empty. */
int asb_kubeconfig_load_env(const struct asb_kubeconfig_flags *flags,
			    const struct asb_kubeconfig_env *env, struct asb_kubeconfig *out,
			    struct asb_error *err);
int asb_kubeconfig_resolve(const struct asb_kubeconfig_files *files,
			   const struct asb_kubeconfig_flags *flags,
			   const struct asb_kubeconfig_env *env, struct asb_kubeconfig *out,
			   struct asb_error *err);

#endif
