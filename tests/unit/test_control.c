/* SPDX-License-Identifier: Apache-2.0 */
/* The socket by which commands find a holder: whose folder it may lie in, and who becomes one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/buffer.h"
#include "plugin/session/control.h"

static char base[] = "/tmp/asb-control.XXXXXX";

static char *below(const char *name)
{
	return asb_strf("%s/%s", base, name);
}

static int set_up(void **state)
{
	(void)state;
	memcpy(base + strlen(base) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(base));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", base, 1), 0);
	return 0;
}

static int tear_down(void **state)
{
	ASB_TEXT folder = below("kubectl-agentsandbox");

	(void)state;
	/* A test that leaves a file there fails here. */
	if (rmdir(folder) != 0)
		unlink(folder);
	assert_int_equal(rmdir(base), 0);
	return 0;
}

static char *path_of(const char *name)
{
	struct asb_error err = ASB_ERROR_INIT;
	char *path = asb_control_path(name, &err);

	if (path == NULL)
		fail_msg("%s", err.message);
	return path;
}

static bool exists(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static void listen_at(struct asb_control *control, const char *path)
{
	struct asb_error err = ASB_ERROR_INIT;

	*control = (struct asb_control)ASB_CONTROL_INIT;
	assert_int_equal(asb_control_lock(control, path, &err), 0);
	assert_int_equal(asb_control_listen(control, &err), 0);
}

static void a_caller_reaches_the_holder(void **state)
{
	struct asb_control control;
	ASB_TEXT path = path_of("one");
	struct stat status;
	char text[8] = "";
	int caller, served;

	(void)state;
	assert_int_equal(asb_control_connect(path), -1);
	listen_at(&control, path);
	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(asb_control_accept(&control), -1);
	caller = asb_control_connect(path);
	assert_true(caller >= 0);
	assert_true((fcntl(caller, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(caller, F_GETFD) & FD_CLOEXEC) != 0);
	served = asb_control_accept(&control);
	assert_true(served >= 0);
	assert_int_equal(write(caller, "hello", 5), 5);
	assert_int_equal(read(served, text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
	close(caller);
	close(served);
	asb_control_release(&control);
	assert_false(exists(path));
	asb_control_release(&control);
}

static void there_is_one_holder(void **state)
{
	struct asb_control first, second = ASB_CONTROL_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT path = path_of("one");
	int status;
	pid_t other;

	(void)state;
	listen_at(&first, path);
	/* A process doesn't lock itself out. */
	other = fork();
	if (other == 0)
		_exit(asb_control_lock(&second, path, &err) + 10);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(WEXITSTATUS(status), 11);
	assert_true(exists(path));
	asb_control_release(&first);
	listen_at(&second, path);
	asb_control_release(&second);
}

/* Dies with its socket, as by SIGKILL. */
static void leave_stale(const char *path)
{
	struct asb_control control;
	int status;
	pid_t holder = fork();

	if (holder == 0) {
		listen_at(&control, path);
		_exit(0);
	}
	assert_int_equal(waitpid(holder, &status, 0), holder);
	assert_int_equal(status, 0);
	assert_true(exists(path));
}

static void a_stale_socket_is_refused_and_replaced(void **state)
{
	struct asb_control control;
	ASB_TEXT path = path_of("one");
	int caller;

	(void)state;
	leave_stale(path);
	assert_int_equal(asb_control_connect(path), -1);
	listen_at(&control, path);
	caller = asb_control_connect(path);
	assert_true(caller >= 0);
	close(caller);
	asb_control_release(&control);
}

static void who_came_before_it_was_hidden_is_served(void **state)
{
	struct asb_control control;
	ASB_TEXT path = path_of("one");
	int caller, served;

	(void)state;
	listen_at(&control, path);
	caller = asb_control_connect(path);
	asb_control_hide(&control);
	assert_false(exists(path));
	assert_int_equal(asb_control_connect(path), -1);
	served = asb_control_accept(&control);
	assert_true(caller >= 0 && served >= 0);
	close(caller);
	close(served);
	asb_control_release(&control);
}

/* A holder that takes nobody: its queue is full some time, and callers go on. */
static void a_holder_that_hangs_keeps_nobody(void **state)
{
	struct asb_control control;
	ASB_TEXT path = path_of("one");
	int callers[1000];
	int n = 0;

	(void)state;
	listen_at(&control, path);
	do
		callers[n] = asb_control_connect(path);
	while (callers[n] >= 0 && ++n < 1000);
	assert_in_range(n, 1, 999);
	while (n > 0)
		close(callers[--n]);
	asb_control_release(&control);
}

/* --- folders ---------------------------------------------------------------------------------- */

static void expect_no_place(const char *path)
{
	struct asb_control control = ASB_CONTROL_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	assert_null(asb_control_path("one", &err));
	assert_non_null(strstr(err.message, "not a folder that is ours alone"));
	/* Nor for who knew the path before. */
	asb_error_clear(&err);
	assert_int_equal(asb_control_lock(&control, path, &err), -1);
	assert_int_equal(asb_control_connect(path), -1);
	asb_control_release(&control);
}

static void a_folder_open_to_others_is_refused(void **state)
{
	ASB_TEXT path = path_of("one");
	ASB_TEXT folder = below("kubectl-agentsandbox");

	(void)state;
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chmod(folder, 0750), 0);
	expect_no_place(path);
}

static void a_link_in_its_place_is_refused(void **state)
{
	ASB_TEXT path = path_of("one");
	ASB_TEXT folder = below("kubectl-agentsandbox");

	(void)state;
	assert_int_equal(symlink(base, folder), 0);
	expect_no_place(path);
}

static void a_folder_of_somebody_else_is_refused(void **state)
{
	ASB_TEXT path = path_of("one");
	ASB_TEXT folder = below("kubectl-agentsandbox");

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chown(folder, 12345, 12345), 0);
	expect_no_place(path);
}

static void a_runtime_folder_of_somebody_else_is_not_ours(void **state)
{
	ASB_TEXT expected = asb_strf("/tmp/kubectl-agentsandbox-%lu/", (unsigned long)geteuid());
	ASB_TEXT path = NULL;

	(void)state;
	assert_int_equal(setenv("XDG_RUNTIME_DIR", geteuid() == 0 ? "/nowhere" : "/", 1), 0);
	path = path_of("one");
	assert_memory_equal(path, expected, strlen(expected));
}

static void a_long_runtime_folder_is_no_place_for_a_socket(void **state)
{
	char name[90];
	ASB_TEXT folder = NULL;
	ASB_TEXT path = NULL;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	folder = below(name);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", folder, 1), 0);
	path = path_of("0123456789abcdef01234567");
	assert_memory_equal(path, "/tmp/kubectl-agentsandbox-", 26);
	assert_int_equal(rmdir(folder), 0);
}

/* --- a connection only to who is there -------------------------------------------------------- */

static void a_link_instead_of_the_lock_is_refused(void **state)
{
	struct asb_control control = ASB_CONTROL_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT path = path_of("one");
	ASB_TEXT folder = below("kubectl-agentsandbox");
	ASB_TEXT lock = asb_strf("%s.lock", path);
	ASB_TEXT target = below("target");

	(void)state;
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(symlink(target, lock), 0);
	assert_int_equal(asb_control_lock(&control, path, &err), -1);
	assert_false(exists(target));
	asb_control_release(&control);
	assert_int_equal(unlink(lock), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_caller_reaches_the_holder),
		TEST(there_is_one_holder),
		TEST(a_stale_socket_is_refused_and_replaced),
		TEST(who_came_before_it_was_hidden_is_served),
		TEST(a_holder_that_hangs_keeps_nobody),
		TEST(a_folder_open_to_others_is_refused),
		TEST(a_link_in_its_place_is_refused),
		TEST(a_folder_of_somebody_else_is_refused),
		TEST(a_runtime_folder_of_somebody_else_is_not_ours),
		TEST(a_long_runtime_folder_is_no_place_for_a_socket),
		TEST(a_link_instead_of_the_lock_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
