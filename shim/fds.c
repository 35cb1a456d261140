/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/fds.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* Kernels before 5.9: one by one. What lies beyond this bound was opened by nobody here. */
#define LAST_BY_HAND 65535u

static struct rlimit given; /* what we were started with; 0: not looked at */

static void close_by_hand(unsigned first, unsigned last)
{
	struct rlimit limit;

	if (last > LAST_BY_HAND)
		last = LAST_BY_HAND;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max <= last)
		last = (unsigned)limit.rlim_max;
	for (unsigned fd = first; fd <= last; fd++)
		(void)close((int)fd);
}

void asb_fds_close(unsigned first, unsigned last)
{
	if (first > last)
		return;
	if (syscall(SYS_close_range, first, last, 0) != 0)
		close_by_hand(first, last);
}

void asb_fds_fill_stdio(void)
{
	int fd;

	/* open() takes the lowest free number: the first one above 2 means that all three were
	 * filled. */
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		(void)close(fd);
}

int asb_fds_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void asb_fds_drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void asb_fds_raise_limit(unsigned n)
{
	struct rlimit wanted;

	if (getrlimit(RLIMIT_NOFILE, &given) < 0)
		return;
	wanted = given;
	if (wanted.rlim_cur < n)
		wanted.rlim_cur = n < wanted.rlim_max ? n : wanted.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &wanted);
}

void asb_fds_restore_limit(void)
{
	if (given.rlim_max > 0)
		(void)setrlimit(RLIMIT_NOFILE, &given);
}
