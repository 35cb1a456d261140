/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/limits.h"
#include "shim/loop.h"
#include "shim/say.h"
#include "shim/text.h"

#define AGAIN_NS 1000000000

static uint64_t total; /* over all */

bool asb_spool_is_empty(const struct asb_spool *spool)
{
	return spool->start == spool->end;
}

/* For file systems that have no files without a name. */
static int open_and_unlink(const char *dir)
{
	char path[512];
	struct asb_text text = {.bytes = path, .size = sizeof(path) - 1};
	int fd;

	asb_text_addf(&text, "%s/.agentsandbox-XXXXXX", dir);
	path[text.length] = '\0';
	if (text.cut)
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

static int open_file(void)
{
	const char *const dirs[] = {getenv("TMPDIR"), "/tmp", getenv("HOME"), "."};

	int error = ENOENT;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int fd;

		if (dirs[i] == NULL || dirs[i][0] == '\0')
			continue;
		fd = open(dirs[i], O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EMFILE && errno != ENFILE)
			fd = open_and_unlink(dirs[i]);
		if (fd >= 0)
			return fd;
		if (error == ENOENT)
			error = errno;
	}
	errno = error;
	return -1;
}

static bool failed(struct asb_spool *spool)
{
	spool->again_ns = asb_now() + AGAIN_NS;
	return false;
}

static bool is_ready(struct asb_spool *spool, uint64_t start)
{
	if (asb_now() < spool->again_ns)
		return false;
	if (spool->open)
		return true;
	spool->fd = open_file();
	if (spool->fd < 0) {
		asb_say("no place for output that nobody reads: %s", strerror(errno));
		return failed(spool);
	}
	spool->open = true;
	spool->start = spool->end = start;
	return true;
}

/* Where a byte lies: the file is used in a circle, so that it never grows beyond its limit. */
static off_t place(uint64_t offset)
{
	return (off_t)(offset % ASB_SPOOL_LIMIT);
}

static size_t room_at(const struct asb_spool *spool, size_t n)
{
	uint64_t room = ASB_SPOOL_LIMIT - (spool->end - spool->start);
	uint64_t straight = ASB_SPOOL_LIMIT - (uint64_t)place(spool->end);

	if (room > ASB_SPOOL_TOTAL - total)
		room = ASB_SPOOL_TOTAL - total;
	if (room > straight)
		room = straight;
	return room < n ? (size_t)room : n;
}

size_t asb_spool_take(struct asb_spool *spool, struct asb_ring *ring, size_t n)
{
	size_t taken = 0;

	if (!is_ready(spool, ring->start))
		return 0;
	while (taken < n) {
		struct iovec iov[2];
		size_t part = room_at(spool, n - taken);
		ssize_t done = 0;

		if (part > 0 && asb_ring_peek(ring, ring->start, part, iov) > 0)
			done = pwrite(spool->fd, iov[0].iov_base, iov[0].iov_len,
				      place(spool->end));
		if (done < 0)
			(void)failed(spool);
		if (done <= 0)
			break;
		spool->end += (uint64_t)done;
		total += (uint64_t)done;
		taken += (size_t)done;
		asb_ring_consume(ring, spool->end);
	}
	if (asb_spool_is_empty(spool))
		asb_spool_consume(spool, spool->end);
	return taken;
}

size_t asb_spool_copy(const struct asb_spool *spool, uint64_t from, void *out, size_t max)
{
	size_t n = 0;

	while (n < max && from + n < spool->end) {
		uint64_t straight = ASB_SPOOL_LIMIT - (uint64_t)place(from + n);
		uint64_t part = spool->end - from - n;
		ssize_t done;

		part = part < straight ? part : straight;
		part = part < max - n ? part : max - n;
		done = pread(spool->fd, (uint8_t *)out + n, (size_t)part, place(from + n));
		if (done <= 0)
			break;
		n += (size_t)done;
	}
	return n;
}

void asb_spool_consume(struct asb_spool *spool, uint64_t upto)
{
	if (upto > spool->end)
		upto = spool->end;
	if (upto > spool->start) {
		total -= upto - spool->start;
		spool->start = upto;
	}
	if (!spool->open || !asb_spool_is_empty(spool))
		return;
	(void)close(spool->fd);
	spool->open = false;
}
