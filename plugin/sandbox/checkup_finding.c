/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_finding.c - what the judges have found. */
#include <stdarg.h>
#include <stdlib.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"

void asb_checkup_add(struct asb_checkup *checkup, const char *name, enum asb_check_status status,
		     char *next_step, const char *format, ...)
{
	struct asb_buffer evidence = ASB_BUFFER_INIT;
	va_list ap;

	va_start(ap, format);
	asb_buffer_vaddf(&evidence, format, ap);
	va_end(ap);
	checkup->items =
		asb_realloc(checkup->items, (checkup->count + 1) * sizeof(checkup->items[0]));
	checkup->items[checkup->count++] = (struct asb_check){
		.name = name,
		.status = status,
		.evidence = asb_buffer_steal(&evidence),
		.next_step = next_step,
	};
}

bool asb_checkup_unread(struct asb_checkup *checkup, const char *name,
			const struct asb_answer *answer, const char *what)
{
	if (answer->json != NULL || answer->http == 404)
		return false;
	if (answer->http == 403)
		asb_checkup_add(checkup, name, ASB_CHECK_UNKNOWN, NULL, "you may not read %s",
				what);
	else
		asb_checkup_add(checkup, name, ASB_CHECK_UNKNOWN, NULL, "%s can't be read: %s",
				what, answer->failed != NULL ? answer->failed : "not asked for");
	return true;
}

void asb_checkup_release(struct asb_checkup *checkup)
{
	for (size_t i = 0; i < checkup->count; i++) {
		free(checkup->items[i].evidence);
		free(checkup->items[i].next_step);
	}
	free(checkup->items);
	*checkup = (struct asb_checkup){0};
}

size_t asb_checkup_count(const struct asb_checkup *checkup, enum asb_check_status status)
{
	size_t n = 0;

	for (size_t i = 0; i < checkup->count; i++)
		n += checkup->items[i].status == status;
	return n;
}

const char *asb_check_word(enum asb_check_status status)
{
	static const char *const words[] = {
		[ASB_CHECK_OK] = "ok",
		[ASB_CHECK_UNKNOWN] = "unknown",
		[ASB_CHECK_WARNING] = "warning",
		[ASB_CHECK_PROBLEM] = "problem",
	};

	return words[status];
}

static cJSON *check_json(const struct asb_check *check)
{
	cJSON *json = asb_json_literal("{}");

	asb_json_set_string(json, "check", check->name);
	asb_json_set_string(json, "status", asb_check_word(check->status));
	asb_json_set_string(json, "evidence", check->evidence);
	if (check->next_step == NULL)
		asb_json_set(json, "nextStep", cJSON_CreateNull());
	asb_json_set_string(json, "nextStep", check->next_step);
	return json;
}

cJSON *asb_checkup_json(const struct asb_checkup *checkup)
{
	cJSON *json = asb_json_literal("{\"healthy\":false,\"checks\":[]}");

	asb_json_set_bool(json, "healthy", asb_checkup_count(checkup, ASB_CHECK_PROBLEM) == 0);
	for (size_t i = 0; i < checkup->count; i++)
		asb_json_append(json, "checks", check_json(&checkup->items[i]));
	return json;
}
