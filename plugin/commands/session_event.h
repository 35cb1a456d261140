/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_event.h - lines of `session`'s output: one JSON object each, appended with its line end.
 * docs/session.md says what they mean. `id` is JSON text as of struct asb_request. Pure.
 */
#ifndef ASB_SESSION_EVENT_H
#define ASB_SESSION_EVENT_H

#include "plugin/base/buffer.h"
#include "plugin/session/session.h"

void asb_event_started(struct asb_buffer *out, const char *id, uint32_t pid);

/* "text" for bytes that are whole UTF-8 characters without NUL, else "base64". */
void asb_event_output(struct asb_buffer *out, const char *id, enum asb_stream stream,
		      uint64_t offset, const void *bytes, size_t n);

/* The command has ended; `why`: what its status alone does not tell, or NULL. */
void asb_event_exit(struct asb_buffer *out, const char *id, const struct asb_exit_record *record,
		    int status, const char *why);

/* It was not started, or its end is not known: `started` tells which. */
void asb_event_failed(struct asb_buffer *out, const char *id, int status, bool started,
		      const char *message);

/* A line of input that can't be followed. `id` may be NULL. */
void asb_event_error(struct asb_buffer *out, const char *id, uint64_t line, const char *message);

#endif
