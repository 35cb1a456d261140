/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/protocol/archive_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PREFIX ".agentsandbox-"
#define TRIES 100

/* Some name that is most likely free: of this moment, this process, this receiver. */
static void choose_name(struct asb_archive_temp *temp)
{
	struct timespec now;
	unsigned long long n;
	size_t i = sizeof(PREFIX) - 1;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	n = (unsigned long long)now.tv_nsec ^ (unsigned long long)now.tv_sec << 30;
	n ^= (unsigned long long)getpid() << 20;
	n += temp->count++;
	memcpy(temp->name, PREFIX, i);
	do {
		temp->name[i++] = "0123456789abcdef"[n & 15];
		n >>= 4;
	} while (n != 0);
	temp->name[i] = '\0';
}

int asb_archive_temp_make(struct asb_archive_temp *temp, int dir, const char *link, mode_t mode)
{
	int fd = -1;

	for (int i = 0; i < TRIES; i++) {
		choose_name(temp);
		temp->dir = dir; /* before it is there: signals come at any time */
		if (link != NULL)
			fd = symlinkat(link, dir, temp->name);
		else
			fd = openat(dir, temp->name,
				    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	if (fd < 0)
		temp->dir = -1;
	return fd;
}

void asb_archive_temp_abandon(const struct asb_archive_temp *temp)
{
	if (temp->dir >= 0)
		(void)unlinkat(temp->dir, temp->name, 0);
}

void asb_archive_temp_drop(struct asb_archive_temp *temp)
{
	int error = errno;

	asb_archive_temp_abandon(temp);
	temp->dir = -1;
	errno = error;
}

int asb_archive_temp_place(struct asb_archive_temp *temp, const char *name)
{
	int rc = renameat(temp->dir, temp->name, temp->dir, name);

	if (rc != 0)
		asb_archive_temp_drop(temp);
	temp->dir = -1;
	return rc;
}
