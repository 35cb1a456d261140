/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes are a stream of frames or are refused: nothing is read outside of them, every step
 * moves on, and what was decoded encodes to the same bytes again. Then the same bytes go through a
 * connection of the shim, whose processes are make-believe: whatever a client sends, every table is
 * empty again after it has left.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/protocol/frame.h"

/*
 * The shim is compiled into this file, because its objects are not linked into fuzzers, without the
 * files that make, await and look for processes. No signal leaves this program. Names that two
 * files use for themselves get one each.
 */
static int no_kill(pid_t pid, int number);
#define kill no_kill
#define waiting audit_waiting
#define begin audit_begin
#define flush audit_flush
#define finish audit_finish
#include "shim/audit.c"
#undef begin
#undef flush
#undef finish
#include "shim/conn.c"
#include "shim/handle.c"
#include "shim/job.c"
#define watches loop_watches
#include "shim/loop.c"
#include "shim/memory.c"
#include "shim/out.c"
#include "shim/run.c"
#define number signal_number
#include "shim/server.c"
#include "shim/session.c"
#include "shim/signame.c"
#undef number
#define number spec_number
#define args spec_args
#include "shim/spec.c"
#undef number
#undef args
#include "shim/stream.c"
#define refuse tell_refuse
#include "shim/tell.c"
#include "shim/text.c"
#include "shim/tree.c"
#include "shim/verdict.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static pid_t next_pid = 1000;

static int no_kill(pid_t pid, int number)
{
	(void)pid;
	(void)number;
	return 0;
}

/* What the left out files would have provided. */
void asb_say(const char *format, ...)
{
	(void)format;
}

uint64_t asb_oom_kills(void)
{
	return 0;
}

size_t asb_proc_scan(struct asb_proc *out, size_t max)
{
	(void)out;
	(void)max;
	return 0;
}

struct asb_proc *asb_proc_find(struct asb_proc *found, size_t n, pid_t pid)
{
	(void)found;
	(void)n;
	(void)pid;
	return NULL;
}

bool asb_peer_is_trusted(int fd)
{
	(void)fd;
	return true;
}

socklen_t asb_peer_address(struct sockaddr_un *out)
{
	(void)out;
	return 0;
}

bool asb_reap_is_child(pid_t pid)
{
	(void)pid;
	return false;
}

void asb_reap_verdict(struct asb_report *out, int status, const struct rusage *usage)
{
	(void)usage;
	*out = (struct asb_report){.kind = ASB_REPORT_EXITED, .value = status};
}

void asb_fds_close(unsigned first, unsigned last)
{
	(void)first;
	(void)last;
}

int asb_fds_nonblock(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* A command that has started, said something and exited; every third could not be executed. */
static void play_command(int report, int out, pid_t pid)
{
	struct asb_report record = {.kind = ASB_REPORT_PID, .value = pid};

	(void)!write(report, &record, sizeof(record));
	record.kind = pid % 3 == 0 ? ASB_REPORT_FAILED : ASB_REPORT_EXECED;
	record.value = pid % 3 == 0 ? ASB_STEP_EXEC : 0;
	record.error = ENOENT;
	(void)!write(report, &record, sizeof(record));
	(void)!write(out, "hello", 5);
	record = (struct asb_report){.kind = ASB_REPORT_EXITED, .value = 3 << 8};
	if (pid % 2 == 0)
		(void)!write(report, &record, sizeof(record));
}

static int pipe_to(int *end, int which)
{
	int fds[2];

	if (pipe(fds) < 0)
		abort();
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(fds[1], F_SETFL, O_NONBLOCK);
	*end = fds[which];
	return fds[1 - which];
}

int asb_spawn(const struct asb_spec *spec, struct asb_spawned *out)
{
	int far_in = -1;
	int far_out;
	int far_err;
	int far_report;

	out->keeper = next_pid++;
	out->stdin_fd = -1;
	if (spec->has_stdin)
		far_in = pipe_to(&out->stdin_fd, 1);
	far_out = pipe_to(&out->stdout_fd, 0);
	far_err = pipe_to(&out->stderr_fd, 0);
	far_report = pipe_to(&out->report, 0);
	play_command(far_report, far_out, next_pid++);
	if (far_in >= 0)
		(void)close(far_in);
	(void)close(far_out);
	(void)close(far_err);
	(void)close(far_report);
	return 0;
}

static void require(int truth)
{
	if (!truth)
		abort();
}

static void attributes(const uint8_t *payload, size_t n)
{
	static uint8_t again[ASB_FRAME_PAYLOAD];
	size_t at = 0;
	size_t written = 0;
	struct asb_attr attr;

	while (asb_attr_next(payload, n, &at, &attr) == 1) {
		require(attr.value >= payload && attr.value + attr.length <= payload + n);
		(void)asb_attr_uint(&attr, 0);
		require(asb_attr_put(again, sizeof(again), &written, attr.tag, attr.value,
				     attr.length) == 0);
		require(written == at);
	}
	require(memcmp(again, payload, written) == 0);
}

static void decode(const uint8_t *data, size_t size)
{
	uint8_t header[ASB_FRAME_HEADER];
	struct asb_frame frame;
	size_t at = 0;

	while (at < size) {
		int taken = asb_frame_decode(data + at, size - at, &frame);

		if (taken <= 0)
			break;
		require((size_t)taken == ASB_FRAME_HEADER + frame.length);
		require((size_t)taken <= size - at);
		asb_frame_header(header, frame.type, frame.flags, frame.channel, frame.length);
		require(memcmp(header, data + at, sizeof(header)) == 0);
		if (frame.length > 0)
			attributes(frame.payload, frame.length);
		at += (size_t)taken;
	}
}

static void settle(void)
{
	for (int i = 0; i < ASB_MAX_JOBS; i++) {
		if (jobs[i].state != ASB_JOB_FREE)
			asb_verdict_read(&jobs[i]);
		if (jobs[i].state != ASB_JOB_FREE && asb_watch_is_open(&jobs[i].out.watch) &&
		    asb_ring_room(&jobs[i].out.ring) > 0)
			output_ready(&jobs[i].out.watch, POLLIN);
	}
	do {
		asb_run_settle();
	} while (asb_server_settle());
}

/* What a client reads is a stream of frames too. */
static void drain(int fd)
{
	static uint8_t bytes[1 << 18];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n > 0)
		decode(bytes, (size_t)n);
}

static void leave(struct asb_conn *conn)
{
	if (conn->state != ASB_CONN_FREE)
		asb_conn_drop(conn);
	for (int i = 0; i < ASB_MAX_SESSIONS; i++) {
		if (sessions[i].used)
			asb_session_end(&sessions[i]);
	}
	for (int i = 0; i < ASB_MAX_TREES; i++) {
		const struct rusage nothing = {.ru_maxrss = 0};

		if (trees[i].phase != ASB_TREE_FREE)
			asb_verdict_child_changed(trees[i].keeper, SIGKILL, &nothing);
		require(trees[i].phase == ASB_TREE_FREE);
	}
	settle();
	for (int i = 0; i < ASB_MAX_WATCHES; i++)
		require(loop_watches[i] == NULL);
	for (int i = 0; i < ASB_MAX_SESSIONS; i++)
		require(!sessions[i].used);
	require(!asb_job_any());
	require(timers == NULL);
}

/* The first byte says how the rest is cut into pieces, and whether a proper hello goes before it.
 */
static void serve(const uint8_t *data, size_t size)
{
	static const uint8_t hello[] = "\x01\0\0\x2a\0\0\0\0ASBP\0\1\0\0\0\2\0\1\0\2\0\0\0\2\0\1"
				       "\0\5\0\0\0\x10"
				       "0123456789abcdef";
	size_t piece = size == 0 ? 1 : 1 + (size_t)(data[0] >> 1) * 64;
	struct asb_conn *conn;
	int ends[2];

	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
	conn = asb_conn_open(ends[0], conn_ready);
	require(conn != NULL);
	if (size > 0 && (data[0] & 1) != 0)
		(void)!write(ends[1], hello, sizeof(hello) - 1);
	for (size_t at = 1; at < size && conn->state != ASB_CONN_FREE; at += piece) {
		(void)!write(ends[1], data + at, size - at < piece ? size - at : piece);
		conn_ready(&conn->watch, POLLIN);
		settle();
		drain(ends[1]);
	}
	leave(conn);
	(void)close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[] = "PATH=/bin";
	static char *environment[] = {path, NULL};
	static bool ready;

	if (!ready) {
		(void)signal(SIGPIPE, SIG_IGN);
		/* The audit writes to stdout. */
		require(dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO) == STDOUT_FILENO);
		asb_handle_init(environment);
		ready = true;
	}
	decode(data, size);
	serve(data, size);
	return 0;
}
