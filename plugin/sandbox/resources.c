/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/resources.h"

#include <string.h>

#include "plugin/sandbox/spec.h"

#define API(v)                                                              \
	{                                                                   \
		.version = (v), .sandbox = ASB_SANDBOX_GROUP "/" v,         \
		.extension = ASB_EXTENSIONS_GROUP "/" v,                    \
		.sandboxes = {ASB_SANDBOX_GROUP, v, "sandboxes"},           \
		.claims = {ASB_EXTENSIONS_GROUP, v, "sandboxclaims"},       \
		.templates = {ASB_EXTENSIONS_GROUP, v, "sandboxtemplates"}, \
		.pools = {ASB_EXTENSIONS_GROUP, v, "sandboxwarmpools"},     \
	}

const struct asb_api asb_api_v1beta1 = API("v1beta1");
const struct asb_api asb_api_v1alpha1 = API("v1alpha1");
const struct asb_resource asb_sandboxes = {ASB_SANDBOX_GROUP, ASB_SANDBOX_VERSION, "sandboxes"};

static const struct asb_api *const known[] = {&asb_api_v1beta1, &asb_api_v1alpha1};

#define KNOWN (sizeof(known) / sizeof(known[0]))

const struct asb_api *asb_api_served(const cJSON *group)
{
	for (size_t i = 0; i < KNOWN; i++) {
		if (asb_json_find(group, "versions", "version", known[i]->version) != NULL)
			return known[i];
	}
	return NULL;
}

const struct asb_api *asb_api_of(const cJSON *object)
{
	const char *version = asb_json_string(object, "apiVersion");

	for (size_t i = 0; version != NULL && i < KNOWN; i++) {
		if (strcmp(version, known[i]->sandbox) == 0 ||
		    strcmp(version, known[i]->extension) == 0)
			return known[i];
	}
	return &asb_api_v1beta1;
}

bool asb_is_suspended(const cJSON *sandbox)
{
	const char *mode = asb_json_string(sandbox, "spec/operatingMode");

	return (mode != NULL && strcmp(mode, "Suspended") == 0) ||
	       asb_json_number(sandbox, "spec/replicas", 1) == 0;
}
