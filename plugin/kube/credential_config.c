/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential_config.c - users[].user.exec and .auth-provider, checked as client-go does
 * (clientcmd.validateAuthInfo, plugin/pkg/client/auth).
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "plugin/kube/credential_parts.h"

#define GROUP "client.authentication.k8s.io/"

/* --- reading ---------------------------------------------------------------------------------- */

static int wrong(const struct asb_stanza *user, const char *where, const char *expected,
		 struct asb_error *err)
{
	return asb_fail(err, "%s: user \"%s\": exec.%s: expected %s", user->file, user->name, where,
			expected);
}

/* A text of the member exec; NULL when it is absent or empty. */
static int text_of(const struct asb_stanza *user, const cJSON *exec, const char *key,
		   const char **value, struct asb_error *err)
{
	const cJSON *item = asb_json_member(exec, key);

	*value = NULL;
	if (item == NULL || cJSON_IsNull(item))
		return 0;
	if (!cJSON_IsString(item))
		return wrong(user, key, "a text", err);
	if (item->valuestring[0] != '\0')
		*value = item->valuestring;
	return 0;
}

static int list_of(const struct asb_stanza *user, const cJSON *exec, const char *key,
		   const cJSON **list, struct asb_error *err)
{
	*list = asb_json_member(exec, key);
	if (*list == NULL || cJSON_IsNull(*list) || cJSON_IsArray(*list))
		return 0;
	return wrong(user, key, "a list", err);
}

static int read_arguments(const struct asb_stanza *user, const cJSON *exec,
			  struct asb_credential_plugin *plugin, struct asb_error *err)
{
	const cJSON *list, *item;
	size_t n = 0;

	if (list_of(user, exec, "args", &list, err) != 0)
		return -1;
	plugin->argv = asb_calloc((size_t)cJSON_GetArraySize(list) + 2, sizeof(char *));
	plugin->argv[n++] = asb_strdup(plugin->command);
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			return wrong(user, "args", "a list of texts (put numbers in quotes)", err);
		plugin->argv[n++] = asb_strdup(item->valuestring);
	}
	return 0;
}

static int read_environment(const struct asb_stanza *user, const cJSON *exec,
			    struct asb_credential_plugin *plugin, struct asb_error *err)
{
	const cJSON *list, *item;
	size_t n = 0;

	if (list_of(user, exec, "env", &list, err) != 0)
		return -1;
	plugin->env = asb_calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(char *));
	cJSON_ArrayForEach(item, list)
	{
		const char *name, *value;

		if (text_of(user, item, "name", &name, err) != 0 ||
		    text_of(user, item, "value", &value, err) != 0)
			return asb_wrap(err, "env");
		if (name == NULL || strchr(name, '=') != NULL)
			return asb_fail(err,
					"env variable name must be specified for %s to use exec "
					"authentication plugin",
					user->name);
		plugin->env[n++] = asb_strf("%s=%s", name, value == NULL ? "" : value);
	}
	return 0;
}

static int read_mode(const struct asb_stanza *user, const cJSON *exec,
		     struct asb_credential_plugin *plugin, struct asb_error *err)
{
	static const char *const names[] = {
		[ASB_INTERACTIVE_NEVER] = "Never",
		[ASB_INTERACTIVE_IF_AVAILABLE] = "IfAvailable",
		[ASB_INTERACTIVE_ALWAYS] = "Always",
	};
	const char *text;

	if (text_of(user, exec, "interactiveMode", &text, err) != 0)
		return -1;
	if (text == NULL && strcmp(plugin->api_version, GROUP "v1beta1") == 0)
		text = names[ASB_INTERACTIVE_IF_AVAILABLE];
	if (text == NULL)
		return asb_fail(err,
				"interactiveMode must be specified for %s to use exec "
				"authentication plugin",
				user->name);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			plugin->mode = (enum asb_interactive_mode)i;
			return 0;
		}
	}
	asb_fail(err, "invalid interactiveMode for %s: \"%s\"", user->name, text);
	return asb_hint(err, "it is Never, IfAvailable or Always");
}

static int read_command(const struct asb_stanza *user, const cJSON *exec,
			struct asb_credential_plugin *plugin, struct asb_error *err)
{
	const char *command, *version, *hint;

	if (text_of(user, exec, "command", &command, err) != 0 ||
	    text_of(user, exec, "apiVersion", &version, err) != 0 ||
	    text_of(user, exec, "installHint", &hint, err) != 0)
		return -1;
	if (command == NULL || version == NULL)
		return asb_fail(err,
				"%s must be specified for %s to use exec authentication plugin",
				command == NULL ? "command" : "apiVersion", user->name);
	/* A name is looked up in $PATH, what has a slash is a path. */
	plugin->command = strchr(command, '/') == NULL ? asb_strdup(command)
						       : asb_file_relative(user->file, command);
	plugin->api_version = asb_strdup(version);
	plugin->install_hint = asb_strdup(hint);
	if (strcmp(version, GROUP "v1") == 0 || strcmp(version, GROUP "v1beta1") == 0)
		return 0;
	asb_fail(err, "exec plugin: invalid apiVersion \"%s\"", version);
	return asb_hint(err,
			"client.authentication.k8s.io/v1 and /v1beta1 are served; older "
			"ones have been removed from kubectl, too: update the program %s, and "
			"the kubeconfig with it",
			command);
}

/* --- the cluster ------------------------------------------------------------------------------ */

static char *base64_of(const char *text)
{
	size_t n = strlen(text);
	char *out = asb_malloc((n + 2) / 3 * 4 + 1);

	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n);
	return out;
}

/* clusters[].cluster.extensions, the one that is reserved for credential plugins. */
static const cJSON *extension(const struct asb_stanza *cluster)
{
	const cJSON *entry = asb_json_find(cluster->body, "extensions", "name", GROUP "exec");

	return asb_json_member(entry, "extension");
}

static cJSON *describe(const struct asb_stanza *cluster, const struct asb_kubeconfig *kubeconfig)
{
	cJSON *out = cJSON_CreateObject();
	const cJSON *config = extension(cluster);

	asb_json_set_string(out, "server", kubeconfig->server);
	asb_json_set_string(out, "tls-server-name", kubeconfig->tls_server_name);
	if (kubeconfig->insecure_skip_tls_verify)
		asb_json_set_bool(out, "insecure-skip-tls-verify", true);
	if (kubeconfig->ca_pem != NULL) {
		ASB_TEXT ca = base64_of(kubeconfig->ca_pem);

		asb_json_set_string(out, "certificate-authority-data", ca);
	}
	asb_json_set_string(out, "proxy-url", kubeconfig->proxy_url);
	if (kubeconfig->disable_compression)
		asb_json_set_bool(out, "disable-compression", true);
	cJSON_AddItemToObject(out, "config",
			      config == NULL ? cJSON_CreateNull() : cJSON_Duplicate(config, true));
	return out;
}

static char *fingerprint(const cJSON *exec, const cJSON *cluster, const char *command)
{
	char *exec_text = asb_json_print(exec);
	char *cluster_text = asb_json_print(cluster);
	char *text = asb_strf("%s\n%s\n%s", command, exec_text, cluster_text);

	asb_wipe(exec_text, strlen(exec_text));
	asb_wipe(cluster_text, strlen(cluster_text));
	free(exec_text);
	free(cluster_text);
	return text;
}

int asb_credential_plugin_read(const struct asb_stanza *user, const struct asb_stanza *cluster,
			       const struct asb_kubeconfig *kubeconfig,
			       struct asb_credential_plugin *plugin, struct asb_error *err)
{
	const cJSON *exec = asb_json_member(user->body, "exec");
	cJSON *described;

	if (!cJSON_IsObject(exec))
		return asb_fail(err, "%s: user \"%s\": exec: expected a mapping", user->file,
				user->name);
	if (read_command(user, exec, plugin, err) != 0 || read_mode(user, exec, plugin, err) != 0 ||
	    read_arguments(user, exec, plugin, err) != 0 ||
	    read_environment(user, exec, plugin, err) != 0)
		return -1;
	described = describe(cluster, kubeconfig);
	plugin->fingerprint = fingerprint(exec, described, plugin->command);
	if (asb_json_bool(exec, "provideClusterInfo", false))
		plugin->cluster = described;
	else
		asb_kubeconfig_tree_free(described);
	return 0;
}

static void free_list(char **list)
{
	for (char **item = list; item != NULL && *item != NULL; item++) {
		asb_wipe(*item, strlen(*item));
		free(*item);
	}
	free(list);
}

void asb_credential_plugin_release(struct asb_credential_plugin *plugin)
{
	free(plugin->command);
	free_list(plugin->argv);
	free_list(plugin->env);
	free(plugin->api_version);
	free(plugin->install_hint);
	asb_kubeconfig_tree_free(plugin->cluster);
	if (plugin->fingerprint != NULL)
		asb_wipe(plugin->fingerprint, strlen(plugin->fingerprint));
	free(plugin->fingerprint);
	*plugin = (struct asb_credential_plugin){0};
}

/* --- auth-provider ---------------------------------------------------------------------------- */

/* The second part of a JSON Web Token says when it expires; ms since 1970, -1: it can't be read. */
static int64_t jwt_expiry(const char *token)
{
	const char *payload = strchr(token, '.');
	struct asb_error ignored = ASB_ERROR_INIT;
	struct asb_buffer bytes = ASB_BUFFER_INIT;
	ASB_TEXT text = NULL;
	cJSON *claims = NULL;
	double seconds;
	size_t n;

	if (payload == NULL)
		return -1;
	n = strcspn(++payload, ".");
	text = asb_strf("%.*s%.*s", (int)n, payload, (int)(3 - (n + 3) % 4), "===");
	for (char *p = text; *p != '\0'; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	if (asb_base64_decode(text, &bytes) == 0)
		claims = asb_json_parse(bytes.data, bytes.length, &ignored);
	seconds = asb_json_number(claims, "exp", -1);
	cJSON_Delete(claims);
	asb_buffer_release(&bytes);
	return seconds < 0 || seconds > 1e12 ? -1 : (int64_t)(seconds * 1000);
}

static int no_provider(const struct asb_stanza *user, const char *name, struct asb_error *err)
{
	static const struct {
		const char *name, *plugin;
	} removed[] = {{"gcp", "gke-gcloud-auth-plugin"}, {"azure", "kubelogin"}};

	for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++) {
		if (strcmp(name, removed[i].name) != 0)
			continue;
		asb_fail(err, "the %s auth plugin has been removed (from kubectl, too)", name);
		return asb_hint(err,
				"install %s and have it write user \"%s\" of %s anew, as a "
				"credential plugin (exec)",
				removed[i].plugin, user->name, user->file);
	}
	return asb_fail(err, "no Auth Provider found for name \"%s\" (user \"%s\")", name,
			user->name);
}

static int expired(const struct asb_stanza *user, struct asb_error *err)
{
	asb_fail(err, "the id-token of user \"%s\" has expired", user->name);
	return asb_hint(err, "kubectl renews it and writes it into the kubeconfig: kubectl auth "
			     "whoami");
}

int asb_credential_oidc(const struct asb_stanza *user, int64_t now_ms, char **token,
			struct asb_error *err)
{
	const cJSON *provider = asb_json_member(user->body, "auth-provider");
	const char *name = asb_json_string(provider, "name");
	const char *id_token = asb_json_string(provider, "config/id-token");
	static const char *const needed[] = {"idp-issuer-url", "client-id"};
	int64_t expires_ms;

	*token = NULL;
	if (name == NULL || strcmp(name, "oidc") != 0)
		return no_provider(user, name == NULL ? "" : name, err);
	for (size_t i = 0; i < 2; i++) {
		ASB_TEXT path = asb_strf("config/%s", needed[i]);
		const char *text = asb_json_string(provider, path);

		if (text == NULL || text[0] == '\0')
			return asb_fail(err, "the auth-provider of user \"%s\" must provide %s",
					user->name, needed[i]);
	}
	if (now_ms < 0)
		return 0;
	if (id_token == NULL || id_token[0] == '\0')
		return expired(user, err);
	expires_ms = jwt_expiry(id_token);
	if (expires_ms < 0 || !asb_sendable(id_token))
		return asb_fail(err, "the id-token of user \"%s\" is no JSON Web Token",
				user->name);
	if (expires_ms <= now_ms + 10000)
		return expired(user, err);
	*token = asb_strdup(id_token);
	return 0;
}
