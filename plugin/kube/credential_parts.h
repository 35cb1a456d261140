/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential_parts.h - what the credential*.c files share; nobody else includes it but their tests.
 *
 *   plugin    credential.c         the life of a plugin's credentials
 *   config    credential_config.c  the members exec and auth-provider of a user's entry
 *   run       credential_run.c     starting the program, taking its stdout
 *   answer    credential_answer.c  an ExecCredential -> token, certificate, key
 *   cache     credential_cache.c   from one call to the next
 */
#ifndef ASB_CREDENTIAL_PARTS_H
#define ASB_CREDENTIAL_PARTS_H

#include "plugin/kube/credential.h"

enum asb_interactive_mode {
	ASB_INTERACTIVE_NEVER,
	ASB_INTERACTIVE_IF_AVAILABLE,
	ASB_INTERACTIVE_ALWAYS
};

/* How a plugin is started. All owned. */
struct asb_credential_plugin {
	char *command;	    /* a name for $PATH, or a path */
	char **argv;	    /* NULL-ended, the command first */
	char **env;	    /* NULL-ended "NAME=value", over our own environment */
	char *api_version;  /* "client.authentication.k8s.io/v1" */
	char *install_hint; /* NULL: none; printable */
	enum asb_interactive_mode mode;
	cJSON *cluster;	   /* for the plugin's eyes; NULL: provideClusterInfo isn't set */
	char *fingerprint; /* text that differs where configuration or cluster does; secret */
};

struct asb_credential {
	struct asb_credential_plugin plugin;
	struct asb_credential_parts now;
	unsigned generation;
	char *cache_path; /* NULL: nothing is kept */
};

/* Reads users[].user.exec. On failure `plugin` must be released all the same. */
int asb_credential_plugin_read(const struct asb_stanza *user, const struct asb_stanza *cluster,
			       const struct asb_kubeconfig *kubeconfig,
			       struct asb_credential_plugin *plugin, struct asb_error *err);
void asb_credential_plugin_release(struct asb_credential_plugin *plugin);

/* The token of an auth-provider "oidc" while it is valid at `now_ms` (since 1970); heap. */
int asb_credential_oidc(const struct asb_stanza *user, int64_t now_ms, char **token,
			struct asb_error *err);

/* Whether the plugin gets the terminal. */
int asb_credential_interactive(const struct asb_credential_plugin *plugin, bool *interactive,
			       struct asb_error *err);
/* Runs the plugin and appends what it prints on stdout (at most 1 MiB) when it ends with 0. */
int asb_credential_run(const struct asb_credential_plugin *plugin, bool interactive,
		       struct asb_buffer *out, struct asb_error *err);

/* Reads an ExecCredential of that version. On failure `parts` is empty. */
int asb_credential_answer(const char *text, size_t n, const char *api_version,
			  struct asb_credential_parts *parts, struct asb_error *err);

/* The name of the file for this plugin's credentials; heap. */
char *asb_credential_cache_name(const struct asb_credential_plugin *plugin);
/* Where this plugin's credentials are kept; heap, NULL when there is no place. */
char *asb_credential_cache_path(const struct asb_credential_plugin *plugin);
/* What is kept and valid for some time yet; false: nothing. */
bool asb_credential_cache_read(const char *path, struct asb_credential_parts *parts);
/* Failing to keep it is no error: it is only slower. */
void asb_credential_cache_write(const char *path, const struct asb_credential_parts *parts);

#endif
