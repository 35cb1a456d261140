/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_rights.c - what the user may do: what `run` can't do without, and what else there is. */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"
#include "plugin/sandbox/spec.h"

/* What is not asked for by rights.h for `run`, and whom it serves. */
static const struct need {
	const char *group, *resource, *subresource, *verb;
	const char *command;
} needs[] = {
	{ASB_SANDBOX_GROUP, "sandboxes", NULL, "get", "exec"},
	{ASB_SANDBOX_GROUP, "sandboxes", NULL, "list", "list"},
	{ASB_SANDBOX_GROUP, "sandboxes", NULL, "patch", "suspend, resume, extend"},
	{ASB_EXTENSIONS_GROUP, "sandboxclaims", NULL, "create", "run --pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxclaims", NULL, "delete", "run --pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxclaims", NULL, "get", "run --pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxtemplates", NULL, "create", "pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxtemplates", NULL, "get", "pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxtemplates", NULL, "delete", "pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxwarmpools", NULL, "create", "pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxwarmpools", NULL, "get", "pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxwarmpools", NULL, "list", "pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxwarmpools", NULL, "delete", "pool"},
	{ASB_EXTENSIONS_GROUP, "sandboxwarmpools", NULL, "patch", "pool"},
	{"", "pods", NULL, "create", "run --sandbox k8s"},
	{"", "pods", NULL, "delete", "run --sandbox k8s"},
	{"", "pods", "log", "get", "logs"},
};

#define NEEDS (sizeof(needs) / sizeof(needs[0]))

static enum asb_purpose purpose_of(const struct asb_sandbox_options *options)
{
	if (options->mode == ASB_MODE_POD)
		return ASB_PURPOSE_POD;
	return options->pool != NULL ? ASB_PURPOSE_CLAIM : ASB_PURPOSE_MAKE;
}

static void init_more(struct asb_exam *exam)
{
	exam->more = asb_calloc(NEEDS, sizeof(exam->more[0]));
	exam->more_count = NEEDS;
	for (size_t i = 0; i < NEEDS; i++)
		exam->more[i] = (struct asb_access){
			.group = needs[i].group,
			.resource = needs[i].resource,
			.subresource = needs[i].subresource,
			.verb = needs[i].verb,
			.namespace_ = exam->namespace_,
		};
}

int asb_exam_ask_rights(struct asb_exam *exam, struct asb_http *http, struct asb_error *err)
{
	struct asb_access all[ASB_RIGHTS + NEEDS];

	asb_rights_init(&exam->rights, exam->namespace_, purpose_of(exam->options->sandbox));
	init_more(exam);
	memcpy(all, exam->rights.items, sizeof(exam->rights.items));
	memcpy(all + ASB_RIGHTS, exam->more, NEEDS * sizeof(all[0]));
	if (asb_access_review(http, all, ASB_RIGHTS + NEEDS, err) != 0) {
		exam->rights_failed = asb_strdup(err->message);
		asb_error_clear(err);
		return 0;
	}
	memcpy(exam->rights.items, all, sizeof(exam->rights.items));
	memcpy(exam->more, all + ASB_RIGHTS, NEEDS * sizeof(all[0]));
	return 0;
}

/* --- judging --- */

/* "--user=jane", as `kubectl create rolebinding` takes it; NULL: unknown. Heap. */
static char *subject_of(const cJSON *review)
{
	static const char account[] = "system:serviceaccount:";
	const char *name = asb_json_string(review, "status/userInfo/username");
	struct asb_buffer out = ASB_BUFFER_INIT;

	if (name == NULL)
		return NULL;
	if (strncmp(name, account, sizeof(account) - 1) == 0) {
		asb_buffer_addstr(&out, "--serviceaccount=");
		name += sizeof(account) - 1;
	} else {
		asb_buffer_addstr(&out, "--user=");
	}
	asb_buffer_add_word(&out, name);
	return asb_buffer_steal(&out);
}

/* The commands that something is missing for, each once. */
static char *commands_without(const struct asb_exam *exam)
{
	struct asb_buffer out = ASB_BUFFER_INIT;

	for (size_t i = 0; i < exam->more_count; i++) {
		if (!exam->more[i].allowed && strstr(out.data, needs[i].command) == NULL)
			asb_buffer_addf(&out, "%s%s", out.length == 0 ? "" : ", ",
					needs[i].command);
	}
	return asb_buffer_steal(&out);
}

/* Only the rights of commands that this cluster and these settings have a use for. */
static void leave_out_useless(const struct asb_exam *exam, struct asb_access *rights)
{
	bool extensions = exam->answers[ASB_Q_EXTENSION_GROUP].http != 404;

	for (size_t i = 0; i < exam->more_count; i++) {
		if (!extensions && strcmp(rights[i].group, ASB_EXTENSIONS_GROUP) == 0)
			rights[i].allowed = true;
		if (asb_exam_plain_pods(exam) && rights[i].group[0] != '\0')
			rights[i].allowed = true;
	}
}

static void judge_more(const struct asb_exam *exam, const char *subject,
		       struct asb_checkup *checkup)
{
	ASB_TEXT missing = NULL;
	ASB_TEXT commands = NULL;

	leave_out_useless(exam, exam->more);
	missing = asb_access_missing(exam->more, exam->more_count);
	if (missing[0] == '\0') {
		asb_checkup_add(checkup, ASB_CHECK_RIGHTS, ASB_CHECK_OK, NULL,
				"you may do what all commands need in namespace \"%s\"",
				exam->namespace_);
		return;
	}
	commands = commands_without(exam);
	asb_checkup_add(checkup, ASB_CHECK_RIGHTS, ASB_CHECK_WARNING,
			asb_access_grant(exam->more, exam->more_count, subject),
			"enough to run commands, but for %s you lack: %s", commands, missing);
}

void asb_judge_rights(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	struct asb_rights rights = exam->rights;
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT subject = subject_of(exam->answers[ASB_Q_WHOAMI].json);
	ASB_TEXT missing = NULL;

	if (exam->rights_failed != NULL) {
		asb_checkup_add(checkup, ASB_CHECK_RIGHTS, ASB_CHECK_UNKNOWN, NULL, "%s",
				exam->rights_failed);
		return;
	}
	if (asb_rights_require(&rights, &err) == 0) {
		judge_more(exam, subject, checkup);
		return;
	}
	missing = asb_access_missing(rights.items, ASB_RIGHTS);
	asb_checkup_add(checkup, ASB_CHECK_RIGHTS, ASB_CHECK_PROBLEM,
			asb_access_grant(rights.items, ASB_RIGHTS, subject),
			"you can't run commands in namespace \"%s\" without: %s", exam->namespace_,
			missing);
}
