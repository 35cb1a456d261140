/* SPDX-License-Identifier: Apache-2.0 */
/* credential_answer.c - what a credential plugin printed. Nothing of it goes into a message. */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/yaml.h"
#include "plugin/kube/credential_parts.h"
#include "plugin/kube/keypair.h"

void asb_credential_parts_release(struct asb_credential_parts *parts)
{
	asb_free_secret(parts->token);
	free(parts->certificate);
	asb_free_secret(parts->key);
	*parts = (struct asb_credential_parts){.expires_ms = -1};
}

/* JSON, or YAML as kubectl's decoder would take it, too. The reader's own words could quote the
 * text. */
static cJSON *read_tree(const char *text, size_t n, struct asb_error *err)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	cJSON *root = asb_json_parse(text, n, &ignored);

	asb_error_clear(&ignored);
	if (root == NULL && text[strspn(text, " \t\r\n")] != '{')
		root = asb_yaml_parse(text, n, "stdout", &ignored);
	if (cJSON_IsObject(root))
		return root;
	asb_kubeconfig_tree_free(root);
	asb_fail(err, "what it printed on stdout is no ExecCredential in JSON");
	return NULL;
}

static int check_version(const cJSON *root, const char *api_version, struct asb_error *err)
{
	const char *kind = asb_json_string(root, "kind");
	const char *version = asb_json_string(root, "apiVersion");

	if (kind == NULL || strcmp(kind, "ExecCredential") != 0)
		return asb_fail(err, "what it printed on stdout is not of kind ExecCredential");
	if (version == NULL || strcmp(version, api_version) != 0)
		return asb_fail(err,
				"it is configured to use API version %s, and returned another "
				"version",
				api_version);
	if (!cJSON_IsObject(asb_json_member(root, "status")))
		return asb_fail(err, "it didn't return a status field");
	return 0;
}

/* A text, absent, or an error. */
static int take(const cJSON *status, const char *name, char **out, struct asb_error *err)
{
	const cJSON *item = asb_json_member(status, name);

	if (item == NULL || cJSON_IsNull(item))
		return 0;
	if (!cJSON_IsString(item))
		return asb_fail(err, "status.%s: expected a text", name);
	if (item->valuestring[0] != '\0')
		*out = asb_strdup(item->valuestring);
	return 0;
}

static int take_expiry(const cJSON *status, struct asb_credential_parts *parts,
		       struct asb_error *err)
{
	const cJSON *item = asb_json_member(status, "expirationTimestamp");

	parts->expires_ms = -1;
	if (item == NULL || cJSON_IsNull(item))
		return 0;
	if (cJSON_IsString(item))
		parts->expires_ms = asb_time_parse(item->valuestring);
	if (parts->expires_ms >= 0)
		return 0;
	return asb_fail(err, "status.expirationTimestamp: expected a time as RFC 3339 has it");
}

static int check_parts(const struct asb_credential_parts *parts, struct asb_error *err)
{
	if (parts->token == NULL && parts->certificate == NULL && parts->key == NULL)
		return asb_fail(err, "it didn't return a token or cert/key pair");
	if ((parts->certificate == NULL) != (parts->key == NULL))
		return asb_fail(err, "it returned only certificate or key, not both");
	if (parts->token != NULL && !asb_sendable(parts->token))
		return asb_fail(err, "its token holds control characters");
	return parts->certificate == NULL ? 0
					  : asb_keypair_check(parts->certificate, parts->key, err);
}

int asb_credential_answer(const char *text, size_t n, const char *api_version,
			  struct asb_credential_parts *parts, struct asb_error *err)
{
	cJSON *root = read_tree(text, n, err);
	const cJSON *status = asb_json_member(root, "status");
	int rc = -1;

	*parts = (struct asb_credential_parts){.expires_ms = -1};
	if (root != NULL && check_version(root, api_version, err) == 0 &&
	    take(status, "token", &parts->token, err) == 0 &&
	    take(status, "clientCertificateData", &parts->certificate, err) == 0 &&
	    take(status, "clientKeyData", &parts->key, err) == 0 &&
	    take_expiry(status, parts, err) == 0)
		rc = check_parts(parts, err);
	if (rc != 0)
		asb_credential_parts_release(parts);
	asb_kubeconfig_tree_free(root);
	return rc;
}
