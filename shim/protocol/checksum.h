/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.h - XXH64, seed 0, of a stream, fed in pieces: the one place that includes xxhash.h. */
#ifndef ASB_PROTOCOL_CHECKSUM_H
#define ASB_PROTOCOL_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Storage for one running sum; its inside belongs to checksum.c. */
struct asb_checksum {
	uint64_t state[12];
};

void asb_checksum_init(struct asb_checksum *sum);
void asb_checksum_add(struct asb_checksum *sum, const void *bytes, size_t n);
/* Of everything added so far; more may be added after. */
uint64_t asb_checksum_value(const struct asb_checksum *sum);

#endif
