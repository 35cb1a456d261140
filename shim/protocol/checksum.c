/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/protocol/checksum.h"

/* Only XXH64 is used, inlined from the header, so that nothing has to be linked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wunused-function"
#define XXH_INLINE_ALL
#include <xxhash.h>
#pragma GCC diagnostic pop

_Static_assert(sizeof(XXH64_state_t) <= sizeof(struct asb_checksum), "the state must fit");
_Static_assert(_Alignof(XXH64_state_t) <= _Alignof(struct asb_checksum), "and be aligned");

void asb_checksum_init(struct asb_checksum *sum)
{
	(void)XXH64_reset((XXH64_state_t *)(void *)sum->state, 0);
}

void asb_checksum_add(struct asb_checksum *sum, const void *bytes, size_t n)
{
	(void)XXH64_update((XXH64_state_t *)(void *)sum->state, bytes, n);
}

uint64_t asb_checksum_value(const struct asb_checksum *sum)
{
	return XXH64_digest((const XXH64_state_t *)(const void *)sum->state);
}
