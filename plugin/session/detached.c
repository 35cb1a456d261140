/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/session/detached.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/printable.h"
#include "plugin/session/session_internal.h"

struct asb_listing {
	struct asb_session *session;
	uint8_t id[ASB_ID_LEN];
	bool one, wait, done;
	struct asb_listed *items;
	size_t count;
};

/* --- questions -------------------------------------------------------------------------------- */

static void forget_items(struct asb_listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->items[i].command);
	free(listing->items);
	listing->items = NULL;
	listing->count = 0;
}

static void ask(const struct asb_listing *listing)
{
	asb_session_send(listing->session, listing->wait ? ASB_WAIT : ASB_LIST, 0, 0, listing->id,
			 listing->one ? ASB_ID_LEN : 0, NULL, 0);
}

struct asb_listing *asb_listing_new(struct asb_session *session, const uint8_t *id, bool wait)
{
	struct asb_listing *listing = asb_calloc(1, sizeof(*listing));

	listing->session = session;
	listing->one = id != NULL;
	listing->wait = wait;
	if (id != NULL)
		memcpy(listing->id, id, ASB_ID_LEN);
	session->listing = listing;
	ask(listing);
	return listing;
}

void asb_listing_free(struct asb_listing *listing)
{
	if (listing == NULL)
		return;
	if (listing->session->listing == listing)
		listing->session->listing = NULL;
	forget_items(listing);
	free(listing);
}

void asb_listing_again(struct asb_session *session)
{
	if (session->listing == NULL)
		return;
	forget_items(session->listing);
	ask(session->listing);
}

bool asb_listing_done(const struct asb_listing *listing)
{
	return listing->done;
}

size_t asb_listing_count(const struct asb_listing *listing)
{
	return listing->count;
}

const struct asb_listed *asb_listing_at(const struct asb_listing *listing, size_t i)
{
	return &listing->items[i];
}

/* --- answers ---------------------------------------------------------------------------------- */

static void take_range(struct asb_listed *job, enum asb_stream stream, const struct asb_attr *attr)
{
	if (attr->length < 16)
		return;
	job->start[stream] = asb_get64(attr->value);
	job->end[stream] = asb_get64(attr->value + 8);
}

/* Made harmless for a terminal. */
static void take_command(struct asb_listed *job, const struct asb_attr *attr)
{
	free(job->command);
	job->command = asb_malloc((size_t)attr->length + 1);
	asb_printable(job->command, (size_t)attr->length + 1, attr->value, attr->length);
}

static bool take_attribute(struct asb_listed *job, const struct asb_attr *attr)
{
	switch (attr->tag) {
	case ASB_LISTED_ID:
		if (attr->length == ASB_ID_LEN)
			memcpy(job->id, attr->value, ASB_ID_LEN);
		return attr->length == ASB_ID_LEN;
	case ASB_LISTED_STATE:
		job->ended = asb_attr_uint(attr, 0) == ASB_LISTED_ENDED;
		break;
	case ASB_LISTED_PID:
		job->pid = (uint32_t)asb_attr_uint(attr, 0);
		break;
	case ASB_LISTED_COMMAND:
		take_command(job, attr);
		break;
	case ASB_LISTED_STARTED_MS:
		job->started_ms = (int64_t)(asb_attr_uint(attr, 0) & INT64_MAX);
		break;
	case ASB_LISTED_STDOUT:
		take_range(job, ASB_STDOUT, attr);
		break;
	case ASB_LISTED_STDERR:
		take_range(job, ASB_STDERR, attr);
		break;
	case ASB_LISTED_DETACHED:
		job->detached = asb_attr_uint(attr, 0) == 1;
		break;
	case ASB_LISTED_RECORD:
		return asb_job_record(attr->value, attr->length, &job->record);
	default:
		break;
	}
	return true;
}

static bool take_listed(struct asb_listing *listing, const struct asb_frame *frame)
{
	struct asb_listed job = {0};
	struct asb_attr attr;
	size_t at = 0;
	int more = 1;
	bool good = true;

	while (good) {
		more = asb_attr_next(frame->payload, frame->length, &at, &attr);
		if (more <= 0)
			break;
		good = take_attribute(&job, &attr);
	}
	if (job.command == NULL)
		job.command = asb_strdup("");
	listing->items =
		asb_realloc(listing->items, (listing->count + 1) * sizeof(*listing->items));
	listing->items[listing->count++] = job;
	return good && more == 0;
}

bool asb_listing_frame(struct asb_session *session, const struct asb_frame *frame)
{
	struct asb_listing *listing = session->listing;

	if (listing == NULL || listing->done)
		return true;
	if (frame->type == ASB_LISTED)
		return take_listed(listing, frame);
	listing->done = true;
	session->listing = NULL;
	return true;
}

/* --- jobs ------------------------------------------------------------------------------------- */

const uint8_t *asb_job_id(const struct asb_job *job)
{
	return job->id;
}

void asb_session_signal(struct asb_session *session, const uint8_t *id, const char *name)
{
	asb_session_send(session, ASB_SIGNAL_JOB, 0, 0, id, ASB_ID_LEN, name, strlen(name));
}

struct asb_job *asb_job_attach(struct asb_session *session, const uint8_t *id, uint64_t stdout_from,
			       uint64_t stderr_from, struct asb_error *err)
{
	const struct asb_job_spec nothing = {0};
	struct asb_job *job;

	if (!asb_session_open(session, err))
		return NULL;
	job = asb_job_new(session, &nothing);
	memcpy(job->id, id, ASB_ID_LEN);
	job->attached = true;
	job->streams[0].ring.start = job->streams[0].ring.end = stdout_from;
	job->streams[1].ring.start = job->streams[1].ring.end = stderr_from;
	asb_job_send_attach(job);
	return job;
}

uint64_t asb_job_offset(const struct asb_job *job, enum asb_stream stream)
{
	return job->streams[stream == ASB_STDERR].ring.start;
}
