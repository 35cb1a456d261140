/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/cluster.h"

#include <string.h>

#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/served.h"

int asb_cluster_check_name(const char *what, const char *name, struct asb_error *err)
{
	if (asb_is_dns_label(name))
		return 0;
	asb_fail_usage(err, "%s \"%s\" is no valid name", what, name);
	return asb_hint(err, "names have up to 63 lower case letters, digits and '-', with a "
			     "letter or digit at both ends");
}

int asb_cluster_kubeconfig(const struct asb_context *context, struct asb_kubeconfig *kubeconfig,
			   struct asb_error *err)
{
	struct asb_kubeconfig_flags flags = context->kubeconfig;

	flags.verbosity = context->verbose;
	return asb_kubeconfig_load(&flags, kubeconfig, err);
}

int asb_cluster_open(struct asb_cluster *cluster, const struct asb_context *context,
		     struct asb_error *err)
{
	memset(cluster, 0, sizeof(*cluster));
	cluster->namespace_ = context->namespace_; /* the setting's when not given */
	if (asb_cluster_check_name("--namespace", cluster->namespace_, err) != 0 ||
	    asb_cluster_kubeconfig(context, &cluster->kubeconfig, err) != 0)
		return -1;
	cluster->http = asb_http_new(&cluster->kubeconfig, err);
	if (cluster->http == NULL)
		return -1;
	cluster->api = asb_served(cluster->http, err);
	return cluster->api == NULL ? -1 : 0;
}

int asb_cluster_open_any(struct asb_cluster *cluster, const struct asb_context *context,
			 struct asb_error *err)
{
	if (asb_cluster_open(cluster, context, err) == 0)
		return 0;
	if (cluster->http == NULL || err->http != 404)
		return -1;
	asb_error_clear(err);
	return 0;
}

int asb_cluster_open_roots(struct asb_cluster *cluster, const struct asb_context *context,
			   struct asb_error *err)
{
	if (asb_cluster_open_any(cluster, context, err) != 0)
		return -1;
	cluster->bare = cluster->api == NULL;
	if (cluster->bare)
		cluster->api = &asb_api_v1beta1;
	return 0;
}

int asb_cluster_explain(const struct asb_cluster *cluster, struct asb_error *err)
{
	struct asb_error absent = ASB_ERROR_INIT;

	if (cluster->bare && err->http == 404 && asb_served(cluster->http, &absent) == NULL)
		*err = absent;
	return -1;
}

void asb_cluster_close(struct asb_cluster *cluster)
{
	asb_http_free(cluster->http);
	asb_kubeconfig_release(&cluster->kubeconfig);
	memset(cluster, 0, sizeof(*cluster));
}
