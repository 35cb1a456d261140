/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - a stream's bytes between the moment they are produced and the moment the other side has
 * consumed them.
 *
 * Offsets are absolute: byte number `n` of the stream, for its whole life. The ring holds [start,
 * end): bytes before `start` are consumed and gone, bytes from `end` on do not exist yet.
 * Invariant: 0 <= end - start <= size, size a power of two. Empty: start == end. Full: end - start
 * == size. The storage belongs to the caller and is never moved or grown.
 */
#ifndef ASB_PROTOCOL_RING_H
#define ASB_PROTOCOL_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct asb_ring {
	uint8_t *bytes; /* borrowed: `size` bytes */
	size_t size;
	uint64_t start;
	uint64_t end;
};

void asb_ring_init(struct asb_ring *ring, uint8_t *bytes, size_t size);

size_t asb_ring_used(const struct asb_ring *ring);
size_t asb_ring_room(const struct asb_ring *ring);

/* Up to two pieces to read new bytes into (readv). Returns the number of pieces, 0 when full. */
int asb_ring_space(const struct asb_ring *ring, struct iovec iov[2]);
/* `n` bytes were put into that space; n <= room. */
void asb_ring_produced(struct asb_ring *ring, size_t n);

/* Up to two pieces of the bytes from offset `from` (start <= from <= end), at most `max`. Returns
 * the number of pieces. */
int asb_ring_peek(const struct asb_ring *ring, uint64_t from, size_t max, struct iovec iov[2]);
/* Drops everything before offset `upto`; values outside [start, end] are clamped. */
void asb_ring_consume(struct asb_ring *ring, uint64_t upto);

/* Copies n bytes in; returns how many fitted. */
size_t asb_ring_write(struct asb_ring *ring, const void *bytes, size_t n);
/* Copies up to max bytes from offset `from`; returns how many. Does not consume. */
size_t asb_ring_copy(const struct asb_ring *ring, uint64_t from, void *out, size_t max);

#endif
