/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_yaml.c - any bytes give a tree that prints and parses again as JSON, or an error. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct asb_error err = ASB_ERROR_INIT;
	cJSON *tree = asb_yaml_parse((const char *)data, size, "fuzz", &err);
	cJSON *again;
	char *text;

	if ((tree == NULL) != asb_failed(&err))
		abort();
	if (tree == NULL)
		return 0;
	text = asb_json_print(tree);
	again = asb_json_parse(text, strlen(text), &err);
	if (again == NULL)
		abort();
	cJSON_Delete(again);
	free(text);
	cJSON_Delete(tree);
	return 0;
}
