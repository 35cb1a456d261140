/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/globals.h"

#define TEXT(name, letter, member, argument, help)                                             \
	{                                                                                      \
		name, letter, ASB_OPTION_STRING, offsetof(struct asb_globals, context.member), \
			argument, help                                                         \
	}
#define LIST(name, member, argument, help)                                                        \
	{                                                                                         \
		name, 0, ASB_OPTION_LIST, offsetof(struct asb_globals, context.member), argument, \
			help                                                                      \
	}
#define FLAG(name, letter, member, help)                                                        \
	{                                                                                       \
		name, letter, ASB_OPTION_FLAG, offsetof(struct asb_globals, member), NULL, help \
	}

static const struct asb_command_option options[] = {
	TEXT("namespace", 'n', namespace_, "NAME",
	     "namespace of the sandbox (default \"computer\")"),
	TEXT("kubeconfig", 0, kubeconfig.kubeconfig, "FILE", "kubeconfig file to use"),
	TEXT("context", 0, kubeconfig.context, "NAME", "context of the kubeconfig to use"),
	TEXT("cluster", 0, kubeconfig.cluster, "NAME", "cluster of the kubeconfig to use"),
	/* `run` has a --user of its own, for the uid inside: that one is found first. */
	TEXT("user", 0, kubeconfig.user, "NAME",
	     "user of the kubeconfig to use (before the command)"),
	TEXT("server", 's', kubeconfig.server, "URL", "address of the API server"),
	TEXT("token", 0, kubeconfig.token, "TOKEN", "bearer token for the API server"),
	TEXT("as", 0, kubeconfig.as, "USER", "user to impersonate"),
	TEXT("as-uid", 0, kubeconfig.as_uid, "UID", "uid to impersonate"),
	LIST("as-group", kubeconfig.as_group, "GROUP", "group to impersonate; repeatable"),
	LIST("as-user-extra", kubeconfig.as_user_extra, "KEY=VALUE",
	     "what else to say of the impersonated user; repeatable"),
	TEXT("certificate-authority", 0, kubeconfig.certificate_authority, "FILE",
	     "certificate authority of the API server"),
	TEXT("client-certificate", 0, kubeconfig.client_certificate, "FILE",
	     "client certificate for TLS"),
	TEXT("client-key", 0, kubeconfig.client_key, "FILE", "client key for TLS"),
	TEXT("tls-server-name", 0, kubeconfig.tls_server_name, "NAME",
	     "name that the API server's certificate must be for"),
	FLAG("insecure-skip-tls-verify", 0, context.kubeconfig.insecure_skip_tls_verify,
	     "don't verify the API server's certificate: anybody may be it"),
	TEXT("proxy-url", 0, kubeconfig.proxy_url, "URL", "proxy for all connections"),
	TEXT("username", 0, kubeconfig.username, "NAME", NULL),
	TEXT("password", 0, kubeconfig.password, "PASSWORD", NULL),
	TEXT("request-timeout", 0, kubeconfig.request_timeout, "DURATION",
	     "how long a single request may take"),
	FLAG("disable-compression", 0, context.kubeconfig.disable_compression,
	     "ask for answers as they are"),
	FLAG("no-credential-cache", 0, context.kubeconfig.no_credential_cache,
	     "run the kubeconfig's credential plugin each time"),
	{"verbose", 'v', ASB_OPTION_LEVEL, offsetof(struct asb_globals, context.verbose), "LEVEL",
	 "say on stderr what is being done, a line for each step; -v=6 requests, -v=8 their "
	 "bodies"},
	{"v", 0, ASB_OPTION_LEVEL, offsetof(struct asb_globals, context.verbose), "LEVEL", NULL},
	FLAG("help", 'h', help, "explain the command"),
	FLAG("version", 0, version, "print the version"),
	{0},
};

struct asb_option *asb_globals_options(struct asb_globals *globals)
{
	return asb_command_table(options, (char *)globals);
}

void asb_globals_release(struct asb_globals *globals)
{
	asb_strings_release(&globals->context.kubeconfig.as_group);
	asb_strings_release(&globals->context.kubeconfig.as_user_extra);
}
