/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/session/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(struct asb_checksum) == sizeof(XXH64_state_t), "size of an XXH64 state");
_Static_assert(_Alignof(struct asb_checksum) >= _Alignof(XXH64_state_t), "its alignment");

void asb_checksum_init(struct asb_checksum *sum)
{
	XXH64_reset((XXH64_state_t *)sum->opaque, 0);
}

void asb_checksum_add(struct asb_checksum *sum, const void *bytes, size_t n)
{
	XXH64_update((XXH64_state_t *)sum->opaque, bytes, n);
}

uint64_t asb_checksum_value(const struct asb_checksum *sum)
{
	return XXH64_digest((const XXH64_state_t *)sum->opaque);
}
