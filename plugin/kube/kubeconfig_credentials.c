/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig_credentials.c - who we are: the sources of credentials that a user's entry can name.
 *
 * Certificates stand beside the others (TLS and HTTP are asked separately); of token, password and
 * plugin at most one counts (client-go clientcmd.validateAuthInfo). A credential plugin is read
 * here and run when the first request is made.
 */
#include "plugin/base/buffer.h"
#include "plugin/kube/credential.h"
#include "plugin/kube/kubeconfig_parts.h"

#include <stdlib.h>
#include <string.h>

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
	if (rc == 0)
		*token = asb_strndup(start, n);
	if (rc == 0 && !asb_sendable(*token)) {
		asb_wipe(*token, n);
		free(*token);
		*token = NULL;
		rc = asb_fail(err, "the token in %s holds control characters", path);
	}
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
	if (out->token == NULL || asb_sendable(out->token))
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

static int no_credentials(const struct asb_stanza *user, const struct asb_kubeconfig *out,
			  struct asb_error *err)
{
	if (out->user == NULL) {
		asb_fail(err, "no user is chosen, and the server wants to know who asks");
		return asb_hint(err, "name one in the context, or with --user, or give a --token");
	}
	if (strcmp(user->file, "the command line") == 0)
		return asb_fail(err, "auth info \"%s\" does not exist", user->name);
	asb_fail(err, "user \"%s\" has no credentials", user->name);
	return asb_hint(err,
			"its entry in %s has none of client-certificate, token, tokenFile, "
			"username and exec; choose another with --user, or give a --token",
			user->file);
}

/* What is written down comes before what would have to be fetched, as for client-go. */
static const char *kind_of(const struct asb_kubeconfig *out)
{
	if (out->token_file != NULL)
		return "token file";
	if (out->token != NULL)
		return "token";
	if (out->username != NULL)
		return "password";
	return out->client_certificate_pem != NULL ? "client certificate" : NULL;
}

int asb_kubeconfig_credentials(const struct asb_stanza *user, const struct asb_stanza *cluster,
			       const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
			       struct asb_error *err)
{
	bool fetched = asb_stanza_has(user, "exec") || asb_stanza_has(user, "auth-provider");

	if (take_certificate(user, out, err) != 0 || take_token(user, out, err) != 0 ||
	    take_password(user, out, err) != 0)
		return -1;
	out->kind = kind_of(out);
	/* They must be in order even where they aren't used. */
	if (fetched && asb_credential_take(user, cluster, flags, out, err) != 0)
		return -1;
	if (out->kind == NULL && !fetched)
		return no_credentials(user, out, err);
	return 0;
}

/* --- as they are now -------------------------------------------------------------------------- */

int asb_kubeconfig_authenticate(const struct asb_kubeconfig *kubeconfig, struct asb_error *err)
{
	return kubeconfig->credential == NULL ? 0
					      : asb_credential_ensure(kubeconfig->credential, err);
}

bool asb_kubeconfig_renew(const struct asb_kubeconfig *kubeconfig, unsigned generation,
			  struct asb_error *err)
{
	return kubeconfig->credential != NULL &&
	       asb_credential_renew(kubeconfig->credential, generation, err) == 0;
}

unsigned asb_kubeconfig_generation(const struct asb_kubeconfig *kubeconfig)
{
	return kubeconfig->credential == NULL ? 0
					      : asb_credential_generation(kubeconfig->credential);
}

const char *asb_kubeconfig_certificate(const struct asb_kubeconfig *kubeconfig)
{
	return kubeconfig->credential == NULL
		       ? kubeconfig->client_certificate_pem
		       : asb_credential_now(kubeconfig->credential)->certificate;
}

const char *asb_kubeconfig_key(const struct asb_kubeconfig *kubeconfig)
{
	return kubeconfig->credential == NULL ? kubeconfig->client_key_pem
					      : asb_credential_now(kubeconfig->credential)->key;
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
	else if (kubeconfig->credential != NULL &&
		 asb_credential_now(kubeconfig->credential)->token != NULL)
		asb_buffer_addstr(out, asb_credential_now(kubeconfig->credential)->token);
	asb_free_secret(fresh);
}
