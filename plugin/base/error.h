/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - the one error type of the plugin.
 *
 * A value with inline text: no ownership, nothing to free, usable after fork. It is passed last,
 * set exactly once where the failure is seen, wrapped on the way up, and printed once, by main.c,
 * as
 *
 *     error: <message>
 *     hint: <hint>            (only when there is one; may have several lines)
 *
 * Wording: lower case, no full stop, the cause first. No secret ever goes in.
 * Functions that can fail return 0 or a pointer on success and -1 or NULL with the error set.
 */
#ifndef ASB_ERROR_H
#define ASB_ERROR_H

#include <stdbool.h>
#include <stdio.h>
#include <stdnoreturn.h>

/* Exit codes of the plugin itself (docs: EXIT STATUS). A command's own code may be any of them too.
 */
enum asb_status {
	ASB_STATUS_OK = 0,
	ASB_STATUS_PROBLEMS = 1,  /* `status` found problems */
	ASB_STATUS_USAGE = 2,	  /* the command line can't be understood */
	ASB_STATUS_TIMEOUT = 124, /* --timeout was reached */
	ASB_STATUS_PLUGIN = 125,  /* the plugin failed, or no exit record came */
	ASB_STATUS_NOT_EXECUTABLE = 126,
	ASB_STATUS_NOT_FOUND = 127,
	ASB_STATUS_SIGNALLED = 128, /* plus the signal's number */
};

struct asb_error {
	int status;	 /* exit status this error leads to; 0 = no error set */
	int http;	 /* HTTP status of the API server's answer, 0 when it isn't one */
	char reason[64]; /* reason of a Kubernetes Status ("Forbidden", "NotFound" ...), or empty */
	char message[2048]; /* longer texts are cut with "..." */
	char hint[4096];
};

#define ASB_ERROR_INIT \
	{              \
		0      \
	}

/* Sets the error with exit status 125 and returns -1, so that `return asb_fail(err, ...)` reads
 * well. */
int asb_fail(struct asb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with exit status 2: what the user typed can't be understood. */
int asb_fail_usage(struct asb_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for a failed system call: appends ": " and strerror(errno). */
int asb_fail_errno(struct asb_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "<text>: " before the message. Returns -1. */
int asb_wrap(struct asb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the hint. Returns -1. */
int asb_hint(struct asb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool asb_failed(const struct asb_error *err);
void asb_error_clear(struct asb_error *err);

/* Prints "error: " and "hint: " lines on stderr. */
void asb_error_print(const struct asb_error *err);

/* Writes text that came from a server or a sandbox: '?' stands for everything that could steer a
 * terminal; newlines and tabs stay. */
void asb_print_safely(FILE *out, const char *text);

/* Memory is gone: says so and leaves with 125. The plugin (never the shim) may do that. */
noreturn void asb_out_of_memory(void);

#endif
