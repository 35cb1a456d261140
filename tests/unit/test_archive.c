/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: what comes out is what went in, and no sender leads a receiver out of its target. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/session/transfer.h"
#include "shim/protocol/archive_receive.h"
#include "shim/protocol/archive_send.h"
#include "shim/protocol/frame.h"

static struct asb_archive_sender sender;
static struct asb_archive_receiver receiver;

/* --- a directory of its own for each test ----------------------------------------------------- */

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

static int set_up(void **state)
{
	char *dir = strdup("/tmp/asb-archive-XXXXXX");

	*state = mkdtemp(dir);
	return *state == NULL ? -1 : chdir(dir);
}

static int tear_down(void **state)
{
	(void)chdir("/");
	nftw(*state, open_up, 16, FTW_PHYS);
	nftw(*state, remove_one, 16, FTW_PHYS | FTW_DEPTH);
	free(*state);
	return 0;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_holds(const char *path, const char *text)
{
	char bytes[4096] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	(void)!fread(bytes, 1, sizeof bytes - 1, file);
	fclose(file);
	assert_string_equal(bytes, text);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int count_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	/* Nothing is ever left under a temporary name. */
	assert_null(strstr(path, ".agentsandbox-"));
	return 0;
}

static void assert_no_temporary(void)
{
	nftw(".", count_entry, 16, FTW_PHYS);
}

/* --- both ends -------------------------------------------------------------------------------- */

static char said[8192];

static void say(void *context, const char *path, const char *what, int error)
{
	size_t n = strlen(said);

	(void)context;
	snprintf(said + n, sizeof said - n, "%s: %s: %d\n", path, what, error);
}

static struct asb_archive_report new_report(void)
{
	said[0] = '\0';
	return (struct asb_archive_report){.say = say};
}

/* Sends paths into a file called "archive". Returns the number of problems. */
static uint64_t pack(const char *const *paths)
{
	struct asb_archive_report report = new_report();
	int fd = open("archive", O_CREAT | O_TRUNC | O_WRONLY, 0600);

	asb_archive_sender_init(&sender, fd, &report);
	for (; *paths != NULL; paths++)
		assert_int_equal(asb_archive_sender_add(&sender, *paths), 0);
	assert_int_equal(asb_archive_sender_finish(&sender), 0);
	close(fd);
	return report.failures;
}

/* Takes "archive" to that target. Returns 0 or -1; *failures are counted. */
static int unpack(const struct asb_archive_target *target, uint64_t *failures)
{
	struct asb_archive_report report = new_report();
	int fd = open("archive", O_RDONLY);
	int rc = asb_archive_receiver_init(&receiver, target, &report);

	if (rc == 0)
		rc = asb_archive_receive(&receiver, fd);
	asb_archive_receiver_release(&receiver);
	close(fd);
	*failures = report.failures;
	return rc;
}

static int unpack_to(const char *path)
{
	const struct asb_archive_target target = {.path = path, .preserve = true};
	uint64_t failures;

	return unpack(&target, &failures) == 0 && failures == 0 ? 0 : -1;
}

static void test_a_tree_comes_out_as_it_went_in(void **state)
{
	const char *const paths[] = {"src", NULL};
	struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 981173106, .tv_nsec = 123456789}};
	char longest[256], path[512];
	struct stat st;

	(void)state;
	memset(longest, 'n', 255);
	longest[255] = '\0';
	assert_int_equal(mkdir("src", 0750), 0);
	assert_int_equal(mkdir("src/empty", 0700), 0);
	assert_int_equal(mkdir("src/locked", 0700), 0);
	write_file("src/locked/in", "in");
	write_file("src/new\nline\xff", "odd");
	write_file("src/zero", "");
	snprintf(path, sizeof path, "src/%s", longest);
	write_file(path, "long");
	assert_int_equal(symlink("no/where", "src/dangling"), 0);
	assert_int_equal(chmod("src/zero", 0604), 0);
	assert_int_equal(utimensat(AT_FDCWD, "src/zero", times, 0), 0);
	assert_int_equal(chmod("src/locked", 0500), 0);
	assert_int_equal(utimensat(AT_FDCWD, "src/locked", times, 0), 0);
	assert_int_equal(pack(paths), 0);
	assert_int_equal(unpack_to("out"), 0);
	assert_holds("out/new\nline\xff", "odd");
	assert_holds("out/locked/in", "in");
	snprintf(path, sizeof path, "out/%s", longest);
	assert_holds(path, "long");
	assert_int_equal(readlink("out/dangling", path, sizeof path), 8);
	assert_int_equal(stat("out/zero", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(st.st_mtim.tv_sec, 981173106);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(stat("out/locked", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0500);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_true(exists("out/empty"));
	assert_no_temporary();
}

static void test_holes_stay_holes(void **state)
{
	const char *const paths[] = {"sparse", NULL};
	struct stat before, after;
	int fd = open("sparse", O_CREAT | O_WRONLY, 0600);
	char byte;

	(void)state;
	assert_int_equal(pwrite(fd, "begin", 5, 0), 5);
	assert_int_equal(pwrite(fd, "middle", 6, 200 << 20), 6);
	assert_int_equal(ftruncate(fd, 1 << 30), 0);
	close(fd);
	assert_int_equal(pack(paths), 0);
	assert_int_equal(stat("archive", &after), 0);
	assert_true(after.st_size < 1 << 20);
	assert_int_equal(unpack_to("out"), 0);
	assert_int_equal(stat("sparse", &before), 0);
	assert_int_equal(stat("out", &after), 0);
	assert_int_equal(after.st_size, 1 << 30);
	assert_true(after.st_blocks <= before.st_blocks + 16);
	fd = open("out", O_RDONLY);
	assert_int_equal(pread(fd, &byte, 1, (200 << 20) + 1), 1);
	assert_int_equal(byte, 'i');
	close(fd);
}

static void test_targets_are_those_of_cp(void **state)
{
	const char *const file[] = {"a/file", NULL};
	const char *const dir[] = {"a/", NULL};
	const char *const inside[] = {"a/.", NULL};
	const char *const two[] = {"a/file", "a", NULL};
	const struct asb_archive_target must = {.path = "nowhere", .directory = true};
	uint64_t failures;

	(void)state;
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(mkdir("there", 0755), 0);
	write_file("a/file", "text");
	assert_int_equal(pack(file), 0);
	assert_int_equal(unpack_to("there"), 0);
	assert_holds("there/file", "text");
	assert_int_equal(unpack_to("as"), 0);
	assert_holds("as", "text");
	assert_int_equal(unpack_to("as"), 0); /* replaced */
	assert_int_equal(unpack_to("new/"), -1);
	assert_int_equal(unpack_to("no/such/place"), -1);
	assert_int_equal(pack(dir), 0);
	assert_int_equal(unpack_to("there"), 0);
	assert_holds("there/a/file", "text");
	assert_int_equal(unpack_to("copy"), 0);
	assert_holds("copy/file", "text");
	assert_int_equal(unpack_to("as"), -1); /* a file is there */
	assert_int_equal(pack(inside), 0);
	assert_int_equal(unpack_to("fresh"), 0);
	assert_holds("fresh/file", "text");
	assert_int_equal(mkdir("mine", 0711), 0);
	assert_int_equal(unpack_to("mine"), 0);
	assert_holds("mine/file", "text");
	assert_int_equal(pack(two), 0);
	assert_int_equal(unpack_to("single"), -1);
	assert_int_equal(unpack(&must, &failures), -1);
	assert_false(exists("nowhere"));
	assert_no_temporary();
}

static void test_what_was_there_keeps_mode_and_contents(void **state)
{
	const char *const paths[] = {"d", NULL};
	struct stat st;

	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	assert_int_equal(chmod("d", 0777), 0);
	write_file("d/new", "new");
	assert_int_equal(pack(paths), 0);
	assert_int_equal(mkdir("to", 0755), 0);
	assert_int_equal(mkdir("to/d", 0700), 0);
	write_file("to/d/old", "old");
	assert_int_equal(unpack_to("to"), 0);
	assert_holds("to/d/old", "old");
	assert_holds("to/d/new", "new");
	assert_int_equal(stat("to/d", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void test_without_preserve_it_is_the_umask(void **state)
{
	const char *const paths[] = {"f", NULL};
	const struct asb_archive_target target = {.path = "out"};
	mode_t before = umask(027);
	uint64_t failures;
	struct stat st;

	(void)state;
	write_file("f", "x");
	assert_int_equal(chmod("f", 0700), 0);
	assert_int_equal(pack(paths), 0);
	assert_int_equal(unpack(&target, &failures), 0);
	umask(before);
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
}

static void test_what_cant_be_sent_is_told_and_the_rest_comes(void **state)
{
	const char *const paths[] = {"d", "missing", NULL};

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	write_file("d/good", "good");
	assert_int_equal(mkfifo("d/pipe", 0600), 0);
	assert_int_equal(symlink("good", "d/link"), 0);
	assert_int_equal(pack(paths), 2);
	assert_non_null(strstr(said, "d/pipe: is neither file nor directory"));
	assert_non_null(strstr(said, "missing: can't be read"));
	assert_int_equal(unpack_to("out"), 0);
	assert_holds("out/good", "good");
	assert_false(exists("out/pipe"));
}

static void test_depth_is_bounded(void **state)
{
	const char *const paths[] = {"deep", NULL};

	(void)state;
	assert_int_equal(mkdir("deep", 0700), 0);
	assert_int_equal(chdir("deep"), 0);
	for (int i = 0; i < ASB_ARCHIVE_DEPTH + 5; i++) {
		assert_int_equal(mkdir("d", 0700), 0);
		assert_int_equal(chdir("d"), 0);
	}
	assert_int_equal(chdir(*state), 0);
	assert_int_equal(pack(paths), 1);
	assert_non_null(strstr(said, "too many directories"));
	assert_int_equal(unpack_to("out"), 0);
}

/* --- senders that can't be trusted ------------------------------------------------------------ */

/* An archive that is put together by hand. */
static struct asb_buffer bad = ASB_BUFFER_INIT;

static void add(enum asb_archive_type type, const void *payload, size_t n)
{
	uint8_t header[ASB_ARCHIVE_HEADER];

	if (bad.length == 0)
		asb_buffer_add(&bad, ASB_ARCHIVE_MAGIC, ASB_ARCHIVE_MAGIC_LEN);
	asb_archive_header(header, (uint8_t)type, (uint32_t)n);
	asb_buffer_add(&bad, header, sizeof header);
	asb_buffer_add(&bad, payload, n);
}

/* Names of any bytes, NUL too. */
static void add_raw(enum asb_archive_type type, const char *name, size_t n, const char *target)
{
	uint8_t payload[ASB_ARCHIVE_PAYLOAD] = {0};
	size_t m = strlen(target);

	asb_put32(payload, 0755);
	asb_put16(payload + 24, (uint16_t)n);
	memcpy(payload + 26, name, n);
	memcpy(payload + 26 + n, target, m);
	add(type, payload, 26 + n + m);
}

static void add_named(enum asb_archive_type type, const char *name, const char *target)
{
	add_raw(type, name, strlen(name), target);
}

static void add_contents(const char *text)
{
	struct asb_checksum sum;
	uint8_t end[9] = {1};

	asb_checksum_init(&sum);
	asb_checksum_add(&sum, text, strlen(text));
	add(ASB_ARCHIVE_DATA, text, strlen(text));
	asb_put64(end + 1, asb_checksum_value(&sum));
	add(ASB_ARCHIVE_FILE_END, end, sizeof end);
}

static void add_end(uint64_t files, uint64_t directories, uint64_t links)
{
	const struct asb_archive_counts counts = {files, directories, links, 0};
	uint8_t payload[ASB_ARCHIVE_END_LEN];

	asb_archive_counts_encode(&counts, payload);
	add(ASB_ARCHIVE_END, payload, sizeof payload);
}

/* Writes it down and starts anew. */
static void write_bad(void)
{
	int fd = open("archive", O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert_int_equal(write(fd, bad.data, bad.length), bad.length);
	close(fd);
	asb_buffer_release(&bad);
}

static void test_names_that_lead_out_are_refused(void **state)
{
	static const struct {
		const char *name;
		size_t n;
	} names[] = {{"..", 2},	  {".", 1}, {"/etc", 4}, {"a/b", 3},
		     {"../x", 4}, {"", 0},  {"x\0y", 3}};

	(void)state;
	assert_int_equal(mkdir("target", 0700), 0);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		add_raw(ASB_ARCHIVE_FILE, names[i].name, names[i].n, "");
		add_contents("out");
		add_end(1, 0, 0);
		write_bad();
		assert_int_equal(unpack_to("target"), -1);
		add_named(ASB_ARCHIVE_DIR, "in", "");
		add_raw(ASB_ARCHIVE_DIR, names[i].name, names[i].n, "");
		add(ASB_ARCHIVE_DIR_END, NULL, 0);
		add(ASB_ARCHIVE_DIR_END, NULL, 0);
		add_end(0, 2, 0);
		write_bad();
		assert_int_equal(unpack_to("target"), -1);
	}
	assert_false(exists("x"));
	assert_no_temporary();
}

static void test_nobody_writes_through_a_link_that_was_sent(void **state)
{
	(void)state;
	assert_int_equal(mkdir("target", 0700), 0);
	assert_int_equal(mkdir("outside", 0700), 0);
	write_file("outside/file", "mine");
	add_named(ASB_ARCHIVE_LINK, "d", "../outside");
	add_named(ASB_ARCHIVE_DIR, "d", "");
	add_named(ASB_ARCHIVE_FILE, "file", "");
	add_contents("theirs");
	add(ASB_ARCHIVE_DIR_END, NULL, 0);
	add_named(ASB_ARCHIVE_LINK, "f", "../outside/file");
	add_named(ASB_ARCHIVE_FILE, "f", "");
	add_contents("theirs");
	add_end(2, 1, 2);
	write_bad();
	assert_int_equal(unpack_to("target"), -1); /* one problem, not the end */
	assert_non_null(strstr(said, "target/d: can't be made"));
	assert_holds("outside/file", "mine");
	assert_holds("target/f", "theirs"); /* the link itself was replaced */
	assert_no_temporary();
}

static void test_only_what_was_asked_for_is_taken(void **state)
{
	const char *const names[] = {"notes.txt", NULL};
	const struct asb_archive_target target = {.path = ".", .names = names};
	uint64_t failures;

	(void)state;
	add_named(ASB_ARCHIVE_FILE, ".bashrc", "");
	add_contents("evil");
	add_end(1, 0, 0);
	write_bad();
	assert_int_equal(unpack(&target, &failures), -1);
	assert_false(exists(".bashrc"));
	add_named(ASB_ARCHIVE_LINK, "notes.txt", "/etc/passwd");
	add_end(0, 0, 1);
	write_bad();
	assert_int_equal(unpack(&target, &failures), -1);
	assert_false(exists("notes.txt"));
	add_named(ASB_ARCHIVE_FILE, "notes.txt", "");
	add_contents("notes");
	add_end(1, 0, 0);
	write_bad();
	assert_int_equal(unpack(&target, &failures), 0);
	assert_holds("notes.txt", "notes");
	assert_no_temporary();
}

static void test_damage_and_early_ends_are_seen(void **state)
{
	uint8_t end[9] = {1};
	struct stat st;

	(void)state;
	write_file("old", "old");
	add_named(ASB_ARCHIVE_FILE, "old", "");
	add(ASB_ARCHIVE_DATA, "new", 3);
	add(ASB_ARCHIVE_FILE_END, end, sizeof end); /* checksum 0 */
	add_end(1, 0, 0);
	write_bad();
	assert_int_equal(unpack_to("old"), -1);
	assert_holds("old", "old");
	add_named(ASB_ARCHIVE_FILE, "old", "");
	add_contents("new");
	add_end(2, 0, 0);
	write_bad();
	assert_int_equal(unpack_to("other"), -1); /* counts differ */
	add_named(ASB_ARCHIVE_FILE, "old", "");
	add_contents("new");
	add_end(1, 0, 0);
	write_bad();
	assert_int_equal(stat("archive", &st), 0);
	/* Wherever it is cut, it is no success. */
	for (off_t size = 0; size < st.st_size; size++) {
		add_named(ASB_ARCHIVE_FILE, "old", "");
		add_contents("new");
		add_end(1, 0, 0);
		write_bad();
		assert_int_equal(truncate("archive", size), 0);
		assert_int_equal(unpack_to("cut"), -1);
		assert_no_temporary();
	}
}

static void test_a_file_that_could_not_be_read_whole_is_dropped(void **state)
{
	struct asb_checksum sum;
	uint8_t end[9] = {0};

	(void)state;
	write_file("old", "old");
	asb_checksum_init(&sum);
	asb_checksum_add(&sum, "ne", 2);
	asb_put64(end + 1, asb_checksum_value(&sum));
	add_named(ASB_ARCHIVE_FILE, "old", "");
	add(ASB_ARCHIVE_DATA, "ne", 2);
	add(ASB_ARCHIVE_FILE_END, end, sizeof end);
	add_end(1, 0, 0);
	write_bad();
	assert_int_equal(unpack_to("old"), 0); /* it is the sender who reports */
	assert_holds("old", "old");
	assert_no_temporary();
}

/* --- races ------------------------------------------------------------------------------------ */

/* target/d is a directory, then a link to outside, then a directory ... made so by a process of its
 * own, as a thread would have to wait for us under valgrind. It ends with us. */
static pid_t start_flipping(void)
{
	pid_t pid;

	assert_int_equal(mkdir("target", 0700), 0);
	assert_int_equal(mkdir("target/d", 0700), 0);
	assert_int_equal(mkdir("outside", 0700), 0);
	assert_int_equal(symlink("../outside", "spare"), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)renameat2(AT_FDCWD, "target/d", AT_FDCWD, "spare", RENAME_EXCHANGE);
	}
	return pid;
}

static void stop_flipping(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_nobody_writes_through_a_directory_that_becomes_a_link(void **state)
{
	pid_t flipping = start_flipping();
	int64_t deadline = asb_monotonic_ms() + 60000;
	int refused = 0, made = 0;

	(void)state;
	add_named(ASB_ARCHIVE_DIR, "d", "");
	add_named(ASB_ARCHIVE_FILE, "file", "");
	add_contents("theirs");
	add_named(ASB_ARCHIVE_DIR, "e", "");
	add(ASB_ARCHIVE_DIR_END, NULL, 0);
	add(ASB_ARCHIVE_DIR_END, NULL, 0);
	add_end(1, 2, 0);
	write_bad();
	for (int i = 0; i < 300 || ((refused == 0 || made == 0) && asb_poll_timeout(deadline) > 0);
	     i++) {
		if (unpack_to("target") == 0)
			made++;
		else
			refused++;
	}
	stop_flipping(flipping);
	assert_true(refused > 0 && made > 0);
	assert_int_equal(rmdir("outside"), 0); /* it is empty still */
}

static void test_nobody_reads_through_a_directory_that_becomes_a_link(void **state)
{
	const char *const paths[] = {"target", NULL};
	pid_t flipping = start_flipping();

	(void)state;
	write_file("outside/secret", "mine");
	for (int i = 0; i < 300; i++) {
		char bytes[4096];
		ssize_t n;
		int fd;

		(void)pack(paths);
		fd = open("archive", O_RDONLY);
		n = read(fd, bytes, sizeof bytes);
		close(fd);
		assert_true(n > 0);
		assert_null(memmem(bytes, (size_t)n, "secret", 6));
	}
	stop_flipping(flipping);
}

/* --- the thread of the plugin ----------------------------------------------------------------- */

static void copy_bytes(int from, int to)
{
	char bytes[4096];

	(void)fcntl(from, F_SETFL, 0);
	(void)fcntl(to, F_SETFL, 0);
	for (;;) {
		ssize_t n = read(from, bytes, sizeof bytes);

		if (n <= 0)
			return;
		assert_int_equal(write(to, bytes, (size_t)n), n);
	}
}

static void test_transfers_join(void **state)
{
	const char *const paths[] = {"d", "missing", NULL};
	const char *const names[] = {"d", "missing", NULL};
	const struct asb_archive_target target = {
		.path = "to", .directory = true, .preserve = true, .names = names};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_transfer *out, *in;
	uint64_t bytes, files;
	char *problem;

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	write_file("d/one", "one");
	write_file("d/two", "two");
	assert_null(asb_transfer_receive(&target, &err));
	assert_non_null(strstr(err.message, "to: is no directory"));
	assert_int_equal(mkdir("to", 0700), 0);
	out = asb_transfer_send(paths, &err);
	in = asb_transfer_receive(&target, &err);
	assert_non_null(out);
	assert_non_null(in);
	copy_bytes(asb_transfer_fd(out), asb_transfer_fd(in));
	assert_false(asb_transfer_finish(out)); /* one is missing */
	assert_true(asb_transfer_finish(in));
	asb_transfer_moved(in, &bytes, &files);
	assert_int_equal(bytes, 6);
	assert_int_equal(files, 2);
	problem = asb_transfer_problem(out);
	assert_string_equal(problem, "missing: can't be read: No such file or directory");
	free(problem);
	assert_null(asb_transfer_problem(out));
	assert_null(asb_transfer_problem(in));
	asb_transfer_free(out);
	asb_transfer_free(in);
	assert_holds("to/d/two", "two");
}

static void test_a_transfer_may_end_at_any_time(void **state)
{
	const char *const paths[] = {"big", NULL};
	const struct asb_archive_target target = {.path = "to"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_transfer *transfer;
	char bytes[1 << 16] = "";

	(void)state;
	write_file("big", "");
	assert_int_equal(truncate("big", 1), 0);
	{
		FILE *file = fopen("big", "w");

		for (int i = 0; i < 64; i++)
			fwrite(memset(bytes, i + 1, sizeof bytes), 1, sizeof bytes, file);
		fclose(file);
	}
	transfer = asb_transfer_send(paths, &err); /* blocks: nobody reads */
	asb_transfer_free(transfer);
	transfer = asb_transfer_receive(&target, &err);
	assert_int_equal(write(asb_transfer_fd(transfer), ASB_ARCHIVE_MAGIC, 6), 6);
	assert_false(asb_transfer_finish(transfer));
	asb_transfer_free(transfer);
	assert_false(exists("to"));
	assert_no_temporary();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_tree_comes_out_as_it_went_in),
		TEST(test_holes_stay_holes),
		TEST(test_targets_are_those_of_cp),
		TEST(test_what_was_there_keeps_mode_and_contents),
		TEST(test_without_preserve_it_is_the_umask),
		TEST(test_what_cant_be_sent_is_told_and_the_rest_comes),
		TEST(test_depth_is_bounded),
		TEST(test_names_that_lead_out_are_refused),
		TEST(test_nobody_writes_through_a_link_that_was_sent),
		TEST(test_only_what_was_asked_for_is_taken),
		TEST(test_damage_and_early_ends_are_seen),
		TEST(test_a_file_that_could_not_be_read_whole_is_dropped),
		TEST(test_nobody_writes_through_a_directory_that_becomes_a_link),
		TEST(test_nobody_reads_through_a_directory_that_becomes_a_link),
		TEST(test_transfers_join),
		TEST(test_a_transfer_may_end_at_any_time),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
