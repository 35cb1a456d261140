/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_receive.h - an archive into files and directories of this machine.
 *
 * The sender is not trusted. Whatever it sends, nothing outside of the target changes, however
 * others rename or replace what is in there meanwhile: every entry is made in a directory that is
 * held by its descriptor and was entered without following a symbolic link. There are no device
 * nodes, no owners and no set-uid bits in an archive. With `names` not even beside each other: the
 * outermost entries are those that were asked for, and no symbolic links.
 *
 * A file is written under another name (".agentsandbox-", in the same directory), checked against
 * its checksum, and then takes the place of what was there, at once; a symbolic link too. A
 * directory that is there is kept as it is, with all that is in it; a new one gets its mode and
 * time when it is left. What can't be made is reported, counted and skipped; only an archive that
 * is damaged or ends early ends the work.
 */
#ifndef ASB_PROTOCOL_ARCHIVE_RECEIVE_H
#define ASB_PROTOCOL_ARCHIVE_RECEIVE_H

#include <stdbool.h>

#include "shim/protocol/archive.h"
#include "shim/protocol/archive_temp.h"
#include "shim/protocol/checksum.h"

#define ASB_ARCHIVE_RECEIVE_BUFFER (4 * ASB_ARCHIVE_RECORD_MAX)

/* Where things go, as `cp -r` has it. */
struct asb_archive_target {
	const char *path; /* a directory that is there takes the entries by their names; else the
			     one entry gets this name, in a directory that is there */
	bool directory;	  /* it must be there */
	bool preserve;	  /* modes and times; else as our umask and clock say */
	const char *const *names; /* NULL-ended: what may come; NULL: anything */
};

/* What a directory or file gets when it is complete. */
struct asb_archive_times {
	uint32_t mode;
	int64_t s;
	uint32_t ns;
};

struct asb_archive_receiver {
	struct asb_archive_target target;  /* what it points to is borrowed */
	struct asb_archive_report *report; /* borrowed */
	struct asb_archive_counts counts;
	struct asb_archive_path path;
	bool done, damaged;

	/* The directory of the outermost entries; `as`: what the one entry is called, NULL: several
	 * by their own names. */
	int root;
	const char *as;
	char as_bytes[ASB_ARCHIVE_NAME + 1];
	bool as_directory; /* the path ends in a slash */
	unsigned roots;	   /* outermost entries so far */

	struct {
		int fd;
		bool made;
		struct asb_archive_times was;
		size_t path_length;
	} levels[ASB_ARCHIVE_DEPTH];
	int depth;
	unsigned long long skipped; /* directories that are open in the archive, and not here */

	/* The file at hand. */
	bool in_file;
	int file; /* -1: it is skipped */
	uint64_t at;
	struct asb_archive_entry entry;
	struct asb_checksum checksum;
	char file_name[ASB_ARCHIVE_NAME + 1];

	struct asb_archive_temp temp; /* the file at hand, or a link */

	size_t start, end;
	uint8_t buffer[ASB_ARCHIVE_RECEIVE_BUFFER];
};

/* Finds the target. -1: there is no such place; it was reported. Must be released in any case. The
 * struct is large: not for the stack. */
int asb_archive_receiver_init(struct asb_archive_receiver *receiver,
			      const struct asb_archive_target *target,
			      struct asb_archive_report *report);

/*
 * Reads the whole archive from a blocking descriptor. 0: it came to its end, undamaged, and all
 * that could be sent has come. Whether all could be made is in the report. -1: not so, and it was
 * reported.
 */
int asb_archive_receive(struct asb_archive_receiver *receiver, int in);

/* Closes everything; a file that is not complete goes away. */
void asb_archive_receiver_release(struct asb_archive_receiver *receiver);

#endif
