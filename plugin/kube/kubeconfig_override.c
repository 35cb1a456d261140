/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig_override.c - flags as if they stood in the chosen cluster's and user's entries
 * (client-go clientcmd.DirectClientConfig getCluster and getAuthInfo).
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "plugin/kube/kubeconfig_parts.h"

static bool given(const char *flag)
{
	return flag != NULL && flag[0] != '\0';
}

static cJSON *copy_of(const cJSON *body)
{
	return body != NULL && cJSON_IsObject(body) ? cJSON_Duplicate(body, true)
						    : cJSON_CreateObject();
}

static void replace(cJSON *body, const char *key, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(body, key);
	cJSON_AddItemToObject(body, key, value);
}

static void replace_text(cJSON *body, const char *key, const char *flag)
{
	if (given(flag))
		replace(body, key, cJSON_CreateString(flag));
}

/* A flag's path is relative to where we are, an entry's to its file. */
static void replace_path(cJSON *body, const char *key, const char *flag)
{
	char here[PATH_MAX];
	ASB_TEXT path = NULL;

	if (flag[0] == '/' || getcwd(here, sizeof(here)) == NULL)
		path = asb_strdup(flag);
	else
		path = asb_strf("%s/%s", here, flag);
	replace(body, key, cJSON_CreateString(path));
}

/* A file takes the place of the file or the data of the entry. */
static void replace_file(cJSON *body, const char *key, const char *flag)
{
	ASB_TEXT data = asb_strf("%s-data", key);

	if (!given(flag))
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(body, data);
	replace_path(body, key, flag);
}

/* Either flag decides alone how the server is verified, whatever the entry says. */
static void replace_trust(cJSON *body, const struct asb_kubeconfig_flags *flags)
{
	if (!flags->insecure_skip_tls_verify && !given(flags->certificate_authority))
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(body, "certificate-authority");
	replace(body, "insecure-skip-tls-verify",
		cJSON_CreateBool(flags->insecure_skip_tls_verify));
	cJSON_DeleteItemFromObjectCaseSensitive(body, "certificate-authority-data");
	replace_file(body, "certificate-authority", flags->certificate_authority);
}

cJSON *asb_override_cluster(const cJSON *body, const struct asb_kubeconfig_flags *flags)
{
	cJSON *tree = copy_of(body);

	/* The name of another server's certificate would be wrong for this one. */
	if (given(flags->server))
		cJSON_DeleteItemFromObjectCaseSensitive(tree, "tls-server-name");
	replace_text(tree, "server", flags->server);
	replace_text(tree, "tls-server-name", flags->tls_server_name);
	replace_text(tree, "proxy-url", flags->proxy_url);
	replace_trust(tree, flags);
	if (flags->disable_compression)
		replace(tree, "disable-compression", cJSON_CreateTrue());
	return tree;
}

static void replace_groups(cJSON *tree, const struct asb_strings *groups)
{
	cJSON *list;

	if (groups->count == 0)
		return;
	list = cJSON_CreateArray();
	for (size_t i = 0; i < groups->count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(groups->items[i]));
	replace(tree, "as-groups", list);
}

/* "key=value", what has no "=" is passed over; a key's values take the place of the entry's. */
static void replace_extra(cJSON *tree, const struct asb_strings *extra)
{
	cJSON *added = cJSON_CreateObject();
	const cJSON *values;

	for (size_t i = 0; i < extra->count; i++) {
		size_t n = strcspn(extra->items[i], "=");
		ASB_TEXT key = asb_strndup(extra->items[i], n);
		cJSON *list = cJSON_GetObjectItemCaseSensitive(added, key);

		if (extra->items[i][n] == '\0')
			continue;
		if (list == NULL)
			list = cJSON_AddArrayToObject(added, key);
		cJSON_AddItemToArray(list, cJSON_CreateString(extra->items[i] + n + 1));
	}
	if (added->child != NULL &&
	    !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(tree, "as-user-extra")))
		replace(tree, "as-user-extra", cJSON_CreateObject());
	cJSON_ArrayForEach(values, added)
		replace(cJSON_GetObjectItemCaseSensitive(tree, "as-user-extra"), values->string,
			cJSON_Duplicate(values, true));
	cJSON_Delete(added);
}

cJSON *asb_override_user(const cJSON *body, const struct asb_kubeconfig_flags *flags)
{
	cJSON *tree = copy_of(body);

	replace_file(tree, "client-certificate", flags->client_certificate);
	replace_file(tree, "client-key", flags->client_key);
	replace_text(tree, "token", flags->token);
	replace_text(tree, "username", flags->username);
	replace_text(tree, "password", flags->password);
	replace_text(tree, "as", flags->as);
	replace_text(tree, "as-uid", flags->as_uid);
	replace_groups(tree, &flags->as_group);
	replace_extra(tree, &flags->as_user_extra);
	return tree;
}
