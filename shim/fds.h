/* SPDX-License-Identifier: Apache-2.0 */
/* fds.h - descriptors: what must be open, what must not, and how they wait. */
#ifndef ASB_FDS_H
#define ASB_FDS_H

/* Closes every descriptor in [first, last]; last may be ~0u. */
void asb_fds_close(unsigned first, unsigned last);

/* Opens /dev/null on those of 0, 1 and 2 that are closed, so that no later descriptor gets such a
 * number. */
void asb_fds_fill_stdio(void);

/* O_NONBLOCK; returns 0 or -1 with errno. */
int asb_fds_nonblock(int fd);

/* Closes *fd unless it is -1, and makes it -1. */
void asb_fds_drop(int *fd);

/* Lets this process have `n` descriptors, or as many as it may. */
void asb_fds_raise_limit(unsigned n);

/* In a forked process: the limit that PID 1 was started with. */
void asb_fds_restore_limit(void);

#endif
