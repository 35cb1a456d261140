/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that outlive their session, as the client sees them; the shim is played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/commands/jobs_ask.h"
#include "tests/unit/session_fake.h"

static const uint8_t an_id[ASB_ID_LEN] = {0xab, 0xcd, 1, 2, 3};

static void open_session(struct fake *fake, struct talk *talk)
{
	*talk = (struct talk){.n = 0};
	fake_open(fake);
	add_hello(talk);
	say(fake, talk);
}

static void add_attached(struct talk *talk, uint32_t channel, uint64_t out, uint64_t err)
{
	uint8_t payload[20];

	asb_put32(payload, 42);
	asb_put64(payload + 4, out);
	asb_put64(payload + 12, err);
	add_frame(talk, ASB_ATTACHED, 0, channel, payload, sizeof(payload));
}

static void test_a_detached_job_is_over_once_it_runs(void **state)
{
	const char *const argv[] = {"x", NULL};
	const struct asb_job_spec spec = {.argv = argv, .detach = true};
	struct asb_error err = ASB_ERROR_INIT;
	struct fake fake;
	struct talk talk;
	struct asb_job *job;

	(void)state;
	open_session(&fake, &talk);
	job = asb_job_start(fake.session, &spec, &err);
	add_started(&talk, 1);
	say(&fake, &talk);
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_DETACHED);
	asb_job_free(job);
	assert_int_equal(fake.rc, 0);
	fake_close(&fake);
}

static void test_attached_from_an_offset_on(void **state)
{
	const struct ending ending = {.code = 5, .out = "0123456789", .err = ""};
	struct asb_error err = ASB_ERROR_INIT;
	struct fake fake;
	struct talk talk;
	struct asb_job *job;
	char text[32];

	(void)state;
	open_session(&fake, &talk);
	job = asb_job_attach(fake.session, an_id, 4, 0, &err);
	add_attached(&talk, 1, 6, 0); /* two bytes are gone */
	add_data(&talk, ASB_STDOUT, 1, 6, "678", 3);
	say(&fake, &talk);
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_RUNNING);
	assert_int_equal(asb_job_offset(job, ASB_STDOUT), 6);
	add_data(&talk, ASB_STDOUT, 1, 9, "9", 1);
	add_eof(&talk, ASB_STDOUT, 1, 10);
	add_eof(&talk, ASB_STDERR, 1, 0);
	add_exit(&talk, 1, &ending);
	say(&fake, &talk);
	text_of(job, ASB_STDOUT, text, sizeof(text));
	assert_string_equal(text, "6789");
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_ENDED);
	assert_int_equal(asb_job_exit_status(asb_job_view(job)), 5);
	fake_close(&fake);
}

/* From the first byte on, what came is still compared with the record. */
static void test_damage_is_noticed(void **state)
{
	const struct ending ending = {.code = 0, .out = "abc", .err = ""};
	struct asb_error err = ASB_ERROR_INIT;
	struct fake fake;
	struct talk talk;
	struct asb_job *job;

	(void)state;
	open_session(&fake, &talk);
	job = asb_job_attach(fake.session, an_id, 0, 0, &err);
	add_attached(&talk, 1, 0, 0);
	add_data(&talk, ASB_STDOUT, 1, 0, "abX", 3);
	add_eof(&talk, ASB_STDOUT, 1, 3);
	add_exit(&talk, 1, &ending);
	say(&fake, &talk);
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_LOST);
	fake_close(&fake);
}

static void test_somebody_else_attaches(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct fake fake;
	struct talk talk;
	struct asb_job *job;

	(void)state;
	open_session(&fake, &talk);
	job = asb_job_attach(fake.session, an_id, 0, 0, &err);
	add_attached(&talk, 1, 0, 0);
	add_frame(&talk, ASB_DETACH, 0, 1, NULL, 0);
	say(&fake, &talk);
	assert_int_equal(asb_job_view(job)->state, ASB_JOB_LOST);
	assert_non_null(strstr(asb_job_view(job)->error->message, "another client"));
	fake_close(&fake);
}

static void add_listed(struct talk *talk)
{
	const struct ending ending = {.code = 3, .out = "abc", .err = ""};
	uint8_t payload[512], record[256], range[16];
	size_t at = 0, n = exit_payload(record, sizeof(record), &ending);

	asb_put64(range, 1);
	asb_put64(range + 8, 3);
	asb_attr_put(payload, sizeof(payload), &at, ASB_LISTED_ID, an_id, sizeof(an_id));
	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_LISTED_STATE, 1, ASB_LISTED_ENDED);
	asb_attr_put(payload, sizeof(payload), &at, ASB_LISTED_COMMAND, "l\033s", 3);
	asb_attr_put(payload, sizeof(payload), &at, ASB_LISTED_STDOUT, range, sizeof(range));
	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_LISTED_DETACHED, 1, 1);
	asb_attr_put(payload, sizeof(payload), &at, 999, "later", 5);
	asb_attr_put(payload, sizeof(payload), &at, ASB_LISTED_RECORD, record, (uint32_t)n);
	add_frame(talk, ASB_LISTED, 0, 0, payload, at);
}

static void test_a_list_of_jobs(void **state)
{
	struct fake fake;
	struct talk talk;
	struct asb_listing *listing;
	const struct asb_listed *job;
	char text[64];

	(void)state;
	open_session(&fake, &talk);
	listing = asb_listing_new(fake.session, NULL, false);
	add_listed(&talk);
	say(&fake, &talk);
	assert_false(asb_listing_done(listing));
	add_frame(&talk, ASB_LIST_END, 0, 0, NULL, 0);
	say(&fake, &talk);
	assert_true(asb_listing_done(listing));
	assert_int_equal(asb_listing_count(listing), 1);
	job = asb_listing_at(listing, 0);
	assert_true(job->ended && job->detached);
	assert_string_equal(job->command, "l?s");
	assert_int_equal(job->start[ASB_STDOUT], 1);
	assert_int_equal(job->end[ASB_STDOUT], 3);
	assert_string_equal(asb_jobs_words(&job->record, text), "exited 3");
	assert_string_equal(asb_job_id_text(job->id, text), "abcd0102030000000000000000000000");
	asb_listing_free(listing);
	fake_close(&fake);
}

static void test_a_list_that_is_malformed(void **state)
{
	static const uint8_t bad[] = {0, 1, 0, 0, 0, 99};
	struct fake fake;
	struct talk talk;
	struct asb_listing *listing;

	(void)state;
	open_session(&fake, &talk);
	add_frame(&talk, ASB_LISTED, 0, 0, bad, sizeof(bad)); /* that nobody asked for */
	say(&fake, &talk);
	assert_int_equal(fake.rc, 0);
	listing = asb_listing_new(fake.session, an_id, true);
	add_frame(&talk, ASB_LISTED, 0, 0, bad, sizeof(bad));
	say(&fake, &talk);
	assert_failed(&fake, "list of jobs");
	asb_listing_free(listing);
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_detached_job_is_over_once_it_runs),
		cmocka_unit_test(test_attached_from_an_offset_on),
		cmocka_unit_test(test_damage_is_noticed),
		cmocka_unit_test(test_somebody_else_attaches),
		cmocka_unit_test(test_a_list_of_jobs),
		cmocka_unit_test(test_a_list_that_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
