/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INNER_ID 1000

static const char *const namespace_names[4] = {"user", "mnt", "net", "pid"};

static void die(const char *what)
{
	fprintf(stderr, "shim-test: %s: %s\n", what, strerror(errno));
	exit(1);
}

long long now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void pause_briefly(void)
{
	(void)poll(NULL, 0, 5);
}

static char installed[64];
static bool instrumented;

/* A path below the directory of the copy. */
static const char *beside(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(installed, '/') - installed),
		 installed, name);
	return path;
}

static pid_t installer;

static void uninstall(void)
{
	if (getpid() != installer)
		return;
	(void)unlink(installed);
	(void)rmdir(beside("cgroup/memory"));
	(void)rmdir(beside("cgroup"));
	(void)rmdir(beside(""));
}

void sandbox_cgroup_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "cgroup/%s", name);
	if (text == NULL) {
		(void)unlink(beside(path));
		return;
	}
	file = fopen(beside(path), "we");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		die(path);
}

/* A copy that can be executed but not read, as it is in a pod. */
static void install(const char *from)
{
	static char block[1 << 16];
	char directory[] = "/tmp/asb-shim-test.XXXXXX";
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out;
	ssize_t n;

	if (in < 0)
		die(from);
	if (mkdtemp(directory) == NULL || chmod(directory, 0755) < 0)
		die(directory);
	snprintf(installed, sizeof(installed), "%s/agentsandbox-shim", directory);
	out = open(installed, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	for (n = read(in, block, sizeof(block)); n > 0; n = read(in, block, sizeof(block))) {
		if (write(out, block, (size_t)n) != n)
			die(installed);
		instrumented = instrumented || memmem(block, (size_t)n, "__asan_", 7) != NULL;
	}
	if (fchmod(out, 0111) < 0)
		die(installed);
	(void)close(in);
	(void)close(out);
	if (mkdir(beside("cgroup"), 0755) < 0 || mkdir(beside("cgroup/memory"), 0755) < 0)
		die(installed);
	installer = getpid();
	(void)atexit(uninstall);
}

const char *shim_path(void)
{
	const char *given = getenv("SHIM");

	if (installed[0] == '\0')
		install(given != NULL ? given : "build/agentsandbox-shim");
	return installed;
}

bool shim_is_instrumented(void)
{
	(void)shim_path();
	return instrumented;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	(void)close(fd);
}

/*
 * The inside user is the outside one under another number; root's is an ordinary one outside too,
 * since to the kernel root is the owner of what is undumpable.
 */
static void map_ids(pid_t pid)
{
	unsigned uid = geteuid() == 0 ? INNER_ID : geteuid();
	unsigned gid = geteuid() == 0 ? INNER_ID : getegid();
	char path[64];
	char map[64];

	snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	write_file(path, "deny");
	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	snprintf(map, sizeof(map), "%d %u 1", INNER_ID, uid);
	write_file(path, map);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
	snprintf(map, sizeof(map), "%d %u 1", INNER_ID, gid);
	write_file(path, map);
}

static void open_namespaces(struct sandbox *box)
{
	for (int i = 0; i < 4; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)box->pid, namespace_names[i]);
		box->namespaces[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (box->namespaces[i] < 0)
			die(path);
	}
}

/* From the creator of the namespaces to their ordinary user; exec drops the capabilities. */
static void drop_rights(void)
{
	if (setresgid(INNER_ID, INNER_ID, INNER_ID) < 0 ||
	    setresuid(INNER_ID, INNER_ID, INNER_ID) < 0)
		_exit(1);
}

static struct rlimit files;

void sandbox_limit_files(unsigned soft, unsigned hard)
{
	files = (struct rlimit){.rlim_cur = soft, .rlim_max = hard};
}

static enum sandbox_storage storage;

void sandbox_limit_storage(enum sandbox_storage what)
{
	storage = what;
}

/* A new /tmp, with the shim in it. */
static void limit_storage(void)
{
	const struct rlimit cut = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
	int shim = open(beside(""), O_PATH | O_DIRECTORY | O_CLOEXEC);
	char source[64];

	if (storage == STORAGE_ANY)
		return;
	snprintf(source, sizeof(source), "/proc/self/fd/%d", shim);
	if (mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777,size=1m") < 0 ||
	    mkdir(beside(""), 0755) < 0 || mount(source, beside(""), NULL, MS_BIND, NULL) < 0 ||
	    mkdir("/tmp/asb-small", 0777) < 0 ||
	    mount("tmpfs", "/tmp/asb-small", "tmpfs", 0, "mode=1777,size=4m") < 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", MS_REMOUNT | MS_RDONLY, "") < 0) {
		fprintf(stderr, "shim-test: cannot mount /tmp: %s\n", strerror(errno));
		_exit(1);
	}
	if (storage != STORAGE_NONE)
		(void)setenv("TMPDIR", "/tmp/asb-small", 1);
	(void)setenv("HOME", "/proc", 1);
	if (chdir("/proc") < 0 || (storage == STORAGE_CUT && setrlimit(RLIMIT_FSIZE, &cut) < 0))
		_exit(1);
}

/* As make's children do; libc has no call for it. */
static void ignore_33(void)
{
	unsigned long action[8] = {1}; /* SIG_IGN */

	(void)syscall(SYS_rt_sigaction, 33, action, NULL, 8);
}

static _Noreturn void become_init(int go, int out, int err)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(1);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		fprintf(stderr, "shim-test: cannot mount /proc: %s\n", strerror(errno));
		_exit(1);
	}
	/* Not this machine's cgroups, which have nothing to do with the sandbox. */
	if (mount(beside("cgroup"), "/sys/fs/cgroup", NULL, MS_BIND, NULL) < 0) {
		fprintf(stderr, "shim-test: cannot mount /sys/fs/cgroup: %s\n", strerror(errno));
		_exit(1);
	}
	if (files.rlim_max > 0 && setrlimit(RLIMIT_NOFILE, &files) < 0)
		_exit(1);
	drop_rights();
	limit_storage(); /* with the capabilities that exec will drop */
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(err, 2);
	/* What a careless runtime leaves behind must not reach the commands. */
	(void)signal(SIGUSR1, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	ignore_33();
	(void)setenv("FROM_CONTAINER", "yes", 1);
	(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	execl(shim_path(), "agentsandbox-shim", "init", (char *)NULL);
	_exit(1);
}

void sandbox_start(struct sandbox *box, bool piped)
{
	const long flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | SIGCHLD;
	int audit[2];
	int go[2];

	memset(box, 0, sizeof(*box));
	(void)shim_path(); /* before there are copies of this process */
	box->diagnostics = memfd_create("stderr", MFD_CLOEXEC);
	if (piped && pipe2(audit, O_CLOEXEC) < 0)
		die("pipe");
	if (!piped) {
		audit[1] = memfd_create("stdout", MFD_CLOEXEC);
		audit[0] = dup(audit[1]);
	}
	if (pipe2(go, O_CLOEXEC) < 0)
		die("pipe");
	box->pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (box->pid < 0)
		die("cannot make namespaces");
	if (box->pid == 0) {
		(void)close(go[1]);
		become_init(go[0], audit[1], box->diagnostics);
	}
	box->audit = audit[0];
	(void)close(audit[1]);
	(void)close(go[0]);
	map_ids(box->pid);
	open_namespaces(box);
	if (write(go[1], "g", 1) != 1)
		die("write");
	(void)close(go[1]);
}

void sandbox_stop(struct sandbox *box)
{
	const char *text = file_text(box->diagnostics);
	bool bad = strstr(text, "Sanitizer") != NULL || strstr(text, "runtime error") != NULL;

	if (bad || getenv("SHIM_TEST_VERBOSE") != NULL)
		fputs(text, stderr);
	if (box->pid > 0) {
		(void)kill(box->pid, SIGKILL);
		(void)waitpid(box->pid, NULL, 0);
	}
	for (int i = 0; i < 4; i++)
		(void)close(box->namespaces[i]);
	(void)close(box->audit);
	(void)close(box->diagnostics);
	if (bad)
		exit(1);
}

pid_t sandbox_exec(const struct sandbox *box, const char *program, const char *arg, int in, int out,
		   int err)
{
	const char *const argv[] = {program, arg, NULL};

	return sandbox_exec_argv(box, argv, in, out, err);
}

pid_t sandbox_exec_argv(const struct sandbox *box, const char *const *argv, int in, int out,
			int err)
{
	pid_t outer = fork();
	pid_t inner;
	int status;

	if (outer != 0)
		return outer;
	for (int i = 0; i < 4; i++) {
		if (setns(box->namespaces[i], 0) < 0)
			die("setns");
	}
	/* The pid namespace takes effect for children; theirs is a parent outside of it. */
	inner = fork();
	if (inner == 0) {
		if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
			_exit(1);
		drop_rights();
		(void)syscall(SYS_close_range, 3, ~0u, 0);
		(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	/* This one must not keep a pipe of the program open. */
	(void)syscall(SYS_close_range, 0, ~0u, 0);
	if (waitpid(inner, &status, 0) < 0)
		_exit(1);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

bool sandbox_wait(struct sandbox *box, int ms)
{
	long long end = now_ms() + ms;

	while (now_ms() < end) {
		if (waitpid(box->pid, &box->status, WNOHANG) == box->pid) {
			box->pid = 0;
			return true;
		}
		pause_briefly();
	}
	return false;
}

/* Whether /proc/<pid>/stat shows this name and one of these states. */
static bool looks_like(const char *pid, const char *name, const char *states)
{
	char path[300];
	char text[512];
	char want[64];
	ssize_t n;
	const char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	snprintf(want, sizeof(want), "(%s)", name);
	end = strrchr(text, ')');
	if (end == NULL || (name[0] != '\0' && strstr(text, want) == NULL))
		return false;
	return states[0] == '\0' || strchr(states, end[2]) != NULL;
}

static bool is_inside(const struct sandbox *box, const char *pid)
{
	char path[300];
	char ours[64];
	char theirs[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", box->namespaces[3]);
	n = readlink(path, ours, sizeof(ours) - 1);
	if (n < 0)
		return false;
	ours[n] = '\0';
	snprintf(path, sizeof(path), "/proc/%s/ns/pid", pid);
	n = readlink(path, theirs, sizeof(theirs) - 1);
	if (n < 0)
		return false;
	theirs[n] = '\0';
	return strcmp(ours, theirs) == 0;
}

int sandbox_count(const struct sandbox *box, const char *name, const char *states)
{
	DIR *dir = opendir("/proc");
	int count = 0;

	if (dir == NULL)
		die("/proc");
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		if (looks_like(entry->d_name, name, states) && is_inside(box, entry->d_name))
			count++;
	}
	(void)closedir(dir);
	return count;
}

bool sandbox_wait_count(const struct sandbox *box, const char *name, const char *states, int want,
			int ms)
{
	long long end = now_ms() + ms;

	while (sandbox_count(box, name, states) != want) {
		if (now_ms() > end)
			return false;
		pause_briefly();
	}
	return true;
}

long sandbox_status(const struct sandbox *box, const char *key)
{
	char path[64];
	char text[8192];
	const char *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)box->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (at = strstr(text, key); at != NULL; at = strstr(at + 1, key)) {
		if ((at == text || at[-1] == '\n') && at[strlen(key)] == ':')
			return strtol(at + strlen(key) + 1, NULL, 10);
	}
	return -1;
}

int sandbox_open_files(const struct sandbox *box)
{
	char path[64];
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)box->pid);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		count += entry->d_name[0] != '.';
	(void)closedir(dir);
	return count;
}

const char *file_text(int fd)
{
	static char text[1 << 20];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

bool file_wait(int fd, const char *part, int ms)
{
	long long end = now_ms() + ms;

	while (strstr(file_text(fd), part) == NULL) {
		if (now_ms() > end)
			return false;
		pause_briefly();
	}
	return true;
}
