/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/keypair.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* Never ask on the terminal. */
static int no_password(char *buf, int size, int writing, void *user)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

static bool encrypted(const char *key)
{
	return strstr(key, "-----BEGIN ENCRYPTED PRIVATE KEY-----") != NULL ||
	       strstr(key, "Proc-Type: 4,ENCRYPTED") != NULL;
}

static int unreadable(const char *what, struct asb_error *err)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return asb_fail(err, "the %s can't be read: %s", what,
			reason == NULL ? "it is not understood" : reason);
}

static X509 *read_certificate(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);

	BIO_free(bio);
	return certificate;
}

static EVP_PKEY *read_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);

	BIO_free(bio);
	return key;
}

int asb_keypair_check(const char *certificate, const char *key, struct asb_error *err)
{
	X509 *x509 = NULL;
	EVP_PKEY *pkey = NULL;
	int rc;

	if (encrypted(key)) {
		asb_fail(err, "the client key is encrypted, which is not supported (nor by "
			      "kubectl)");
		return asb_hint(err, "decrypt it: openssl pkey -in client.key -out plain.key");
	}
	ERR_clear_error();
	x509 = read_certificate(certificate);
	pkey = x509 == NULL ? NULL : read_key(key);
	if (x509 == NULL)
		rc = unreadable("client certificate", err);
	else if (pkey == NULL)
		rc = unreadable("client key", err);
	else if (X509_check_private_key(x509, pkey) != 1)
		rc = asb_fail(err, "the client key does not belong to the client certificate");
	else
		rc = 0;
	EVP_PKEY_free(pkey);
	X509_free(x509);
	ERR_clear_error();
	return rc;
}
