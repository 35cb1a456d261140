/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the shim as PID 1. SHIM names the binary; SHIM_TEST_VERBOSE shows what it said. */
#include <signal.h>

#include "suite.h"

static struct suite suite;

int suite_setup(void **state)
{
	sandbox_start(&suite.box, false);
	suite.client.resumable = false;
	suite.other.resumable = false;
	client_open(&suite.client, &suite.box, 60000);
	*state = &suite;
	return 0;
}

int suite_setup_resumable(void **state)
{
	sandbox_start(&suite.box, false);
	suite.client.resumable = true;
	suite.other.resumable = true;
	client_open(&suite.client, &suite.box, 60000);
	*state = &suite;
	return 0;
}

int suite_setup_piped(void **state)
{
	sandbox_start(&suite.box, true);
	suite.client.resumable = false;
	client_open(&suite.client, &suite.box, 60000);
	*state = &suite;
	return 0;
}

int suite_teardown(void **state)
{
	(void)state;
	client_close(&suite.client);
	sandbox_stop(&suite.box);
	return 0;
}

/* An argument picks tests by pattern: *timeout* */
int main(int argc, char **argv)
{
	int failed = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	failed += asb_test_commands();
	failed += asb_test_streams();
	failed += asb_test_terminal();
	failed += asb_test_processes();
	failed += asb_test_life();
	failed += asb_test_protocol();
	failed += asb_test_limits();
	failed += asb_test_mux();
	failed += asb_test_resume();
	failed += asb_test_detached();
	failed += asb_test_spool();
	return failed == 0 ? 0 : 1;
}
