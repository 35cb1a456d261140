/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - keeps the large tables cheap: their pages exist only while they are used, are not
 * shared with forked processes and are never rounded up to huge pages.
 */
#ifndef ASB_MEMORY_H
#define ASB_MEMORY_H

#include <stddef.h>

/* No huge pages in the program's static storage: one byte must not cost two megabytes. Called once.
 */
void asb_memory_init(void);

/*
 * Room for n bytes, zeros, on a page of its own. Called only at the start; NULL: there is no such
 * range of addresses. Not static storage, which a kernel that counts what might be used one day
 * refuses on a small machine. Forked processes have it too.
 */
void *asb_memory_table(size_t n);

/* For storage that only PID 1 uses (rings): leaves it out of forks, so that no keeper pins old
 * pages. */
void *asb_memory_private_table(size_t n);

/* Gives whole pages inside [start, start + n) back; they read as zero afterwards. */
void asb_memory_give_back(void *start, size_t n);

#endif
