/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_tasks.h - the commands of one `session`: those that wait in line and those that run, what
 * goes into them and what comes out. Knows no descriptor: lines of output are appended to a buffer.
 *
 * At most ASB_TASKS_RUNNING run at once, fewer when the sandbox has no room for more. The oldest
 * that waits starts first. Output is taken from the commands in turn, and only while the buffer
 * holds less than ASB_TASKS_OUT bytes: who does not read it stops the commands that write, each
 * once its own window is full. A piece of output never ends inside a UTF-8 character, unless the
 * stream does.
 */
#ifndef ASB_SESSION_TASKS_H
#define ASB_SESSION_TASKS_H

#include "plugin/commands/session_request.h"

#define ASB_TASKS_RUNNING 256
#define ASB_TASKS_WAITING 1024
#define ASB_TASKS_HELD (64u << 20) /* bytes of lines and input that wait for commands */
#define ASB_TASKS_OUT (256u << 10)

struct asb_tasks;

/* Both are borrowed. */
struct asb_tasks *asb_tasks_new(struct asb_session *session, struct asb_buffer *out);
/* Frees the jobs of commands that run, too. */
void asb_tasks_free(struct asb_tasks *tasks);

/* Whether there is room for what one more line asks. */
bool asb_tasks_take_more(const struct asb_tasks *tasks);
/* Takes what line number `line` says, n bytes without its end; a blank one says nothing. */
void asb_tasks_line(struct asb_tasks *tasks, uint64_t line, const char *text, size_t n);
/* No line will come any more: what was still open of the commands' stdin is at its end. */
void asb_tasks_last(struct asb_tasks *tasks);

/* Starts, feeds and empties what can be. To be called after each step of the session, and when the
 * buffer has become shorter. */
void asb_tasks_step(struct asb_tasks *tasks);
/* Milliseconds until it is to be called without that, -1: none. */
int asb_tasks_timeout(const struct asb_tasks *tasks);
/* No command runs or waits. */
bool asb_tasks_idle(const struct asb_tasks *tasks);

/* The session is lost. From now on steps hand on what is there, and every command that has not
 * ended fails with this message. */
void asb_tasks_lost(struct asb_tasks *tasks, const char *message);

#endif
