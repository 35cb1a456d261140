/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer.h - the local half of a copy: files of this machine on one side, an archive
 * (shim/protocol/archive.h) on a descriptor on the other. The other half is the shim's `put` or
 * `get`, an ordinary job whose streams the caller joins with that descriptor.
 *
 * A thread of its own reads or writes the files: whoever renews leases and answers heartbeats never
 * waits for a disk. It runs with all signals blocked and needs SIGPIPE to be ignored.
 */
#ifndef ASB_TRANSFER_H
#define ASB_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/error.h"
#include "shim/protocol/archive_receive.h"

struct asb_transfer;

/* Begins to read these (NULL-ended, borrowed) at once. What can't be read is a problem. */
struct asb_transfer *asb_transfer_send(const char *const *paths, struct asb_error *err);

/* What comes goes to that target; the strings in it are borrowed. NULL: there is no such place. */
struct asb_transfer *asb_transfer_receive(const struct asb_archive_target *target,
					  struct asb_error *err);

/* Where the archive comes out, up to its end of file, or goes in. O_NONBLOCK, borrowed. */
int asb_transfer_fd(const struct asb_transfer *transfer);

/* Bytes and files that were read or written so far. */
void asb_transfer_moved(const struct asb_transfer *transfer, uint64_t *bytes, uint64_t *files);

/* The next thing that went wrong, "path: what: why", heap; NULL: none, for now. The path may hold
 * any byte. */
char *asb_transfer_problem(struct asb_transfer *transfer);

/*
 * No more is taken from, or put into, the descriptor, which is closed. Waits until what was put in
 * is dealt with; a file that is not complete is removed. Whether all went well, on this side. May
 * be called twice.
 */
bool asb_transfer_finish(struct asb_transfer *transfer);

/* Finishes it first. NULL is fine. */
void asb_transfer_free(struct asb_transfer *transfer);

#endif
