/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.h - XXH64 with seed 0 of a stream, fed in pieces (the only user of xxhash.h). */
#ifndef ASB_CHECKSUM_H
#define ASB_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The size of a running XXH64 state, so that it can live inside other structs. */
struct asb_checksum {
	uint64_t opaque[11];
};

void asb_checksum_init(struct asb_checksum *sum);
void asb_checksum_add(struct asb_checksum *sum, const void *bytes, size_t n);
/* The checksum of what was added so far; more may follow. */
uint64_t asb_checksum_value(const struct asb_checksum *sum);

#endif
