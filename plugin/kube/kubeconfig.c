/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/kubeconfig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/buffer.h"
#include "plugin/kube/credential.h"
#include "plugin/kube/kubeconfig_parts.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

static bool missing(const char *path)
{
	return access(path, F_OK) != 0 && errno == ENOENT;
}

static bool listed_before(const char *list, const char *item, size_t n)
{
	while (list < item) {
		size_t length = strcspn(list, ":");

		if (length == n && strncmp(list, item, n) == 0)
			return true;
		list += length + 1;
	}
	return false;
}

/* $KUBECONFIG: empty, repeated and missing ones are skipped. */
static int add_list(struct asb_kubeconfig_files *files, const char *list, struct asb_error *err)
{
	const char *item = list;

	for (;;) {
		size_t n = strcspn(item, ":");
		ASB_TEXT path = asb_strndup(item, n);

		if (n > 0 && !listed_before(list, item, n) && !missing(path) &&
		    asb_kubeconfig_files_add(files, path, err) != 0)
			return -1;
		if (item[n] == '\0')
			return 0;
		item += n + 1;
	}
}

static int find_files(struct asb_kubeconfig_files *files, const struct asb_kubeconfig_flags *flags,
		      const struct asb_kubeconfig_env *env, struct asb_error *err)
{
	ASB_TEXT path = NULL;

	if (flags->kubeconfig != NULL && flags->kubeconfig[0] != '\0')
		return asb_kubeconfig_files_add(files, flags->kubeconfig, err);
	if (env->kubeconfig != NULL && env->kubeconfig[0] != '\0')
		return add_list(files, env->kubeconfig, err);
	if (env->home == NULL || env->home[0] == '\0')
		return 0;
	path = asb_strf("%s/.kube/config", env->home);
	return missing(path) ? 0 : asb_kubeconfig_files_add(files, path, err);
}

/* What the merged files and the flags choose. */
struct choice {
	const struct asb_kubeconfig_files *files;
	const char *context, *cluster, *user, *namespace_; /* names, NULL: none */
	struct asb_stanza context_entry;
};

static int no_such(const struct choice *choice, const char *kind, struct asb_error *err)
{
	struct asb_buffer names = ASB_BUFFER_INIT;

	asb_stanza_names(choice->files, kind, &names);
	if (names.length > 0)
		asb_hint(err, "choose one with --%s: %s", kind, names.data);
	else
		asb_hint(err, "the configuration names no %s at all", kind);
	asb_buffer_release(&names);
	return -1;
}

static const char *current_context(const struct asb_kubeconfig_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		const char *name = asb_json_string(files->items[i].root, "current-context");

		if (name != NULL && name[0] != '\0')
			return name;
	}
	return NULL;
}

static int choose_context(struct choice *choice, const struct asb_kubeconfig_flags *flags,
			  struct asb_error *err)
{
	bool asked = asb_given_text(flags->context) != NULL;

	choice->context = asked ? flags->context : current_context(choice->files);
	if (choice->context == NULL)
		return 0;
	if (asb_stanza_find(choice->files, "context", choice->context, &choice->context_entry))
		return 0;
	if (asked)
		asb_fail(err, "context \"%s\" does not exist", choice->context);
	else
		asb_fail(err, "context was not found for specified context: %s", choice->context);
	return no_such(choice, "context", err);
}

/* What is known of a kind's entry: found, or empty when only the context names it. The tree is for
 * the caller to free. */
static int choose_entry(const struct choice *choice, const char *kind, const char *name, bool asked,
			struct asb_stanza *stanza, struct asb_error *err)
{
	*stanza = (struct asb_stanza){.kind = kind, .name = name, .file = "the command line"};
	stanza->read = choice->files->read != NULL ? choice->files->read : asb_file_read;
	if (name == NULL)
		stanza->name = "";
	else if (!asb_stanza_find(choice->files, kind, name, stanza) && asked) {
		asb_fail(err, "%s \"%s\" does not exist",
			 strcmp(kind, "user") == 0 ? "auth info" : kind, name);
		return no_such(choice, kind, err);
	}
	return 0;
}

static int choose(struct choice *choice, const struct asb_kubeconfig_flags *flags,
		  struct asb_error *err)
{
	if (choose_context(choice, flags, err) != 0 ||
	    asb_stanza_text(&choice->context_entry, "cluster", &choice->cluster, err) != 0 ||
	    asb_stanza_text(&choice->context_entry, "user", &choice->user, err) != 0 ||
	    asb_stanza_text(&choice->context_entry, "namespace", &choice->namespace_, err) != 0)
		return -1;
	if (asb_given_text(flags->cluster) != NULL)
		choice->cluster = flags->cluster;
	if (asb_given_text(flags->user) != NULL)
		choice->user = flags->user;
	return 0;
}

static int no_server(const struct choice *choice, struct asb_error *err)
{
	if (choice->cluster != NULL) {
		asb_fail(err, "cluster \"%s\" does not exist", choice->cluster);
		return no_such(choice, "cluster", err);
	}
	if (choice->context != NULL) {
		asb_fail(err, "context \"%s\" names no cluster", choice->context);
		return no_such(choice, "cluster", err);
	}
	asb_fail(err, "current-context is not set");
	no_such(choice, "context", err);
	return asb_wrap(err, "no cluster is chosen");
}

static int take_timeout(const char *text, struct asb_kubeconfig *out, struct asb_error *err)
{
	out->request_timeout_ms = asb_given_text(text) == NULL ? 0 : asb_duration_parse(text);
	if (out->request_timeout_ms >= 0)
		return 0;
	asb_fail_usage(err, "invalid --request-timeout \"%s\"", text);
	return asb_hint(err, "it is a number of seconds, or has a unit: 1s, 2m, 3h; 0 is none");
}

/* Nobody's credentials travel in the clear. */
static int take_user(const struct asb_stanza *user, const struct asb_stanza *cluster,
		     const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
		     struct asb_error *err)
{
	out->kind = "none";
	if (asb_kubeconfig_impersonation(user, out, err) != 0)
		return -1;
	if (strncmp(out->server, "http://", 7) == 0)
		return 0;
	return asb_kubeconfig_credentials(user, cluster, flags, out, err);
}

/* Both entries have the flags in them. */
static int resolve(const struct choice *choice, const struct asb_kubeconfig_flags *flags,
		   const struct asb_stanza *cluster, const struct asb_stanza *user,
		   struct asb_kubeconfig *out, struct asb_error *err)
{
	if (asb_kubeconfig_cluster(cluster, out, err) != 0 ||
	    take_timeout(flags->request_timeout, out, err) != 0)
		return -1;
	out->context = asb_strdup(choice->context);
	out->cluster = asb_strdup(choice->cluster);
	out->user = asb_strdup(choice->user);
	out->namespace_ = asb_strdup(choice->namespace_);
	out->verbosity = flags->verbosity;
	return take_user(user, cluster, flags, out, err);
}

static int resolve_chosen(const struct choice *choice, const struct asb_kubeconfig_flags *flags,
			  const char *master, struct asb_kubeconfig *out, struct asb_error *err)
{
	struct asb_stanza cluster, user;
	cJSON *cluster_tree, *user_tree;
	int rc;

	if (choose_entry(choice, "cluster", choice->cluster, asb_given_text(flags->cluster) != NULL,
			 &cluster, err) != 0 ||
	    choose_entry(choice, "user", choice->user, asb_given_text(flags->user) != NULL, &user,
			 err) != 0)
		return -1;
	if (cluster.body == NULL && asb_given_text(flags->server) == NULL && master == NULL &&
	    !asb_stanza_find(choice->files, "cluster", cluster.name, &cluster))
		return no_server(choice, err);
	cluster.body = cluster_tree = asb_override_cluster(cluster.body, flags);
	if (master != NULL && !asb_stanza_has(&cluster, "server"))
		cJSON_AddStringToObject(cluster_tree, "server", master);
	user.body = user_tree = asb_override_user(user.body, flags);
	rc = resolve(choice, flags, &cluster, &user, out, err);
	asb_kubeconfig_tree_free(cluster_tree);
	asb_kubeconfig_tree_free(user_tree);
	return rc;
}

static int nothing_configured(const struct asb_kubeconfig_flags *flags,
			      const struct asb_kubeconfig_env *env, struct asb_error *err)
{
	asb_fail(err, "no configuration has been provided: no cluster is known");
	if (asb_given_text(flags->kubeconfig) != NULL)
		return asb_hint(err, "%s is empty", flags->kubeconfig);
	if (asb_given_text(env->kubeconfig) != NULL)
		return asb_hint(err, "none of the files in $KUBECONFIG (%s) has anything in it",
				env->kubeconfig);
	return asb_hint(err, "name a file with --kubeconfig or $KUBECONFIG, or create "
			     "~/.kube/config; it tells the API server and who you are");
}

/* Nothing says which server: no cluster, no flag. */
static bool undecided(const struct choice *choice, const struct asb_kubeconfig_flags *flags,
		      const struct asb_kubeconfig_env *env)
{
	return choice->cluster == NULL && asb_given_text(flags->server) == NULL &&
	       asb_given_text(env->master) == NULL;
}

static bool knows_nothing(const struct choice *choice)
{
	static const char *const kinds[] = {"cluster", "user", "context"};
	struct asb_buffer names = ASB_BUFFER_INIT;
	size_t found;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		asb_stanza_names(choice->files, kinds[i], &names);
	found = names.length;
	asb_buffer_release(&names);
	return found == 0 && choice->context == NULL && choice->user == NULL;
}

static int decide(struct choice *choice, const struct asb_kubeconfig_flags *flags,
		  const struct asb_kubeconfig_env *env, struct asb_kubeconfig *out,
		  struct asb_error *err)
{
	if (choose(choice, flags, err) != 0)
		return -1;
	if (undecided(choice, flags, env) && asb_incluster_possible(env))
		return asb_incluster_load(env, flags, out, err) != 0
			       ? -1
			       : take_timeout(flags->request_timeout, out, err);
	if (undecided(choice, flags, env) && knows_nothing(choice))
		return nothing_configured(flags, env, err);
	return resolve_chosen(choice, flags, asb_given_text(env->master), out, err);
}

int asb_kubeconfig_resolve(const struct asb_kubeconfig_files *files,
			   const struct asb_kubeconfig_flags *flags,
			   const struct asb_kubeconfig_env *env, struct asb_kubeconfig *out,
			   struct asb_error *err)
{
	struct choice choice = {.files = files};

	*out = (struct asb_kubeconfig){0};
	if (decide(&choice, flags, env, out, err) == 0)
		return 0;
	asb_kubeconfig_release(out);
	return -1;
}

int asb_kubeconfig_load_env(const struct asb_kubeconfig_flags *flags,
			    const struct asb_kubeconfig_env *env, struct asb_kubeconfig *out,
			    struct asb_error *err)
{
	struct asb_kubeconfig_files files = {0};
	int rc;

	*out = (struct asb_kubeconfig){0};
	rc = find_files(&files, flags, env, err);
	if (rc == 0)
		rc = asb_kubeconfig_resolve(&files, flags, env, out, err);
	/* In a pod its namespace is the default, whatever the server is. */
	if (rc == 0 && out->namespace_ == NULL && asb_incluster_possible(env))
		out->namespace_ = asb_incluster_namespace(env);
	asb_kubeconfig_files_release(&files);
	return rc;
}

int asb_kubeconfig_load(const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
			struct asb_error *err)
{
	const struct asb_kubeconfig_env env = {
		.kubeconfig = getenv("KUBECONFIG"),
		.home = getenv("HOME"),
		.service_host = getenv("KUBERNETES_SERVICE_HOST"),
		.service_port = getenv("KUBERNETES_SERVICE_PORT"),
		.pod_namespace = getenv("POD_NAMESPACE"),
		.service_account = SERVICE_ACCOUNT,
		.master = getenv("KUBERNETES_MASTER"),
	};

	return asb_kubeconfig_load_env(flags, &env, out, err);
}

void asb_kubeconfig_release(struct asb_kubeconfig *kubeconfig)
{
	free(kubeconfig->context);
	free(kubeconfig->cluster);
	free(kubeconfig->user);
	free(kubeconfig->namespace_);
	free(kubeconfig->server);
	free(kubeconfig->tls_server_name);
	asb_free_secret(kubeconfig->proxy_url); /* it may hold a password */
	free(kubeconfig->ca_pem);
	free(kubeconfig->client_certificate_pem);
	asb_free_secret(kubeconfig->client_key_pem);
	asb_free_secret(kubeconfig->token);
	free(kubeconfig->token_file);
	free(kubeconfig->username);
	asb_free_secret(kubeconfig->password);
	asb_credential_free(kubeconfig->credential);
	for (size_t i = 0; i < kubeconfig->header_count; i++)
		free(kubeconfig->headers[i]);
	free(kubeconfig->headers);
	free(kubeconfig->impersonate);
	*kubeconfig = (struct asb_kubeconfig){0};
}
