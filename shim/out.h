/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out.h - frames on their way into a connection: a fixed buffer that is filled when empty and then
 * written until it is empty again. Nothing is queued here that can't be made again: data stays in
 * its ring, states stay in their job.
 */
#ifndef ASB_OUT_H
#define ASB_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct asb_out {
	uint8_t *bytes; /* borrowed */
	size_t size;
	size_t start; /* written up to here */
	size_t end;
};

void asb_out_init(struct asb_out *out, uint8_t *bytes, size_t size);
bool asb_out_is_empty(const struct asb_out *out);
/* Bytes that still fit, headers included. */
size_t asb_out_room(const struct asb_out *out);

/* Appends a frame; false, and nothing done, when it doesn't fit. The payload may be NULL when n is
 * 0. */
bool asb_out_frame(struct asb_out *out, uint8_t type, uint8_t flags, uint32_t channel,
		   const void *payload, size_t n);

/* Appends the header of a frame of n payload bytes and returns where they go, NULL when it doesn't
 * fit. */
uint8_t *asb_out_reserve(struct asb_out *out, uint8_t type, uint8_t flags, uint32_t channel,
			 size_t n);

/* Moves everything from one buffer to the end of another as far as whole frames fit; `from` holds
 * whole frames. */
void asb_out_move(struct asb_out *out, struct asb_out *from);

/* Writes what the socket takes. Returns 0, or -1 when the connection is lost. */
int asb_out_write(struct asb_out *out, int fd);

#endif
