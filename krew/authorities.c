/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorities.c - where the static plugin finds the host's certificate authorities.
 *
 * An OpenSSL of a distribution knows its distribution's file; ours runs anywhere. It is linked with
 * --wrap, so that OpenSSL asks here whenever it would take its built-in file: when a kubeconfig
 * names no certificate authority and SSL_CERT_FILE is not set. Both curl and our exec streams leave
 * it to OpenSSL then.
 */
#include <unistd.h>

const char *__wrap_X509_get_default_cert_file(void);

const char *__wrap_X509_get_default_cert_file(void)
{
	static const char *const files[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch, Gentoo, NixOS */
		"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
		"/etc/ssl/ca-bundle.pem",	      /* SUSE */
		"/etc/ssl/cert.pem",		      /* Alpine */
	};
	const unsigned last = sizeof(files) / sizeof(files[0]) - 1;

	for (unsigned i = 0; i < last; i++) {
		if (access(files[i], R_OK) == 0)
			return files[i];
	}
	return files[last];
}
