/* SPDX-License-Identifier: Apache-2.0 */
/*
 * say.h - diagnostics: one line of text on stderr, never in the stream of frames. A reader that is
 * stuck loses lines; it never blocks the caller when stderr is non-blocking, as PID 1's is.
 */
#ifndef ASB_SAY_H
#define ASB_SAY_H

#define ASB_PROGRAM_NAME "agentsandbox-shim"

#ifndef ASB_VERSION
#define ASB_VERSION "0.0.0"
#endif

/* Writes "agentsandbox-shim: ", the text (at most ~500 bytes; conversions as in text.h) and a
 * newline. Keeps errno. */
void asb_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
