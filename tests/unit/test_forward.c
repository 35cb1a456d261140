/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/commands/forward_ports.h"

static void test_ports(void **state)
{
	static const struct {
		const char *text;
		int local, remote; /* -1: no port */
	} cases[] = {
		{"80", 80, 80},
		{"8080:80", 8080, 80},
		{":80", 0, 80},
		{"65535:1", 65535, 1},
		{"", -1, -1},
		{":", -1, -1},
		{"0", -1, -1},
		{"80:", -1, -1},
		{"0:80", -1, -1},
		{"65536", -1, -1},
		{"99999999999999999999", -1, -1},
		{"http", -1, -1},
		{"80:80:80", -1, -1},
		{"-1", -1, -1},
		{" 80", -1, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_forward_port port;
		struct asb_error err = ASB_ERROR_INIT;
		int rc = asb_forward_port_parse(cases[i].text, &port, &err);

		if (cases[i].remote < 0) {
			assert_int_equal(rc, -1);
			assert_int_equal(err.status, ASB_STATUS_USAGE);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(port.local, cases[i].local);
		assert_int_equal(port.remote, cases[i].remote);
	}
}

static void test_addresses(void **state)
{
	static const char *const good[] = {"localhost", "127.0.0.1", "::1", "0.0.0.0,::,localhost"};
	static const char *const bad[] = {"", ",", "example.com", "127.0.0.1,,::1", "1.2.3"};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(asb_forward_addresses_check(good[i], &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (asb_forward_addresses_check(bad[i], &err) == 0)
			fail_msg("\"%s\" is taken for an address", bad[i]);
}

static void test_any_port_is_known_once_it_is_had(void **state)
{
	struct asb_forward_port ports[2] = {{.remote = 80}, {.remote = 81}};
	struct asb_listeners listeners = {0};
	struct asb_listeners others = {0};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(asb_listeners_open(&listeners, "127.0.0.1", ports, 2, &err), 0);
	assert_int_equal(listeners.count, 2);
	assert_int_not_equal(ports[0].local, 0);
	assert_int_not_equal(ports[0].local, ports[1].local);
	assert_int_equal(asb_listeners_open(&others, "127.0.0.1", ports, 1, &err), -1);
	assert_non_null(strstr(err.message, "can't be listened on"));
	assert_string_not_equal(err.hint, "");
	asb_listeners_release(&others);
	asb_listeners_release(&listeners);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_any_port_is_known_once_it_is_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
