/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "shim/fds.h"
#include "shim/text.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441 /* Linux 4.13 */
#endif

#define SLAVE_FLAGS (O_RDWR | O_NOCTTY | O_CLOEXEC)

static int open_slave(int master)
{
	int unlocked = 0;
	unsigned number = 0;
	char path[32];
	struct asb_text text = {.bytes = path, .size = sizeof(path) - 1};
	int slave;

	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return -1;
	/* By its master and not by its name: nobody can have put another terminal there. */
	slave = ioctl(master, TIOCGPTPEER, SLAVE_FLAGS);
	if (slave >= 0 || ioctl(master, TIOCGPTN, &number) < 0)
		return slave;
	asb_text_addf(&text, "/dev/pts/%u", number);
	path[text.length] = '\0';
	return open(path, SLAVE_FLAGS);
}

/* Erasing a character has to erase all its bytes; everybody types UTF-8. */
static void expect_utf8(int slave)
{
	struct termios modes;

	if (tcgetattr(slave, &modes) < 0)
		return;
	modes.c_iflag |= IUTF8;
	(void)tcsetattr(slave, TCSANOW, &modes);
}

int asb_pty_open(struct asb_pty_size size, int *master, int *slave)
{
	*slave = -1;
	*master = open("/dev/ptmx", SLAVE_FLAGS | O_NONBLOCK);
	if (*master < 0)
		return -1;
	*slave = open_slave(*master);
	if (*slave < 0) {
		int error = errno;

		asb_fds_drop(master);
		errno = error;
		return -1;
	}
	expect_utf8(*slave);
	asb_pty_resize(*master, size);
	return 0;
}

int asb_pty_take(int slave)
{
	return ioctl(slave, TIOCSCTTY, 0);
}

void asb_pty_resize(int master, struct asb_pty_size size)
{
	const struct winsize window = {.ws_row = size.rows, .ws_col = size.columns};

	(void)ioctl(master, TIOCSWINSZ, &window);
}

bool asb_pty_signal(int master, int number)
{
	pid_t group = 0;

	/* 0 and 1 would be the shim's own group and everybody. */
	if (ioctl(master, TIOCGPGRP, &group) < 0 || group <= 1)
		return false;
	return kill(-group, number) == 0;
}

bool asb_pty_type_end(int master, bool *in_line)
{
	struct termios modes;
	uint8_t ends[2];
	size_t n = *in_line ? 2 : 1;
	ssize_t written;

	if (tcgetattr(master, &modes) < 0 || (modes.c_lflag & ICANON) == 0 ||
	    modes.c_cc[VEOF] == _POSIX_VDISABLE)
		return true;
	ends[0] = ends[1] = modes.c_cc[VEOF];
	written = write(master, ends, n);
	if (written < 0)
		return errno != EAGAIN && errno != EINTR;
	if (written > 0)
		*in_line = false;
	return (size_t)written == n;
}
