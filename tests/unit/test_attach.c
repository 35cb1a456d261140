/* SPDX-License-Identifier: Apache-2.0 */
/* The loop between a job and our descriptors, against a process that plays the shim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/commands/attach.h"
#include "tests/unit/fake_shim.h"

struct rig {
	struct asb_kubeconfig kubeconfig;
	struct asb_interrupts interrupts;
	struct asb_connection connection;
	struct asb_attach attach;
	struct asb_error err;
	enum asb_attach_end end;
	pid_t shim;
	int fd;
	unsigned started, output;
	int raise_when_started[2];
};

static void on_started(void *context)
{
	struct rig *rig = context;
	size_t i;

	rig->started++;
	for (i = 0; i < 2; i++)
		if (rig->raise_when_started[i] != 0)
			raise(rig->raise_when_started[i]);
}

static void on_output(void *context)
{
	struct rig *rig = context;

	rig->output++;
}

static int open_way(void *context, struct asb_error *err)
{
	struct rig *rig = context;

	(void)err;
	return rig->fd;
}

/* There is one stream to this shim, and no other. */
static enum asb_way_end close_way(void *context, bool heard, struct asb_error *err)
{
	struct rig *rig = context;

	(void)heard;
	close(rig->fd);
	rig->fd = -1;
	if (err != NULL)
		asb_fail(err, "the stream was lost");
	return ASB_WAY_REFUSED;
}

/* A connection to a shim that follows the script; in, out and error are our descriptors. */
static void set_up(struct rig *rig, const struct fake_script *script, int in, int out, int error)
{
	static char server[] = "https://127.0.0.1:1";
	static const struct asb_job_spec spec = {.line = "true", .has_stdin = true};
	const struct asb_way way = {.open = open_way, .close = close_way, .context = rig};

	*rig = (struct rig){.kubeconfig.server = server, .interrupts.fd = -1};
	rig->shim = fake_start(script, &rig->fd);
	fcntl(rig->fd, F_SETFL, O_NONBLOCK);
	assert_int_equal(asb_interrupts_open(&rig->interrupts, &rig->err), 0);
	assert_int_equal(asb_connection_open(&rig->connection, &way, &rig->err), 0);
	rig->attach = (struct asb_attach){
		.http = asb_http_new(&rig->kubeconfig, &rig->err),
		.connection = &rig->connection,
		.interrupts = &rig->interrupts,
		.started = on_started,
		.output = on_output,
		.context = rig,
	};
	rig->attach.job = asb_job_start(rig->connection.session, &spec, &rig->err);
	assert_non_null(rig->attach.job);
	asb_stream_in_init(&rig->attach.in, in);
	asb_stream_out_init(&rig->attach.outs[0], out, ASB_STDOUT);
	asb_stream_out_init(&rig->attach.outs[1], error, ASB_STDERR);
}

static void tear_down(struct rig *rig)
{
	asb_stream_in_release(&rig->attach.in);
	asb_stream_out_release(&rig->attach.outs[0]);
	asb_stream_out_release(&rig->attach.outs[1]);
	asb_connection_close(&rig->connection);
	asb_http_free(rig->attach.http);
	asb_interrupts_close(&rig->interrupts);
	waitpid(rig->shim, NULL, 0);
}

static const struct asb_job_view *view(const struct rig *rig)
{
	return asb_job_view(rig->attach.job);
}

static int temporary_file(void)
{
	char path[] = "/tmp/asb-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static int null(int flags)
{
	return open("/dev/null", flags | O_CLOEXEC);
}

/* A file of n bytes goes through stdin and comes back. */
static void test_stdin_comes_back(void **state)
{
	const struct fake_script script = {.echo = true, .code = 7};
	const size_t size = 3000000;
	int in = temporary_file(), out = temporary_file();
	char *bytes = asb_malloc(size), *back = asb_malloc(size);
	struct rig rig;
	size_t i;

	(void)state;
	for (i = 0; i < size; i++)
		bytes[i] = (char)(i * 7919 >> 5);
	assert_int_equal(write(in, bytes, size), size);
	lseek(in, 0, SEEK_SET);
	set_up(&rig, &script, in, out, STDERR_FILENO);
	rig.end = asb_attach_run(&rig.attach, &rig.err);
	assert_int_equal(rig.end, ASB_ATTACH_ENDED);
	assert_int_equal(view(&rig)->record.code, 7);
	assert_int_equal(rig.attach.in.bytes, size);
	assert_int_equal(pread(out, back, size, 0), size);
	assert_memory_equal(bytes, back, size);
	assert_int_equal(rig.started, 1);
	assert_int_equal(rig.output, 1);
	tear_down(&rig);
	free(bytes);
	free(back);
	close(in);
	close(out);
}

/* The reader takes its time: nothing is lost, and our end of the pipe stays in blocking mode. */
static void test_slow_reader(void **state)
{
	const struct fake_script script = {.produce = 5000000};
	struct rig rig;
	int ends[2], counts[2];
	uint64_t total = 0;
	pid_t reader;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(counts, O_CLOEXEC), 0);
	reader = fork();
	if (reader == 0) {
		static uint8_t bytes[1000];
		ssize_t n = 1;

		close(ends[1]);
		while (n > 0) {
			n = read(ends[0], bytes, sizeof bytes);
			total += n > 0 ? (uint64_t)n : 0;
		}
		_exit(write(counts[1], &total, sizeof total) == sizeof total ? 0 : 1);
	}
	close(ends[0]);
	set_up(&rig, &script, -1, ends[1], STDERR_FILENO);
	rig.end = asb_attach_run(&rig.attach, &rig.err);
	assert_int_equal(rig.end, ASB_ATTACH_ENDED);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	tear_down(&rig);
	close(ends[1]);
	assert_int_equal(read(counts[0], &total, sizeof total), sizeof total);
	assert_int_equal(total, script.produce);
	waitpid(reader, NULL, 0);
	close(counts[0]);
	close(counts[1]);
}

static void test_reader_that_leaves(void **state)
{
	const struct fake_script script = {.produce = 1u << 30, .code = 3};
	struct rig rig;
	int ends[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	set_up(&rig, &script, -1, ends[1], STDERR_FILENO);
	rig.end = asb_attach_run(&rig.attach, &rig.err);
	assert_int_equal(rig.end, ASB_ATTACH_ENDED);
	assert_int_equal(view(&rig)->record.code, 3);
	assert_false(rig.attach.outs[0].open);
	tear_down(&rig);
	close(ends[1]);
}

static void test_full_disk(void **state)
{
	const struct fake_script script = {.produce = 100};
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct rig rig;

	(void)state;
	set_up(&rig, &script, -1, full, STDERR_FILENO);
	rig.end = asb_attach_run(&rig.attach, &rig.err);
	assert_int_equal(rig.end, ASB_ATTACH_FAILED);
	assert_non_null(strstr(rig.err.message, "No space left on device"));
	assert_int_equal(rig.err.status, ASB_STATUS_PLUGIN);
	tear_down(&rig);
	close(full);
}

static void test_unreadable_stdin(void **state)
{
	const struct fake_script script = {.echo = true};
	int directory = open("/", O_RDONLY | O_CLOEXEC), out = null(O_WRONLY);
	struct rig rig;

	(void)state;
	set_up(&rig, &script, directory, out, STDERR_FILENO);
	rig.end = asb_attach_run(&rig.attach, &rig.err);
	assert_int_equal(rig.end, ASB_ATTACH_FAILED);
	assert_non_null(strstr(rig.err.message, "Is a directory"));
	tear_down(&rig);
	close(directory);
	close(out);
}

static void test_lost_connection(void **state)
{
	const struct fake_script script = {.produce = 100000, .vanish = true};
	int out = temporary_file();
	struct rig rig;
	struct stat st;

	(void)state;
	set_up(&rig, &script, -1, out, STDERR_FILENO);
	rig.end = asb_attach_run(&rig.attach, &rig.err);
	assert_int_equal(rig.end, ASB_ATTACH_LOST);
	assert_true(asb_failed(&rig.err));
	assert_int_equal(asb_job_exit_status(view(&rig)), ASB_STATUS_PLUGIN);
	fstat(out, &st);
	assert_int_equal(st.st_size, 100000);
	tear_down(&rig);
	close(out);
}

static void test_refused(void **state)
{
	const struct fake_script script = {.refuse = true};
	int in = null(O_RDONLY), out = null(O_WRONLY);
	struct rig rig;

	(void)state;
	set_up(&rig, &script, in, out, STDERR_FILENO);
	rig.end = asb_attach_run(&rig.attach, &rig.err);
	assert_int_equal(rig.end, ASB_ATTACH_ENDED);
	assert_int_equal(view(&rig)->state, ASB_JOB_REFUSED);
	assert_int_equal(rig.started, 0);
	tear_down(&rig);
	close(in);
	close(out);
}

/* Runs a script with signals that arrive when the command has started. */
static enum asb_attach_end interrupted(struct rig *rig, const struct fake_script *script, int first,
				       int second)
{
	int out = null(O_WRONLY);

	set_up(rig, script, -1, out, STDERR_FILENO);
	rig->raise_when_started[0] = first;
	rig->raise_when_started[1] = second;
	rig->end = asb_attach_run(&rig->attach, &rig->err);
	close(out);
	return rig->end;
}

static void test_signals_reach_the_command(void **state)
{
	const struct fake_script script = {.wait_signal = true};
	static const int signals[] = {SIGINT, SIGTERM};
	struct rig rig;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(interrupted(&rig, &script, signals[i], 0), ASB_ATTACH_ENDED);
		assert_int_equal(asb_job_exit_status(view(&rig)), 128 + signals[i]);
		tear_down(&rig);
	}
}

static void test_a_second_signal_ends_the_wait(void **state)
{
	const struct fake_script script = {.ignore_signals = true};
	int64_t start = asb_monotonic_ms();
	struct rig rig;

	(void)state;
	assert_int_equal(interrupted(&rig, &script, SIGHUP, SIGTERM), ASB_ATTACH_INTERRUPTED);
	assert_int_equal(rig.attach.signal, SIGTERM);
	assert_true(asb_monotonic_ms() - start < 1500);
	tear_down(&rig);
}

static void test_termination_does_not_wait_for_ever(void **state)
{
	const struct fake_script script = {.ignore_signals = true};
	int64_t start = asb_monotonic_ms();
	struct rig rig;

	(void)state;
	assert_int_equal(interrupted(&rig, &script, SIGTERM, 0), ASB_ATTACH_INTERRUPTED);
	assert_int_equal(rig.attach.signal, SIGTERM);
	assert_true(asb_monotonic_ms() - start >= 1900);
	tear_down(&rig);
}

static void test_a_signal_before_the_command_runs(void **state)
{
	const struct fake_script script = {.silent = true};
	int out = null(O_WRONLY);
	struct rig rig;

	(void)state;
	set_up(&rig, &script, -1, out, STDERR_FILENO);
	raise(SIGINT);
	rig.end = asb_attach_run(&rig.attach, &rig.err);
	assert_int_equal(rig.end, ASB_ATTACH_INTERRUPTED);
	assert_int_equal(rig.attach.signal, SIGINT);
	assert_int_equal(rig.started, 0);
	tear_down(&rig);
	close(out);
}

/* What is typed before the shim has answered must still be there for a second try. */
static void test_stdin_is_not_read_too_early(void **state)
{
	const struct fake_script script = {.silent = true};
	int in = temporary_file(), out = null(O_WRONLY);
	struct rig rig;

	(void)state;
	assert_int_equal(write(in, "abc", 3), 3);
	lseek(in, 0, SEEK_SET);
	set_up(&rig, &script, in, out, STDERR_FILENO);
	kill(rig.shim, SIGKILL);
	rig.end = asb_attach_run(&rig.attach, &rig.err);
	assert_int_equal(rig.end, ASB_ATTACH_LOST);
	assert_int_equal(lseek(in, 0, SEEK_CUR), 0);
	tear_down(&rig);
	close(in);
	close(out);
}

/* Who shares our descriptors finds them as they were. */
static void test_shared_descriptors_keep_their_flags(void **state)
{
	struct asb_stream_out out;
	struct asb_stream_in in;
	int pair[2], fds[2];

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	asb_stream_in_init(&in, pair[0]);
	asb_stream_out_init(&out, pair[1], ASB_STDOUT);
	fds[0] = in.fd;
	fds[1] = out.fd;
	assert_int_equal(in.manner, ASB_STREAM_FREE);
	assert_int_equal(out.manner, ASB_STREAM_FREE);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(pair[i], F_GETFL) & O_NONBLOCK, 0);
		assert_int_equal(fcntl(fds[i], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
	}
	asb_stream_in_release(&in);
	asb_stream_out_release(&out);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), -1);
		assert_int_equal(close(pair[i]), 0);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	asb_stream_out_init(&out, pair[1], ASB_STDERR);
	assert_int_equal(out.manner, ASB_STREAM_SOCKET);
	assert_false(out.own);
	asb_stream_out_release(&out);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared_descriptors_keep_their_flags),
		cmocka_unit_test(test_stdin_comes_back),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_reader_that_leaves),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_unreadable_stdin),
		cmocka_unit_test(test_lost_connection),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_signals_reach_the_command),
		cmocka_unit_test(test_a_second_signal_ends_the_wait),
		cmocka_unit_test(test_termination_does_not_wait_for_ever),
		cmocka_unit_test(test_a_signal_before_the_command_runs),
		cmocka_unit_test(test_stdin_is_not_read_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
