/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_objects.c - what we have made: sandboxes that should be gone, and the shims' ConfigMaps.
 */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/base/digest.h"
#include "plugin/sandbox/checkup_parts.h"
#include "plugin/sandbox/inventory.h"
#include "plugin/sandbox/leftover.h"
#include "plugin/sandbox/roots.h"
#include "plugin/sandbox/shim_configmap.h"

#define GRACE_MS 60000
#define MOST_NAMED 20
#define SHIM_PREFIX "agentsandbox-shim-"

/* --- what is left --- */

/* Names of one kind of leftover. */
struct leftovers {
	struct asb_buffer names; /* separated by blanks, at most MOST_NAMED */
	size_t count;
};

struct leaks {
	struct leftovers held;	  /* deleted, but something holds them */
	struct leftovers overdue; /* past their end, and nobody deleted them */
	struct leftovers kept;	  /* past their end, as their policy wants */
	struct leftovers pods;	  /* plain ones that have ended */
	int ours;
};

static void leave(struct leftovers *leftovers, const cJSON *object)
{
	if (leftovers->count < MOST_NAMED)
		asb_buffer_addf(&leftovers->names, "%s%s", leftovers->count == 0 ? "" : " ",
				asb_exam_name(object));
	leftovers->count++;
}

static bool is_past(const struct asb_exam *exam, int64_t at)
{
	return at >= 0 && exam->now_ms - at > GRACE_MS;
}

/* A Sandbox that is not one of a claim or a pool, whose own end takes it along. */
static void take_sandbox(struct leaks *leaks, const struct asb_exam *exam, const cJSON *sandbox)
{
	int64_t end = asb_time_parse(asb_json_string(sandbox, "spec/shutdownTime"));
	int64_t deleted = asb_time_parse(asb_json_string(sandbox, "metadata/deletionTimestamp"));
	const char *reason;

	if (!asb_inventory_is_ours(sandbox) ||
	    asb_json_at(sandbox, "metadata/ownerReferences/0") != NULL)
		return;
	leaks->ours++;
	if (is_past(exam, asb_leftover_sandbox(sandbox, &reason)))
		leave(&leaks->overdue, sandbox);
	else if (deleted < 0 && is_past(exam, end))
		leave(&leaks->kept, sandbox);
	else if (deleted >= 0 && (is_past(exam, deleted) || is_past(exam, end)) &&
		 asb_json_at(sandbox, "metadata/finalizers/0") != NULL)
		leave(&leaks->held, sandbox);
}

static void take_pod(struct leaks *leaks, const struct asb_exam *exam, const cJSON *pod)
{
	const char *reason;

	if (!asb_root_is_plain_pod(pod))
		return;
	leaks->ours++;
	if (is_past(exam, asb_leftover_pod(pod, &reason)))
		leave(&leaks->pods, pod);
}

static void take_claim(struct leaks *leaks, const struct asb_exam *exam, const cJSON *claim)
{
	const char *reason;

	leaks->ours++;
	if (is_past(exam, asb_leftover_claim(claim, &reason)))
		leave(&leaks->overdue, claim);
}

static struct leaks find_leaks(const struct asb_exam *exam)
{
	struct leaks leaks = {
		.held.names = ASB_BUFFER_INIT,
		.overdue.names = ASB_BUFFER_INIT,
		.kept.names = ASB_BUFFER_INIT,
		.pods.names = ASB_BUFFER_INIT,
	};
	const cJSON *item;

	cJSON_ArrayForEach(item, asb_json_member(exam->answers[ASB_Q_SANDBOXES].json, "items"))
		take_sandbox(&leaks, exam, item);
	cJSON_ArrayForEach(item, asb_json_member(exam->answers[ASB_Q_CLAIMS].json, "items"))
		take_claim(&leaks, exam, item);
	cJSON_ArrayForEach(item, asb_json_member(exam->answers[ASB_Q_PODS].json, "items"))
		take_pod(&leaks, exam, item);
	return leaks;
}

static void release_leaks(struct leaks *leaks)
{
	asb_buffer_release(&leaks->held.names);
	asb_buffer_release(&leaks->overdue.names);
	asb_buffer_release(&leaks->kept.names);
	asb_buffer_release(&leaks->pods.names);
}

static char *unhold_step(const struct asb_exam *exam, const struct leftovers *held)
{
	return asb_strf("for name in %s; do kubectl -n %s patch sandbox \"$name\" --type=merge "
			"-p '{\"metadata\":{\"finalizers\":null}}'; done",
			held->names.data, exam->namespace_);
}

static char *cleanup_step(const struct asb_exam *exam)
{
	return asb_strf("%s -n %s cleanup", exam->options->program, exam->namespace_);
}

static void report_leaks(const struct asb_exam *exam, const struct leaks *leaks,
			 struct asb_checkup *checkup)
{
	if (leaks->held.count > 0)
		asb_checkup_add(checkup, ASB_CHECK_SANDBOXES, ASB_CHECK_PROBLEM,
				unhold_step(exam, &leaks->held),
				"%zu deleted, but held by finalizers: %s", leaks->held.count,
				leaks->held.names.data);
	if (leaks->overdue.count > 0)
		asb_checkup_add(checkup, ASB_CHECK_SANDBOXES, ASB_CHECK_PROBLEM, cleanup_step(exam),
				"%zu past their end, and still there: %s", leaks->overdue.count,
				leaks->overdue.names.data);
	if (leaks->kept.count > 0)
		asb_checkup_add(checkup, ASB_CHECK_SANDBOXES, ASB_CHECK_WARNING,
				asb_strf("%s -n %s delete %s", exam->options->program,
					 exam->namespace_, leaks->kept.names.data),
				"%zu expired, kept because of shutdownPolicy Retain: %s",
				leaks->kept.count, leaks->kept.names.data);
	if (leaks->pods.count > 0)
		asb_checkup_add(checkup, ASB_CHECK_SANDBOXES, ASB_CHECK_WARNING, cleanup_step(exam),
				"%zu plain pods have ended, and are still there: %s",
				leaks->pods.count, leaks->pods.names.data);
}

void asb_judge_sandboxes(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer =
		&exam->answers[asb_exam_plain_pods(exam) ? ASB_Q_PODS : ASB_Q_SANDBOXES];
	struct leaks leaks;

	if (answer->http == 0 || answer->http == 404 ||
	    asb_checkup_unread(checkup, ASB_CHECK_SANDBOXES, answer, "the sandboxes"))
		return;
	leaks = find_leaks(exam);
	report_leaks(exam, &leaks, checkup);
	if (leaks.held.count + leaks.overdue.count + leaks.kept.count + leaks.pods.count == 0)
		asb_checkup_add(checkup, ASB_CHECK_SANDBOXES, ASB_CHECK_OK, NULL,
				"%d of ours, none past its end", leaks.ours);
	release_leaks(&leaks);
}

/* --- shim ConfigMaps --- */

/* It is named by a hash of the bytes of its one key. */
static bool is_what_it_says(const cJSON *configmap)
{
	const cJSON *data = asb_json_member(configmap, "binaryData");
	const char *text = data == NULL ? NULL : cJSON_GetStringValue(data->child);
	const char *name = asb_exam_name(configmap);
	char hash[ASB_SHA256_TEXT];
	struct asb_buffer bytes = ASB_BUFFER_INIT;
	bool decoded;

	if (text == NULL || cJSON_GetArraySize(data) != 1 ||
	    strncmp(name, SHIM_PREFIX, strlen(SHIM_PREFIX)) != 0)
		return false;
	decoded = asb_base64_decode(text, &bytes) == 0;
	asb_sha256(bytes.data, bytes.length, hash);
	asb_buffer_release(&bytes);
	name += strlen(SHIM_PREFIX);
	return decoded && name[0] != '\0' && strncmp(hash, name, strlen(name)) == 0;
}

/* The sandboxes of ours that may have executed it. */
static size_t users_of(const struct asb_exam *exam, const char *configmap)
{
	const cJSON *pod, *volume;
	size_t n = 0;

	cJSON_ArrayForEach(pod, asb_json_member(exam->answers[ASB_Q_PODS].json, "items"))
	{
		cJSON_ArrayForEach(volume, asb_json_at(pod, "spec/volumes"))
		{
			const char *name = asb_json_string(volume, "configMap/name");

			n += name != NULL && strcmp(name, configmap) == 0;
		}
	}
	return n;
}

static void judge_tampered(const struct asb_exam *exam, const char *name,
			   struct asb_checkup *checkup)
{
	size_t users = users_of(exam, name);

	asb_checkup_add(
		checkup, ASB_CHECK_SHIM, ASB_CHECK_PROBLEM,
		asb_strf("kubectl -n %s delete configmap %s", exam->namespace_, name),
		"\"%s\" does not hold the shim that its name promises: somebody has changed "
		"it; %zu running sandboxes use it",
		name, users);
}

/* Of those that may be listed; our own are judged by their bytes. */
static bool judge_others(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const cJSON *configmap;
	bool well = true;

	cJSON_ArrayForEach(configmap, asb_json_member(exam->answers[ASB_Q_SHIMS].json, "items"))
	{
		bool own = false;

		for (unsigned long i = 0; i < asb_shim_count; i++)
			own = own || strcmp(asb_exam_name(configmap), asb_shims[i].configmap) == 0;
		if (own || is_what_it_says(configmap))
			continue;
		judge_tampered(exam, asb_exam_name(configmap), checkup);
		well = false;
	}
	return well;
}

void asb_judge_shim(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *first = &exam->answers[ASB_Q_SHIM];
	bool well = true, there = false;

	if (asb_checkup_unread(checkup, ASB_CHECK_SHIM, first, "the shim's ConfigMap"))
		return;
	for (unsigned long i = 0; i < asb_shim_count; i++) {
		const cJSON *found = exam->answers[ASB_Q_SHIM + i].json;

		there = there || found != NULL;
		if (found == NULL || asb_shim_configmap_same(&asb_shims[i], found))
			continue;
		judge_tampered(exam, asb_shims[i].configmap, checkup);
		well = false;
	}
	well = judge_others(exam, checkup) && well;
	if (well)
		asb_checkup_add(checkup, ASB_CHECK_SHIM, ASB_CHECK_OK, NULL,
				there ? "holds this plugin's shim, byte for byte"
				      : "not there yet: the first sandbox brings it");
}
