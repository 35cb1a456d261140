/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/session/transfer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/buffer.h"
#include "shim/protocol/archive_send.h"

struct asb_transfer {
	int fd;	   /* the caller's; -1: closed */
	int inner; /* the thread's, which closes it; -1: closed */
	pthread_t thread;
	bool runs;
	bool good; /* written by the thread, read when it has ended */
	const char *const *paths;
	struct asb_archive_sender *sender; /* one of the two */
	struct asb_archive_receiver *receiver;
	struct asb_archive_report report;

	pthread_mutex_t lock; /* of what follows */
	char **problems;
	size_t count, taken;
};

/* --- problems --------------------------------------------------------------------------------- */

static void add_problem(struct asb_transfer *t, char *text)
{
	pthread_mutex_lock(&t->lock);
	t->problems = asb_realloc(t->problems, (t->count + 1) * sizeof(*t->problems));
	t->problems[t->count++] = text;
	pthread_mutex_unlock(&t->lock);
}

static void say(void *context, const char *path, const char *what, int error)
{
	add_problem(context, asb_strf("%s%s%s%s%s", path, path[0] == '\0' ? "" : ": ", what,
				      error == 0 ? "" : ": ", error == 0 ? "" : strerror(error)));
}

char *asb_transfer_problem(struct asb_transfer *transfer)
{
	char *text = NULL;

	pthread_mutex_lock(&transfer->lock);
	if (transfer->taken < transfer->count)
		text = transfer->problems[transfer->taken++];
	pthread_mutex_unlock(&transfer->lock);
	return text;
}

/* --- the thread ------------------------------------------------------------------------------- */

static int send_all(struct asb_transfer *t)
{
	for (size_t i = 0; t->paths[i] != NULL; i++)
		if (asb_archive_sender_add(t->sender, t->paths[i]) != 0)
			return -1;
	return asb_archive_sender_finish(t->sender);
}

static void *work(void *context)
{
	struct asb_transfer *t = context;
	int rc;

	if (t->sender != NULL) {
		rc = send_all(t);
	} else {
		rc = asb_archive_receive(t->receiver, t->inner);
		asb_archive_receiver_release(t->receiver);
	}
	if (t->report.failures > t->report.said)
		add_problem(t, asb_strf("%" PRIu64 " more problems of this kind",
					t->report.failures - t->report.said));
	t->good = rc == 0 && t->report.failures == 0;
	close(t->inner);
	t->inner = -1;
	return NULL;
}

static int start(struct asb_transfer *t, struct asb_error *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&t->thread, NULL, work, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	t->runs = rc == 0;
	return rc == 0 ? 0 : asb_fail(err, "no thread can be started: %s", strerror(rc));
}

/* --- what the caller sees --------------------------------------------------------------------- */

static struct asb_transfer *transfer_new(struct asb_error *err)
{
	struct asb_transfer *t = asb_calloc(1, sizeof(*t));
	int fds[2];

	pthread_mutex_init(&t->lock, NULL);
	t->report.say = say;
	t->report.context = t;
	t->fd = t->inner = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) {
		asb_fail_errno(err, "no pair of sockets can be made");
		asb_transfer_free(t);
		return NULL;
	}
	t->fd = fds[0];
	t->inner = fds[1];
	for (size_t i = 0; i < 2; i++)
		(void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	(void)fcntl(t->fd, F_SETFL, O_NONBLOCK);
	return t;
}

struct asb_transfer *asb_transfer_send(const char *const *paths, struct asb_error *err)
{
	struct asb_transfer *t = transfer_new(err);

	if (t == NULL)
		return NULL;
	t->paths = paths;
	t->sender = asb_malloc(sizeof(*t->sender));
	asb_archive_sender_init(t->sender, t->inner, &t->report);
	if (start(t, err) == 0)
		return t;
	asb_transfer_free(t);
	return NULL;
}

/* The first problem is the error. */
static void fail_with_problem(struct asb_transfer *t, struct asb_error *err)
{
	ASB_TEXT text = asb_transfer_problem(t);

	asb_fail(err, "%s", text == NULL ? "the target can't be used" : text);
}

struct asb_transfer *asb_transfer_receive(const struct asb_archive_target *target,
					  struct asb_error *err)
{
	struct asb_transfer *t = transfer_new(err);

	if (t == NULL)
		return NULL;
	t->receiver = asb_malloc(sizeof(*t->receiver));
	if (asb_archive_receiver_init(t->receiver, target, &t->report) != 0)
		fail_with_problem(t, err);
	else if (start(t, err) == 0)
		return t;
	asb_archive_receiver_release(t->receiver);
	asb_transfer_free(t);
	return NULL;
}

int asb_transfer_fd(const struct asb_transfer *transfer)
{
	return transfer->fd;
}

void asb_transfer_moved(const struct asb_transfer *transfer, uint64_t *bytes, uint64_t *files)
{
	*bytes = atomic_load(&transfer->report.bytes);
	*files = atomic_load(&transfer->report.files);
}

bool asb_transfer_finish(struct asb_transfer *transfer)
{
	if (transfer->fd >= 0)
		close(transfer->fd);
	transfer->fd = -1;
	if (transfer->runs)
		pthread_join(transfer->thread, NULL);
	transfer->runs = false;
	return transfer->good;
}

void asb_transfer_free(struct asb_transfer *transfer)
{
	if (transfer == NULL)
		return;
	asb_transfer_finish(transfer);
	if (transfer->inner >= 0)
		close(transfer->inner);
	while (transfer->taken < transfer->count)
		free(transfer->problems[transfer->taken++]);
	free(transfer->problems);
	free(transfer->sender);
	free(transfer->receiver);
	pthread_mutex_destroy(&transfer->lock);
	free(transfer);
}
