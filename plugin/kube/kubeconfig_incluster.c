/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig_incluster.c - the API server and ServiceAccount of the pod we run in
 * (client-go rest.InClusterConfig).
 */
#include "plugin/kube/kubeconfig_parts.h"

#include <string.h>
#include <sys/stat.h>

static bool set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static char *file_of(const struct asb_kubeconfig_env *env, const char *name)
{
	return asb_strf("%s/%s", env->service_account, name);
}

bool asb_incluster_possible(const struct asb_kubeconfig_env *env)
{
	ASB_TEXT token = NULL;
	struct stat status;

	if (!set(env->service_host) || !set(env->service_port) || !set(env->service_account))
		return false;
	token = file_of(env, "token");
	return stat(token, &status) == 0 && !S_ISDIR(status.st_mode);
}

char *asb_incluster_namespace(const struct asb_kubeconfig_env *env)
{
	ASB_TEXT path = file_of(env, "namespace");
	struct asb_error ignored = ASB_ERROR_INIT;
	char *name = NULL;

	if (set(env->pod_namespace))
		return asb_strdup(env->pod_namespace);
	/* A name is read like a token: text without blanks around it. Without one it is NULL. */
	asb_token_read(path, asb_file_read, &name, &ignored);
	return name;
}

static int take_token(const struct asb_kubeconfig_env *env,
		      const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
		      struct asb_error *err)
{
	out->kind = "token";
	if (set(flags->token)) {
		if (!asb_sendable(flags->token))
			return asb_fail(err, "--token holds control characters");
		out->token = asb_strdup(flags->token);
		return 0;
	}
	out->token_file = file_of(env, "token");
	if (asb_token_read(out->token_file, asb_file_read, &out->token, err) != 0)
		return asb_wrap(err, "unable to read the token of the pod's ServiceAccount");
	return 0;
}

static int take_ca(const struct asb_kubeconfig_env *env, const struct asb_kubeconfig_flags *flags,
		   struct asb_kubeconfig *out, struct asb_error *err)
{
	ASB_TEXT own = file_of(env, "ca.crt");
	const char *path = set(flags->certificate_authority) ? flags->certificate_authority : own;
	struct asb_buffer pem = ASB_BUFFER_INIT;

	if (asb_file_read(path, ASB_KUBECONFIG_PART_LIMIT, &pem, err) != 0) {
		asb_buffer_release(&pem);
		return asb_wrap(err, "unable to read the cluster's CA certificate");
	}
	out->ca_pem = asb_buffer_steal(&pem);
	return 0;
}

/* kubectl would turn to http://localhost:8080 when it is asked to impersonate. */
static int take_impersonation(const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
			      struct asb_error *err)
{
	cJSON *tree = asb_override_user(NULL, flags);
	const struct asb_stanza user = {"user", "the ServiceAccount", "the command line", tree,
					NULL};
	int rc = asb_kubeconfig_impersonation(&user, out, err);

	asb_kubeconfig_tree_free(tree);
	return rc;
}

int asb_incluster_load(const struct asb_kubeconfig_env *env,
		       const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
		       struct asb_error *err)
{
	bool ipv6 = strchr(env->service_host, ':') != NULL;

	*out = (struct asb_kubeconfig){0};
	if (take_token(env, flags, out, err) != 0 || take_ca(env, flags, out, err) != 0 ||
	    take_impersonation(flags, out, err) != 0)
		return -1;
	out->namespace_ = asb_incluster_namespace(env);
	out->server = asb_strf(ipv6 ? "https://[%s]:%s" : "https://%s:%s", env->service_host,
			       env->service_port);
	out->in_cluster = true;
	out->verbosity = flags->verbosity;
	out->disable_compression = flags->disable_compression;
	return 0;
}
