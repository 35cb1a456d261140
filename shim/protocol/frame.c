/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/protocol/frame.h"

#include <string.h>

void asb_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void asb_put32(uint8_t *p, uint32_t v)
{
	asb_put16(p, (uint16_t)(v >> 16));
	asb_put16(p + 2, (uint16_t)v);
}

void asb_put64(uint8_t *p, uint64_t v)
{
	asb_put32(p, (uint32_t)(v >> 32));
	asb_put32(p + 4, (uint32_t)v);
}

uint16_t asb_get16(const uint8_t *p)
{
	return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

uint32_t asb_get32(const uint8_t *p)
{
	return (uint32_t)asb_get16(p) << 16 | asb_get16(p + 2);
}

uint64_t asb_get64(const uint8_t *p)
{
	return (uint64_t)asb_get32(p) << 32 | asb_get32(p + 4);
}

int asb_frame_decode(const uint8_t *bytes, size_t n, struct asb_frame *out)
{
	uint16_t length;

	if (n < 4)
		return 0;
	length = asb_get16(bytes + 2);
	/* Judged before the header is complete: the bytes of a malformed frame are never waited
	 * for. */
	if (length > ASB_FRAME_PAYLOAD)
		return -1;
	if (n < ASB_FRAME_HEADER + length)
		return 0;
	out->type = bytes[0];
	out->flags = bytes[1];
	out->length = length;
	out->channel = asb_get32(bytes + 4);
	out->payload = bytes + ASB_FRAME_HEADER;
	return (int)(ASB_FRAME_HEADER + length);
}

void asb_frame_header(uint8_t out[ASB_FRAME_HEADER], uint8_t type, uint8_t flags, uint32_t channel,
		      uint16_t length)
{
	out[0] = type;
	out[1] = flags;
	asb_put16(out + 2, length);
	asb_put32(out + 4, channel);
}

int asb_attr_next(const uint8_t *bytes, size_t n, size_t *at, struct asb_attr *out)
{
	size_t left;
	uint32_t length;

	if (*at >= n)
		return 0;
	left = n - *at;
	if (left < ASB_ATTR_HEADER)
		return -1;
	length = asb_get32(bytes + *at + 2);
	if (length > left - ASB_ATTR_HEADER)
		return -1;
	out->tag = asb_get16(bytes + *at);
	out->length = length;
	out->value = bytes + *at + ASB_ATTR_HEADER;
	*at += ASB_ATTR_HEADER + length;
	return 1;
}

uint64_t asb_attr_uint(const struct asb_attr *attr, uint64_t otherwise)
{
	switch (attr->length) {
	case 1:
		return attr->value[0];
	case 2:
		return asb_get16(attr->value);
	case 4:
		return asb_get32(attr->value);
	case 8:
		return asb_get64(attr->value);
	default:
		return otherwise;
	}
}

int asb_attr_put(uint8_t *bytes, size_t cap, size_t *at, uint16_t tag, const void *value,
		 uint32_t length)
{
	if (*at > cap || cap - *at < ASB_ATTR_HEADER || cap - *at - ASB_ATTR_HEADER < length)
		return -1;
	asb_put16(bytes + *at, tag);
	asb_put32(bytes + *at + 2, length);
	/* An empty value may come without a pointer, which memcpy must not see. */
	if (length > 0)
		memcpy(bytes + *at + ASB_ATTR_HEADER, value, length);
	*at += ASB_ATTR_HEADER + length;
	return 0;
}

int asb_attr_put_uint(uint8_t *bytes, size_t cap, size_t *at, uint16_t tag, unsigned width,
		      uint64_t value)
{
	uint8_t wire[8];

	if (width != 1 && width != 2 && width != 4 && width != 8)
		return -1;
	asb_put64(wire, value);
	return asb_attr_put(bytes, cap, at, tag, wire + 8 - width, width);
}
