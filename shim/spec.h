/* SPDX-License-Identifier: Apache-2.0 */
/* spec.h - a job description (docs/protocol.md §4): the bytes of the client made into what execve
 * wants. */
#ifndef ASB_SPEC_H
#define ASB_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/pty.h"

/*
 * Everything is borrowed: from the description's bytes, from the base environment, and argv and
 * envp from static arrays that the next description overwrites. Exactly one of argv
 * (NULL-terminated, at least one element) and line is set.
 */
struct asb_spec {
	char **argv;
	size_t argc;
	char *line;
	char **envp;
	char *cwd; /* NULL: that of PID 1 */
	bool has_stdin;
	bool has_pty; /* stdin, stdout and stderr are a terminal */
	struct asb_pty_size size;
	uint64_t timeout_ms; /* 0: none */
	uint32_t grace_ms;
	uint64_t stdout_limit;
	uint64_t stderr_limit;
	bool detached;
	bool drops; /* of a detached job: its oldest output makes room for new */
	uint64_t keep_ms;
};

/*
 * Parses n bytes in place: strings are moved by one byte and terminated. `base` is the environment
 * that ENV is added to; later ones win. Returns NULL, or what is wrong with the description.
 */
const char *asb_spec_parse(uint8_t *bytes, size_t n, char **base, struct asb_spec *out);

/* Gives the pages of the static arrays back; every asb_spec is void afterwards. */
void asb_spec_forget(void);

#endif
