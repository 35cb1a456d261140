/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_send.h - files and directories of this machine into an archive.
 *
 * Directories are walked by descriptors: no symbolic link below a given path is ever followed, and
 * nobody who renames directories meanwhile can lead the walk elsewhere. What can't be read, is no
 * regular file, directory or link, or lies too deep is reported, counted, and left out. A file
 * that grows is sent up to the length it had; one that says it is empty is read to its end. Holes
 * stay holes.
 *
 * Blocks in reads of files and in writes of the archive. Memory is that of the struct, and a
 * DIR for each level.
 */
#ifndef ASB_PROTOCOL_ARCHIVE_SEND_H
#define ASB_PROTOCOL_ARCHIVE_SEND_H

#include <dirent.h>

#include "shim/protocol/archive.h"
#include "shim/protocol/checksum.h"

#define ASB_ARCHIVE_SEND_BUFFER (2 * ASB_ARCHIVE_RECORD_MAX)

struct asb_archive_sender {
	int out;       /* borrowed, blocking */
	int out_error; /* errno of the first write that failed; nothing is sent any more */
	struct asb_archive_report *report; /* borrowed */
	struct asb_archive_counts counts;
	struct asb_archive_path path;
	struct {
		DIR *dir;
		size_t path_length; /* of the directory around it */
	} levels[ASB_ARCHIVE_DEPTH];
	int depth;
	struct asb_archive_entry entry;
	struct asb_checksum checksum; /* of the file at hand */
	size_t used;
	uint8_t buffer[ASB_ARCHIVE_SEND_BUFFER];
};

/* The struct is large: not for the stack. */
void asb_archive_sender_init(struct asb_archive_sender *sender, int out,
			     struct asb_archive_report *report);

/*
 * Sends what is at `path`, which is followed when it is a symbolic link, under its last component.
 * Without one ("/", or "." and ".." at the end) its contents become those of the target. -1: the
 * archive can't be written any more; all else is reported.
 */
int asb_archive_sender_add(struct asb_archive_sender *sender, const char *path);

/* The name under which that is sent; "" for contents. Borrows nothing. Paths end where slashes at
 * the end begin. */
void asb_archive_name_of(const char *path, char out[ASB_ARCHIVE_NAME + 1]);

/* The end. -1: the archive is not complete. */
int asb_archive_sender_finish(struct asb_archive_sender *sender);

#endif
