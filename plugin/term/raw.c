/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/term/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

/* What tells us something, and what would end us. */
static const int told[] = {SIGWINCH, SIGTSTP, SIGCONT};
static const int fatal[] = {SIGQUIT, SIGILL,  SIGABRT, SIGFPE,	SIGBUS,	 SIGSEGV, SIGSYS,   SIGTRAP,
			    SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ, SIGPROF, SIGVTALRM};

#define TOLD (sizeof(told) / sizeof(told[0]))
#define FATAL (sizeof(fatal) / sizeof(fatal[0]))

static struct {
	bool entered;
	int fd;
	struct termios before, raw;
	int events[2]; /* a handler writes the number of its signal, we read it */
	struct sigaction told[TOLD], fatal[FATAL]; /* before */
} own = {.fd = -1, .events = {-1, -1}};

/* --- modes: nothing here that a signal handler may not do (signal-safety(7)) -------------------
 */

/* A shell that has the terminal now has its own modes on it. */
static bool in_background(void)
{
	pid_t foreground = tcgetpgrp(own.fd);

	return foreground > 0 && foreground != getpgrp();
}

/* Without being stopped for it, if we are in the background after all. */
static void restore(void)
{
	sigset_t set, mask;

	if (in_background())
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &set, &mask);
	tcsetattr(own.fd, TCSANOW, &own.before);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static struct termios raw_of(const struct termios *before)
{
	struct termios raw = *before;

	raw.c_iflag &= ~(tcflag_t)(BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON | IXOFF |
				   IXANY | INPCK);
	raw.c_iflag |= IGNPAR;
	raw.c_oflag &= ~(tcflag_t)OPOST;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return raw;
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_told(int number)
{
	unsigned char byte = (unsigned char)number;
	int error = errno;

	if (write(own.events[1], &byte, 1) != 1)
		byte = 0; /* it is full: there is enough to do */
	errno = error;
}

/* SA_RESETHAND has made the action the default again, SA_NODEFER lets it happen here. */
static void on_fatal(int number)
{
	restore();
	raise(number);
}

static void handle_signals(void)
{
	const struct sigaction tell = {.sa_handler = on_told, .sa_flags = SA_RESTART};
	const struct sigaction end = {.sa_handler = on_fatal,
				      .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};

	for (size_t i = 0; i < TOLD; i++)
		sigaction(told[i], &tell, &own.told[i]);
	for (size_t i = 0; i < FATAL; i++) {
		sigaction(fatal[i], NULL, &own.fatal[i]);
		if (own.fatal[i].sa_handler == SIG_DFL)
			sigaction(fatal[i], &end, NULL);
	}
}

static void unhandle_signals(void)
{
	for (size_t i = 0; i < TOLD; i++)
		sigaction(told[i], &own.told[i], NULL);
	for (size_t i = 0; i < FATAL; i++)
		sigaction(fatal[i], &own.fatal[i], NULL);
}

/* --- the way in and out ----------------------------------------------------------------------- */

static int open_events(struct asb_error *err)
{
	if (pipe(own.events) != 0)
		return asb_fail_errno(err, "signals can't be received");
	for (int i = 0; i < 2; i++) {
		fcntl(own.events[i], F_SETFD, FD_CLOEXEC);
		fcntl(own.events[i], F_SETFL, O_NONBLOCK);
	}
	return 0;
}

static void close_events(void)
{
	for (int i = 0; i < 2; i++) {
		close(own.events[i]);
		own.events[i] = -1;
	}
}

int asb_raw_enter(int fd, struct asb_error *err)
{
	static bool registered;

	if (tcgetattr(fd, &own.before) != 0)
		return asb_fail_errno(err, "the terminal can't be asked for its modes");
	if (open_events(err) != 0)
		return -1;
	if (!registered && atexit(asb_raw_leave) == 0)
		registered = true;
	own.fd = fd;
	own.raw = raw_of(&own.before);
	handle_signals();
	own.entered = true;
	if (tcsetattr(fd, TCSADRAIN, &own.raw) == 0)
		return 0;
	asb_fail_errno(err, "the terminal's modes can't be changed");
	asb_raw_leave();
	return -1;
}

void asb_raw_leave(void)
{
	if (!own.entered)
		return;
	own.entered = false;
	restore();
	unhandle_signals();
	close_events();
}

/* --- while it lasts --------------------------------------------------------------------------- */

int asb_raw_events(void)
{
	return own.events[0];
}

enum asb_raw_event asb_raw_take(void)
{
	unsigned char byte;

	if (!own.entered || read(own.events[0], &byte, 1) != 1)
		return ASB_RAW_NOTHING;
	switch (byte) {
	case SIGWINCH:
		return ASB_RAW_RESIZED;
	case SIGTSTP:
		return ASB_RAW_STOP;
	default:
		/* The shell has put its own modes on the terminal meanwhile. */
		tcsetattr(own.fd, TCSADRAIN, &own.raw);
		return ASB_RAW_CONTINUED;
	}
}

void asb_raw_suspend(void)
{
	const struct timespec moment = {.tv_nsec = 50000000};
	struct sigaction stop = {.sa_handler = SIG_DFL}, before;
	sigset_t set, mask;

	if (!own.entered)
		return;
	restore();
	sigemptyset(&stop.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	pthread_sigmask(SIG_BLOCK, &set, &mask);
	sigdelset(&mask, SIGTSTP);
	sigaction(SIGTSTP, &stop, &before);
	raise(SIGTSTP);
	/* Stops here and nowhere else. Without a shell it is ignored, and only the moment passes.
	 */
	pselect(0, NULL, NULL, NULL, &moment, &mask);
	sigaction(SIGTSTP, &before, NULL);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	on_told(SIGCONT);
}

bool asb_raw_size(int fd, unsigned short *rows, unsigned short *columns)
{
	struct winsize size = {.ws_row = 0};
	bool known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;

	*rows = known ? size.ws_row : 0;
	*columns = known ? size.ws_col : 0;
	return known;
}
