/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/oom.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The number behind `key` at the start of a line; -1 when there is none. */
static int64_t value_in(const char *path, const char *key)
{
	char text[1024];
	const char *at;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	for (at = strstr(text, key); at != NULL; at = strstr(at + 1, key)) {
		if (at == text || at[-1] == '\n')
			return (int64_t)strtoull(at + strlen(key), NULL, 10);
	}
	return -1;
}

uint64_t asb_oom_kills(void)
{
	int64_t n = value_in("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill ");

	if (n < 0)
		n = value_in("/sys/fs/cgroup/memory.events", "oom_kill ");
	return n < 0 ? 0 : (uint64_t)n;
}
