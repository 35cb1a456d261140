/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/diagnose_rules.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "plugin/base/buffer.h"
#include "plugin/base/printable.h"
#include "plugin/sandbox/spec.h"

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static const char *pod_spec_string(const cJSON *sandbox, const cJSON *pod, const char *path)
{
	ASB_TEXT in_pod = asb_strf("spec/%s", path);
	ASB_TEXT in_template = asb_strf("spec/podTemplate/spec/%s", path);
	const char *text = asb_json_string(pod, in_pod);

	return or_empty(text != NULL ? text : asb_json_string(sandbox, in_template));
}

/* Our pods ask for one; of others nothing else is usual. */
static const char *pod_arch(const cJSON *sandbox, const cJSON *pod)
{
	const cJSON *spec = asb_json_at(pod, "spec");
	const char *arch;

	if (spec == NULL)
		spec = asb_json_at(sandbox, "spec/podTemplate/spec");
	arch = cJSON_GetStringValue(
		asb_json_member(asb_json_at(spec, "nodeSelector"), ASB_ARCH_LABEL));
	return arch != NULL ? arch : "amd64";
}

void asb_subject_init(struct asb_subject *subject, const cJSON *sandbox, const cJSON *pod)
{
	const char *namespace_ = asb_json_string(sandbox, "metadata/namespace");
	const char *name = asb_json_string(sandbox, "metadata/name");

	*subject = (struct asb_subject){
		.namespace_ =
			or_empty(namespace_ != NULL ? namespace_
						    : asb_json_string(pod, "metadata/namespace")),
		.name = or_empty(name != NULL ? name : asb_json_string(pod, "metadata/name")),
		.image = pod_spec_string(sandbox, pod, "containers/0/image"),
		.account = pod_spec_string(sandbox, pod, "serviceAccountName"),
		.runtime_class = pod_spec_string(sandbox, pod, "runtimeClassName"),
		.node = or_empty(asb_json_string(pod, "spec/nodeName")),
		.pool = "",
		.arch = pod_arch(sandbox, pod),
	};
	subject->other_arch = strcmp(subject->arch, "amd64") == 0 ? "arm64" : "amd64";
}

/* Whatever the case. */
static bool holds(const char *text, const char *part)
{
	size_t n = strlen(part);

	while (*text != '\0' && strncasecmp(text, part, n) != 0)
		text++;
	return *text != '\0';
}

const struct asb_rule *asb_rule_find(const struct asb_rule *rules, const char *message)
{
	for (;; rules++) {
		if (rules->needle == NULL)
			return rules;
		if (holds(message, rules->needle) &&
		    (rules->needle2 == NULL || holds(message, rules->needle2)))
			return rules;
	}
}

/* The value of the variable a template shows at `at` ("{image}..."), and the length of its name in
 * braces; NULL when it is no variable. */
static const char *variable(const struct asb_subject *subject, const char *text, const char *at,
			    size_t *length)
{
	const struct {
		const char *name, *value;
	} variables[] = {
		{"{text}", text},
		{"{image}", subject->image},
		{"{namespace}", subject->namespace_},
		{"{name}", subject->name},
		{"{account}", subject->account},
		{"{runtime}", subject->runtime_class},
		{"{node}", subject->node},
		{"{pool}", subject->pool},
		{"{arch}", subject->arch},
		{"{other arch}", subject->other_arch},
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		*length = strlen(variables[i].name);
		if (strncmp(at, variables[i].name, *length) == 0)
			return variables[i].value;
	}
	return NULL;
}

static void expand(const char *template, const struct asb_subject *subject, const char *text,
		   char *out, size_t size)
{
	struct asb_buffer buffer = ASB_BUFFER_INIT;
	char line[900]; /* what others say may hold anything, and likes to end with a full stop */
	size_t n = asb_printable(line, sizeof(line), text, strlen(text));

	while (n > 0 && (line[n - 1] == '.' || line[n - 1] == ' '))
		line[--n] = '\0';
	while (*template != '\0') {
		size_t length;
		const char *value =
			*template == '{' ? variable(subject, line, template, &length) : NULL;

		if (value != NULL) {
			asb_buffer_addstr(&buffer, value);
			template += length;
		} else {
			asb_buffer_addch(&buffer, *template ++);
		}
	}
	if (buffer.length >= size)
		snprintf(out, size, "%.*s...", (int)(size - 4), buffer.data);
	else
		snprintf(out, size, "%s", buffer.data);
	asb_buffer_release(&buffer);
}

void asb_rule_apply(const struct asb_rule *rule, const struct asb_subject *subject,
		    const char *text, struct asb_diagnosis *out)
{
	out->verdict = rule->verdict;
	out->patience_ms = rule->patience_ms;
	out->code = rule->code;
	expand(rule->cause, subject, text, out->cause, sizeof(out->cause));
	out->hint[0] = '\0';
	if (rule->hint != NULL)
		expand(rule->hint, subject, text, out->hint, sizeof(out->hint));
}

static bool event_fits(const cJSON *event, const char *reason, const char *prefix, const char *uid)
{
	const char *its = asb_json_string(event, "reason");
	const char *message = asb_json_string(event, "message");
	const char *of = asb_json_string(event, "involvedObject/uid");

	if (its == NULL || strcmp(its, reason) != 0)
		return false;
	if (prefix != NULL && (message == NULL || strncmp(message, prefix, strlen(prefix)) != 0))
		return false;
	/* Events of an earlier pod of this name say nothing about this one. */
	return uid == NULL || of == NULL || *of == '\0' || strcmp(of, uid) == 0;
}

const cJSON *asb_event_find(const struct asb_findings *findings, const char *reason,
			    const char *prefix)
{
	const char *uid = asb_json_string(findings->pod, "metadata/uid");
	const cJSON *event, *found = NULL;

	cJSON_ArrayForEach(event, findings->events)
	{
		if (event_fits(event, reason, prefix, uid))
			found = event;
	}
	return found;
}

const cJSON *asb_container_status(const cJSON *pod)
{
	return asb_json_find(pod, "status/containerStatuses", "name", ASB_CONTAINER);
}
