/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/base/file.h"

static void test_read(void **state)
{
	struct asb_buffer out = ASB_BUFFER_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	char path[] = "/tmp/asb-test-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "line\n", 5), 5);
	close(fd);
	assert_int_equal(asb_file_read(path, 5, &out, &err), 0);
	assert_string_equal(out.data, "line\n");
	assert_int_equal(asb_file_read(path, 4, &out, &err), -1);
	assert_non_null(strstr(err.message, "larger than 4 bytes"));
	assert_non_null(strstr(err.message, path));
	unlink(path);
	assert_int_equal(asb_file_read(path, 4, &out, &err), -1);
	assert_non_null(strstr(err.message, "No such file"));
	assert_int_equal(asb_file_read("/", 4, &out, &err), -1);
	assert_non_null(strstr(err.message, "Is a directory"));
	asb_buffer_release(&out);
}

static void test_relative(void **state)
{
	ASB_TEXT a = asb_file_relative("/home/u/.kube/config", "certs/ca.pem");
	ASB_TEXT b = asb_file_relative("/home/u/.kube/config", "/etc/ca.pem");
	ASB_TEXT c = asb_file_relative("config", "ca.pem");
	ASB_TEXT d = asb_file_relative("/config", "ca.pem");

	(void)state;
	assert_string_equal(a, "/home/u/.kube/certs/ca.pem");
	assert_string_equal(b, "/etc/ca.pem");
	assert_string_equal(c, "ca.pem");
	assert_string_equal(d, "/ca.pem");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_relative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
