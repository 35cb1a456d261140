/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/report_parts.h"

#include "plugin/base/age.h"

void asb_report_set(cJSON *object, const char *name, const char *text)
{
	asb_json_set(object, name, text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static int64_t time_at(const cJSON *object, const char *path)
{
	return asb_time_parse(asb_json_string(object, path));
}

int64_t asb_report_end_ms(const struct asb_facts *facts)
{
	double seconds = asb_json_number(facts->pod, "spec/activeDeadlineSeconds", 0);
	int64_t started = time_at(facts->pod, "status/startTime");

	if (time_at(facts->claim, "spec/lifecycle/shutdownTime") >= 0)
		return time_at(facts->claim, "spec/lifecycle/shutdownTime");
	if (facts->sandbox != NULL)
		return time_at(facts->sandbox, "spec/shutdownTime");
	return seconds > 0 && started >= 0 ? started + (int64_t)(seconds * 1000) : -1;
}
