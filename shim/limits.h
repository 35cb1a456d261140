/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - how much of everything the shim has. All tables and rings are there from the start: a
 * full one is an answer to the client ("busy"), never an allocation. Pages of the large ones are
 * touched only when used and given back after.
 */
#ifndef ASB_LIMITS_H
#define ASB_LIMITS_H

#define ASB_MAX_JOBS 256     /* jobs known at once, over all sessions */
#define ASB_MAX_CONNS 256    /* connections at once */
#define ASB_MAX_SESSIONS 256 /* sessions, with or without a connection */
#define ASB_MAX_TREES 512    /* process trees: running jobs and what ended ones left behind */
#define ASB_MAX_WATCHES (4 * ASB_MAX_JOBS + ASB_MAX_CONNS + 8) /* descriptors in the loop */
/* All descriptors: those, the files of both outputs, and what starting a command takes. */
#define ASB_MAX_FILES (ASB_MAX_WATCHES + 2 * ASB_MAX_JOBS + 64)
#define ASB_MAX_ARGS 65536  /* elements of one argv */
#define ASB_MAX_ENV 4096    /* variables of one command, PID 1's own included */
#define ASB_MAX_PROCS 32768 /* processes that one look at /proc can hold */

#define ASB_STDIN_RING (256u << 10)
#define ASB_STDOUT_RING (1u << 20) /* at least twice what a client may consume without CREDIT: */
#define ASB_STDERR_RING (1u << 20) /* 524,288 bytes, docs/protocol.md section 5 */

#define ASB_SPOOL_LIMIT (UINT64_C(64) << 20) /* output of one stream in a file (spool.h) */
#define ASB_SPOOL_TOTAL (UINT64_C(1) << 30)  /* and of all */

#define ASB_PAGE 4096u /* alignment of what is given back; larger pages are handled at run time */

#endif
