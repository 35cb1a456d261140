/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_log.h - the audit trail of a sandbox, as its shim writes it on PID 1's stdout
 * (shim/audit.h, docs/protocol.md): taken line by line, put together by job. Pure.
 *
 * What the trail tells was typed by whom nobody trusts: every text made here is harmless for a
 * terminal. A record that comes again (the log was read twice) is known by its job and event.
 */
#ifndef ASB_AUDIT_LOG_H
#define ASB_AUDIT_LOG_H

#include <stdint.h>

#include "plugin/base/json.h"

struct asb_audit_job {
	char *id;	  /* of the protocol: a UUID */
	int64_t start_ms; /* since 1970; -1: no such record was seen */
	int64_t end_ms;
	char *command; /* argv quoted for a shell, or the line; NULL: its start was not seen */
	char *status;  /* "exit 0", "SIGKILL (timeout)", "failed"; NULL: no end was seen */
	double duration_ms, stdout_bytes, stderr_bytes; /* -1: unknown */
};

struct asb_audit_record {
	char *text; /* the line, without its end */
	size_t job; /* index */
	bool start;
};

/* All owned. Zeros: empty. */
struct asb_audit_log {
	struct asb_audit_job *jobs;
	size_t job_count, job_room;
	struct asb_audit_record *records; /* in the order of the log */
	size_t record_count, record_room;
	double dropped; /* records that the shim says it could not write */
};

enum asb_audit_line {
	ASB_AUDIT_OTHER, /* it is no record */
	ASB_AUDIT_KNOWN, /* a record that was seen before */
	ASB_AUDIT_NEW,	 /* it is the last of `records` now */
};

/* One line of n bytes without its end. */
enum asb_audit_line asb_audit_log_take(struct asb_audit_log *log, const char *line, size_t n);

void asb_audit_log_release(struct asb_audit_log *log);

#endif
