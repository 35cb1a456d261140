/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void asb_say(const char *format, ...)
{
	static const char prefix[] = ASB_PROGRAM_NAME ": ";
	char line[512];
	size_t at = sizeof(prefix) - 1;
	size_t room = sizeof(line) - at - 1;
	int saved = errno;
	va_list ap;
	int n;

	memcpy(line, prefix, at);
	va_start(ap, format);
	n = vsnprintf(line + at, room, format, ap);
	va_end(ap);
	if (n > 0)
		at += (size_t)n < room ? (size_t)n : room - 1;
	line[at++] = '\n';
	/* When even this fails there is nobody left to tell. */
	(void)!write(STDERR_FILENO, line, at);
	errno = saved;
}
