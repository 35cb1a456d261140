/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the exec stream cut into pieces anywhere give the same bytes on the same channels as
 * uncut ones, and any Status is read without harm. Input: a seed for the cuts, then messages, each
 * behind its length.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/exec_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct asb_buffer channels[256];
};

static void require(int truth)
{
	if (!truth)
		abort();
}

static void sink(void *context, int channel, const void *bytes, size_t n)
{
	struct seen *seen = context;

	require(channel >= 0 && channel < 256 && n > 0);
	asb_buffer_add(&seen->channels[channel], bytes, n);
}

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 16;
}

/* Feeds one message in pieces; empty ones are among them. */
static void feed_cut(struct asb_exec_demux *demux, const uint8_t *bytes, size_t n, uint32_t *random,
		     struct seen *seen)
{
	size_t at = 0;
	int start = 1;

	for (;;) {
		size_t piece = next_random(random) % (n + 1);

		if (piece > n - at)
			piece = n - at;
		asb_exec_demux_feed(demux, bytes + at, piece, start, at + piece == n, sink, seen);
		at += piece;
		if (at == n)
			return;
		start = 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seen whole;
	static struct seen cut;
	struct asb_exec_demux a = {.channel = -1};
	struct asb_exec_demux b = {.channel = -1};
	uint32_t random = size > 0 ? data[0] : 0;
	struct asb_exec_status status;

	for (int i = 0; i < 256; i++) {
		asb_buffer_init(&whole.channels[i]);
		asb_buffer_init(&cut.channels[i]);
	}
	for (size_t at = 1; at < size;) {
		size_t n = data[at++];

		if (n > size - at)
			n = size - at;
		asb_exec_demux_feed(&a, data + at, n, 1, 1, sink, &whole);
		feed_cut(&b, data + at, n, &random, &cut);
		at += n;
	}
	status = asb_exec_status_read(whole.channels[3].data, whole.channels[3].length);
	require(status.exit_code >= -1 && status.exit_code <= 255);
	for (int i = 0; i < 256; i++) {
		require(whole.channels[i].length == cut.channels[i].length);
		require(memcmp(whole.channels[i].data, cut.channels[i].data,
			       cut.channels[i].length) == 0);
		asb_buffer_release(&whole.channels[i]);
		asb_buffer_release(&cut.channels[i]);
	}
	return 0;
}
