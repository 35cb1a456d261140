/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - one JSON object per line on PID 1's stdout, for `kubectl logs`: what was run and what
 * became of it. Never environment values or stdin.
 *
 * A reader that is stuck never blocks PID 1: stdout is non-blocking, lines that don't fit are
 * dropped and the next line that does says how many ("dropped").
 */
#ifndef ASB_AUDIT_H
#define ASB_AUDIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/protocol/frame.h"
#include "shim/spec.h"

#define ASB_AUDIT_TEXT 8192 /* the description of a command, as members of a JSON object */

/* What a line is about; `command` is what asb_audit_describe made. */
struct asb_audit_job {
	const uint8_t *session;
	const uint8_t *id;
	const char *command;
	pid_t pid;
};

struct asb_audit_end {
	int status; /* of wait4(2) */
	bool timed_out;
	bool oom;
	bool shutdown;
	uint64_t stdin_bytes;
	uint64_t stdout_bytes;
	uint64_t stderr_bytes;
	uint64_t duration_ns;
};

/*
 * Writes argv (or the command line) and the working directory of a description, escaped, at most ~4
 * KiB of each kind; what is longer is cut and marked "truncated":true.
 */
void asb_audit_describe(const struct asb_spec *spec, char out[ASB_AUDIT_TEXT]);

void asb_audit_start(const struct asb_audit_job *job);
void asb_audit_failed(const struct asb_audit_job *job, const char *why);
void asb_audit_finish(const struct asb_audit_job *job, const struct asb_audit_end *end);

/* Makes stdout ready; called once. */
void asb_audit_init(void);

/* That description as a line for people: the command line, or the arguments with blanks between
 * them. Terminated, cut when there is no room. */
void asb_audit_plain(const char *description, char *out, size_t size);

#endif
