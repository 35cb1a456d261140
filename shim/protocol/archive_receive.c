/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/protocol/archive_receive.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/protocol/frame.h"

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* --- problems --------------------------------------------------------------------------------- */

/* What is wrong with the entry of that name in the directory at hand. */
static void fail(struct asb_archive_receiver *r, const char *name, const char *what, int error)
{
	size_t before = asb_archive_path_add(&r->path, name);

	asb_archive_fail(r->report, r->path.text, what, error);
	asb_archive_path_cut(&r->path, before);
}

/* The sender does not keep to the format, or to what was agreed. */
static void damaged(struct asb_archive_receiver *r, const char *what)
{
	if (!r->damaged)
		asb_archive_fail(r->report, "", what, 0);
	r->damaged = true;
}

/* --- where things go -------------------------------------------------------------------------- */

static int current(const struct asb_archive_receiver *r)
{
	return r->depth == 0 ? r->root : r->levels[r->depth - 1].fd;
}

static bool was_asked_for(const struct asb_archive_receiver *r, const struct asb_archive_entry *e)
{
	const char *const *name = r->target.names;

	if (name == NULL)
		return true;
	while (*name != NULL && strcmp(*name, e->name) != 0)
		name++;
	return *name != NULL && e->target[0] == '\0';
}

/* What an entry is called here; NULL: nothing may be made of it. "" is the target itself. */
static const char *name_here(struct asb_archive_receiver *r, const struct asb_archive_entry *e)
{
	if (r->depth > 0) {
		if (e->name[0] == '\0')
			damaged(r, "the archive is damaged: an entry has no name");
		return r->damaged ? NULL : e->name;
	}
	r->roots++;
	if (!was_asked_for(r, e)) {
		damaged(r, "the sandbox sent what was not asked for");
		return NULL;
	}
	if (r->as == NULL)
		return e->name;
	if (r->roots > 1) {
		damaged(r, "several came where one was to come");
		return NULL;
	}
	return r->as;
}

/* --- directories ------------------------------------------------------------------------------ */

static bool apply(int fd, const struct asb_archive_times *was)
{
	struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = (time_t)was->s, .tv_nsec = (long)was->ns},
	};

	return fchmod(fd, was->mode & 0777) == 0 && futimens(fd, times) == 0;
}

static struct asb_archive_times times_of(const struct asb_archive_entry *entry)
{
	return (struct asb_archive_times){entry->mode, entry->mtime_s, entry->mtime_ns};
}

/* Until it is left we must be able to write into it. */
static int make_directory(struct asb_archive_receiver *r, const char *name, bool *made)
{
	int fd;

	*made = mkdirat(current(r), name, r->target.preserve ? 0700 : 0777) == 0;
	if (!*made && errno != EEXIST)
		return -1;
	fd = openat(current(r), name, DIRECTORY_FLAGS | O_NOFOLLOW);
	if (fd < 0 && errno == ELOOP)
		errno = ENOTDIR;
	return fd;
}

static void enter(struct asb_archive_receiver *r, const struct asb_archive_entry *entry)
{
	const char *name = r->skipped > 0 ? "" : name_here(r, entry);
	bool made = false;
	int fd = -1;

	r->counts.directories++;
	if (r->damaged)
		return;
	if (r->skipped == 0 && r->depth == ASB_ARCHIVE_DEPTH) {
		fail(r, name, "lies in too many directories", 0);
	} else if (r->skipped == 0) {
		fd = name[0] == '\0' ? fcntl(r->root, F_DUPFD_CLOEXEC, 0)
				     : make_directory(r, name, &made);
		if (fd < 0)
			fail(r, name, "can't be made", errno);
	}
	if (fd < 0) {
		r->skipped++;
		return;
	}
	r->levels[r->depth].fd = fd;
	r->levels[r->depth].made = made;
	r->levels[r->depth].was = times_of(entry);
	r->levels[r->depth].path_length = asb_archive_path_add(&r->path, name);
	r->depth++;
}

static void leave(struct asb_archive_receiver *r)
{
	if (r->skipped > 0) {
		r->skipped--;
		return;
	}
	if (r->depth == 0) {
		damaged(r, "the archive is damaged: a directory ends that has not begun");
		return;
	}
	r->depth--;
	if (r->levels[r->depth].made && r->target.preserve &&
	    !apply(r->levels[r->depth].fd, &r->levels[r->depth].was))
		asb_archive_fail(r->report, r->path.text, "keeps another mode or time", errno);
	(void)close(r->levels[r->depth].fd);
	asb_archive_path_cut(&r->path, r->levels[r->depth].path_length);
}

/* --- links ------------------------------------------------------------------------------------ */

static void make_link(struct asb_archive_receiver *r)
{
	const struct asb_archive_entry *entry = &r->entry;
	struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = (time_t)entry->mtime_s, .tv_nsec = (long)entry->mtime_ns},
	};
	const char *name;

	r->counts.links++;
	if (r->skipped > 0)
		return;
	name = name_here(r, entry);
	if (name == NULL)
		return;
	if (asb_archive_temp_make(&r->temp, current(r), entry->target, 0) < 0) {
		fail(r, name, "can't be made", errno);
		return;
	}
	if (r->target.preserve) /* some file systems keep none for links */
		(void)utimensat(current(r), r->temp.name, times, AT_SYMLINK_NOFOLLOW);
	if (asb_archive_temp_place(&r->temp, name) != 0)
		fail(r, name, "can't be replaced", errno);
}

/* --- files ------------------------------------------------------------------------------------ */

static mode_t first_mode(const struct asb_archive_receiver *r)
{
	if (r->target.preserve)
		return 0600;
	return (r->entry.mode & 0111) != 0 ? 0777 : 0666;
}

static void begin_file(struct asb_archive_receiver *r)
{
	const char *name = r->skipped > 0 ? NULL : name_here(r, &r->entry);

	r->counts.files++;
	r->in_file = true;
	r->file = -1;
	r->at = 0;
	asb_checksum_init(&r->checksum);
	if (name == NULL)
		return;
	memcpy(r->file_name, name, strlen(name) + 1);
	if (r->depth == 0 && r->as_directory) {
		fail(r, name, "can't be made", ENOTDIR);
		return;
	}
	r->file = asb_archive_temp_make(&r->temp, current(r), NULL, first_mode(r));
	if (r->file < 0)
		fail(r, r->file_name, "can't be made", errno);
}

/* The rest of this file is skipped. */
static void give_up_file(struct asb_archive_receiver *r, const char *what, int error)
{
	fail(r, r->file_name, what, error);
	(void)close(r->file);
	r->file = -1;
	asb_archive_temp_drop(&r->temp);
}

static void take_data(struct asb_archive_receiver *r, const struct asb_archive_record *record)
{
	uint32_t done = 0;

	asb_checksum_add(&r->checksum, record->payload, record->length);
	atomic_fetch_add(&r->report->bytes, record->length);
	while (r->file >= 0 && done < record->length) {
		ssize_t n = pwrite(r->file, record->payload + done, record->length - done,
				   (off_t)(r->at + done));

		if (n >= 0)
			done += (uint32_t)n;
		else if (errno != EINTR)
			give_up_file(r, "can't be written", errno);
	}
	r->at += record->length;
}

static void take_hole(struct asb_archive_receiver *r, const struct asb_archive_record *record)
{
	uint64_t n = asb_get64(record->payload);

	asb_checksum_add(&r->checksum, record->payload, 8);
	if (n > INT64_MAX / 2 || r->at > INT64_MAX / 2) {
		damaged(r, "the archive is damaged: a file is larger than files can be");
		return;
	}
	r->at += n;
}

/* The last that is done to a file before it takes its place. */
static const char *complete(struct asb_archive_receiver *r)
{
	struct asb_archive_times was = times_of(&r->entry);
	struct stat st;

	/* A hole at the end has left no trace yet. */
	if (fstat(r->file, &st) != 0 ||
	    ((uint64_t)st.st_size != r->at && ftruncate(r->file, (off_t)r->at) != 0))
		return "can't be written";
	if (r->target.preserve && !apply(r->file, &was))
		return "can't get its mode and time";
	return NULL;
}

static void end_file(struct asb_archive_receiver *r, const struct asb_archive_record *record)
{
	bool whole = record->payload[0] != 0;
	const char *problem;

	r->in_file = false;
	if (asb_get64(record->payload + 1) != asb_checksum_value(&r->checksum)) {
		damaged(r, "a file was damaged on its way, its checksum differs");
		return;
	}
	atomic_fetch_add(&r->report->files, 1);
	if (r->file < 0)
		return;
	if (!whole) { /* the sender has said why */
		(void)close(r->file);
		r->file = -1;
		asb_archive_temp_drop(&r->temp);
		return;
	}
	problem = complete(r);
	if (problem != NULL) {
		give_up_file(r, problem, errno);
		return;
	}
	if (close(r->file) != 0 || asb_archive_temp_place(&r->temp, r->file_name) != 0) {
		fail(r, r->file_name, "can't be replaced", errno);
		asb_archive_temp_drop(&r->temp);
	}
	r->file = -1;
}

/* --- the archive ------------------------------------------------------------------------------ */

static void take_end(struct asb_archive_receiver *r, const struct asb_archive_record *record)
{
	struct asb_archive_counts sent = asb_archive_counts_decode(record->payload);

	if (r->depth > 0 || r->skipped > 0 || sent.files != r->counts.files ||
	    sent.directories != r->counts.directories || sent.links != r->counts.links)
		damaged(r, "the archive is damaged: it does not hold what it should");
	r->counts.failures = sent.failures;
	r->done = true;
}

static void take_in_file(struct asb_archive_receiver *r, const struct asb_archive_record *record)
{
	if (record->type == ASB_ARCHIVE_DATA && record->length > 0)
		take_data(r, record);
	else if (record->type == ASB_ARCHIVE_HOLE && record->length == 8)
		take_hole(r, record);
	else if (record->type == ASB_ARCHIVE_FILE_END && record->length == 9)
		end_file(r, record);
	else
		damaged(r, "the archive is damaged: what follows is no part of a file");
}

static void take_entry(struct asb_archive_receiver *r, const struct asb_archive_record *record)
{
	if (asb_archive_entry_decode(record, &r->entry) != 0)
		damaged(r,
			"the archive is damaged: an entry has a name or mode that none can have");
	else if (record->type == ASB_ARCHIVE_FILE)
		begin_file(r);
	else if (record->type == ASB_ARCHIVE_DIR)
		enter(r, &r->entry);
	else
		make_link(r);
}

static void take(struct asb_archive_receiver *r, const struct asb_archive_record *record)
{
	if (r->in_file) {
		take_in_file(r, record);
		return;
	}
	switch (record->type) {
	case ASB_ARCHIVE_FILE:
	case ASB_ARCHIVE_DIR:
	case ASB_ARCHIVE_LINK:
		take_entry(r, record);
		break;
	case ASB_ARCHIVE_DIR_END:
		leave(r);
		break;
	case ASB_ARCHIVE_END:
		if (record->length == ASB_ARCHIVE_END_LEN) {
			take_end(r, record);
			break;
		}
		/* fall through */
	default:
		damaged(r, "the archive is damaged: there is something unknown in it");
	}
}

static void take_records(struct asb_archive_receiver *r)
{
	while (!r->done && !r->damaged) {
		struct asb_archive_record record;
		int n = asb_archive_decode(r->buffer + r->start, r->end - r->start, &record);

		if (n < 0)
			damaged(r, "the archive is damaged: a part of it is too long");
		if (n <= 0)
			return;
		r->start += (size_t)n;
		take(r, &record);
	}
}

/* Reads more, behind what is left. False at the end. */
static bool fill(struct asb_archive_receiver *r, int in)
{
	ssize_t n;

	memmove(r->buffer, r->buffer + r->start, r->end - r->start);
	r->end -= r->start;
	r->start = 0;
	do {
		n = read(in, r->buffer + r->end, sizeof(r->buffer) - r->end);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		r->end += (size_t)n;
	return n > 0;
}

int asb_archive_receive(struct asb_archive_receiver *receiver, int in)
{
	while (receiver->end < ASB_ARCHIVE_MAGIC_LEN)
		if (!fill(receiver, in))
			break;
	if (receiver->end >= ASB_ARCHIVE_MAGIC_LEN) {
		if (memcmp(receiver->buffer, ASB_ARCHIVE_MAGIC, ASB_ARCHIVE_MAGIC_LEN) != 0)
			damaged(receiver, "this is no archive, or one of another version");
		receiver->start = ASB_ARCHIVE_MAGIC_LEN;
	}
	for (;;) {
		take_records(receiver);
		if (receiver->done || receiver->damaged)
			break;
		if (!fill(receiver, in))
			damaged(receiver, "the copy was interrupted");
	}
	return receiver->damaged ? -1 : 0;
}

/* --- the target ------------------------------------------------------------------------------- */

/* The target is not there: the directory around it, and its name. The path may end in slashes. */
static int open_parent(struct asb_archive_receiver *r, const char *path)
{
	char parent[ASB_ARCHIVE_PATH];
	size_t end = strlen(path);
	size_t start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	if (end - start > ASB_ARCHIVE_NAME || start >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(r->as_bytes, path + start, end - start);
	memcpy(parent, path, start);
	parent[start] = '\0';
	r->as = r->as_bytes;
	r->as_directory = path[end] == '/';
	return open(start == 0 ? "." : parent, DIRECTORY_FLAGS);
}

int asb_archive_receiver_init(struct asb_archive_receiver *receiver,
			      const struct asb_archive_target *target,
			      struct asb_archive_report *report)
{
	memset(receiver, 0, offsetof(struct asb_archive_receiver, buffer));
	receiver->target = *target;
	receiver->report = report;
	receiver->temp.dir = -1;
	receiver->file = -1;
	receiver->root = open(target->path, DIRECTORY_FLAGS);
	if (receiver->root < 0 && !target->directory && (errno == ENOENT || errno == ENOTDIR))
		receiver->root = open_parent(receiver, target->path);
	else if (receiver->root >= 0)
		(void)asb_archive_path_add(&receiver->path, target->path);
	if (receiver->root >= 0)
		return 0;
	asb_archive_fail(report, target->path,
			 target->directory ? "is no directory" : "can't be made", errno);
	return -1;
}

void asb_archive_receiver_release(struct asb_archive_receiver *receiver)
{
	if (receiver->file >= 0)
		(void)close(receiver->file);
	asb_archive_temp_drop(&receiver->temp);
	while (receiver->depth > 0)
		(void)close(receiver->levels[--receiver->depth].fd);
	if (receiver->root >= 0)
		(void)close(receiver->root);
	receiver->root = -1;
}
