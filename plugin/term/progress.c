/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/term/progress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "plugin/base/error.h"

#define ERASE "\r\033[K" /* to the line's start, erase to its end (ECMA-48 EL) */
#define USUAL_WIDTH 80

void asb_progress_init(struct asb_progress *progress, FILE *out, bool terminal, bool verbose,
		       bool quiet)
{
	*progress = (struct asb_progress){
		.out = out,
		.rewrite = terminal && !verbose && !quiet,
		.lines = verbose && !quiet,
		.notes = !quiet,
	};
}

bool asb_progress_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

/* A line that is wider than the terminal would leave its first part behind. */
static int terminal_width(FILE *out)
{
	struct winsize size;

	if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
		return USUAL_WIDTH;
	return size.ws_col;
}

static void erase(struct asb_progress *progress)
{
	if (progress->shown)
		fputs(ERASE, progress->out);
	progress->shown = false;
}

static void draw(struct asb_progress *progress)
{
	if (!progress->rewrite || progress->text[0] == '\0')
		return;
	fprintf(progress->out, ERASE "%.*s", terminal_width(progress->out) - 1, progress->text);
	fflush(progress->out);
	progress->shown = true;
}

void asb_progress_show(struct asb_progress *progress, const char *format, ...)
{
	char text[sizeof progress->text];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (strcmp(text, progress->text) == 0)
		return;
	memcpy(progress->text, text, sizeof text);
	if (progress->lines) {
		fprintf(progress->out, "%s\n", text);
		fflush(progress->out);
	}
	draw(progress);
}

void asb_progress_clear(struct asb_progress *progress)
{
	erase(progress);
	fflush(progress->out);
	progress->text[0] = '\0';
}

void asb_progress_finish(struct asb_progress *progress)
{
	asb_progress_clear(progress);
	progress->rewrite = false;
}

void asb_progress_note(struct asb_progress *progress, const char *label, const char *text)
{
	if (!progress->notes)
		return;
	erase(progress);
	fprintf(progress->out, "%s%s: ", progress->raw ? "\r\n" : "", label);
	asb_print_safely(progress->out, text);
	fputs(progress->raw ? "\r\n" : "\n", progress->out);
	fflush(progress->out);
	draw(progress);
}
