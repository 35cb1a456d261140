/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - the oldest bytes of an output, in a file, when its ring is full and nobody reads.
 *
 * Holds [start, end) of the stream, end being where its ring begins; at most ASB_SPOOL_LIMIT bytes,
 * and ASB_SPOOL_TOTAL over all. The file has no name: it is gone with PID 1, and no command can
 * open it, for PID 1 is undumpable. It lies in the first of $TMPDIR, /tmp, $HOME and the working
 * directory that takes it, and is closed when it is empty. Without one, or on a full disk, the
 * output has to wait for its reader; this is tried again after a while, when there is something to
 * do anyway.
 */
#ifndef ASB_SPOOL_H
#define ASB_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/protocol/ring.h"

/* Zeros: empty. */
struct asb_spool {
	bool open;
	int fd;
	uint64_t start;
	uint64_t end;
	int64_t again_ns; /* not before, after something has failed */
};

bool asb_spool_is_empty(const struct asb_spool *spool);

/* Moves up to n of the oldest bytes of the ring to the end of the file. Returns how many; 0: there
 * is no room or no file. */
size_t asb_spool_take(struct asb_spool *spool, struct asb_ring *ring, size_t n);

/* Up to `max` bytes from offset `from`, which is in the file. Returns how many; 0: it can't be
 * read. */
size_t asb_spool_copy(const struct asb_spool *spool, uint64_t from, void *out, size_t max);

/* Drops everything before offset `upto`. */
void asb_spool_consume(struct asb_spool *spool, uint64_t upto);

#endif
