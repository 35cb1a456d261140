/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/oom.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shim/text.h"

/* The number behind `key` at the start of a line; -1 when there is none. */
static int64_t value_in(const char *path, const char *key)
{
	char text[1024];
	const char *at = text;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	while (*at != '\0' && strncmp(at, key, strlen(key)) != 0) {
		at += strcspn(at, "\n");
		at += *at == '\n' ? 1 : 0;
	}
	if (*at == '\0')
		return -1;
	at += strlen(key);
	return (int64_t)asb_text_number(&at);
}

uint64_t asb_oom_kills(void)
{
	int64_t n = value_in("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill ");

	if (n < 0)
		n = value_in("/sys/fs/cgroup/memory.events", "oom_kill ");
	return n < 0 ? 0 : (uint64_t)n;
}
