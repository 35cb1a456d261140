/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig_credentials.c - who we are: the sources of credentials that a user's entry can name.
 *
 * Certificates stand beside the others (TLS and HTTP are asked separately); of token, password and
 * plugin at most one counts (client-go clientcmd.validateAuthInfo). What runs or refreshes
 * something - exec, auth-provider - hooks in at dynamic_source.
 */
#include "plugin/kube/kubeconfig_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A line break in it would add header fields of its own to each request. */
static bool sendable(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (iscntrl((unsigned char)text[i]))
			return false;
	}
	return true;
}

int asb_token_read(const char *path, asb_file_read_fn *read, char **token, struct asb_error *err)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	const char *start;
	size_t n;
	int rc = read(path, ASB_KUBECONFIG_PART_LIMIT, &text, err);

	*token = NULL;
	start = text.data + strspn(text.data, " \t\r\n");
	n = strlen(start);
	while (n > 0 && strchr(" \t\r\n", start[n - 1]) != NULL)
		n--;
	if (rc == 0 && n == 0)
		rc = asb_fail(err, "read empty token from file %s", path);
	if (rc == 0 && !sendable(start, n))
		rc = asb_fail(err, "the token in %s holds control characters", path);
	if (rc == 0)
		*token = asb_strndup(start, n);
	asb_buffer_release_secret(&text);
	return rc;
}

static int take_certificate(const struct asb_stanza *user, struct asb_kubeconfig *out,
			    struct asb_error *err)
{
	if (asb_stanza_pem(user, "client-certificate", "CERTIFICATE", &out->client_certificate_pem,
			   err) != 0 ||
	    asb_stanza_pem(user, "client-key", "PRIVATE KEY", &out->client_key_pem, err) != 0)
		return -1;
	if (out->client_certificate_pem != NULL && out->client_key_pem == NULL)
		return asb_fail(err,
				"client-key-data or client-key must be specified for user \"%s\" "
				"to use its client certificate",
				user->name);
	return 0;
}

/* The file wins over the text as long as it can be read (client-go api.AuthInfo.TokenFile). */
static int take_token(const struct asb_stanza *user, struct asb_kubeconfig *out,
		      struct asb_error *err)
{
	const char *token;

	if (asb_stanza_text(user, "token", &token, err) != 0 ||
	    asb_stanza_path(user, "tokenFile", &out->token_file, err) != 0)
		return -1;
	if (out->token_file != NULL &&
	    asb_token_read(out->token_file, user->read, &out->token, err) != 0) {
		if (token == NULL)
			return asb_wrap(err, "unable to read tokenFile of user \"%s\"", user->name);
		asb_error_clear(err);
	}
	if (out->token == NULL)
		out->token = asb_strdup(token);
	if (out->token == NULL || sendable(out->token, strlen(out->token)))
		return 0;
	return asb_fail(err, "the token of user \"%s\" holds control characters", user->name);
}

static int take_password(const struct asb_stanza *user, struct asb_kubeconfig *out,
			 struct asb_error *err)
{
	const char *username, *password;

	if (asb_stanza_text(user, "username", &username, err) != 0 ||
	    asb_stanza_text(user, "password", &password, err) != 0)
		return -1;
	if (username == NULL && password == NULL)
		return 0;
	if (out->token != NULL)
		return asb_fail(err,
				"more than one authentication method found for user \"%s\": token "
				"and username, only one is allowed",
				user->name);
	out->username = asb_strdup(username == NULL ? "" : username);
	out->password = asb_strdup(password == NULL ? "" : password);
	return 0;
}

/* Acting with one's own rights where a lesser identity was asked for would be worse than failing.
 */
static int refuse_impersonation(const struct asb_stanza *user, struct asb_error *err)
{
	static const char *const keys[] = {"as", "as-uid", "as-groups", "as-user-extra"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!asb_stanza_has(user, keys[i]))
			continue;
		asb_fail(err, "impersonation (%s) is not supported yet", keys[i]);
		return asb_hint(err,
				"user \"%s\" in %s asks for it: choose another user with --user",
				user->name, user->file);
	}
	return 0;
}

/* Sources that run a program or a protocol to get a token. */
static int dynamic_source(const struct asb_stanza *user, struct asb_error *err)
{
	const char *key = NULL;

	if (asb_stanza_has(user, "exec"))
		key = "exec";
	else if (asb_stanza_has(user, "auth-provider"))
		key = "auth-provider";
	if (key == NULL)
		return 0;
	asb_fail(err, "credential plugins (%s) are not supported yet", key);
	return asb_hint(err,
			"user \"%s\" in %s uses one: choose a user with a token or a client "
			"certificate with --user, or make a token with `kubectl create token`",
			user->name, user->file);
}

int asb_kubeconfig_credentials(const struct asb_stanza *user, struct asb_kubeconfig *out,
			       struct asb_error *err)
{
	if (refuse_impersonation(user, err) != 0 || take_certificate(user, out, err) != 0 ||
	    take_token(user, out, err) != 0 || take_password(user, out, err) != 0)
		return -1;
	/* What is written down comes before what would have to be fetched, as for client-go. */
	if (out->token != NULL || out->username != NULL)
		return 0;
	return dynamic_source(user, err);
}

void asb_kubeconfig_token(const struct asb_kubeconfig *kubeconfig, struct asb_buffer *out)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	char *fresh = NULL;

	if (kubeconfig->token_file != NULL)
		asb_token_read(kubeconfig->token_file, asb_file_read, &fresh, &ignored);
	if (fresh != NULL)
		asb_buffer_addstr(out, fresh);
	else if (kubeconfig->token != NULL)
		asb_buffer_addstr(out, kubeconfig->token);
	if (fresh != NULL)
		asb_wipe(fresh, strlen(fresh));
	free(fresh);
}
