/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/listed.h"

#include <string.h>

#include "shim/job.h"
#include "shim/limits.h"
#include "shim/tell.h"

/* A LISTED frame: the command, the record, and eight more attributes of at most 16 bytes. */
#define LISTED_MAX (ASB_FRAME_HEADER + ASB_COMMAND_MAX + ASB_RECORD_MAX + 10 * (6u + 16))

/* --- waiting ---------------------------------------------------------------------------------- */

static bool waits(const struct asb_job *job, int conn)
{
	return (job->waiting[conn / 8] >> conn % 8 & 1) != 0;
}

static void set_waiting(struct asb_job *job, struct asb_listed *l, bool value)
{
	if (waits(job, l->conn) == value)
		return;
	job->waiting[l->conn / 8] ^= (uint8_t)(1u << l->conn % 8);
	l->waits += value ? 1 : -1;
}

void asb_listed_drop(struct asb_listed *l)
{
	for (int i = 0; i < ASB_MAX_JOBS && l->waits > 0; i++)
		set_waiting(asb_job_at(i), l, false);
}

bool asb_listed_wait(struct asb_listed *l, const uint8_t id[ASB_ID_LEN])
{
	struct asb_job *job = asb_job_find_any(id);

	if (job != NULL)
		set_waiting(job, l, true);
	return job != NULL;
}

/* --- listing ---------------------------------------------------------------------------------- */

void asb_listed_begin(struct asb_listed *l, const uint8_t *id)
{
	l->one = id != NULL;
	if (l->one)
		memcpy(l->id, id, ASB_ID_LEN);
	l->next = 0;
	l->busy = true;
}

struct answer {
	uint8_t bytes[LISTED_MAX];
	size_t length;
};

static void put(struct answer *to, uint16_t tag, const void *value, size_t n)
{
	(void)asb_attr_put(to->bytes, sizeof(to->bytes), &to->length, tag, value, (uint32_t)n);
}

static void put_number(struct answer *to, uint16_t tag, unsigned width, uint64_t value)
{
	(void)asb_attr_put_uint(to->bytes, sizeof(to->bytes), &to->length, tag, width, value);
}

static void put_range(struct answer *to, uint16_t tag, const struct asb_output *o)
{
	uint8_t range[16];

	asb_put64(range, asb_output_start(o));
	asb_put64(range + 8, o->ring.end);
	put(to, tag, range, sizeof(range));
}

static bool tell_job(const struct asb_job *job, struct asb_out *out)
{
	static struct answer to;
	static char command[ASB_COMMAND_MAX];
	uint8_t record[ASB_RECORD_MAX];
	bool ended = asb_job_has_ended(job);

	if (asb_out_room(out) < LISTED_MAX)
		return false;
	to.length = 0;
	put(&to, ASB_LISTED_ID, job->id, ASB_ID_LEN);
	put_number(&to, ASB_LISTED_STATE, 1, ended ? ASB_LISTED_ENDED : ASB_LISTED_RUNNING);
	put_number(&to, ASB_LISTED_PID, 4, (uint64_t)job->pid);
	asb_audit_plain(job->command, command, sizeof(command));
	put(&to, ASB_LISTED_COMMAND, command, strlen(command));
	put_number(&to, ASB_LISTED_STARTED_MS, 8, job->started_ms);
	put_range(&to, ASB_LISTED_STDOUT, &job->out);
	put_range(&to, ASB_LISTED_STDERR, &job->err);
	put_number(&to, ASB_LISTED_DETACHED, 1, job->detached ? 1 : 0);
	if (ended)
		put(&to, ASB_LISTED_RECORD, record, asb_tell_record(job, record));
	return asb_out_frame(out, ASB_LISTED, 0, 0, to.bytes, to.length);
}

static bool tell_list(struct asb_listed *l, struct asb_out *out)
{
	for (; l->next < ASB_MAX_JOBS; l->next++) {
		const struct asb_job *job = asb_job_at(l->next);

		if (job->state == ASB_JOB_FREE || job->state == ASB_JOB_FAILED)
			continue;
		if (l->one && memcmp(job->id, l->id, ASB_ID_LEN) != 0)
			continue;
		if (!tell_job(job, out))
			return false;
	}
	if (!asb_out_frame(out, ASB_LIST_END, 0, 0, l->id, l->one ? ASB_ID_LEN : 0))
		return false;
	l->busy = false;
	return true;
}

static bool tell_ended(struct asb_listed *l, struct asb_out *out)
{
	for (int i = 0; i < ASB_MAX_JOBS && l->waits > 0; i++) {
		struct asb_job *job = asb_job_at(i);

		if (!asb_job_has_ended(job) || !waits(job, l->conn))
			continue;
		if (asb_out_room(out) < LISTED_MAX + ASB_FRAME_HEADER + ASB_ID_LEN)
			return false;
		(void)tell_job(job, out);
		(void)asb_out_frame(out, ASB_LIST_END, 0, 0, job->id, ASB_ID_LEN);
		set_waiting(job, l, false);
	}
	return true;
}

bool asb_listed_tell(struct asb_listed *l, struct asb_out *out)
{
	return (!l->busy || tell_list(l, out)) && tell_ended(l, out);
}
