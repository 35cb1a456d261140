/* SPDX-License-Identifier: Apache-2.0 */
/* Output that nobody reads: kept in a file as far as there is one, held back beyond, never lost. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

#include "shim/limits.h"

#define MIB (UINT64_C(1) << 20)

/* A job that writes so much to both outputs and ends. */
static struct job *writer(struct client *c, uint64_t bytes)
{
	char line[160];
	struct job *job;

	snprintf(line, sizeof(line),
		 "seq 99999999 | head -c %llu; seq 99999999 | head -c 3000000 >&2; exit 4",
		 (unsigned long long)bytes);
	job = job_line(c, line);
	client_until(c, &job->started);
	return job;
}

static void expect(struct suite *s, struct job *job, uint64_t bytes)
{
	client_resume(&s->client, &s->box, ASB_RESUME_KNOWN);
	job_wait(&s->client, job);
	assert_int_equal(job->record.code, 4);
	assert_true(job->record.stdout_bytes == bytes);
	assert_true(job->output[0].total == bytes);
	assert_true(job->output[1].total == 3000000);
}

static void output_without_a_client_goes_to_a_file(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = writer(c, 40 * MIB);

	client_cut(c);
	/* It ends, although nobody reads. */
	assert_true(file_wait(s->box.audit, "\"code\":4", 3 * WAIT_MS));
	if (!shim_is_instrumented()) {
		print_message("           %ld KiB resident\n", sandbox_status(&s->box, "VmRSS"));
		assert_true(sandbox_status(&s->box, "VmRSS") <= 4096);
	}
	expect(s, job, 40 * MIB);
	/* Nothing stays open behind it. */
	if (sandbox_open_files(&s->box) > 0)
		assert_true(sandbox_open_files(&s->box) <= 16);
}

static void it_is_read_again_until_it_was_consumed(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = writer(c, 30 * MIB);

	for (uint64_t i = 1; i <= 12; i++) {
		client_cut(c);
		for (int k = 0; k < 20; k++)
			pause_briefly();
		client_resume(c, &s->box, ASB_RESUME_KNOWN);
		while (job->output[0].total < 2 * MIB * i)
			assert_true(client_step(c, WAIT_MS));
	}
	client_cut(c);
	expect(s, job, 30 * MIB);
}

static void beyond_its_limit_the_command_waits(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = writer(c, 90 * MIB);
	long long end;

	client_cut(c);
	end = now_ms() + 1500;
	while (now_ms() < end)
		assert_false(file_wait(s->box.audit, "\"code\":4", 100));
	expect(s, job, 90 * MIB);
}

static void a_full_disk_loses_nothing(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = writer(c, 20 * MIB);
	const char *text;

	client_cut(c);
	assert_false(file_wait(s->box.audit, "\"code\":4", 500));
	expect(s, job, 20 * MIB);
	/* No name was there, and the space is free again. */
	text = run_text(c, "ls -A /tmp/asb-small; df -P /tmp/asb-small | tail -n 1");
	assert_non_null(strstr(text, " 0 "));
	assert_non_null(strstr(text, "0%"));
	assert_memory_equal(text, "tmpfs", 5);
}

static void a_file_without_a_name_is_not_seen(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct job *job = writer(c, 20 * MIB);
	const char *text;

	client_open(&s->other, &s->box, 60000);
	client_cut(c);
	assert_false(file_wait(s->box.audit, "\"code\":4", 500));
	text = run_text(&s->other, "ls -A /tmp/asb-small; ls /proc/1/fd 2>/dev/null; echo end; "
				   "df -P /tmp/asb-small | tail -n 1");
	assert_memory_equal(text, "end\n", 4);
	assert_non_null(strstr(text, "100%"));
	client_close(&s->other);
	expect(s, job, 20 * MIB);
}

static void a_detached_job_runs_to_its_end(void **state)
{
	struct suite *s = *state;
	struct client *c = &s->client;
	struct description *d = describe();
	struct job *job;

	describe_text(d, ASB_SPEC_LINE, "seq 99999999 | head -c 40000000; exit 3");
	describe_number(d, ASB_SPEC_DETACH, 1, 1);
	job = job_start(c, d);
	client_until(c, &job->started);
	client_wait(c, job->id);
	client_until_listed(c);
	assert_true(c->listed[0].start[0] == 0 && c->listed[0].end[0] == 40000000);
	if (!shim_is_instrumented())
		assert_true(sandbox_status(&s->box, "VmRSS") <= 2048);
	for (int i = 0; i < 2; i++) {
		struct job *reader = job_attach(c, job->id, 0);

		job_wait(c, reader);
		assert_true(reader->output[0].total == 40000000);
	}
	client_send(c, ASB_FORGET, 0, 0, job->id, ASB_ID_LEN);
	client_ping(c);
	if (sandbox_open_files(&s->box) > 0)
		assert_true(sandbox_open_files(&s->box) <= 16);
}

static int setup(void **state, enum sandbox_storage storage)
{
	int rc;

	sandbox_limit_storage(storage);
	rc = suite_setup_resumable(state);
	sandbox_limit_storage(STORAGE_ANY);
	return rc;
}

static int setup_small(void **state)
{
	return setup(state, STORAGE_SMALL);
}

static int setup_cut(void **state)
{
	return setup(state, STORAGE_CUT);
}

static int setup_none(void **state)
{
	return setup(state, STORAGE_NONE);
}

int asb_test_spool(void)
{
	const struct CMUnitTest tests[] = {
		RESUME_TEST(output_without_a_client_goes_to_a_file),
		RESUME_TEST(it_is_read_again_until_it_was_consumed),
		RESUME_TEST(beyond_its_limit_the_command_waits),
		RESUME_TEST(a_detached_job_runs_to_its_end),
		cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing, setup_small,
						suite_teardown),
		cmocka_unit_test_setup_teardown(a_file_without_a_name_is_not_seen, setup_small,
						suite_teardown),
		/* Writes that end short, and then not at all. */
		cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing, setup_cut,
						suite_teardown),
		cmocka_unit_test_setup_teardown(beyond_its_limit_the_command_waits, setup_none,
						suite_teardown),
	};

	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
