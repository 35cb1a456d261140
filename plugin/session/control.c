/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/session/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "plugin/base/buffer.h"

#define FOLDER "kubectl-agentsandbox"
#define BACKLOG 256
#define LOCK_TRIES 100 /* each time the lock was removed between opening and locking it */

/* --- the folder ------------------------------------------------------------------------------- */

static bool is_ours(const char *path, bool alone)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
	       (!alone || (status.st_mode & 077) == 0);
}

static char *path_in(const char *folder, const char *name)
{
	char *path = asb_strf("%s/%s", folder, name);

	if (strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path) - 16) /* room for a suffix */
		return path;
	free(path);
	return NULL;
}

/* Only the first that is possible counts: which one it is may not depend on what was made before.
 */
char *asb_control_path(const char *name, struct asb_error *err)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	ASB_TEXT folder = NULL;
	char *path = NULL;

	if (base != NULL && base[0] == '/' && is_ours(base, false)) {
		folder = asb_strf("%s/" FOLDER, base);
		path = path_in(folder, name);
	}
	if (path == NULL) {
		free(folder);
		folder = asb_strf("/tmp/" FOLDER "-%lu", (unsigned long)geteuid());
		path = path_in(folder, name);
	}
	if (path != NULL && (access(folder, F_OK) != 0 || is_ours(folder, true)))
		return path;
	asb_fail(err, "%s is not a folder that is ours alone", folder);
	free(path);
	return NULL;
}

static bool folder_is_ours(const char *path)
{
	ASB_TEXT folder = asb_strndup(path, (size_t)(strrchr(path, '/') - path));

	return is_ours(folder, true);
}

static int make_folder(const char *path, struct asb_error *err)
{
	ASB_TEXT folder = asb_strndup(path, (size_t)(strrchr(path, '/') - path));

	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return asb_fail_errno(err, "%s can't be made", folder);
	if (!is_ours(folder, true))
		return asb_fail(err, "%s is not a folder that is ours alone", folder);
	return 0;
}

/* --- the socket ------------------------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	return address;
}

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd >= 0) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	return fd;
}

/* Where the system can't tell, the folder has to do. */
static bool is_same_user(int fd)
{
#ifdef SO_PEERCRED
	struct {
		int pid;
		unsigned uid, gid;
	} peer; /* struct ucred, which POSIX doesn't know */
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && n == sizeof(peer) &&
	       peer.uid == geteuid();
#else
	return fd >= 0;
#endif
}

int asb_control_connect(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd;

	if (!folder_is_ours(path))
		return -1;
	fd = open_socket();
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && is_same_user(fd))
		return fd;
	close(fd);
	return -1;
}

/* --- the holder's end ------------------------------------------------------------------------- */

/* POSIX's locks, unlike flock(2)'s, end with the process that took them whatever it has started. */
static int take_lock(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_SETLK, &lock);
}

/* Whether the file that was locked is the one that others would lock. */
static bool is_at(int fd, const char *path)
{
	struct stat opened, found;

	return fstat(fd, &opened) == 0 && lstat(path, &found) == 0 &&
	       opened.st_dev == found.st_dev && opened.st_ino == found.st_ino;
}

/* 0, 1: somebody else has it; -1: errno. */
static int lock_once(struct asb_control *control, const char *path)
{
	control->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (control->lock < 0)
		return -1;
	if (take_lock(control->lock) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? 1 : -1;
}

int asb_control_lock(struct asb_control *control, const char *path, struct asb_error *err)
{
	ASB_TEXT lock = asb_strf("%s.lock", path);
	int rc;

	if (make_folder(path, err) != 0)
		return -1;
	control->path = asb_strdup(path);
	for (int i = 0; i < LOCK_TRIES; i++) {
		rc = lock_once(control, lock);
		if (rc == 0 && is_at(control->lock, lock))
			return 0;
		if (rc < 0)
			asb_fail_errno(err, "%s can't be locked", lock);
		if (control->lock >= 0)
			close(control->lock);
		control->lock = -1;
		if (rc != 0)
			return rc;
	}
	return asb_fail(err, "%s can't be locked", lock);
}

int asb_control_listen(struct asb_control *control, struct asb_error *err)
{
	ASB_TEXT temporary = asb_strf("%s.new", control->path);
	struct sockaddr_un address = address_of(temporary);

	control->fd = open_socket();
	if (control->fd < 0)
		return asb_fail_errno(err, "cannot make a socket");
	unlink(temporary);
	if (bind(control->fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    chmod(temporary, 0600) == 0 && listen(control->fd, BACKLOG) == 0 &&
	    rename(temporary, control->path) == 0)
		return 0;
	asb_fail_errno(err, "cannot listen at %s", control->path);
	unlink(temporary);
	close(control->fd);
	control->fd = -1;
	return -1;
}

int asb_control_accept(const struct asb_control *control)
{
	for (;;) {
		int fd = accept(control->fd, NULL, NULL);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return -1;
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		if (is_same_user(fd))
			return fd;
		close(fd);
	}
}

void asb_control_hide(struct asb_control *control)
{
	if (control->fd >= 0)
		unlink(control->path);
}

void asb_control_release(struct asb_control *control)
{
	asb_control_hide(control);
	if (control->fd >= 0)
		close(control->fd);
	if (control->lock >= 0) {
		ASB_TEXT lock = asb_strf("%s.lock", control->path);

		unlink(lock); /* before it is open to others: who waits for it sees that it moved */
		close(control->lock);
	}
	free(control->path);
	*control = (struct asb_control)ASB_CONTROL_INIT;
}
