/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/init.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/audit.h"
#include "shim/fds.h"
#include "shim/job.h"
#include "shim/limits.h"
#include "shim/loop.h"
#include "shim/memory.h"
#include "shim/peer.h"
#include "shim/proc.h"
#include "shim/reap.h"
#include "shim/run.h"
#include "shim/say.h"
#include "shim/server.h"
#include "shim/tree.h"
#include "shim/verdict.h"

#ifndef PR_SET_CHILD_SUBREAPER
#define PR_SET_CHILD_SUBREAPER 36
#endif

#define EXIT_STOPPED 143
#define EXIT_NO_START 125
#define LONGEST_GRACE_MS 10000 /* of a job when the shim is stopped; kubelets give 30 s for all */
#define GIVE_UP_MS 20000       /* after this the shim leaves, whatever is left */
#define RECORDS_MS 2000	       /* for the clients to take and acknowledge their records */
#define GOODBYE_MS 1000	       /* for the last frame of each connection */

/* SIGRTMIN+3, counted from the kernel's first but two as runtimes do; musl keeps one more for
 * itself. */
#define STOP_OF_SYSTEMD 37

/* Stopping: processes are being killed; records go out; the last frames go out. */
static enum { SERVING, KILLING, RECORDS, GOODBYE } phase;

static bool late; /* the time for the phase is over */

static void time_is_up(struct asb_timer *timer)
{
	(void)timer;
	late = true;
}

static struct asb_timer deadline = {.fire = time_is_up};
static struct asb_watch signals;

static void enter(int next, uint64_t ms)
{
	phase = next;
	late = false;
	asb_timer_arm(&deadline, ms);
}

static void begin_to_stop(void)
{
	if (phase != SERVING)
		return;
	asb_say("stopping");
	asb_server_refuse();
	asb_run_shutdown();
	asb_tree_end_all(NULL, LONGEST_GRACE_MS);
	enter(KILLING, GIVE_UP_MS);
}

/* Takes the next steps towards the end as soon as they are due. */
static void settle_stopping(void)
{
	if (phase == KILLING && (late || !asb_tree_any(NULL)))
		enter(RECORDS, RECORDS_MS);
	if (phase == RECORDS && (late || !asb_job_any() || !asb_server_is_in_use())) {
		asb_server_say_goodbye();
		(void)asb_server_settle();
		enter(GOODBYE, GOODBYE_MS);
	}
	if (phase == GOODBYE && (late || !asb_server_is_in_use()))
		_exit(EXIT_STOPPED);
}

/*
 * Only the container runtime stops PID 1, whose signals have no sender in this pid namespace, or
 * what it has put into the container (a preStop hook). A command's `kill 1` has no effect, as it
 * has none on a PID 1 without handlers.
 */
static bool may_stop(pid_t sender)
{
	return sender == 0 || asb_peer_testing() || asb_proc_parent(sender) == 0;
}

/* The signals are only a wake-up for the dead: one may stand for many. */
static void signal_ready(struct asb_watch *watch, short events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (read(watch->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (may_stop((pid_t)info.ssi_pid))
			begin_to_stop();
		else
			asb_say("ignored signal %u from process %u of this sandbox", info.ssi_signo,
				info.ssi_pid);
	}
	asb_reap_all(asb_verdict_child_changed);
}

/*
 * Everything is blocked and read from a descriptor, except what a fault of our own raises: that
 * must kill, or a crash becomes a loop. TERM, and what images name as their STOPSIGNAL instead,
 * mean to stop.
 */
static int watch_signals(void)
{
	static const int faults[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};
	sigset_t blocked;
	sigset_t read;
	int fd;

	/* If they were ignored when we were started, the dead would vanish unseen. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		(void)sigdelset(&blocked, faults[i]);
	(void)sigprocmask(SIG_SETMASK, &blocked, NULL);
	(void)sigemptyset(&read);
	(void)sigaddset(&read, SIGCHLD);
	(void)sigaddset(&read, SIGTERM);
	(void)sigaddset(&read, SIGINT);
	(void)sigaddset(&read, SIGQUIT);
	(void)sigaddset(&read, STOP_OF_SYSTEMD);
	fd = signalfd(-1, &read, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || asb_watch_open(&signals, fd, signal_ready, NULL) < 0)
		return -1;
	asb_watch_want(&signals, POLLIN);
	return 0;
}

static int prepare(char **environment)
{
	asb_fds_fill_stdio();
	asb_fds_close(STDERR_FILENO + 1, ~0u);
	(void)asb_fds_nonblock(STDERR_FILENO);
	(void)umask(022);
	(void)prctl(PR_SET_CHILD_SUBREAPER, getpid() == 1 ? 0 : 1, 0, 0, 0);
	asb_memory_init();
	asb_fds_raise_limit(ASB_MAX_FILES);
	if (asb_job_init() < 0) {
		asb_say("cannot have memory: %s", strerror(errno));
		return -1;
	}
	asb_audit_init();
	if (watch_signals() < 0) {
		asb_say("cannot receive signals: %s", strerror(errno));
		return -1;
	}
	if (asb_server_init(environment) < 0) {
		asb_say("cannot listen: %s%s", strerror(errno),
			errno == EADDRINUSE ? " (another shim runs in this pod)" : "");
		return -1;
	}
	return 0;
}

int asb_init(char **environment)
{
	if (getpid() != 1 && !asb_peer_testing()) {
		asb_say("init has to be PID 1 of its container; a pod with "
			"shareProcessNamespace cannot be used");
		return EXIT_NO_START;
	}
	if (prepare(environment) < 0)
		return EXIT_NO_START;
	for (;;) {
		do {
			asb_run_settle();
		} while (asb_server_settle());
		if (phase != SERVING)
			settle_stopping();
		asb_loop_step();
	}
}
