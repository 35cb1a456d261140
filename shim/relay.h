/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - one direction of a copy between two descriptors: a bounded buffer, whose bytes nobody
 * looks at. At its end nothing more is read. Broken, nothing more can be written, and what is read
 * is dropped.
 */
#ifndef ASB_RELAY_H
#define ASB_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/protocol/ring.h"

struct asb_relay {
	struct asb_ring ring;
	bool ended;
	bool broken;
	int error; /* errno of what ended or broke it; 0: an end in order */
};

/* Borrows the bytes. */
void asb_relay_init(struct asb_relay *relay, uint8_t *bytes, size_t size);
/* Whether there is room for what could be read. */
bool asb_relay_wants(const struct asb_relay *relay);
/* Reads and writes once. `to` must be O_NONBLOCK, `from` be ready or O_NONBLOCK. */
void asb_relay_take(struct asb_relay *relay, int from);
void asb_relay_give(struct asb_relay *relay, int to);
/* At its end, and all of it was written or dropped. */
bool asb_relay_done(const struct asb_relay *relay);

#endif
