/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/peer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/proc.h"
#include "shim/say.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

bool asb_peer_testing(void)
{
	return getpid() != 1 && getenv("ASB_SHIM_TEST") != NULL;
}

socklen_t asb_peer_address(struct sockaddr_un *out)
{
	const char *name = asb_peer_testing() ? getenv("ASB_SHIM_SOCKET") : NULL;
	size_t n;

	if (name == NULL)
		name = "agentsandbox-shim";
	n = strlen(name);
	if (n > sizeof(out->sun_path) - 1)
		n = sizeof(out->sun_path) - 1;
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	memcpy(out->sun_path + 1, name, n);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

static int credentials_of(int fd, struct ucred *out)
{
	socklen_t n = sizeof(*out);

	memset(out, 0, sizeof(*out));
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, out, &n);
}

/*
 * False when the process that connected is known to be gone: its number may be another's by now,
 * whose parent we would have read. Kernels without SO_PEERPIDFD can't tell; there the number would
 * have to come round within microseconds.
 */
static bool still_there(int fd)
{
	int pidfd = -1;
	socklen_t n = sizeof(pidfd);
	bool alive;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &n) != 0 || pidfd < 0)
		return true;
	alive = syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0;
	(void)close(pidfd);
	return alive;
}

bool asb_peer_is_trusted(int fd)
{
	struct ucred peer;
	pid_t parent;

	if (credentials_of(fd, &peer) != 0 || peer.pid <= 0 || peer.pid == getpid()) {
		asb_say("refused a connection from outside this pid namespace");
		return false;
	}
	if (asb_peer_testing())
		return peer.uid == getuid();
	parent = asb_proc_parent(peer.pid);
	if (parent < 0) {
		asb_say("refused a connection: cannot read the parent of process %d", peer.pid);
		return false;
	}
	if (parent != 0 || !still_there(fd)) {
		asb_say("refused a connection from process %d: it did not come from the "
			"container runtime",
			peer.pid);
		return false;
	}
	return true;
}

bool asb_peer_is_init(int fd)
{
	struct ucred peer;

	if (credentials_of(fd, &peer) != 0)
		return false;
	return peer.pid == 1 || asb_peer_testing();
}
