/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/exec.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *path_of(char **envp)
{
	for (; *envp != NULL; envp++) {
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	}
	return DEFAULT_PATH;
}

/* dir/file into out; an empty directory is the working directory. Returns -1 when it is too long.
 */
static int join(char *out, size_t size, const char *dir, size_t dir_length, const char *file)
{
	size_t n = strlen(file);
	size_t at = 0;

	if (dir_length + 1 + n + 1 > size)
		return -1;
	if (dir_length > 0) {
		memcpy(out, dir, dir_length);
		at = dir_length;
		out[at++] = '/';
	}
	memcpy(out + at, file, n + 1);
	return 0;
}

/* Errors that only mean "not in this directory". */
static int goes_on(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES || error == ENAMETOOLONG ||
	       error == ESTALE || error == ENODEV || error == ETIMEDOUT;
}

/*
 * EACCES may mean the file or a directory on the way to it. For a shell's user a directory of PATH
 * that can't be searched holds nothing, nor is a directory of that name a program.
 */
static int is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Returns the errno that says most: that the program was found but may not be executed wins over
 * not found. */
static int search(const char *file, char **argv, char **envp)
{
	const char *dir = path_of(envp);
	char full[PATH_MAX];
	int error = ENOENT;

	if (strchr(file, '/') != NULL) {
		(void)execve(file, argv, envp);
		return errno;
	}
	for (;;) {
		size_t n = strcspn(dir, ":");

		if (join(full, sizeof(full), dir, n, file) == 0) {
			(void)execve(full, argv, envp);
			if (!goes_on(errno))
				return errno;
			if (errno == EACCES && is_file(full))
				error = EACCES;
		}
		if (dir[n] == '\0')
			return error;
		dir += n + 1;
	}
}

static int run_line(const struct asb_spec *spec)
{
	/* The last two for a PATH that leads nowhere. */
	static const char *const shells[] = {"bash", "sh", "/bin/bash", "/bin/sh"};
	char dash_c[] = "-c";
	int error = ENOENT;

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		const char *slash = strrchr(shells[i], '/');
		char name[8] = "";
		char *argv[] = {name, dash_c, spec->line, NULL};

		memcpy(name, slash == NULL ? shells[i] : slash + 1,
		       strlen(slash == NULL ? shells[i] : slash + 1));
		error = search(shells[i], argv, spec->envp);
		/* Too large for one is too large for all. */
		if (error == E2BIG)
			return error;
	}
	return error;
}

int asb_exec(const struct asb_spec *spec)
{
	if (spec->line != NULL)
		return run_line(spec);
	return search(spec->argv[0], spec->argv, spec->envp);
}
