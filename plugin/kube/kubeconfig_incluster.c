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

static char *namespace_of(const struct asb_kubeconfig_env *env)
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

static int take_files(const struct asb_kubeconfig_env *env, struct asb_kubeconfig *out,
		      struct asb_error *err)
{
	ASB_TEXT ca = file_of(env, "ca.crt");
	struct asb_buffer pem = ASB_BUFFER_INIT;

	out->token_file = file_of(env, "token");
	if (asb_token_read(out->token_file, asb_file_read, &out->token, err) != 0)
		return asb_wrap(err, "unable to read the token of the pod's ServiceAccount");
	if (asb_file_read(ca, ASB_KUBECONFIG_PART_LIMIT, &pem, err) != 0) {
		asb_buffer_release(&pem);
		return asb_wrap(err, "unable to read the cluster's CA certificate");
	}
	out->ca_pem = asb_buffer_steal(&pem);
	out->namespace_ = namespace_of(env);
	return 0;
}

int asb_incluster_load(const struct asb_kubeconfig_env *env, struct asb_kubeconfig *out,
		       struct asb_error *err)
{
	bool ipv6 = strchr(env->service_host, ':') != NULL;

	*out = (struct asb_kubeconfig){0};
	if (take_files(env, out, err) != 0) {
		asb_kubeconfig_release(out);
		return -1;
	}
	out->server = asb_strf(ipv6 ? "https://[%s]:%s" : "https://%s:%s", env->service_host,
			       env->service_port);
	return 0;
}
