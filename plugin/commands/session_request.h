/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_request.h - one line of `session`'s input: what it asks for. Pure.
 *
 *   {"id": "a", "line": "make test", "env": {"TEAM": "blue"}, "cwd": "/workspace", "timeout":
 * "10m"}
 *   {"id": 7, "argv": ["python3", "-i"], "stdinOpen": true}
 *   {"id": 7, "stdin": "1 + 1\n"}
 *   {"id": 7, "stdinOpen": false}
 *   {"id": "a", "signal": "INT"}
 *
 * docs/session.md says what each member means. A member that is not known is an error: it is a
 * mistake in typing, and what it should have done would be missing.
 */
#ifndef ASB_SESSION_REQUEST_H
#define ASB_SESSION_REQUEST_H

#include "plugin/base/buffer.h"
#include "plugin/base/json.h"
#include "plugin/session/session.h"

enum asb_request_kind {
	ASB_REQUEST_START,  /* a command: `job` */
	ASB_REQUEST_SIGNAL, /* for the command with that id: `signal` */
	ASB_REQUEST_STDIN,  /* for the command with that id: `input`, `input_open` */
};

struct asb_request {
	enum asb_request_kind kind;
	char *id;		 /* owned, JSON text: "\"a\"", "7"; NULL when the line has none */
	struct asb_job_spec job; /* its strings are those of `json`, its arrays and env are owned */
	const char *signal;	 /* without SIG */
	struct asb_buffer input; /* bytes for stdin */
	bool input_open;	 /* more of them may follow */
	cJSON *json;		 /* owned */
	const char **argv;
	char **env_texts;
};

/* One line without its end. -1: what is wrong with it; the id may be known nevertheless. Release in
 * any case. */
int asb_request_init(struct asb_request *request, const char *line, size_t n,
		     struct asb_error *err);
void asb_request_release(struct asb_request *request);

/* "INT" for "INT" and "SIGINT"; NULL when it is not the name of a signal. */
const char *asb_request_signal(const char *name);

#endif
