/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/protocol/ring.h"

#include <string.h>

void asb_ring_init(struct asb_ring *ring, uint8_t *bytes, size_t size)
{
	ring->bytes = bytes;
	ring->size = size;
	ring->start = 0;
	ring->end = 0;
}

size_t asb_ring_used(const struct asb_ring *ring)
{
	return (size_t)(ring->end - ring->start);
}

size_t asb_ring_room(const struct asb_ring *ring)
{
	return ring->size - asb_ring_used(ring);
}

/* The storage behind the n stream bytes from offset `from`, in one piece or, around the end, two.
 */
static int pieces(const struct asb_ring *ring, uint64_t from, size_t n, struct iovec iov[2])
{
	size_t at = (size_t)(from & (ring->size - 1));
	size_t first = ring->size - at;

	if (n == 0)
		return 0;
	iov[0].iov_base = ring->bytes + at;
	if (n <= first) {
		iov[0].iov_len = n;
		return 1;
	}
	iov[0].iov_len = first;
	iov[1].iov_base = ring->bytes;
	iov[1].iov_len = n - first;
	return 2;
}

int asb_ring_space(const struct asb_ring *ring, struct iovec iov[2])
{
	return pieces(ring, ring->end, asb_ring_room(ring), iov);
}

void asb_ring_produced(struct asb_ring *ring, size_t n)
{
	ring->end += n;
}

int asb_ring_peek(const struct asb_ring *ring, uint64_t from, size_t max, struct iovec iov[2])
{
	uint64_t n;

	if (from < ring->start || from > ring->end)
		return 0;
	n = ring->end - from;
	return pieces(ring, from, n < max ? (size_t)n : max, iov);
}

void asb_ring_consume(struct asb_ring *ring, uint64_t upto)
{
	if (upto > ring->end)
		upto = ring->end;
	if (upto > ring->start)
		ring->start = upto;
}

size_t asb_ring_write(struct asb_ring *ring, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;
	struct iovec iov[2];
	int count;
	size_t done = 0;

	if (n > asb_ring_room(ring))
		n = asb_ring_room(ring);
	count = pieces(ring, ring->end, n, iov);
	for (int i = 0; i < count; i++) {
		memcpy(iov[i].iov_base, from + done, iov[i].iov_len);
		done += iov[i].iov_len;
	}
	ring->end += done;
	return done;
}

size_t asb_ring_copy(const struct asb_ring *ring, uint64_t from, void *out, size_t max)
{
	uint8_t *to = out;
	struct iovec iov[2];
	int count = asb_ring_peek(ring, from, max, iov);
	size_t done = 0;

	for (int i = 0; i < count; i++) {
		memcpy(to + done, iov[i].iov_base, iov[i].iov_len);
		done += iov[i].iov_len;
	}
	return done;
}
