/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/terminal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "plugin/term/raw.h"

#define READ_SIZE 4096u

static const char help[] = "~?\r\n"
			   "Escapes, at the beginning of a line:\r\n"
			   "  ~.   end the command and leave\r\n"
			   "  ~^Z  suspend kubectl agentsandbox\r\n"
			   "  ~?   this list\r\n"
			   "  ~~   a ~\r\n";

void asb_terminal_init(struct asb_terminal *terminal, int fd)
{
	terminal->fd = fd;
	terminal->entered = terminal->gone = false;
	terminal->escape = (struct asb_escape){0};
	terminal->bytes = 0;
	terminal->start = terminal->end = 0;
}

void asb_terminal_describe(const struct asb_terminal *terminal, struct asb_job_spec *spec)
{
	asb_raw_size(terminal->fd, &spec->rows, &spec->columns);
}

static void tell_size(const struct asb_terminal *terminal, struct asb_job *job)
{
	unsigned short rows, columns;

	if (asb_raw_size(terminal->fd, &rows, &columns))
		asb_job_resize(job, rows, columns);
}

void asb_terminal_enter(struct asb_terminal *terminal, struct asb_job *job)
{
	struct asb_error err = ASB_ERROR_INIT;

	terminal->entered = true;
	if (asb_raw_enter(terminal->fd, &err) != 0)
		terminal->gone = true;
	else
		tell_size(terminal, job); /* nobody told us of a change before */
}

void asb_terminal_leave(struct asb_terminal *terminal)
{
	if (terminal->entered)
		asb_raw_leave();
	terminal->entered = false;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* What is read may grow by the one byte that the escape held back. */
static size_t room(const struct asb_terminal *terminal)
{
	size_t waiting = terminal->end - terminal->start;

	return waiting < ASB_TERMINAL_KEYS ? ASB_TERMINAL_KEYS - waiting : 0;
}

static void hand_on(struct asb_terminal *terminal, struct asb_job *job)
{
	size_t waiting = terminal->end - terminal->start;
	size_t n = asb_job_stdin_room(job);

	if (n > waiting)
		n = waiting;
	if (n > 0)
		asb_job_write(job, terminal->keys + terminal->start, n);
	terminal->bytes += n;
	terminal->start += n;
}

static void make_space(struct asb_terminal *terminal)
{
	memmove(terminal->keys, terminal->keys + terminal->start, terminal->end - terminal->start);
	terminal->end -= terminal->start;
	terminal->start = 0;
}

/* To whoever sits before it: a terminal that takes nothing needs no answer. */
static void answer(const struct asb_terminal *terminal, const char *text)
{
	if (write(terminal->fd, text, strlen(text)) < 0)
		return;
}

/* Returns whether the user wants to leave. */
static bool obey(const struct asb_terminal *terminal, enum asb_escape_action action)
{
	switch (action) {
	case ASB_ESCAPE_NONE:
		break;
	case ASB_ESCAPE_HELP:
		answer(terminal, help);
		break;
	case ASB_ESCAPE_SUSPEND:
		answer(terminal, "~^Z\r\n");
		asb_raw_suspend();
		break;
	case ASB_ESCAPE_LEAVE:
		answer(terminal, "~.\r\n");
		return true;
	}
	return false;
}

static bool take_keys(struct asb_terminal *terminal, const char *bytes, size_t n)
{
	while (n > 0) {
		size_t taken, put;
		enum asb_escape_action action = asb_escape_take(
			&terminal->escape, bytes, n, &taken, terminal->keys + terminal->end, &put);

		terminal->end += put;
		bytes += taken;
		n -= taken;
		if (obey(terminal, action))
			return true;
	}
	return false;
}

/* 0, or the signal that it amounts to. */
static int read_keys(struct asb_terminal *terminal)
{
	struct pollfd p = {.fd = terminal->fd, .events = POLLIN};
	char bytes[READ_SIZE];
	ssize_t n;

	if (terminal->gone || room(terminal) == 0 || poll(&p, 1, 0) != 1)
		return 0;
	make_space(terminal);
	n = read(terminal->fd, bytes,
		 room(terminal) < sizeof(bytes) ? room(terminal) : sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		terminal->gone = true;
		return SIGHUP;
	}
	return take_keys(terminal, bytes, (size_t)n) ? SIGINT : 0;
}

/* --- what happens to it ----------------------------------------------------------------------- */

static void take_events(const struct asb_terminal *terminal, struct asb_job *job)
{
	for (;;) {
		switch (asb_raw_take()) {
		case ASB_RAW_NOTHING:
			return;
		case ASB_RAW_RESIZED:
			tell_size(terminal, job);
			break;
		case ASB_RAW_STOP:
			asb_raw_suspend();
			break;
		case ASB_RAW_CONTINUED:
			/* The screen shows something else now: what fills it has to draw it anew,
			 * whether it is as large as before or not. */
			tell_size(terminal, job);
			asb_job_signal(job, "WINCH");
			break;
		}
	}
}

unsigned asb_terminal_watch(const struct asb_terminal *terminal, struct pollfd fds[2])
{
	unsigned n = 0;

	if (!terminal->entered)
		return 0;
	fds[n++] = (struct pollfd){.fd = asb_raw_events(), .events = POLLIN};
	if (!terminal->gone && room(terminal) > 0)
		fds[n++] = (struct pollfd){.fd = terminal->fd, .events = POLLIN};
	return n;
}

int asb_terminal_step(struct asb_terminal *terminal, struct asb_job *job)
{
	int number;

	if (!terminal->entered)
		return 0;
	take_events(terminal, job);
	number = read_keys(terminal);
	hand_on(terminal, job);
	return number;
}
