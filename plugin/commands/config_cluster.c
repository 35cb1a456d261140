/* SPDX-License-Identifier: Apache-2.0 */
/* config_cluster.c - `config cluster`: which API server, as whom, in which namespaces, and what the
 * server makes of it. Reads only, and prints no secret. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/yaml.h"
#include "plugin/commands/cluster.h"
#include "plugin/commands/config_cluster.h"
#include "plugin/kube/api.h"
#include "plugin/kube/proxy.h"

struct values {
	const char *output;
};

static const struct asb_command_option options[] = {
	{"output", 'o', ASB_OPTION_STRING, offsetof(struct values, output), "FORMAT",
	 "\"json\" or \"yaml\": one object instead of lines"},
	{0},
};

/* Who we are for the server (authentication.k8s.io/v1 SelfSubjectReview). NULL: it doesn't say. */
static cJSON *ask_identity(struct asb_http *http, struct asb_error *err)
{
	ASB_JSON question = asb_json_literal("{\"apiVersion\":\"authentication.k8s.io/v1\","
					     "\"kind\":\"SelfSubjectReview\"}");
	ASB_JSON answer = asb_api_create(http, "/apis/authentication.k8s.io/v1/selfsubjectreviews",
					 question, err);
	const cJSON *user = asb_json_at(answer, "status/userInfo");

	if (answer == NULL)
		return NULL;
	if (user == NULL)
		asb_fail(err, "the server does not say who we are");
	return user == NULL ? NULL : cJSON_Duplicate(user, true);
}

/* Takes `identity`. */
static cJSON *describe(const struct asb_kubeconfig *kubeconfig, const char *sandbox_namespace,
		       cJSON *identity)
{
	cJSON *json = cJSON_CreateObject();
	ASB_TEXT proxy = asb_proxy_shown(kubeconfig);

	asb_json_set_string(json, "source", kubeconfig->in_cluster ? "in-cluster" : "kubeconfig");
	asb_json_set_string(json, "context", kubeconfig->context);
	asb_json_set_string(json, "cluster", kubeconfig->cluster);
	asb_json_set_string(json, "user", kubeconfig->user);
	asb_json_set_string(json, "server", kubeconfig->server);
	asb_json_set_string(json, "tlsServerName", kubeconfig->tls_server_name);
	if (kubeconfig->insecure_skip_tls_verify)
		asb_json_set_bool(json, "insecureSkipTLSVerify", true);
	asb_json_set_string(json, "proxy", proxy);
	asb_json_set_string(json, "namespace",
			    kubeconfig->namespace_ == NULL ? "default" : kubeconfig->namespace_);
	asb_json_set_string(json, "sandboxNamespace", sandbox_namespace);
	asb_json_set_string(json, "credential", kubeconfig->kind);
	asb_json_set_string(json, "impersonate", kubeconfig->impersonate);
	asb_json_set(json, "identity", identity);
	return json;
}

static void print_line(const cJSON *json, const char *title, const char *path)
{
	const char *text = asb_json_string(json, path);

	if (text == NULL)
		return;
	printf("%-20s", title);
	asb_print_safely(stdout, text);
	putchar('\n');
}

static void print_lines(const cJSON *json)
{
	print_line(json, "context", "context");
	print_line(json, "cluster", "cluster");
	print_line(json, "server", "server");
	print_line(json, "tls server name", "tlsServerName");
	print_line(json, "proxy", "proxy");
	print_line(json, "user", "user");
	print_line(json, "credential", "credential");
	print_line(json, "impersonate", "impersonate");
	print_line(json, "known as", "identity/username");
	print_line(json, "namespace", "namespace");
	print_line(json, "sandbox namespace", "sandboxNamespace");
}

static void print(const cJSON *json, const char *output)
{
	ASB_TEXT text = NULL;

	if (output == NULL) {
		print_lines(json);
	} else if (strcmp(output, "yaml") == 0) {
		text = asb_yaml_print(json);
		fputs(text, stdout);
	} else {
		text = asb_json_print(json);
		puts(text);
	}
}

static int show(const struct asb_context *context, const char *output, struct asb_error *err)
{
	struct asb_kubeconfig kubeconfig = {0};
	struct asb_http *http = NULL;
	cJSON *identity = NULL;
	int rc = asb_cluster_kubeconfig(context, &kubeconfig, err);

	if (rc == 0)
		http = asb_http_new(&kubeconfig, err);
	if (http != NULL)
		identity = ask_identity(http, err);
	if (identity != NULL) {
		ASB_JSON json = describe(&kubeconfig, context->namespace_, identity);

		print(json, output);
	}
	asb_http_free(http);
	asb_kubeconfig_release(&kubeconfig);
	return identity == NULL ? -1 : ASB_STATUS_OK;
}

static int run(const struct asb_context *context, const void *values,
	       const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *own = values;

	if (operands->count > 0)
		return asb_fail_usage(err, "config cluster takes no operands");
	if (own->output != NULL && strcmp(own->output, "json") != 0 &&
	    strcmp(own->output, "yaml") != 0) {
		asb_fail_usage(err, "--output: unknown format \"%s\"", own->output);
		return asb_hint(err, "%s config cluster -o yaml", context->program);
	}
	return show(context, own->output, err);
}

const struct asb_command asb_command_config_cluster = {
	.name = "cluster",
	.summary = "Shows which cluster is used, as whom, and in which namespace",
	.usage = "config cluster [-o json|yaml]",
	.description =
		"The kubeconfig and the options are read as kubectl reads them. The server is "
		"asked "
		"who we are for it, and nothing else; it fails when the server can't be reached or "
		"refuses the credentials. \"namespace\" is that of the context, where kubectl "
		"inside "
		"a sandbox works; \"sandboxNamespace\" is where sandboxes are made. No secret is "
		"printed.",
	.examples = "config cluster\n"
		    "config cluster --context staging -o json",
	.options = options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = run,
};
