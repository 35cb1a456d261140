/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.h - what /proc says about processes (proc(5), /proc/<pid>/stat). Without heap: the caller
 * owns the table.
 */
#ifndef ASB_PROC_H
#define ASB_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct asb_proc {
	pid_t pid;
	pid_t parent;
	pid_t group;
	char state;  /* as in stat: R S D Z T … */
	bool member; /* for the caller */
	bool hit;    /* for the caller */
};

/* The parent of a process, 0 when it is outside this pid namespace, -1 when that can't be read. */
pid_t asb_proc_parent(pid_t pid);

/*
 * Every process in /proc, sorted by pid, members and hits false. At most `max`: the rest is left
 * out, so whoever must reach all of them looks again. Returns how many, 0 when /proc can't be read.
 */
size_t asb_proc_scan(struct asb_proc *out, size_t max);

/* The entry of a pid in a sorted table, or NULL. */
struct asb_proc *asb_proc_find(struct asb_proc *procs, size_t n, pid_t pid);

#endif
