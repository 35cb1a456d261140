/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h> /* where macOS has getentropy */
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#define FIN 0x80u
#define RESERVED 0x70u
#define OPCODE 0x0fu
#define MASKED 0x80u
#define LENGTH 0x7fu

/* --- reading ---------------------------------------------------------------------------------- */

static int broken(struct asb_websocket *ws, const char *problem)
{
	ws->problem = problem;
	return -1;
}

static enum asb_websocket_opcode opcode_of(const struct asb_websocket *ws)
{
	return (enum asb_websocket_opcode)(ws->header[0] & OPCODE);
}

static bool is_control(enum asb_websocket_opcode opcode)
{
	return (opcode & 8) != 0;
}

/* Length of the header, known from its first two bytes. */
static unsigned header_length(const struct asb_websocket *ws)
{
	unsigned length = ws->header[1] & LENGTH;

	if (length == 127)
		return 10;
	return length == 126 ? 4 : 2;
}

static uint64_t payload_length(const struct asb_websocket *ws)
{
	uint64_t n = 0;

	if (header_length(ws) == 2)
		return ws->header[1] & LENGTH;
	for (unsigned i = 2; i < header_length(ws); i++)
		n = n << 8 | ws->header[i];
	return n;
}

static int check_opcode(struct asb_websocket *ws)
{
	enum asb_websocket_opcode opcode = opcode_of(ws);
	bool whole = (ws->header[0] & FIN) != 0;

	switch (opcode) {
	case ASB_WEBSOCKET_CONTINUATION:
		return ws->in_message ? 0 : broken(ws, "a frame goes on with no message");
	case ASB_WEBSOCKET_TEXT:
	case ASB_WEBSOCKET_BINARY:
		return ws->in_message ? broken(ws, "a message begins inside another") : 0;
	case ASB_WEBSOCKET_CLOSE:
	case ASB_WEBSOCKET_PING:
	case ASB_WEBSOCKET_PONG:
		if (!whole || ws->left > ASB_WEBSOCKET_CONTROL_MAX)
			return broken(ws, "a control frame is too long");
		return 0;
	}
	return broken(ws, "a frame is of an unknown kind");
}

/* The header is whole. */
static int begin_payload(struct asb_websocket *ws)
{
	ws->left = payload_length(ws);
	if ((ws->header[0] & RESERVED) != 0)
		return broken(ws, "a frame has an extension that was not asked for");
	if ((ws->header[1] & MASKED) != 0)
		return broken(ws, "a frame of the server is masked");
	if (check_opcode(ws) != 0)
		return -1;
	if (ws->left > ASB_WEBSOCKET_FRAME_MAX)
		return broken(ws, "a frame is too long");
	if (!is_control(opcode_of(ws))) {
		ws->started = ws->started && ws->in_message;
		ws->in_message = (ws->header[0] & FIN) == 0;
	}
	ws->control_length = 0;
	ws->in_payload = true;
	return 0;
}

/* Takes bytes of the header; returns how many. */
static size_t take_header(struct asb_websocket *ws, const unsigned char *bytes, size_t n)
{
	size_t taken = 0;

	while (taken < n && (ws->have < 2 || ws->have < header_length(ws)))
		ws->header[ws->have++] = bytes[taken++];
	return taken;
}

static bool header_is_whole(const struct asb_websocket *ws)
{
	return ws->have >= 2 && ws->have == header_length(ws);
}

static void end_frame(struct asb_websocket *ws, const struct asb_websocket_sink *sink)
{
	enum asb_websocket_opcode opcode = opcode_of(ws);

	ws->have = 0;
	ws->in_payload = false;
	if (!is_control(opcode))
		return;
	ws->closed = opcode == ASB_WEBSOCKET_CLOSE;
	sink->control(sink->context, opcode, ws->control, ws->control_length);
}

/* Takes bytes of the payload; returns how many. */
static size_t take_payload(struct asb_websocket *ws, const unsigned char *bytes, size_t n,
			   const struct asb_websocket_sink *sink)
{
	size_t piece = n < ws->left ? n : (size_t)ws->left;

	ws->left -= piece;
	if (is_control(opcode_of(ws))) {
		memcpy(ws->control + ws->control_length, bytes, piece);
		ws->control_length += (unsigned)piece;
	} else {
		bool start = !ws->started;

		ws->started = true;
		sink->data(sink->context, bytes, piece, start, ws->left == 0 && !ws->in_message);
	}
	if (ws->left == 0)
		end_frame(ws, sink);
	return piece;
}

int asb_websocket_feed(struct asb_websocket *ws, const void *bytes, size_t n,
		       const struct asb_websocket_sink *sink)
{
	const unsigned char *from = bytes;
	const unsigned char *end = from + n;

	while (from < end && !ws->closed && ws->problem == NULL) {
		if (!ws->in_payload) {
			from += take_header(ws, from, (size_t)(end - from));
			if (!header_is_whole(ws) || begin_payload(ws) != 0)
				continue;
		}
		/* An empty payload has its turn, too. */
		if (from < end || ws->left == 0)
			from += take_payload(ws, from, (size_t)(end - from), sink);
	}
	return ws->problem == NULL ? 0 : -1;
}

unsigned asb_websocket_close_code(const void *bytes, size_t n)
{
	const unsigned char *code = bytes;

	return n >= 2 ? (unsigned)code[0] << 8 | code[1] : 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

size_t asb_websocket_header(unsigned char out[ASB_WEBSOCKET_HEADER_MAX],
			    enum asb_websocket_opcode opcode, uint64_t n,
			    const unsigned char mask[4])
{
	size_t digits = n < 126 ? 0 : n < 65536 ? 2 : 8;

	out[0] = (unsigned char)(FIN | opcode);
	out[1] = (unsigned char)(MASKED | (digits == 0 ? n : digits == 2 ? 126 : 127));
	for (size_t i = 0; i < digits; i++)
		out[2 + i] = (unsigned char)(n >> (8 * (digits - 1 - i)));
	memcpy(out + 2 + digits, mask, 4);
	return 2 + digits + 4;
}

void asb_websocket_mask(void *bytes, size_t n, const unsigned char mask[4])
{
	unsigned char *at = bytes;
	uint64_t eight, word;
	size_t i;

	memcpy(&eight, mask, 4);
	memcpy((unsigned char *)&eight + 4, mask, 4);
	for (i = 0; i + 8 <= n; i += 8) {
		memcpy(&word, at + i, 8);
		word ^= eight;
		memcpy(at + i, &word, 8);
	}
	for (; i < n; i++)
		at[i] ^= mask[i & 3];
}

/* Without randomness no connection is safe, TLS neither. */
static void random_bytes(void *out, size_t n)
{
	if (getentropy(out, n) == 0)
		return;
	fputs("error: the kernel gives no random bytes\n", stderr);
	abort();
}

void asb_websocket_mask_next(struct asb_websocket_masks *masks, unsigned char mask[4])
{
	if (masks->left == 0) {
		random_bytes(masks->bytes, sizeof(masks->bytes));
		masks->left = sizeof(masks->bytes);
	}
	masks->left -= 4;
	memcpy(mask, masks->bytes + masks->left, 4);
}

/* --- the handshake ---------------------------------------------------------------------------- */

void asb_websocket_key(char key[ASB_WEBSOCKET_KEY])
{
	unsigned char nonce[16];

	random_bytes(nonce, sizeof(nonce));
	EVP_EncodeBlock((unsigned char *)key, nonce, sizeof(nonce));
}

void asb_websocket_accept(const char *key, char accept[ASB_WEBSOCKET_ACCEPT])
{
	unsigned char digest[SHA_DIGEST_LENGTH];
	char text[128];
	/* RFC 6455 §1.3 */
	int n = snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);

	SHA1((const unsigned char *)text, (size_t)n, digest);
	EVP_EncodeBlock((unsigned char *)accept, digest, sizeof(digest));
}
