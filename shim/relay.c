/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/relay.h"

#include <errno.h>
#include <sys/uio.h>

void asb_relay_init(struct asb_relay *relay, uint8_t *bytes, size_t size)
{
	*relay = (struct asb_relay){.ended = false};
	asb_ring_init(&relay->ring, bytes, size);
}

bool asb_relay_wants(const struct asb_relay *relay)
{
	return !relay->ended && asb_ring_room(&relay->ring) > 0;
}

void asb_relay_take(struct asb_relay *relay, int from)
{
	struct iovec iov[2];
	int pieces = asb_ring_space(&relay->ring, iov);
	ssize_t n;

	if (pieces == 0)
		return;
	n = readv(from, iov, pieces);
	if (n > 0) {
		asb_ring_produced(&relay->ring, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		relay->ended = true;
		relay->error = n == 0 ? relay->error : errno;
	}
}

void asb_relay_give(struct asb_relay *relay, int to)
{
	struct iovec iov[2];
	size_t all = asb_ring_used(&relay->ring);
	int pieces = asb_ring_peek(&relay->ring, relay->ring.start, all, iov);
	ssize_t n;

	if (pieces == 0)
		return;
	n = relay->broken ? -1 : writev(to, iov, pieces);
	if (n > 0) {
		asb_ring_consume(&relay->ring, relay->ring.start + (uint64_t)n);
		return;
	}
	if (!relay->broken && (errno == EAGAIN || errno == EINTR))
		return;
	/* Still read, as the writer at the other end must not be stuck with it. */
	if (!relay->broken)
		relay->error = errno;
	relay->broken = true;
	asb_ring_consume(&relay->ring, relay->ring.end);
}

bool asb_relay_done(const struct asb_relay *relay)
{
	return relay->ended && asb_ring_used(&relay->ring) == 0;
}
