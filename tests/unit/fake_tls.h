/* SPDX-License-Identifier: Apache-2.0 */
/* fake_tls.h - certificates made on the spot, and a TLS server that serves one exec stream. */
#ifndef FAKE_TLS_H
#define FAKE_TLS_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/fake_websocket.h"

struct fake_identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static inline void identity_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (extension == NULL)
		abort();
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

/* issuer NULL: signs itself. alternative: "DNS:name" or "IP:address"; NULL: an authority. */
static inline struct fake_identity
identity_make(const char *name, const struct fake_identity *issuer, const char *alternative)
{
	static long serial;
	struct fake_identity out = {EVP_EC_gen("P-256"), X509_new()};
	X509 *by = issuer != NULL ? issuer->certificate : out.certificate;
	X509_NAME *subject = X509_get_subject_name(out.certificate);

	X509_set_version(out.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(out.certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(out.certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(out.certificate), 3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_set_issuer_name(out.certificate, X509_get_subject_name(by));
	X509_set_pubkey(out.certificate, out.key);
	if (alternative == NULL)
		identity_extend(out.certificate, by, NID_basic_constraints, "critical,CA:TRUE");
	else
		identity_extend(out.certificate, by, NID_subject_alt_name, alternative);
	if (X509_sign(out.certificate, issuer != NULL ? issuer->key : out.key, EVP_sha256()) == 0)
		abort();
	return out;
}

static inline void identity_free(struct fake_identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
}

static inline void pem_text(BIO *bio, struct asb_buffer *out)
{
	char *text;
	long n = BIO_get_mem_data(bio, &text);

	asb_buffer_add(out, text, (size_t)n);
	BIO_free(bio);
}

static inline void certificate_pem(const struct fake_identity *identity, struct asb_buffer *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(bio, identity->certificate);
	pem_text(bio, out);
}

static inline void key_pem(const struct fake_identity *identity, struct asb_buffer *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(bio, identity->key, NULL, NULL, 0, NULL, NULL);
	pem_text(bio, out);
}

/* --- the server ------------------------------------------------------------------------------- */

struct fake_tls {
	int listener;
	pthread_t thread;
	char url[64];
	const struct fake_identity *identity;
	bool is_proxy;	   /* takes a CONNECT first and is then the server behind itself */
	bool wants_client; /* asks for the client's certificate */

	/* what was seen; to be read after fake_tls_stop */
	bool served;
	char server_name[128]; /* of the handshake */
	char host[128];	       /* header */
	char connect[256];     /* the head of the CONNECT */
	int client_chain;      /* certificates that the client showed */
};

static inline int accept_any(int preverified, X509_STORE_CTX *store)
{
	(void)preverified;
	(void)store;
	return 1;
}

/* Takes a request's head, byte by byte since what follows may be TLS. */
static inline bool take_head(struct fake_wire *wire, struct asb_buffer *head)
{
	char c;

	while (strstr(head->data, "\r\n\r\n") == NULL) {
		if (!wire_read(wire, &c, 1))
			return false;
		asb_buffer_addch(head, c);
	}
	return true;
}

static inline void fake_tls_connect(struct fake_tls *server, int fd)
{
	struct fake_wire plain = {.fd = fd};
	struct asb_buffer head = ASB_BUFFER_INIT;

	if (take_head(&plain, &head))
		wire_write(&plain, "HTTP/1.1 200 OK\r\n\r\n", 19);
	snprintf(server->connect, sizeof(server->connect), "%s", head.data);
	asb_buffer_release(&head);
}

static inline void fake_tls_serve(struct fake_tls *server, struct fake_wire *wire)
{
	struct asb_buffer head = ASB_BUFFER_INIT;
	struct fake_request request = {.fd = wire->fd};
	const char *name;

	if (server->is_proxy)
		fake_tls_connect(server, wire->fd);
	if (SSL_accept(wire->ssl) != 1)
		return;
	name = SSL_get_servername(wire->ssl, TLSEXT_NAMETYPE_host_name);
	snprintf(server->server_name, sizeof(server->server_name), "%s", name != NULL ? name : "");
	if (server->wants_client) {
		STACK_OF(X509) *chain = SSL_get_peer_cert_chain(wire->ssl);

		/* The server's view of the chain leaves the client's own certificate out. */
		server->client_chain = 1 + (chain != NULL ? sk_X509_num(chain) : 0);
	}
	if (take_head(wire, &head)) {
		request.headers = strstr(head.data, "\r\n") + 2;
		ASB_TEXT key = fake_header(&request, "Sec-WebSocket-Key");
		ASB_TEXT host = fake_header(&request, "Host");

		snprintf(server->host, sizeof(server->host), "%s", host);
		ws_accept(wire, key, "v5.channel.k8s.io");
		ws_say(wire, 1, "over TLS", 8);
		ws_end(wire, "{\"status\":\"Success\"}", 1000);
		server->served = true;
		SSL_shutdown(wire->ssl);
	}
	asb_buffer_release(&head);
}

static inline void *fake_tls_main(void *context)
{
	struct fake_tls *server = context;
	struct fake_wire wire = {.fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)};
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	if (wire.fd >= 0) {
		SSL_CTX_use_certificate(tls, server->identity->certificate);
		SSL_CTX_use_PrivateKey(tls, server->identity->key);
		if (server->wants_client)
			SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, accept_any);
		wire.ssl = SSL_new(tls);
		SSL_set_fd(wire.ssl, wire.fd);
		fake_tls_serve(server, &wire);
		shutdown(wire.fd, SHUT_WR);
		while (recv(wire.fd, (char[256]){0}, 256, 0) > 0)
			;
		SSL_free(wire.ssl);
		close(wire.fd);
	}
	SSL_CTX_free(tls);
	return NULL;
}

/* family: AF_INET or AF_INET6, on loopback. False when the machine has no such address. */
static inline bool fake_tls_start(struct fake_tls *server, const struct fake_identity *identity,
				  int family)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *address = family == AF_INET ? (void *)&v4 : (void *)&v6;
	socklen_t n = family == AF_INET ? sizeof(v4) : sizeof(v6);

	server->identity = identity;
	server->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listener < 0 || bind(server->listener, address, n) != 0)
		return false;
	if (listen(server->listener, 4) != 0 || getsockname(server->listener, address, &n) != 0 ||
	    pthread_create(&server->thread, NULL, fake_tls_main, server) != 0)
		abort();
	snprintf(server->url, sizeof(server->url),
		 family == AF_INET ? "https://127.0.0.1:%u" : "https://[::1]:%u",
		 (unsigned)ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port));
	return true;
}

static inline void fake_tls_stop(struct fake_tls *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
}

#endif
