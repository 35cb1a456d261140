/* SPDX-License-Identifier: Apache-2.0 */
/* version.c - the versions of the plugin, of the protocol, and of the shim inside the plugin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/base/json.h"
#include "plugin/commands/command.h"
#include "plugin/sandbox/shim_binary.h"
#include "shim/protocol/frame.h"

struct values {
	const char *output;
};

static const struct asb_command_option options[] = {
	{"output", 'o', ASB_OPTION_STRING, offsetof(struct values, output), "FORMAT",
	 "\"json\": one object instead of lines"},
	{0},
};

static void print_json(void)
{
	ASB_JSON json = cJSON_CreateObject();
	ASB_TEXT text = NULL;
	cJSON *shims;

	asb_json_set_string(json, "version", ASB_VERSION);
	asb_json_set_number(json, "protocol", ASB_PROTOCOL_VERSION);
	asb_json_set_string(json, "shim/configMap", asb_shims[0].configmap);
	asb_json_set_string(json, "shim/arch", asb_shims[0].arch);
	asb_json_set_number(json, "shim/size", (double)asb_shims[0].size);
	shims = cJSON_AddArrayToObject(json, "shims");
	for (unsigned long i = 0; i < asb_shim_count; i++) {
		cJSON *shim = cJSON_CreateObject();

		asb_json_set_string(shim, "arch", asb_shims[i].arch);
		asb_json_set_string(shim, "hash", asb_shims[i].hash);
		asb_json_set_string(shim, "configMap", asb_shims[i].configmap);
		asb_json_set_number(shim, "size", (double)asb_shims[i].size);
		cJSON_AddItemToArray(shims, shim);
	}
	text = asb_json_print(json);
	puts(text);
}

static int run_version(const struct asb_context *context, const void *values,
		       const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *own = values;

	if (operands->count > 0)
		return asb_fail_usage(err, "version takes no operands");
	if (own->output != NULL && strcmp(own->output, "json") == 0) {
		print_json();
		return ASB_STATUS_OK;
	}
	if (own->output != NULL) {
		asb_fail_usage(err, "--output: unknown format \"%s\"", own->output);
		return asb_hint(err, "%s version -o json", context->program);
	}
	printf("kubectl-agentsandbox %s\n", ASB_VERSION);
	printf("protocol %d\n", ASB_PROTOCOL_VERSION);
	for (unsigned long i = 0; i < asb_shim_count; i++)
		printf("shim %s (%s, %lu bytes)\n", asb_shims[i].configmap, asb_shims[i].arch,
		       asb_shims[i].size);
	return ASB_STATUS_OK;
}

const struct asb_command asb_command_version = {
	.name = "version",
	.summary = "Prints the versions of the plugin, its protocol and its shim",
	.usage = "version [-o json]",
	.description =
		"The shim is the small program that runs the commands inside a sandbox. It travels "
		"inside the plugin; each version has a ConfigMap of its own, named here.",
	.examples = "version -o json",
	.options = options,
	.values_size = sizeof(struct values),
	.run = run_version,
};
