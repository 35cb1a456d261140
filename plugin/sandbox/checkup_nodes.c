/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup_nodes.c - nodes that can run a sandbox: ready, not kept free, of an architecture that the
 * plugin has a shim for; and the RuntimeClass, with nodes that it selects and that have its
 * handler.
 */
#include <string.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"
#include "plugin/sandbox/shim_binary.h"

#define RECENT_MS (15 * 60 * 1000)

static const char *text_at(const cJSON *object, const char *path, const char *otherwise)
{
	const char *text = asb_json_string(object, path);

	return text != NULL ? text : otherwise;
}

/* --- one node --- */

static bool is_ready(const cJSON *node)
{
	return asb_same_text(
		asb_json_string(asb_json_find(node, "status/conditions", "type", "Ready"),
				"status"),
		"True");
}

static const char *arch_of(const cJSON *node)
{
	return text_at(node, "status/nodeInfo/architecture", "unknown");
}

static bool has_shim(const char *arch)
{
	for (unsigned long i = 0; i < asb_shim_count; i++) {
		if (strcmp(asb_shims[i].arch, arch) == 0)
			return true;
	}
	return false;
}

/* A taint that sandboxes don't tolerate unless their RuntimeClass does. The node controller's own
 * follow from the node's state, which has a word of its own. */
static const char *hard_taint(const cJSON *node, const cJSON *class)
{
	const cJSON *taint;

	cJSON_ArrayForEach(taint, asb_json_at(node, "spec/taints"))
	{
		const char *key = text_at(taint, "key", "");

		if (asb_same_text(asb_json_string(taint, "effect"), "PreferNoSchedule") ||
		    strncmp(key, "node.kubernetes.io/", strlen("node.kubernetes.io/")) == 0 ||
		    asb_json_find(class, "scheduling/tolerations", "key", key) != NULL)
			continue;
		return key;
	}
	return NULL;
}

/* Why no sandbox runs there, with the step that changes it; NULL: one can. Heap. */
static char *trouble_of(const cJSON *node, const cJSON *class, char **step)
{
	const cJSON *ready = asb_json_find(node, "status/conditions", "type", "Ready");
	const char *name = text_at(node, "metadata/name", "?");
	const char *taint = hard_taint(node, class);

	if (!is_ready(node)) {
		*step = asb_strf("kubectl describe node %s\nssh %s sudo systemctl restart kubelet",
				 name, name);
		return asb_strf("node \"%s\" is not ready: %s", name,
				text_at(ready, "message", "it has never reported"));
	}
	if (asb_json_bool(node, "spec/unschedulable", false)) {
		*step = asb_strf("kubectl uncordon %s", name);
		return asb_strf("node \"%s\" is cordoned", name);
	}
	if (!has_shim(arch_of(node))) {
		*step = asb_strdup("kubectl get nodes -L kubernetes.io/arch");
		return asb_strf("node \"%s\" is %s, which this plugin has no shim for", name,
				arch_of(node));
	}
	if (taint != NULL) {
		*step = asb_strf("kubectl taint node %s %s-", name, taint);
		return asb_strf("node \"%s\" keeps pods away by its taint %s", name, taint);
	}
	return NULL;
}

/* --- all of them --- */

static void add_archs(struct asb_buffer *out, const cJSON *items)
{
	const cJSON *node;

	cJSON_ArrayForEach(node, items)
	{
		if (strstr(out->data, arch_of(node)) == NULL)
			asb_buffer_addf(out, "%s%s", out->length == 0 ? "" : ", ", arch_of(node));
	}
}

/* Some can't: a warning while others can. */
static void report(const cJSON *items, enum asb_check_status status, struct asb_checkup *checkup)
{
	const cJSON *node;

	cJSON_ArrayForEach(node, items)
	{
		char *step = NULL;
		ASB_TEXT trouble = trouble_of(node, NULL, &step);

		if (trouble == NULL)
			continue;
		/* Other architectures, and nodes kept free on purpose, are no fault. */
		if (status == ASB_CHECK_PROBLEM || !is_ready(node))
			asb_checkup_add(checkup, ASB_CHECK_NODES, status, step, "%s", trouble);
		else
			asb_free_text(&step);
	}
}

void asb_judge_nodes(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer = &exam->answers[ASB_Q_NODES];
	const cJSON *node, *items = asb_json_member(answer->json, "items");
	struct asb_buffer archs = ASB_BUFFER_INIT;
	int usable = 0;

	if (asb_checkup_unread(checkup, ASB_CHECK_NODES, answer, "nodes"))
		return;
	cJSON_ArrayForEach(node, items)
	{
		char *step = NULL;
		ASB_TEXT trouble = trouble_of(node, NULL, &step);

		usable += trouble == NULL;
		asb_free_text(&step);
	}
	report(items, usable == 0 ? ASB_CHECK_PROBLEM : ASB_CHECK_WARNING, checkup);
	add_archs(&archs, items);
	if (usable > 0)
		asb_checkup_add(checkup, ASB_CHECK_NODES, ASB_CHECK_OK, NULL,
				"%d of %d can run sandboxes (%s)", usable,
				cJSON_GetArraySize(items), archs.data);
	else if (cJSON_GetArraySize(items) == 0)
		asb_checkup_add(checkup, ASB_CHECK_NODES, ASB_CHECK_PROBLEM,
				asb_strdup("kubectl get nodes"), "the cluster has no nodes");
	asb_buffer_release(&archs);
}

/* --- RuntimeClass --- */

static bool selects(const cJSON *class, const cJSON *node)
{
	const cJSON *label, *labels = asb_json_at(node, "metadata/labels");

	cJSON_ArrayForEach(label, asb_json_at(class, "scheduling/nodeSelector"))
	{
		const char *value = cJSON_GetStringValue(asb_json_member(labels, label->string));

		if (value == NULL || !asb_same_text(cJSON_GetStringValue(label), value))
			return false;
	}
	return true;
}

/* Kubelets from 1.30 on name their runtimes' handlers, where the runtime does. */
static bool names_handlers(const cJSON *node)
{
	return cJSON_GetArraySize(asb_json_at(node, "status/runtimeHandlers")) > 0;
}

static bool has_handler(const cJSON *node, const char *handler)
{
	return asb_json_find(node, "status/runtimeHandlers", "name", handler) != NULL;
}

struct choice {
	int selected, with_handler, silent; /* nodes that can run sandboxes */
	struct asb_buffer handlers;	    /* that were named */
};

static void add_handlers(struct asb_buffer *out, const cJSON *node)
{
	const cJSON *handler;

	cJSON_ArrayForEach(handler, asb_json_at(node, "status/runtimeHandlers"))
	{
		const char *name = text_at(handler, "name", "");

		if (name[0] != '\0' && strstr(out->data, name) == NULL)
			asb_buffer_addf(out, "%s%s", out->length == 0 ? "" : ", ", name);
	}
}

static struct choice choose(const cJSON *nodes, const cJSON *class)
{
	struct choice choice = {.handlers = ASB_BUFFER_INIT};
	const cJSON *node;

	cJSON_ArrayForEach(node, nodes)
	{
		char *step = NULL;
		ASB_TEXT trouble = trouble_of(node, class, &step);

		asb_free_text(&step);
		if (trouble != NULL || !selects(class, node))
			continue;
		choice.selected++;
		choice.with_handler += has_handler(node, text_at(class, "handler", ""));
		choice.silent += !names_handlers(node);
		add_handlers(&choice.handlers, node);
	}
	return choice;
}

/* The handlers that the installers of known runtimes register. */
static const char *usual_handler(const char *class)
{
	if (strstr(class, "gvisor") != NULL || strstr(class, "runsc") != NULL)
		return "runsc";
	return strstr(class, "kata") != NULL ? class : "HANDLER";
}

/* A RuntimeClass's handler can't be changed: it is made again. */
static char *class_step(const char *name, const char *handler, bool again)
{
	ASB_TEXT remove =
		again ? asb_strf("kubectl delete runtimeclass %s\n", name) : asb_strdup("");

	return asb_strf("%skubectl apply -f - <<'EOF'\n"
			"apiVersion: node.k8s.io/v1\n"
			"kind: RuntimeClass\n"
			"metadata:\n"
			"  name: %s\n"
			"handler: %s\n"
			"EOF",
			remove, name, handler);
}

static int64_t time_of(const cJSON *event)
{
	static const char *const paths[] = {"series/lastObservedTime", "lastTimestamp", "eventTime",
					    "metadata/creationTimestamp"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int64_t at = asb_time_parse(asb_json_string(event, paths[i]));

		if (at >= 0)
			return at;
	}
	return -1;
}

/* Whether a container of that class has started since. */
static bool ran_since(const struct asb_exam *exam, const char *class, int64_t since)
{
	const cJSON *pod;

	cJSON_ArrayForEach(pod, asb_json_member(exam->answers[ASB_Q_PODS].json, "items"))
	{
		int64_t started = asb_time_parse(
			asb_json_string(pod, "status/containerStatuses/0/state/running/startedAt"));

		if (asb_same_text(asb_json_string(pod, "spec/runtimeClassName"), class) &&
		    started >= since)
			return true;
	}
	return false;
}

/* What a node said lately, and of this RuntimeClass, about a handler that it does not have. */
static const char *node_says(const struct asb_exam *exam, const char *name, const char *handler,
			     int64_t made)
{
	ASB_TEXT quoted = asb_strf("\"%s\"", handler);
	const cJSON *event;

	cJSON_ArrayForEach(event, asb_json_member(exam->answers[ASB_Q_EVENTS].json, "items"))
	{
		const char *text = text_at(event, "message", "");
		int64_t at = time_of(event);

		if (strstr(text, "no runtime for") == NULL &&
		    strstr(text, "untime handler") == NULL &&
		    strstr(text, "RuntimeHandler") == NULL)
			continue;
		if (strstr(text, quoted) != NULL && at >= made && exam->now_ms - at < RECENT_MS &&
		    !ran_since(exam, name, at))
			return text;
	}
	return NULL;
}

static void judge_handler(const struct asb_exam *exam, const struct choice *choice,
			  struct asb_checkup *checkup)
{
	const cJSON *class = exam->answers[ASB_Q_CLASS].json;
	const char *name = exam->options->sandbox->runtime_class;
	const char *handler = text_at(class, "handler", name);
	const char *said =
		node_says(exam, name, handler,
			  asb_time_parse(asb_json_string(class, "metadata/creationTimestamp")));
	const char *known = choice->handlers.length > 0 ? choice->handlers.data : "not told";

	if (said != NULL || (choice->selected > 0 && choice->with_handler + choice->silent == 0))
		asb_checkup_add(checkup, ASB_CHECK_CLASS, ASB_CHECK_PROBLEM,
				class_step(name, "HANDLER", true),
				"nodes do not have the handler \"%s\" of RuntimeClass \"%s\": "
				"install it there, or name one that they have (%s)%s%s",
				handler, name, known, said != NULL ? "; a node says: " : "",
				said != NULL ? said : "");
	else
		asb_checkup_add(checkup, ASB_CHECK_CLASS, ASB_CHECK_OK, NULL,
				"\"%s\" is there, handler \"%s\"%s", name, handler,
				choice->with_handler > 0 ? ", which nodes have"
				: choice->silent > 0 ? "; nodes do not tell whether they have it"
						     : "");
}

static void judge_selection(const struct asb_exam *exam, const cJSON *nodes,
			    struct asb_checkup *checkup)
{
	const char *name = exam->options->sandbox->runtime_class;
	const cJSON *class = exam->answers[ASB_Q_CLASS].json;
	const cJSON *label = asb_json_at(class, "scheduling/nodeSelector");
	struct choice choice = choose(nodes, class);

	label = label == NULL ? NULL : label->child;
	if (nodes != NULL && choice.selected == 0 && label != NULL)
		asb_checkup_add(checkup, ASB_CHECK_CLASS, ASB_CHECK_PROBLEM,
				asb_strf("kubectl label node NODE %s=%s", label->string,
					 cJSON_GetStringValue(label)),
				"no node that can run sandboxes has the labels that RuntimeClass "
				"\"%s\" selects, such as %s=%s",
				name, label->string, cJSON_GetStringValue(label));
	else
		judge_handler(exam, &choice, checkup);
	asb_buffer_release(&choice.handlers);
}

void asb_judge_class(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const char *name = exam->options->sandbox->runtime_class;
	const struct asb_answer *answer = &exam->answers[ASB_Q_CLASS];

	if (name == NULL)
		asb_checkup_add(checkup, ASB_CHECK_CLASS, ASB_CHECK_OK, NULL,
				"none asked for: the nodes' default");
	else if (answer->http == 404 || asb_exam_refused(exam, "runtime-class-missing"))
		asb_checkup_add(checkup, ASB_CHECK_CLASS, ASB_CHECK_PROBLEM,
				class_step(name, usual_handler(name), false),
				"there is no RuntimeClass \"%s\"", name);
	else if (answer->json != NULL || exam->admitted)
		judge_selection(exam, asb_json_member(exam->answers[ASB_Q_NODES].json, "items"),
				checkup);
	else
		asb_checkup_unread(checkup, ASB_CHECK_CLASS, answer, "RuntimeClasses");
}
