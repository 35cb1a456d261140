/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - the real shim as the real PID 1 of new user, pid, mount and network namespaces: what
 * a container runtime makes, as far as the shim can tell. Inside it has an ordinary uid and no
 * capabilities. Works with and without root.
 */
#ifndef ASB_TEST_SANDBOX_H
#define ASB_TEST_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sandbox {
	pid_t pid;	 /* of PID 1, seen from outside; 0 when reaped */
	int audit;	 /* its stdout: a file, or the read end of a pipe */
	int diagnostics; /* its stderr: a file */
	int namespaces[4];
	int status; /* when reaped */
};

/* The shim under test: a copy, with mode 0111, of $SHIM or build/agentsandbox-shim. */
const char *shim_path(void);

/* Whether it is built with sanitizers: its size and memory are not the product's then. */
bool shim_is_instrumented(void);

/* How many descriptors the next sandboxes may have, at first and at most; 0: as many as we. */
void sandbox_limit_files(unsigned soft, unsigned hard);

/*
 * Where the next sandboxes can write: what they can by themselves; $TMPDIR of 4 MiB, which is
 * /tmp/asb-small; the same and files of at most 1 MiB; nowhere.
 */
enum sandbox_storage { STORAGE_ANY, STORAGE_SMALL, STORAGE_CUT, STORAGE_NONE };
void sandbox_limit_storage(enum sandbox_storage storage);

/* Starts PID 1. `piped`: its stdout is a pipe that nobody reads unless the test does. Ends the
 * program on failure. */
void sandbox_start(struct sandbox *box, bool piped);

/* Kills PID 1, and so everything in it, and checks its stderr for reports of sanitizers. */
void sandbox_stop(struct sandbox *box);

/*
 * Starts `program arg` inside as the container runtime does: its parent is outside. The three
 * descriptors become its 0, 1 and 2. Returns the pid of a process to wait for, which ends as the
 * program does.
 */
pid_t sandbox_exec(const struct sandbox *box, const char *program, const char *arg, int in, int out,
		   int err);
/* The same with any number of arguments: NULL-ended, the program first. */
pid_t sandbox_exec_argv(const struct sandbox *box, const char *const *argv, int in, int out,
			int err);

/* Waits until PID 1 has ended; false after `ms`. */
bool sandbox_wait(struct sandbox *box, int ms);

/* How many processes of this name are inside, in one of these states ("" for any). */
int sandbox_count(const struct sandbox *box, const char *name, const char *states);

/* Waits until that count is `want`; false after `ms`. */
bool sandbox_wait_count(const struct sandbox *box, const char *name, const char *states, int want,
			int ms);

/* A number from /proc/<PID 1>/status, such as VmRSS (KiB); -1 when it isn't there. */
long sandbox_status(const struct sandbox *box, const char *key);

/*
 * Writes a file of what every sandbox sees as /sys/fs/cgroup ("memory.events"), or removes it when
 * text is NULL. The name may have one directory before it, "memory/memory.oom_control", which
 * stays.
 */
void sandbox_cgroup_file(const char *name, const char *text);

/* How many descriptors PID 1 has open; 0 when that can't be seen. */
int sandbox_open_files(const struct sandbox *box);

/* Everything written so far to a file descriptor from its beginning, terminated; valid until the
 * next call. */
const char *file_text(int fd);

/* Waits until that text holds `part`; false after `ms`. */
bool file_wait(int fd, const char *part, int ms);

long long now_ms(void);
/* Lets others run for a moment; for loops that look again. */
void pause_briefly(void);

#endif
