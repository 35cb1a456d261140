/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 16384u

static int read_all(int fd, size_t limit, struct asb_buffer *out, struct asb_error *err)
{
	char chunk[CHUNK];
	size_t total = 0;
	int rc = -1;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			asb_fail_errno(err, "can't be read");
			break;
		}
		if (n == 0) {
			rc = 0;
			break;
		}
		total += (size_t)n;
		if (total > limit || asb_buffer_add(out, chunk, (size_t)n) != 0) {
			asb_fail(err, "larger than %zu bytes", limit);
			break;
		}
	}
	asb_wipe(chunk, sizeof chunk); /* the file may hold a key */
	return rc;
}

int asb_file_read(const char *path, size_t limit, struct asb_buffer *out, struct asb_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return asb_fail_errno(err, "%s", path);
	rc = read_all(fd, limit, out, err);
	close(fd);
	return rc == 0 ? 0 : asb_wrap(err, "%s", path);
}

char *asb_file_relative(const char *base, const char *path)
{
	const char *slash = strrchr(base, '/');

	if (path[0] == '/' || slash == NULL)
		return asb_strdup(path);
	return asb_strf("%.*s/%s", (int)(slash - base), base, path);
}
