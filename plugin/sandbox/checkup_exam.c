/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_exam.c - what several judges ask of the answers: what is refused, who the controller is.
 */
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"

#define NEWEST "v1.0.2"
#define RELEASES "https://github.com/kubernetes-sigs/agent-sandbox/releases/download/"

const char *asb_exam_name(const cJSON *object)
{
	const char *name = asb_json_string(object, "metadata/name");

	return name != NULL ? name : "?";
}

bool asb_exam_refused(const struct asb_exam *exam, const char *code)
{
	return exam->refusal.code != NULL && strcmp(exam->refusal.code, code) == 0;
}

bool asb_exam_plain_pods(const struct asb_exam *exam)
{
	return exam->options->sandbox->mode == ASB_MODE_POD;
}

/* --- the controller --- */

const char *asb_controller_namespace(const struct asb_exam *exam)
{
	const char *namespace_ = asb_json_string(exam->controller, "metadata/namespace");

	return namespace_ != NULL ? namespace_ : ASB_CONTROLLER_NAMESPACE;
}

const char *asb_controller_image(const struct asb_exam *exam)
{
	const char *image =
		asb_json_string(exam->controller, "spec/template/spec/containers/0/image");

	return image != NULL ? image : "of an unknown image";
}

char *asb_controller_tag(const struct asb_exam *exam)
{
	const char *image = asb_controller_image(exam);
	const char *slash = strrchr(image, '/');
	const char *colon = strchr(slash != NULL ? slash : image, ':');
	size_t n;

	if (exam->controller == NULL || colon == NULL || colon[1] != 'v')
		return NULL;
	n = strspn(colon + 1, "abcdefghijklmnopqrstuvwxyz0123456789.-");
	if (colon[1 + n] != '\0' && colon[1 + n] != '@')
		return NULL;
	return asb_strndup(colon + 1, n);
}

static bool is_flag(const char *argument, const char *flag, const char **value)
{
	size_t n = strlen(flag);

	argument += strspn(argument, "-");
	if (strncmp(argument, flag, n) != 0 || (argument[n] != '\0' && argument[n] != '='))
		return false;
	*value = argument[n] == '=' ? argument + n + 1 : "true";
	return true;
}

bool asb_controller_flag(const struct asb_exam *exam, const char *flag, bool otherwise)
{
	const cJSON *container = asb_json_at(exam->controller, "spec/template/spec/containers/0");
	const char *const lists[] = {"command", "args"};
	bool on = otherwise;

	for (size_t i = 0; i < 2; i++) {
		const cJSON *argument;

		cJSON_ArrayForEach(argument, asb_json_member(container, lists[i]))
		{
			const char *text = cJSON_GetStringValue(argument), *value;

			if (text != NULL && is_flag(text, flag, &value))
				on = strcmp(value, "true") == 0;
		}
	}
	return on;
}

/* v0.5.2 brought one file with everything; before it there were two. */
static bool has_one_file(const char *tag)
{
	return strncmp(tag, "v0.", 3) != 0 ||
	       (strncmp(tag, "v0.5.", 5) == 0 && strcmp(tag, "v0.5.1") > 0);
}

char *asb_install_step(const char *tag)
{
	static const char apply[] = "kubectl apply --server-side --force-conflicts -f " RELEASES;

	if (tag == NULL)
		tag = NEWEST;
	if (has_one_file(tag))
		return asb_strf("%s%s/sandbox-with-extensions.yaml", apply, tag);
	return asb_strf("%s%s/manifest.yaml\n%s%s/extensions.yaml", apply, tag, apply, tag);
}
