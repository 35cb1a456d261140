/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS side of an exec stream is set up here and not by libwebsockets: 4.1 takes one certificate
 * of a CA bundle only, none of a client's intermediate certificates, asks for and verifies what
 * stands in the Host header, and verifies no name at all for an IPv6 literal.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "plugin/kube/exec_internal.h"

/* --- the server's name ------------------------------------------------------------------------ */

static struct asb_exec_tls *tls_of(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static int verify(int preverified, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct asb_exec_tls *tls = tls_of(ssl);

	if (preverified)
		return 1;
	if (tls->insecure) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	snprintf(tls->problem, sizeof(tls->problem), "%s",
		 X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	return 0;
}

/* Puts our name and our verification over those that libwebsockets has set. */
static void name_server(SSL *ssl, struct asb_exec_tls *tls)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set1_host(param, NULL, 0);
	X509_VERIFY_PARAM_set1_ip(param, NULL, 0);
	SSL_set_verify(ssl, SSL_VERIFY_PEER, verify);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, tls->name) == 1) {
		SSL_set_tlsext_host_name(ssl, NULL); /* an address is no name: RFC 6066 §3 */
		return;
	}
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_VERIFY_PARAM_set1_host(param, tls->name, 0) != 1)
		X509_VERIFY_PARAM_set1_host(param, ".invalid", 0); /* matches no certificate */
	SSL_set_tlsext_host_name(ssl, tls->name);
}

/* The first moment at which the connection exists and nothing of it has been sent. */
static void on_info(const SSL *ssl, int where, int value)
{
	(void)value;
	if ((where & SSL_CB_HANDSHAKE_START) != 0 && SSL_in_before(ssl))
		name_server((SSL *)ssl, tls_of(ssl));
}

/* --- certificates and the key ----------------------------------------------------------------- */

/* For an encrypted key: never ask on the terminal. */
static int no_password(char *buf, int size, int writing, void *user)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)user;
	return 0;
}

static int openssl_fail(struct asb_error *err, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return asb_fail(err, "%s: %s", what, reason != NULL ? reason : "it is not understood");
}

static int add_authorities(SSL_CTX *context, const char *pem, struct asb_error *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	BIO *bio = BIO_new_mem_buf(pem, -1);
	int count = 0;

	for (;;) {
		X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);

		if (certificate == NULL)
			break;
		count += X509_STORE_add_cert(store, certificate) == 1;
		X509_free(certificate);
	}
	BIO_free(bio);
	if (count == 0)
		return openssl_fail(err, "the cluster's certificate authority can't be used");
	ERR_clear_error();
	/* As curl and Go do: whatever is in the bundle is trusted, root or not. */
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

/* The first certificate is the client's own, the others lead to its authority. */
static int use_certificates(SSL_CTX *context, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	int rc = certificate != NULL ? SSL_CTX_use_certificate(context, certificate) : 0;

	X509_free(certificate);
	while (rc == 1) {
		certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
		if (certificate == NULL)
			break;
		rc = (int)SSL_CTX_add_extra_chain_cert(context, certificate);
		if (rc != 1)
			X509_free(certificate);
	}
	BIO_free(bio);
	return rc;
}

static int use_key(SSL_CTX *context, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	int rc = key != NULL ? SSL_CTX_use_PrivateKey(context, key) : 0;

	EVP_PKEY_free(key);
	BIO_free(bio);
	return rc;
}

static int load(struct asb_exec_tls *tls, const struct asb_kubeconfig *kubeconfig,
		struct asb_error *err)
{
	const char *certificate = asb_kubeconfig_certificate(kubeconfig);
	const char *key = asb_kubeconfig_key(kubeconfig);

	if (kubeconfig->ca_pem != NULL && !tls->insecure) {
		if (add_authorities(tls->context, kubeconfig->ca_pem, err) != 0)
			return -1;
	} else if (!tls->insecure) {
		SSL_CTX_set_default_verify_paths(tls->context);
	}
	if (certificate != NULL && use_certificates(tls->context, certificate) != 1)
		return openssl_fail(err, "the client certificate can't be used");
	if (certificate != NULL && key != NULL && use_key(tls->context, key) != 1)
		return openssl_fail(err, "the client key can't be used");
	ERR_clear_error();
	return 0;
}

int asb_exec_tls_init(struct asb_exec_tls *tls, const struct asb_kubeconfig *kubeconfig,
		      const char *name, struct asb_error *err)
{
	*tls = (struct asb_exec_tls){
		.name = name,
		.insecure = kubeconfig->insecure_skip_tls_verify,
		.context = SSL_CTX_new(TLS_client_method()),
	};
	if (tls->context == NULL)
		return openssl_fail(err, "cannot set up TLS");
	SSL_CTX_set_app_data(tls->context, tls);
	SSL_CTX_set_info_callback(tls->context, on_info);
	/* Without TLS nothing of it is needed, and the system's authorities take 20 ms. */
	return strncasecmp(kubeconfig->server, "https:", 6) == 0 ? load(tls, kubeconfig, err) : 0;
}

void asb_exec_tls_release(struct asb_exec_tls *tls)
{
	SSL_CTX_free(tls->context);
	tls->context = NULL;
}
