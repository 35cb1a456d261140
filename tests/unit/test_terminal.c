/* SPDX-License-Identifier: Apache-2.0 */
/* Our terminal joined with that of a job: keys, escapes, size, and what happens when it goes away.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "plugin/base/clock.h"
#include "plugin/commands/terminal.h"
#include "tests/unit/session_fake.h"

/* Last: termios.h calls a mode ECHO. */
#include <sys/ioctl.h>
#include <termios.h>

static const char *const CAT[] = {"cat", NULL};

#define WAIT_MS 40000

static const struct asb_job_spec TERMINAL = {.argv = CAT, .tty = true};

struct scene {
	int master, slave;
	struct termios before;
	struct fake fake;
	struct asb_job *job;
	struct asb_terminal terminal;
};

static int scene_open(void **state)
{
	static struct scene scene;
	uint8_t payload[128] = ASB_HELLO_MAGIC;
	size_t at = ASB_HELLO_MAGIC_LEN;
	struct talk talk = {.n = 0};

	scene = (struct scene){.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
	assert_int_equal(grantpt(scene.master), 0);
	assert_int_equal(unlockpt(scene.master), 0);
	scene.slave = open(ptsname(scene.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(tcgetattr(scene.slave, &scene.before), 0);
	fake_open(&scene.fake);
	scene.job = start(&scene.fake, &TERMINAL);
	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_VERSION, 2, 1);
	asb_attr_put(payload, sizeof(payload), &at, ASB_HELLO_FEATURE, ASB_FEATURE_PTY, 3);
	add_frame(&talk, ASB_HELLO, 0, 0, payload, at);
	add_started(&talk, 1);
	say(&scene.fake, &talk);
	asb_buffer_reset(&scene.fake.heard);
	asb_terminal_init(&scene.terminal, scene.slave);
	*state = &scene;
	return 0;
}

static int scene_close(void **state)
{
	struct scene *scene = *state;

	asb_terminal_leave(&scene->terminal);
	fake_close(&scene->fake);
	if (scene->master >= 0)
		close(scene->master);
	close(scene->slave);
	return 0;
}

static void type(struct scene *scene, const char *bytes, size_t n)
{
	assert_int_equal(write(scene->master, bytes, n), n);
}

/* Steps until so many keys in all were read, or a signal is returned. Keys take a moment from one
 * end of a terminal to the other. */
static int go(struct scene *scene, uint64_t keys)
{
	const struct asb_terminal *terminal = &scene->terminal;
	int64_t deadline = asb_monotonic_ms() + WAIT_MS;
	int number = 0;

	while (number == 0 && terminal->bytes + terminal->end - terminal->start < keys) {
		struct pollfd fds[2];
		unsigned n = asb_terminal_watch(terminal, fds);

		assert_true(asb_poll_timeout(deadline) > 0);
		poll(fds, n, 200);
		number = asb_terminal_step(&scene->terminal, scene->job);
	}
	return number;
}

/* In however many frames. */
static void assert_typed(struct scene *scene, const char *text)
{
	size_t at = 0;

	pump(&scene->fake);
	while (at < strlen(text)) {
		struct asb_frame frame = find_frame(&scene->fake, ASB_DATA);
		size_t n = frame.length - ASB_DATA_HEADER;

		assert_int_equal(frame.flags, ASB_STDIN);
		assert_true(n <= strlen(text) - at);
		assert_memory_equal(frame.payload + ASB_DATA_HEADER, text + at, n);
		at += n;
	}
}

static void keys_go_to_the_job_and_escapes_do_not(void **state)
{
	struct scene *scene = *state;
	struct termios now;

	type(scene, "early", 5);
	assert_int_equal(asb_terminal_step(&scene->terminal, scene->job), 0);
	assert_true(silent(&scene->fake));
	asb_terminal_enter(&scene->terminal, scene->job);
	assert_int_equal(go(scene, 5), 0);
	assert_typed(scene, "early");
	type(scene, "a\003\r", 3);
	assert_int_equal(go(scene, 8), 0);
	assert_typed(scene, "a\003\r");
	type(scene, "b\r~.", 4);
	assert_int_equal(go(scene, UINT64_MAX), SIGINT);
	assert_typed(scene, "b\r");
	assert_true(scene->terminal.bytes == 5 + 3 + 2);

	asb_terminal_leave(&scene->terminal);
	assert_int_equal(tcgetattr(scene->slave, &now), 0);
	assert_int_equal(now.c_lflag, scene->before.c_lflag);
	assert_int_equal(now.c_oflag, scene->before.c_oflag);
	assert_int_equal(now.c_iflag, scene->before.c_iflag);
}

static void leaving_is_heard_while_the_job_takes_nothing(void **state)
{
	struct scene *scene = *state;
	char bytes[1024];

	memset(bytes, 'x', sizeof(bytes));
	asb_terminal_enter(&scene->terminal, scene->job);
	for (size_t n = 0; n < ASB_STDIN_LIMIT + 4096; n += sizeof(bytes)) {
		type(scene, bytes, sizeof(bytes));
		assert_int_equal(go(scene, n + sizeof(bytes)), 0);
	}
	pump(&scene->fake);
	assert_int_equal(asb_job_stdin_room(scene->job), 0);
	type(scene, "\r~.", 3);
	assert_int_equal(go(scene, UINT64_MAX), SIGINT);
	assert_true(scene->terminal.bytes == ASB_STDIN_LIMIT);
}

/* As much as can wait here; the rest waits in the terminal. */
static void keys_beyond_all_room_are_not_read(void **state)
{
	struct scene *scene = *state;
	struct pollfd fds[2];

	asb_terminal_enter(&scene->terminal, scene->job);
	scene->terminal.end = ASB_TERMINAL_KEYS;
	assert_int_equal(asb_terminal_watch(&scene->terminal, fds), 1);
	scene->terminal.end--;
	assert_int_equal(asb_terminal_watch(&scene->terminal, fds), 2);
	scene->terminal.end = 0;
}

static void the_size_follows(void **state)
{
	const struct winsize size = {.ws_row = 33, .ws_col = 77};
	struct scene *scene = *state;
	struct asb_job_spec spec = TERMINAL;
	struct asb_frame frame;

	assert_int_equal(ioctl(scene->master, TIOCSWINSZ, &size), 0);
	asb_terminal_describe(&scene->terminal, &spec);
	assert_int_equal(spec.rows, 33);
	assert_int_equal(spec.columns, 77);
	asb_terminal_enter(&scene->terminal, scene->job);
	raise(SIGWINCH);
	raise(SIGCONT);
	assert_int_equal(asb_terminal_step(&scene->terminal, scene->job), 0);
	pump(&scene->fake);
	for (int i = 0; i < 3; i++) {
		frame = find_frame(&scene->fake, ASB_RESIZE);
		assert_int_equal(asb_get16(frame.payload), 33);
		assert_int_equal(asb_get16(frame.payload + 2), 77);
	}
	frame = find_frame(&scene->fake, ASB_SIGNAL);
	assert_memory_equal(frame.payload + 4, "WINCH", 5);
}

static void a_terminal_that_goes_away_hangs_up_once(void **state)
{
	struct scene *scene = *state;

	asb_terminal_enter(&scene->terminal, scene->job);
	close(scene->master);
	scene->master = -1;
	assert_int_equal(go(scene, UINT64_MAX), SIGHUP);
	assert_int_equal(asb_terminal_step(&scene->terminal, scene->job), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_open, scene_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_go_to_the_job_and_escapes_do_not),
		TEST(leaving_is_heard_while_the_job_takes_nothing),
		TEST(keys_beyond_all_room_are_not_read),
		TEST(the_size_follows),
		TEST(a_terminal_that_goes_away_hangs_up_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
