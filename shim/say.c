/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/say.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "shim/text.h"

void asb_say(const char *format, ...)
{
	char line[512];
	struct asb_text text = {.bytes = line, .size = sizeof(line) - 1};
	int saved = errno;
	va_list ap;

	asb_text_add(&text, ASB_PROGRAM_NAME ": ");
	va_start(ap, format);
	asb_text_vaddf(&text, format, ap);
	va_end(ap);
	line[text.length] = '\n';
	/* When even this fails there is nobody left to tell. */
	(void)!write(STDERR_FILENO, line, text.length + 1);
	errno = saved;
}
