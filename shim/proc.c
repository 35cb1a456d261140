/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/proc.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/text.h"

#define STAT_BYTES 512 /* the fields we want come within the first 100 */

/* Directory entries come through the system call itself: opendir() would be the only user of the
 * heap. */
static char entries[32768] __attribute__((aligned(8)));

/* Offsets in struct linux_dirent64 (getdents64(2)). */
#define DIRENT_RECLEN 16
#define DIRENT_NAME 19

/* The whole name as a positive number, 0 when it is none. */
static pid_t number(const char *name)
{
	const char *at = name;
	uint64_t value = asb_text_number(&at);

	return at != name && *at == '\0' && value <= INT32_MAX ? (pid_t)value : 0;
}

/* Fields are counted from the last ')': the command's name before it may hold anything, ')' and
 * spaces too. */
static int parse_stat(char *text, size_t n, struct asb_proc *out)
{
	const char *at = text + n;

	text[n] = '\0';
	while (at > text && *at != ')')
		at--;
	/* ") S 123 456 ": state, parent, group */
	if (*at != ')' || at[1] != ' ' || at[2] == '\0' || at[3] != ' ')
		return -1;
	out->state = at[2];
	at += 4;
	out->parent = (pid_t)asb_text_number(&at);
	if (*at != ' ')
		return -1;
	at++;
	out->group = (pid_t)asb_text_number(&at);
	return *at == ' ' ? 0 : -1;
}

static int read_stat(pid_t pid, struct asb_proc *out)
{
	char path[32] = "";
	struct asb_text name = {.bytes = path, .size = sizeof(path) - 1};
	char text[STAT_BYTES + 1];
	ssize_t n;
	int fd;

	asb_text_addf(&name, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, STAT_BYTES);
	(void)close(fd);
	if (n <= 0)
		return -1;
	*out = (struct asb_proc){.pid = pid};
	return parse_stat(text, (size_t)n, out);
}

pid_t asb_proc_parent(pid_t pid)
{
	struct asb_proc proc;

	if (pid <= 0 || read_stat(pid, &proc) < 0)
		return -1;
	return proc.parent;
}

static int by_pid(const void *a, const void *b)
{
	const struct asb_proc *left = a;
	const struct asb_proc *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

static size_t scan_block(long bytes, struct asb_proc *out, size_t n, size_t max)
{
	for (long at = 0; at < bytes && n < max;) {
		uint16_t length;
		pid_t pid = number(entries + at + DIRENT_NAME);

		memcpy(&length, entries + at + DIRENT_RECLEN, sizeof(length));
		if (pid != 0 && read_stat(pid, &out[n]) == 0)
			n++;
		if (length == 0)
			break;
		at += length;
	}
	return n;
}

size_t asb_proc_scan(struct asb_proc *out, size_t max)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t n = 0;
	long bytes;

	if (fd < 0)
		return 0;
	do {
		bytes = syscall(SYS_getdents64, fd, entries, sizeof(entries));
		n = scan_block(bytes, out, n, max);
	} while (bytes > 0 && n < max);
	(void)close(fd);
	qsort(out, n, sizeof(*out), by_pid);
	return n;
}

struct asb_proc *asb_proc_find(struct asb_proc *procs, size_t n, pid_t pid)
{
	const struct asb_proc key = {.pid = pid};

	return n == 0 ? NULL : bsearch(&key, procs, n, sizeof(*procs), by_pid);
}
