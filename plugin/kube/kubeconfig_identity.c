/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig_identity.c - what tells one server and one identity from the others. */
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/credential.h"

static void add(struct asb_buffer *out, const char *text)
{
	/* With its NUL, so that no two lists look alike. */
	if (text != NULL)
		asb_buffer_add(out, text, strlen(text) + 1);
	asb_buffer_addch(out, '\n');
}

void asb_kubeconfig_identity(const struct asb_kubeconfig *kubeconfig, struct asb_buffer *out)
{
	const char *const texts[] = {
		kubeconfig->server,
		kubeconfig->tls_server_name,
		kubeconfig->proxy_url,
		kubeconfig->insecure_skip_tls_verify ? "insecure" : NULL,
		kubeconfig->ca_pem,
		kubeconfig->client_certificate_pem,
		kubeconfig->client_key_pem,
		/* a file's token is replaced now and then, and stays the same identity's */
		kubeconfig->token_file != NULL ? kubeconfig->token_file : kubeconfig->token,
		kubeconfig->username,
		kubeconfig->password,
		kubeconfig->kind,
		kubeconfig->impersonate,
	};
	char *credential = asb_credential_name(kubeconfig->credential);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		add(out, texts[i]);
	for (size_t i = 0; i < kubeconfig->header_count; i++)
		add(out, kubeconfig->headers[i]);
	add(out, credential);
	free(credential);
}
