/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_temp.h - a file or symbolic link that is made under another name, ".agentsandbox-" and
 * some digits, and takes its place when it is complete. One at a time.
 */
#ifndef ASB_PROTOCOL_ARCHIVE_TEMP_H
#define ASB_PROTOCOL_ARCHIVE_TEMP_H

#include <signal.h>
#include <sys/types.h>

#define ASB_ARCHIVE_TEMP 48 /* bytes of such a name */

struct asb_archive_temp {
	volatile sig_atomic_t dir; /* borrowed: where it is; -1: there is none */
	char name[ASB_ARCHIVE_TEMP];
	unsigned long long count;
};

/* Makes a link to `link`, or, when that is NULL, a file of that mode, in directory `dir`. Returns
 * a descriptor to write with (for a link 0); -1: errno. */
int asb_archive_temp_make(struct asb_archive_temp *temp, int dir, const char *link, mode_t mode);

/* It is called `name` from now on, whatever was called so. -1: errno, and it is gone. */
int asb_archive_temp_place(struct asb_archive_temp *temp, const char *name);

/* It goes away, if there is one. Keeps errno. */
void asb_archive_temp_drop(struct asb_archive_temp *temp);

/* The same, for handlers of signals, whose program then ends. */
void asb_archive_temp_abandon(const struct asb_archive_temp *temp);

#endif
