/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/out.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/protocol/frame.h"

void asb_out_init(struct asb_out *out, uint8_t *bytes, size_t size)
{
	*out = (struct asb_out){.bytes = bytes, .size = size};
}

bool asb_out_is_empty(const struct asb_out *out)
{
	return out->start == out->end;
}

size_t asb_out_room(const struct asb_out *out)
{
	return out->size - out->end;
}

uint8_t *asb_out_reserve(struct asb_out *out, uint8_t type, uint8_t flags, uint32_t channel,
			 size_t n)
{
	uint8_t *at = out->bytes + out->end;

	if (n > ASB_FRAME_PAYLOAD || asb_out_room(out) < ASB_FRAME_HEADER + n)
		return NULL;
	asb_frame_header(at, type, flags, channel, (uint16_t)n);
	out->end += ASB_FRAME_HEADER + n;
	return at + ASB_FRAME_HEADER;
}

bool asb_out_frame(struct asb_out *out, uint8_t type, uint8_t flags, uint32_t channel,
		   const void *payload, size_t n)
{
	uint8_t *to = asb_out_reserve(out, type, flags, channel, n);

	if (to == NULL)
		return false;
	if (n > 0)
		memcpy(to, payload, n);
	return true;
}

void asb_out_move(struct asb_out *out, struct asb_out *from)
{
	struct asb_frame frame;

	while (from->start < from->end) {
		int n = asb_frame_decode(from->bytes + from->start, from->end - from->start,
					 &frame);

		if (n <= 0 || asb_out_room(out) < (size_t)n)
			return;
		memcpy(out->bytes + out->end, from->bytes + from->start, (size_t)n);
		out->end += (size_t)n;
		from->start += (size_t)n;
	}
	from->start = 0;
	from->end = 0;
}

int asb_out_write(struct asb_out *out, int fd)
{
	while (out->start < out->end) {
		ssize_t n = send(fd, out->bytes + out->start, out->end - out->start, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		out->start += (size_t)n;
	}
	out->start = 0;
	out->end = 0;
	return 0;
}
