/* SPDX-License-Identifier: Apache-2.0 */
/*
 * websocket.h - the client's side of WebSocket frames (RFC 6455): bytes in, events out.
 *
 * Pure: knows no descriptor and allocates nothing. Nothing is held back: the bytes of a message are
 * handed on in the pieces they come in, straight from the caller's buffer, so that no length that a
 * server claims takes memory. Control frames, which may stand between the frames of a message, are
 * handed on whole. No extensions.
 */
#ifndef ASB_WEBSOCKET_H
#define ASB_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASB_WEBSOCKET_FRAME_MAX (UINT64_C(1) << 30) /* a longer one is taken for garbage */
#define ASB_WEBSOCKET_CONTROL_MAX 125u		    /* RFC 6455 §5.5 */
#define ASB_WEBSOCKET_HEADER_MAX 14u		    /* with 64 bits of length and the mask */
#define ASB_WEBSOCKET_KEY 25			    /* text of a key, with its NUL */
#define ASB_WEBSOCKET_ACCEPT 29			    /* text of its answer, with its NUL */

enum asb_websocket_opcode {
	ASB_WEBSOCKET_CONTINUATION = 0,
	ASB_WEBSOCKET_TEXT = 1,
	ASB_WEBSOCKET_BINARY = 2,
	ASB_WEBSOCKET_CLOSE = 8,
	ASB_WEBSOCKET_PING = 9,
	ASB_WEBSOCKET_PONG = 10,
};

/* --- what the server sends -------------------------------------------------------------------- */

struct asb_websocket_sink {
	/* A piece of a message, text or binary: `start` with its first, `end` with its last. n may
	 * be 0. */
	void (*data)(void *context, const void *bytes, size_t n, bool start, bool end);
	/* CLOSE, PING or PONG with its payload, n at most ASB_WEBSOCKET_CONTROL_MAX. */
	void (*control)(void *context, enum asb_websocket_opcode opcode, const void *bytes,
			size_t n);
	void *context;
};

/* Zeroed is the beginning of a stream. */
struct asb_websocket {
	unsigned char header[10];
	unsigned have; /* bytes of it; 0 between frames */
	uint64_t left; /* of the frame's payload */
	unsigned char control[ASB_WEBSOCKET_CONTROL_MAX];
	unsigned control_length;
	bool in_payload;
	bool in_message;     /* its last frame hasn't begun */
	bool started;	     /* a piece of the message was handed on */
	bool closed;	     /* CLOSE has come: what follows is ignored */
	const char *problem; /* why the stream can't be read any further, NULL: it can */
};

/* Takes all n bytes. -1, now and ever after, when they break the protocol: `problem` says how. */
int asb_websocket_feed(struct asb_websocket *ws, const void *bytes, size_t n,
		       const struct asb_websocket_sink *sink);

/* The code of a CLOSE's payload, 0 when it has none. */
unsigned asb_websocket_close_code(const void *bytes, size_t n);

/* --- what we send ----------------------------------------------------------------------------- */

/* Writes the header of a whole message (FIN) of n bytes with the mask. Returns its length, 6 for n
 * below 126, 8 up to 65535, else 14. */
size_t asb_websocket_header(unsigned char out[ASB_WEBSOCKET_HEADER_MAX],
			    enum asb_websocket_opcode opcode, uint64_t n,
			    const unsigned char mask[4]);

/* Masks n bytes in place, the first of them with mask[0]. */
void asb_websocket_mask(void *bytes, size_t n, const unsigned char mask[4]);

/* Masks that nobody can foresee (RFC 6455 §10.3), taken from the kernel many at a time. Zeroed is
 * empty. */
struct asb_websocket_masks {
	unsigned char bytes[256];
	unsigned left;
};
void asb_websocket_mask_next(struct asb_websocket_masks *masks, unsigned char mask[4]);

/* --- the handshake ---------------------------------------------------------------------------- */

/* A new Sec-WebSocket-Key, and the Sec-WebSocket-Accept that belongs to one. */
void asb_websocket_key(char key[ASB_WEBSOCKET_KEY]);
void asb_websocket_accept(const char *key, char accept[ASB_WEBSOCKET_ACCEPT]);

#endif
