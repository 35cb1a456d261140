/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes are a stream of frames or are refused: nothing is read outside of them, every step
 * moves on, and what was decoded encodes to the same bytes again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shim/protocol/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
	if (!truth)
		abort();
}

static void attributes(const uint8_t *payload, size_t n)
{
	static uint8_t again[ASB_FRAME_PAYLOAD];
	size_t at = 0;
	size_t written = 0;
	struct asb_attr attr;

	while (asb_attr_next(payload, n, &at, &attr) == 1) {
		require(attr.value >= payload && attr.value + attr.length <= payload + n);
		(void)asb_attr_uint(&attr, 0);
		require(asb_attr_put(again, sizeof(again), &written, attr.tag, attr.value,
				     attr.length) == 0);
		require(written == at);
	}
	require(memcmp(again, payload, written) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t header[ASB_FRAME_HEADER];
	struct asb_frame frame;
	size_t at = 0;

	while (at < size) {
		int taken = asb_frame_decode(data + at, size - at, &frame);

		if (taken <= 0)
			break;
		require((size_t)taken == ASB_FRAME_HEADER + frame.length);
		require((size_t)taken <= size - at);
		asb_frame_header(header, frame.type, frame.flags, frame.channel, frame.length);
		require(memcmp(header, data + at, sizeof(header)) == 0);
		if (frame.length > 0)
			attributes(frame.payload, frame.length);
		at += (size_t)taken;
	}
	return 0;
}
