/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/protocol/archive_send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/protocol/frame.h"

#define LEAST_READ (16u << 10) /* with less room the buffer is written first */
#define NS_PER_S 1000000000
#define LEAST_HOLE 4096u
#define BLOCK 512u /* unit of st_blocks */
#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* --- the archive ------------------------------------------------------------------------------ */

static void flush(struct asb_archive_sender *s)
{
	size_t done = 0;

	while (done < s->used && s->out_error == 0) {
		ssize_t n = write(s->out, s->buffer + done, s->used - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			s->out_error = errno;
	}
	s->used = 0;
}

/* Room for one more record with a payload of n bytes. */
static uint8_t *room_for(struct asb_archive_sender *s, size_t n)
{
	if (sizeof(s->buffer) - s->used < ASB_ARCHIVE_HEADER + n)
		flush(s);
	return s->buffer + s->used + ASB_ARCHIVE_HEADER;
}

/* The n bytes in that room are a record. */
static void add_record(struct asb_archive_sender *s, enum asb_archive_type type, size_t n)
{
	asb_archive_header(s->buffer + s->used, (uint8_t)type, (uint32_t)n);
	s->used += ASB_ARCHIVE_HEADER + n;
}

static void add_entry(struct asb_archive_sender *s, enum asb_archive_type type, const char *name,
		      const struct stat *st)
{
	struct asb_archive_entry *entry = &s->entry;
	size_t n = strlen(name);
	int32_t ns = (int32_t)st->st_mtim.tv_nsec;

	memcpy(entry->name, name, n + 1);
	entry->mode = st->st_mode & 0777;
	entry->mtime_s = st->st_mtim.tv_sec;
	if (ns < 0) { /* before 1970 gVisor has it so, in 32 bits */
		ns += NS_PER_S;
		entry->mtime_s--;
	}
	entry->mtime_ns = ns < 0 || ns >= NS_PER_S ? 0 : (uint32_t)ns;
	entry->size = (uint64_t)st->st_size;
	add_record(s, type, asb_archive_entry_encode(entry, room_for(s, ASB_ARCHIVE_ENTRY_MAX)));
}

static void fail(struct asb_archive_sender *s, const char *name, const char *what, int error)
{
	size_t before = asb_archive_path_add(&s->path, name);

	asb_archive_fail(s->report, s->path.text, what, error);
	asb_archive_path_cut(&s->path, before);
}

/* --- files ------------------------------------------------------------------------------------ */

/* What is known of a file while it is read. */
struct reading {
	int fd;
	uint64_t at;
	uint64_t end; /* it is read up to here */
	bool to_end;  /* or, having no length, to its end */
	int error;
};

static void add_hole(struct asb_archive_sender *s, uint64_t length)
{
	uint8_t *payload;

	if (length == 0)
		return;
	payload = room_for(s, 8);
	asb_put64(payload, length);
	asb_checksum_add(&s->checksum, payload, 8);
	add_record(s, ASB_ARCHIVE_HOLE, 8);
}

/* Zeros that are worth a hole. Not every file system tells where its holes are: gVisor's don't. */
static bool is_hole(const uint8_t *bytes, size_t n)
{
	return n >= LEAST_HOLE && bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* One record of data up to offset `upto`. False at the end of the file or an error. */
static bool add_data(struct asb_archive_sender *s, struct reading *r, uint64_t upto)
{
	uint8_t *payload = room_for(s, LEAST_READ);
	size_t most = sizeof(s->buffer) - s->used - ASB_ARCHIVE_HEADER;
	ssize_t n;

	if (most > ASB_ARCHIVE_PAYLOAD)
		most = ASB_ARCHIVE_PAYLOAD;
	if (!r->to_end && most > upto - r->at)
		most = (size_t)(upto - r->at);
	do {
		n = read(r->fd, payload, most);
	} while (n < 0 && errno == EINTR);
	if (n <= 0) {
		r->error = n < 0 ? errno : 0;
		return false;
	}
	r->at += (uint64_t)n;
	atomic_fetch_add(&s->report->bytes, (unsigned long long)n);
	if (is_hole(payload, (size_t)n)) {
		add_hole(s, (uint64_t)n);
		return true;
	}
	asb_checksum_add(&s->checksum, payload, (size_t)n);
	add_record(s, ASB_ARCHIVE_DATA, (size_t)n);
	return true;
}

/* Skips the hole at r->at, if there is one. Returns where the data behind it ends. */
static uint64_t skip_hole(struct asb_archive_sender *s, struct reading *r)
{
#ifdef SEEK_DATA
	off_t data = lseek(r->fd, (off_t)r->at, SEEK_DATA);
	off_t hole = data < 0 ? -1 : lseek(r->fd, data, SEEK_HOLE);

	if (data < 0 && errno == ENXIO) { /* nothing but a hole up to the end */
		add_hole(s, r->end - r->at);
		r->at = r->end;
		return r->end;
	}
	if (hole > data && data >= (off_t)r->at && (uint64_t)data < r->end &&
	    lseek(r->fd, data, SEEK_SET) == data) {
		add_hole(s, (uint64_t)data - r->at);
		r->at = (uint64_t)data;
		return (uint64_t)hole < r->end ? (uint64_t)hole : r->end;
	}
	(void)lseek(r->fd, (off_t)r->at, SEEK_SET);
#endif
	(void)s;
	return r->end;
}

static void read_sparse(struct asb_archive_sender *s, struct reading *r)
{
	while (r->at < r->end && s->out_error == 0) {
		uint64_t upto = skip_hole(s, r);

		while (r->at < upto && s->out_error == 0)
			if (!add_data(s, r, upto))
				return;
	}
}

static void read_file(struct asb_archive_sender *s, struct reading *r, const struct stat *st)
{
	if (!r->to_end && (uint64_t)st->st_blocks < r->end / BLOCK) {
		read_sparse(s, r);
		return;
	}
	while ((r->to_end || r->at < r->end) && s->out_error == 0)
		if (!add_data(s, r, r->end))
			return;
}

static void send_file(struct asb_archive_sender *s, int dir, const char *from, const char *name,
		      int flags)
{
	int fd = openat(dir, from, OPEN_FLAGS | flags);
	struct reading r = {.fd = fd};
	struct stat st;
	uint8_t *payload;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		fail(s, from, fd < 0 ? "can't be opened" : "is no regular file any more",
		     fd < 0 ? errno : 0);
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	r.end = (uint64_t)st.st_size;
	r.to_end = st.st_size == 0;
	add_entry(s, ASB_ARCHIVE_FILE, name, &st);
	asb_checksum_init(&s->checksum);
	read_file(s, &r, &st);
	(void)close(fd);
	s->counts.files++;
	if (r.error != 0)
		fail(s, from, "can't be read", r.error);
	payload = room_for(s, 9);
	payload[0] = r.error == 0;
	asb_put64(payload + 1, asb_checksum_value(&s->checksum));
	add_record(s, ASB_ARCHIVE_FILE_END, 9);
	atomic_fetch_add(&s->report->files, 1);
}

/* --- directories ------------------------------------------------------------------------------ */

static void send_link(struct asb_archive_sender *s, int dir, const char *name,
		      const struct stat *st)
{
	ssize_t n = readlinkat(dir, name, s->entry.target, sizeof(s->entry.target));

	if (n <= 0 || (size_t)n == sizeof(s->entry.target)) {
		fail(s, name, "can't be read", n < 0 ? errno : ENAMETOOLONG);
	} else {
		s->entry.target[n] = '\0';
		add_entry(s, ASB_ARCHIVE_LINK, name, st);
		s->counts.links++;
	}
	s->entry.target[0] = '\0';
}

static void end_directory(struct asb_archive_sender *s)
{
	(void)room_for(s, 0);
	add_record(s, ASB_ARCHIVE_DIR_END, 0);
}

/* The directory is entered: what is in it comes next. One that can't be read is sent empty. */
static void enter(struct asb_archive_sender *s, int dir, const char *from, const char *name,
		  int flags, const struct stat *st)
{
	int fd;
	DIR *entries;

	if (s->depth == ASB_ARCHIVE_DEPTH) {
		fail(s, from, "lies in too many directories", 0);
		return;
	}
	fd = openat(dir, from, OPEN_FLAGS | O_DIRECTORY | flags);
	entries = fd < 0 ? NULL : fdopendir(fd);
	if (entries == NULL)
		fail(s, from, "can't be opened", errno);
	if (entries == NULL && fd >= 0)
		(void)close(fd);
	add_entry(s, ASB_ARCHIVE_DIR, name, st);
	s->counts.directories++;
	if (entries == NULL) {
		end_directory(s);
		return;
	}
	s->levels[s->depth].dir = entries;
	s->levels[s->depth].path_length = asb_archive_path_add(&s->path, from);
	s->depth++;
}

static void leave(struct asb_archive_sender *s)
{
	s->depth--;
	(void)closedir(s->levels[s->depth].dir);
	asb_archive_path_cut(&s->path, s->levels[s->depth].path_length);
	end_directory(s);
}

/* `from` is where it is, `name` what it is called in the archive. */
static void send_any(struct asb_archive_sender *s, int dir, const char *from, const char *name,
		     bool follow)
{
	int flags = follow ? 0 : O_NOFOLLOW;
	struct stat st;

	if (strlen(name) > ASB_ARCHIVE_NAME)
		fail(s, from, "has too long a name", 0);
	else if (fstatat(dir, from, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
		fail(s, from, "can't be read", errno);
	else if (S_ISREG(st.st_mode))
		send_file(s, dir, from, name, flags);
	else if (S_ISDIR(st.st_mode))
		enter(s, dir, from, name, flags, &st);
	else if (S_ISLNK(st.st_mode))
		send_link(s, dir, from, &st);
	else
		fail(s, from, "is neither file nor directory nor symbolic link", 0);
}

static void walk_on(struct asb_archive_sender *s)
{
	DIR *dir = s->levels[s->depth - 1].dir;
	const struct dirent *entry;

	errno = 0;
	entry = readdir(dir);
	if (entry == NULL) {
		if (errno != 0)
			asb_archive_fail(s->report, s->path.text, "can't be read", errno);
		leave(s);
		return;
	}
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return;
	send_any(s, dirfd(dir), entry->d_name, entry->d_name, false);
}

/* --- what the caller sees --------------------------------------------------------------------- */

void asb_archive_sender_init(struct asb_archive_sender *sender, int out,
			     struct asb_archive_report *report)
{
	memset(sender, 0, offsetof(struct asb_archive_sender, buffer));
	sender->out = out;
	sender->report = report;
	memcpy(sender->buffer, ASB_ARCHIVE_MAGIC, ASB_ARCHIVE_MAGIC_LEN);
	sender->used = ASB_ARCHIVE_MAGIC_LEN;
}

void asb_archive_name_of(const char *path, char out[ASB_ARCHIVE_NAME + 1])
{
	size_t end = strlen(path);
	size_t start, n;

	while (end > 0 && path[end - 1] == '/')
		end--;
	start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	n = end - start;
	if (n > ASB_ARCHIVE_NAME) /* no file has such a name: it won't be found */
		n = ASB_ARCHIVE_NAME;
	memcpy(out, path + start, n);
	out[n] = '\0';
	if (strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
		out[0] = '\0';
}

int asb_archive_sender_add(struct asb_archive_sender *sender, const char *path)
{
	char name[ASB_ARCHIVE_NAME + 1];

	asb_archive_name_of(path, name);
	send_any(sender, AT_FDCWD, path, name, true);
	while (sender->depth > 0 && sender->out_error == 0)
		walk_on(sender);
	while (sender->depth > 0)
		leave(sender);
	return sender->out_error == 0 ? 0 : -1;
}

int asb_archive_sender_finish(struct asb_archive_sender *sender)
{
	sender->counts.failures = sender->report->failures;
	asb_archive_counts_encode(&sender->counts, room_for(sender, ASB_ARCHIVE_END_LEN));
	add_record(sender, ASB_ARCHIVE_END, ASB_ARCHIVE_END_LEN);
	flush(sender);
	return sender->out_error == 0 ? 0 : -1;
}
