/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket frames cut anywhere give the same events as uncut ones, whatever a server sends; and a
 * frame that we make is read back as it was. Input: a seed for the cuts, then the bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/kube/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct asb_buffer events;
	bool in_message;
};

static void require(int truth)
{
	if (!truth)
		abort();
}

static void on_data(void *context, const void *bytes, size_t n, bool start, bool end)
{
	struct seen *seen = context;

	require(start == !seen->in_message);
	seen->in_message = !end;
	if (start)
		asb_buffer_addch(&seen->events, '<');
	asb_buffer_add(&seen->events, bytes, n);
	if (end)
		asb_buffer_addch(&seen->events, '>');
}

static void on_control(void *context, enum asb_websocket_opcode opcode, const void *bytes, size_t n)
{
	struct seen *seen = context;

	require(n <= ASB_WEBSOCKET_CONTROL_MAX);
	asb_buffer_addf(&seen->events, "{%d", (int)opcode);
	asb_buffer_add(&seen->events, bytes, n);
	asb_websocket_close_code(bytes, n);
}

static int feed(const uint8_t *bytes, size_t n, uint32_t random, struct seen *seen)
{
	const struct asb_websocket_sink sink = {on_data, on_control, seen};
	struct asb_websocket ws = {0};
	size_t at = 0;

	asb_buffer_init(&seen->events);
	while (at < n) {
		size_t piece = n;
		uint8_t *copy;

		if (random != 0) {
			random = random * 1664525 + 1013904223;
			piece = (random >> 16) % 9;
		}
		if (piece > n - at)
			piece = n - at;
		copy = asb_malloc(piece + 1);
		memcpy(copy, bytes + at, piece);
		asb_websocket_feed(&ws, copy, piece, &sink);
		free(copy);
		at += piece;
	}
	return ws.problem == NULL ? 0 : -1;
}

/* Our frames have a mask, which the reader of a server's frames refuses: it is taken out. */
static void round_trip(const uint8_t *bytes, size_t n)
{
	static const unsigned char mask[4] = {0x5a, 0, 0xff, 0x81};
	unsigned char *frame = asb_malloc(ASB_WEBSOCKET_HEADER_MAX + n);
	size_t header = asb_websocket_header(frame, ASB_WEBSOCKET_BINARY, n, mask);
	struct seen seen = {.in_message = false};

	memcpy(frame + header, bytes, n);
	asb_websocket_mask(frame + header, n, mask);
	asb_websocket_mask(frame + header, n, mask);
	frame[1] &= 0x7f;
	memmove(frame + header - 4, frame + header, n);
	require(feed(frame, header - 4 + n, 0, &seen) == 0);
	require(seen.events.length == n + 2 && memcmp(seen.events.data + 1, bytes, n) == 0);
	asb_buffer_release(&seen.events);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = {.in_message = false}, cut = {.in_message = false};

	if (size == 0)
		return 0;
	require(feed(data + 1, size - 1, 0, &whole) ==
		feed(data + 1, size - 1, data[0] + 1u, &cut));
	require(whole.events.length == cut.events.length);
	require(memcmp(whole.events.data, cut.events.data, cut.events.length) == 0);
	asb_buffer_release(&whole.events);
	asb_buffer_release(&cut.events);
	round_trip(data, size);
	return 0;
}
