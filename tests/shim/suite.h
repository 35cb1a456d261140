/* SPDX-License-Identifier: Apache-2.0 */
/* suite.h - the groups of tests and what each test gets: a sandbox of its own and a client in it.
 */
#ifndef ASB_TEST_SUITE_H
#define ASB_TEST_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client.h"
#include "sandbox.h"

struct suite {
	struct sandbox box;
	struct client client;
	struct client other; /* for tests that need a second one; they open and close it */
};

/* Fixtures; *state is the struct suite. The client's session has a lease of 60 s. */
int suite_setup(void **state);
int suite_setup_piped(void **state);	 /* PID 1's stdout is a pipe that nobody reads */
int suite_setup_resumable(void **state); /* the clients name the feature resume */
int suite_teardown(void **state);

#define SUITE_TEST(function) cmocka_unit_test_setup_teardown(function, suite_setup, suite_teardown)

#define RESUME_TEST(function) \
	cmocka_unit_test_setup_teardown(function, suite_setup_resumable, suite_teardown)

int asb_test_commands(void);
int asb_test_streams(void);
int asb_test_terminal(void);
int asb_test_processes(void);
int asb_test_life(void);
int asb_test_protocol(void);
int asb_test_limits(void);
int asb_test_mux(void);
int asb_test_resume(void);
int asb_test_detached(void);
int asb_test_spool(void);

#endif
