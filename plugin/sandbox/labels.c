/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/labels.h"

#include <string.h>
#include <sys/random.h> /* where macOS has getentropy */
#include <unistd.h>

#include "plugin/base/buffer.h"

#define RANDOM_CHARACTERS 10

/* Label names hold a '/', which asb_json paths can't express: they are added to the object itself.
 */
static void add_label(cJSON *labels, const char *name, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(labels, name);
	cJSON_AddStringToObject(labels, name, value);
}

void asb_labels_set(cJSON *object, const char *metadata, const char *component,
		    const char *instance)
{
	ASB_TEXT path = asb_strf("%s/labels", metadata);
	cJSON *labels = cJSON_CreateObject();

	if (labels == NULL)
		asb_out_of_memory();
	add_label(labels, "app.kubernetes.io/managed-by", ASB_MANAGED_BY);
	add_label(labels, "app.kubernetes.io/name", "agentsandbox");
	add_label(labels, "app.kubernetes.io/component", component);
	if (instance != NULL)
		add_label(labels, "app.kubernetes.io/instance", instance);
	asb_json_set(object, path, labels);
}

const char *asb_labels_instance(const cJSON *object)
{
	const cJSON *labels = asb_json_at(object, "metadata/labels");

	return cJSON_GetStringValue(asb_json_member(labels, "app.kubernetes.io/instance"));
}

char *asb_random_name(struct asb_error *err)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char random[RANDOM_CHARACTERS];
	char text[RANDOM_CHARACTERS + 1];

	if (getentropy(random, sizeof(random)) != 0) {
		asb_fail_errno(err, "no random bytes for a name");
		return NULL;
	}
	for (size_t i = 0; i < RANDOM_CHARACTERS; i++)
		text[i] = digits[random[i] & 31];
	text[RANDOM_CHARACTERS] = '\0';
	return asb_strf("run-%s", text);
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool asb_is_dns_label(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n > 63 || !is_alphanumeric(text[0]) || !is_alphanumeric(text[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_alphanumeric(text[i]) && text[i] != '-')
			return false;
	}
	return true;
}
