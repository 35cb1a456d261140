/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/shim_configmap.h"

#include <stdint.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/labels.h"

/* RFC 4648 base64 with padding: the one form the API server stores and returns. */
static char *base64(const unsigned char *bytes, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = asb_malloc((n + 2) / 3 * 4 + 1);
	char *to = text;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t word = (uint32_t)bytes[i] << 16;

		if (left > 1)
			word |= (uint32_t)bytes[i + 1] << 8;
		if (left > 2)
			word |= bytes[i + 2];
		*to++ = digits[word >> 18];
		*to++ = digits[word >> 12 & 63];
		*to++ = left > 1 ? digits[word >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[word & 63] : '=';
	}
	*to = '\0';
	return text;
}

cJSON *asb_shim_configmap(const struct asb_shim *shim)
{
	cJSON *object = asb_json_literal("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
					 "\"metadata\":{},\"immutable\":true,\"binaryData\":{}}");
	ASB_TEXT text = base64(shim->bytes, shim->size);

	asb_json_set_string(object, "metadata/name", shim->configmap);
	asb_labels_set(object, "metadata", "shim", NULL);
	cJSON_AddStringToObject(cJSON_GetObjectItemCaseSensitive(object, "binaryData"), shim->arch,
				text);
	return object;
}

bool asb_shim_configmap_same(const struct asb_shim *shim, const cJSON *found)
{
	const cJSON *data = asb_json_member(found, "binaryData");
	const char *theirs = cJSON_GetStringValue(asb_json_member(data, shim->arch));
	ASB_TEXT ours = base64(shim->bytes, shim->size);

	return cJSON_GetArraySize(data) == 1 && theirs != NULL && strcmp(ours, theirs) == 0;
}
