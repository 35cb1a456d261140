/* SPDX-License-Identifier: Apache-2.0 */
/* fake_websocket.h - the server's side of an exec stream, with or without TLS, written by hand so
 * that a test can also do it wrongly. */
#ifndef FAKE_WEBSOCKET_H
#define FAKE_WEBSOCKET_H

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include "tests/unit/fake_server.h"

struct fake_wire {
	int fd;
	SSL *ssl; /* NULL: none */
};

static inline bool wire_write(struct fake_wire *wire, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t put = wire->ssl != NULL ? SSL_write(wire->ssl, at, (int)n)
						: send(wire->fd, at, n, MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		at += put;
		n -= (size_t)put;
	}
	return true;
}

static inline bool wire_read(struct fake_wire *wire, void *bytes, size_t n)
{
	char *at = bytes;

	while (n > 0) {
		ssize_t got = wire->ssl != NULL ? SSL_read(wire->ssl, at, (int)n)
						: recv(wire->fd, at, n, 0);

		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

/* Answers 101; protocol NULL: none is named. */
static inline void ws_accept(struct fake_wire *wire, const char *key, const char *protocol)
{
	ASB_TEXT whole = asb_strf("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	ASB_TEXT named = protocol != NULL ? asb_strf("Sec-WebSocket-Protocol: %s\r\n", protocol)
					  : asb_strdup("");
	unsigned char digest[SHA_DIGEST_LENGTH];
	char accept[64];

	SHA1((const unsigned char *)whole, strlen(whole), digest);
	EVP_EncodeBlock((unsigned char *)accept, digest, sizeof(digest));
	{
		ASB_TEXT text =
			asb_strf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
				 accept, named);

		wire_write(wire, text, strlen(text));
	}
}

/* One frame; first is the byte with FIN and opcode (0x82: a whole binary message). */
static inline bool ws_frame(struct fake_wire *wire, uint8_t first, const void *bytes, size_t n)
{
	uint8_t header[10] = {first};
	size_t length = 2;

	if (n < 126) {
		header[1] = (uint8_t)n;
	} else if (n < 65536) {
		header[1] = 126;
		header[2] = (uint8_t)(n >> 8);
		header[3] = (uint8_t)n;
		length = 4;
	} else {
		header[1] = 127;
		for (int i = 0; i < 8; i++)
			header[2 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
		length = 10;
	}
	return wire_write(wire, header, length) && (n == 0 || wire_write(wire, bytes, n));
}

/* A message on a channel. */
static inline bool ws_say(struct fake_wire *wire, uint8_t channel, const void *bytes, size_t n)
{
	char *message = asb_malloc(n + 1);
	bool fine;

	message[0] = (char)channel;
	memcpy(message + 1, bytes, n);
	fine = ws_frame(wire, 0x82, message, n + 1);
	free(message);
	return fine;
}

static inline void ws_end(struct fake_wire *wire, const char *status, unsigned code)
{
	uint8_t close_code[2] = {(uint8_t)(code >> 8), (uint8_t)code};

	if (status != NULL)
		ws_say(wire, 3, status, strlen(status));
	if (code != 0)
		ws_frame(wire, 0x88, close_code, sizeof(close_code));
}

/* Takes one frame of the client, unmasked. Its payload is put into `in` (emptied before). */
static inline bool ws_take(struct fake_wire *wire, uint8_t *first, struct asb_buffer *in)
{
	static uint8_t payload[1 << 17];
	uint8_t header[14];
	uint64_t n;

	asb_buffer_reset(in);
	if (!wire_read(wire, header, 2) || (header[1] & 0x80) == 0)
		return false; /* gone, or not masked */
	n = header[1] & 0x7f;
	if (n == 126) {
		if (!wire_read(wire, header + 2, 2))
			return false;
		n = (uint64_t)header[2] << 8 | header[3];
	} else if (n == 127) {
		return false; /* longer than this client ever sends */
	}
	if (!wire_read(wire, header + 4, 4) || !wire_read(wire, payload, n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		payload[i] ^= header[4 + (i & 3)];
	*first = header[0];
	asb_buffer_add(in, payload, n);
	return true;
}

#endif
