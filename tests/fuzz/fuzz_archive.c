/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a sender sends, nothing changes outside of the target, no file stays behind under a
 * temporary name, and every descriptor is closed again. The bytes are the records of an archive, as
 * they are, or, since few bytes are an archive by chance, a program that writes one.
 */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/protocol/archive_receive.h"
#include "shim/protocol/checksum.h"
#include "shim/protocol/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 65536u

static struct asb_archive_receiver receiver;
static char home[] = "/tmp/asb-fuzz-archive-XXXXXX";

static void expect(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* --- the world around the target -------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_D || type == FTW_DNR)
		(void)chmod(path, 0700);
	return 0;
}

static void remove_tree(const char *path)
{
	(void)nftw(path, open_up, 32, FTW_PHYS);
	(void)nftw(path, remove_one, 32, FTW_PHYS | FTW_DEPTH);
}

static void leave(void)
{
	(void)chdir("/");
	remove_tree(home);
}

/* home/outside/file and home/target; what is in the latter may do as it likes. */
static void prepare(void)
{
	const struct rlimit most = {1 << 24, 1 << 24};
	int fd;

	if (home[sizeof home - 2] == 'X') {
		expect(mkdtemp(home) != NULL && chdir(home) == 0, "no place for files");
		atexit(leave);
		(void)signal(SIGXFSZ, SIG_IGN);
		(void)setrlimit(RLIMIT_FSIZE, &most);
		(void)mkdir("outside", 0700);
		fd = open("outside/file", O_CREAT | O_WRONLY, 0600);
		expect(write(fd, "mine", 4) == 4, "no file can be written");
		close(fd);
	}
	remove_tree("target");
	(void)mkdir("target", 0700);
	(void)symlink("../outside", "target/out");
	(void)symlink("../outside/file", "target/file");
}

static unsigned entries_of_home;

static int look_at(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	entries_of_home += strncmp(path, "./target", 8) != 0 || path[8] != '/';
	expect(strstr(path, ".agentsandbox-") == NULL, "a temporary file is left");
	return 0;
}

static void check(int next_fd)
{
	char bytes[8] = "";
	struct stat st;
	int fd = open("outside/file", O_RDONLY);

	expect(fd == next_fd, "a descriptor is left open");
	expect(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0600, "the mode outside has changed");
	expect(read(fd, bytes, sizeof bytes) == 4 && memcmp(bytes, "mine", 4) == 0,
	       "the file outside has changed");
	close(fd);
	(void)nftw(".", open_up, 32, FTW_PHYS);
	entries_of_home = 0;
	(void)nftw(".", look_at, 32, FTW_PHYS);
	/* ".", outside, outside/file, target */
	expect(entries_of_home == 4, "something was made outside of the target");
}

/* --- archives --------------------------------------------------------------------------------- */

static uint8_t archive[8 * MOST];
static size_t length;

static void add(uint8_t type, const void *payload, size_t n)
{
	if (length + ASB_ARCHIVE_HEADER + n > sizeof archive)
		return;
	asb_archive_header(archive + length, type, (uint32_t)n);
	if (n > 0)
		memcpy(archive + length + ASB_ARCHIVE_HEADER, payload, n);
	length += ASB_ARCHIVE_HEADER + n;
}

static void add_entry(uint8_t type, uint8_t choice)
{
	static const char *const names[] = {"out", "file", "a",		 "b",	 "..",	   ".",
					    "",	   "a/b",  "../outside", "/tmp", "\xff\n", "d"};
	static const char *const targets[] = {"", "..", "../outside", "/", "a", "../outside/file"};
	const char *name = names[choice % (sizeof names / sizeof names[0])];
	const char *target =
		targets[type == ASB_ARCHIVE_LINK ? (choice / 16) % 6 : (choice == 255 ? 1 : 0)];
	uint8_t payload[128] = {0};
	size_t n = strlen(name);
	size_t m = strlen(target);

	asb_put32(payload, (choice & 64) != 0 ? 0777 : 0500);
	asb_put16(payload + 24, (uint16_t)n);
	memcpy(payload + 26, name, n);
	memcpy(payload + 26 + n, target, m);
	add(type, payload, 26 + n + m);
}

/* Each two bytes are a step. What is counted is counted right, so that the end may be reached. */
static void write_program(const uint8_t *data, size_t size)
{
	struct asb_archive_counts counts = {0};
	struct asb_checksum sum;
	uint8_t bytes[64];

	asb_checksum_init(&sum);
	for (size_t i = 0; i + 1 < size; i += 2) {
		uint8_t type = data[i] % 9;
		uint8_t choice = data[i + 1];

		counts.files += type == ASB_ARCHIVE_FILE;
		counts.directories += type == ASB_ARCHIVE_DIR;
		counts.links += type == ASB_ARCHIVE_LINK;
		memset(bytes, choice, sizeof bytes);
		switch (type) {
		case ASB_ARCHIVE_FILE:
			asb_checksum_init(&sum);
			/* fall through */
		case ASB_ARCHIVE_DIR:
		case ASB_ARCHIVE_LINK:
			add_entry(type, choice);
			break;
		case ASB_ARCHIVE_DATA:
			asb_checksum_add(&sum, bytes, choice % sizeof bytes);
			add(type, bytes, choice % sizeof bytes);
			break;
		case ASB_ARCHIVE_HOLE:
			asb_put64(bytes, (uint64_t)choice << (choice % 56));
			asb_checksum_add(&sum, bytes, 8);
			add(type, bytes, 8);
			break;
		case ASB_ARCHIVE_FILE_END:
			bytes[0] = choice != 1;
			asb_put64(bytes + 1, asb_checksum_value(&sum) + (choice == 2));
			add(type, bytes, 9);
			break;
		case ASB_ARCHIVE_DIR_END:
			add(type, NULL, 0);
			break;
		default:
			add(type, bytes, choice % sizeof bytes);
		}
	}
	asb_archive_counts_encode(&counts, bytes);
	add(ASB_ARCHIVE_END, bytes, ASB_ARCHIVE_END_LEN);
}

static void say(void *context, const char *path, const char *what, int error)
{
	(void)context;
	(void)error;
	expect(strlen(path) < ASB_ARCHIVE_PATH && what[0] != '\0', "a problem without words");
}

static void receive(const struct asb_archive_target *target)
{
	struct asb_archive_report report = {.say = say};
	int in = memfd_create("archive", MFD_CLOEXEC);
	int next = dup(in);

	close(next);
	expect(write(in, archive, length) == (ssize_t)length && lseek(in, 0, SEEK_SET) == 0,
	       "the archive can't be written");
	if (asb_archive_receiver_init(&receiver, target, &report) == 0)
		(void)asb_archive_receive(&receiver, in);
	asb_archive_receiver_release(&receiver);
	expect(report.said <= ASB_ARCHIVE_MESSAGES, "too many words");
	check(next);
	close(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"a", "d", NULL};
	struct asb_archive_target target = {.path = "target"};

	if (size < 2 || size > MOST)
		return 0;
	target.preserve = (data[0] & 1) != 0;
	target.names = (data[0] & 2) != 0 ? names : NULL;
	if ((data[0] & 4) != 0)
		target.path = "target/new";
	prepare();
	memcpy(archive, ASB_ARCHIVE_MAGIC, ASB_ARCHIVE_MAGIC_LEN);
	length = ASB_ARCHIVE_MAGIC_LEN;
	if ((data[0] & 8) != 0) {
		memcpy(archive + length, data + 1, size - 1);
		length += size - 1;
	} else {
		write_program(data + 1, size - 1);
	}
	receive(&target);
	return 0;
}
