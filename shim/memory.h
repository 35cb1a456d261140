/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - keeps the large static tables cheap: their pages exist only while they are used, are
 * not shared with forked processes and are never rounded up to huge pages.
 */
#ifndef ASB_MEMORY_H
#define ASB_MEMORY_H

#include <stddef.h>

/* No huge pages in the program's static storage: one byte must not cost two megabytes. Called once.
 */
void asb_memory_init(void);

/* For storage that only PID 1 uses (rings): leaves it out of forks, so that no keeper pins old
 * pages. */
void asb_memory_private(void *start, size_t n);

/* Gives whole pages inside [start, start + n) back; they read as zero afterwards. */
void asb_memory_give_back(void *start, size_t n);

#endif
