/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/jobs_ask.h"

#include <stdio.h>
#include <string.h>

#define LEAST_DIGITS 4u

const char *asb_job_id_text(const uint8_t *id, char out[ASB_JOB_ID_TEXT])
{
	for (size_t i = 0; i < ASB_ID_LEN; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
	return out;
}

int asb_jobs_open(struct asb_link *link, struct asb_run *run, const struct asb_context *context,
		  struct asb_error *err)
{
	if (asb_link_open(link, run, context, err) != 0)
		return -1;
	if (asb_session_offers(link->session, ASB_FEATURE_DETACH))
		return 0;
	asb_fail(err,
		 "the shim of sandbox \"%s\" is older than this plugin and knows no detached jobs",
		 run->plan.sandbox.name);
	return asb_hint(err, "make the sandbox anew");
}

struct asb_listing *asb_jobs_ask(struct asb_link *link, const uint8_t *id, bool wait,
				 struct asb_error *err)
{
	struct asb_listing *listing = asb_listing_new(link->session, id, wait);

	while (!asb_listing_done(listing)) {
		if (asb_link_poll(link, NULL, 0, -1, err) != 0) {
			asb_listing_free(listing);
			return NULL;
		}
	}
	return listing;
}

static bool is_beginning(const char *text)
{
	size_t n = strlen(text);

	return n >= LEAST_DIGITS && n < ASB_JOB_ID_TEXT && strspn(text, "0123456789abcdef") == n;
}

static size_t find(const struct asb_listing *listing, const char *text, uint8_t id[ASB_ID_LEN])
{
	char whole[ASB_JOB_ID_TEXT];
	size_t found = 0;

	for (size_t i = 0; i < asb_listing_count(listing); i++) {
		const struct asb_listed *job = asb_listing_at(listing, i);

		if (!job->detached ||
		    strncmp(asb_job_id_text(job->id, whole), text, strlen(text)) != 0)
			continue;
		memcpy(id, job->id, ASB_ID_LEN);
		found++;
	}
	return found;
}

int asb_jobs_find(struct asb_link *link, const char *text, uint8_t id[ASB_ID_LEN],
		  struct asb_error *err)
{
	const char *name = link->run->plan.sandbox.name;
	struct asb_listing *listing;
	size_t found;

	if (!is_beginning(text))
		return asb_fail_usage(
			err, "\"%s\" is no id of a job, or less than four digits of one", text);
	listing = asb_jobs_ask(link, NULL, false, err);
	if (listing == NULL)
		return -1;
	found = find(listing, text, id);
	asb_listing_free(listing);
	if (found == 1)
		return 0;
	if (found > 1)
		return asb_fail(err, "the ids of %zu jobs begin with \"%s\"", found, text);
	asb_fail(err, "sandbox \"%s\" knows no job \"%s\" (any more)", name, text);
	return asb_hint(err, "kubectl agentsandbox jobs %s", name);
}

int asb_jobs_status(const struct asb_exit_record *record)
{
	const struct asb_job_view view = {.state = ASB_JOB_ENDED, .record = *record};

	return asb_job_exit_status(&view);
}

const char *asb_jobs_words(const struct asb_exit_record *record, char out[64])
{
	if (record->timed_out)
		snprintf(out, 64, "timed out");
	else if (record->oom_killed)
		snprintf(out, 64, "out of memory");
	else if (record->signal != 0)
		snprintf(out, 64, "killed by %s", record->signal_name);
	else
		snprintf(out, 64, "exited %d", record->code);
	return out;
}
