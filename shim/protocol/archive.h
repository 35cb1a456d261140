/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.h - files and directories as a stream of records (docs/protocol.md §12), and what the
 * sending and the receiving end share.
 *
 * An entry has one name and no path: a directory is entered by DIR and left by DIR_END, so a
 * receiver never has to judge more than a single component, and holds a descriptor of the
 * directory that it is in. Everything is bounded: names, targets, depth, records.
 *
 * Pure functions over caller-owned bytes, like frame.h.
 */
#ifndef ASB_PROTOCOL_ARCHIVE_H
#define ASB_PROTOCOL_ARCHIVE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define ASB_ARCHIVE_MAGIC "ASBA\0\1" /* the last byte is the version */
#define ASB_ARCHIVE_MAGIC_LEN 6u
#define ASB_ARCHIVE_HEADER 4u		 /* type (8), length of the payload (24) */
#define ASB_ARCHIVE_PAYLOAD (128u << 10) /* largest payload */
#define ASB_ARCHIVE_RECORD_MAX (ASB_ARCHIVE_HEADER + ASB_ARCHIVE_PAYLOAD)
#define ASB_ARCHIVE_NAME 255u	 /* bytes of a name */
#define ASB_ARCHIVE_TARGET 4095u /* bytes of a symbolic link's target */
#define ASB_ARCHIVE_DEPTH 256	 /* directories inside each other */
#define ASB_ARCHIVE_PATH 4096u	 /* bytes of a path in a message; a longer one is cut */
#define ASB_ARCHIVE_MESSAGES 100 /* problems that are told one by one; the others are counted */

enum asb_archive_type {
	ASB_ARCHIVE_FILE = 1,	  /* entry; DATA, HOLE and FILE_END follow */
	ASB_ARCHIVE_DATA = 2,	  /* 1 and more bytes of the file */
	ASB_ARCHIVE_HOLE = 3,	  /* length (64) of zeros that need no room, at least 1 */
	ASB_ARCHIVE_FILE_END = 4, /* whole (8), XXH64 (64) */
	ASB_ARCHIVE_DIR = 5,	  /* entry; what is in it follows, up to its DIR_END */
	ASB_ARCHIVE_DIR_END = 6,  /* empty */
	ASB_ARCHIVE_LINK = 7,	  /* entry with a target */
	ASB_ARCHIVE_END = 8,	  /* files, directories, links, failures (64 each); the last one */
};

/* `payload` is borrowed from the bytes it was decoded from. */
struct asb_archive_record {
	uint8_t type;
	uint32_t length;
	const uint8_t *payload;
};

/* A file, directory or symbolic link. */
struct asb_archive_entry {
	uint32_t mode; /* permission bits, 0777 at most */
	int64_t mtime_s;
	uint32_t mtime_ns; /* below 1e9 */
	uint64_t size;	   /* of a file when it was opened, for progress only */
	/* One component: neither empty (but for the outermost directory: "the target itself"), nor
	 * "." or "..", without '/' and NUL. */
	char name[ASB_ARCHIVE_NAME + 1];
	char target[ASB_ARCHIVE_TARGET + 1]; /* of a link: not empty; else empty */
};

/* Entries of each kind, and what the sender could not send; END carries them. */
struct asb_archive_counts {
	uint64_t files;
	uint64_t directories;
	uint64_t links;
	uint64_t failures;
};

/*
 * Decodes the record at the start of `bytes`. Returns the bytes that it takes, 0 when more are
 * needed, -1 when it is longer than allowed. Types are not judged.
 */
int asb_archive_decode(const uint8_t *bytes, size_t n, struct asb_archive_record *out);
void asb_archive_header(uint8_t out[ASB_ARCHIVE_HEADER], uint8_t type, uint32_t length);

/* Takes the entry of a FILE, DIR or LINK; -1 when it is not one that could be sent honestly. */
int asb_archive_entry_decode(const struct asb_archive_record *record,
			     struct asb_archive_entry *out);
#define ASB_ARCHIVE_ENTRY_MAX (26u + ASB_ARCHIVE_NAME + ASB_ARCHIVE_TARGET)
/* Writes a payload; returns its length. */
size_t asb_archive_entry_encode(const struct asb_archive_entry *entry,
				uint8_t out[ASB_ARCHIVE_ENTRY_MAX]);

#define ASB_ARCHIVE_END_LEN 32u
void asb_archive_counts_encode(const struct asb_archive_counts *counts,
			       uint8_t out[ASB_ARCHIVE_END_LEN]);
struct asb_archive_counts asb_archive_counts_decode(const uint8_t in[ASB_ARCHIVE_END_LEN]);

/* --- where one is, and what went wrong there -------------------------------------------------- */

/* A path that grows and shrinks by components. One that is too long is shown cut. */
struct asb_archive_path {
	char text[ASB_ARCHIVE_PATH];
	size_t length; /* of the text; always NUL-ended */
};

/* Returns the length before, for _cut. */
size_t asb_archive_path_add(struct asb_archive_path *path, const char *name);
void asb_archive_path_cut(struct asb_archive_path *path, size_t length);

/* Who is told. `say` gets at most ASB_ARCHIVE_MESSAGES calls; `error` is an errno, 0: none. `path`
 * may hold any byte but NUL. */
struct asb_archive_report {
	void (*say)(void *context, const char *path, const char *what, int error);
	void *context;
	atomic_ullong bytes; /* of files, moved so far: another thread may look */
	atomic_ullong files;
	unsigned said;
	uint64_t failures;
};

void asb_archive_fail(struct asb_archive_report *report, const char *path, const char *what,
		      int error);

#endif
