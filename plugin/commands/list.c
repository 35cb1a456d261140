/* SPDX-License-Identifier: Apache-2.0 */
/* list.c - `list`: the sandboxes there are, once or as they change. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin/base/age.h"
#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/base/yaml.h"
#include "plugin/commands/cluster.h"
#include "plugin/kube/watch.h"
#include "plugin/sandbox/claim_object.h"
#include "plugin/sandbox/roots.h"
#include "plugin/term/table.h"

struct values {
	bool everywhere, foreign, watch;
	const char *selector, *output;
};

enum format { COLUMNS, WIDE, JSON, YAML, NAME };

struct list {
	struct asb_cluster cluster;
	enum format format;
	bool everywhere, watching;
	struct asb_table table;
	bool documents;	  /* a YAML document was written before */
	cJSON *sandboxes; /* List: what claims are for; NULL: not asked for */
};

static const struct asb_command_option options[] = {
	{"all-namespaces", 'A', ASB_OPTION_FLAG, offsetof(struct values, everywhere), NULL,
	 "sandboxes of all namespaces"},
	{"selector", 'l', ASB_OPTION_STRING, offsetof(struct values, selector), "SELECTOR",
	 "only those with these labels, such as team=blue"},
	{"all", 0, ASB_OPTION_FLAG, offsetof(struct values, foreign), NULL,
	 "also sandboxes that were not made by this plugin"},
	{"watch", 'w', ASB_OPTION_FLAG, offsetof(struct values, watch), NULL,
	 "go on and show every change"},
	{"output", 'o', ASB_OPTION_STRING, offsetof(struct values, output), "FORMAT",
	 "\"wide\": more columns; \"json\" or \"yaml\": the objects; \"name\": only the names"},
	{0},
};

static int parse_format(const char *text, enum format *format, struct asb_error *err)
{
	static const char *const names[] = {
		[WIDE] = "wide", [JSON] = "json", [YAML] = "yaml", [NAME] = "name"};

	*format = COLUMNS;
	if (text == NULL)
		return 0;
	for (*format = WIDE; *format <= NAME; (*format)++) {
		if (strcmp(text, names[*format]) == 0)
			return 0;
	}
	asb_fail_usage(err, "--output: unknown format \"%s\"", text);
	return asb_hint(err, "use wide, json, yaml or name");
}

/* --- a table --- */

static void start_table(struct list *list)
{
	static const char *const headings[] = {
		"NAMESPACE", "NAME",	"STATUS",	  "AGE",	  "ENDS", "IMAGE", "POD",
		"NODE",	     "RUNTIME", "SERVICEACCOUNT", "READY-REASON", NULL};
	const char *chosen[ASB_TABLE_COLUMNS] = {0};
	size_t n = list->format == WIDE ? 11 : 6;
	size_t first = list->everywhere ? 0 : 1;

	memcpy(chosen, headings + first, (n - first) * sizeof(chosen[0]));
	asb_table_init(&list->table, chosen);
}

static const char *age_of(const cJSON *root, int64_t now, char out[ASB_AGE_SIZE])
{
	int64_t made = asb_time_parse(asb_json_string(root, "metadata/creationTimestamp"));

	return made < 0 ? "<unknown>" : asb_age_format(now - made, out);
}

static const char *end_of(const cJSON *root, int64_t now, char out[ASB_AGE_SIZE])
{
	int64_t end = asb_root_end_ms(root);

	if (end < 0)
		return "never";
	return end <= now ? "now" : asb_age_format(end - now, out);
}

/* All in one question, for the rows of a list. */
static void read_sandboxes(struct list *list)
{
	const struct asb_inventory_scope all = {
		.namespace_ = list->everywhere ? NULL : list->cluster.namespace_, .foreign = true};
	ASB_TEXT path = asb_inventory_path(&list->cluster.api->sandboxes, &all);
	struct asb_error ignored = ASB_ERROR_INIT;

	cJSON_Delete(list->sandboxes);
	list->sandboxes = asb_inventory_list(list->cluster.http, path, &ignored);
	if (list->sandboxes == NULL)
		list->sandboxes = asb_json_literal("{}");
}

/* The Sandbox that a claim has got; NULL: none yet, or not to be seen. */
static const cJSON *claimed(struct list *list, const cJSON *claim)
{
	const char *name = asb_claim_sandbox(claim);
	const char *namespace_ = asb_json_string(claim, "metadata/namespace");
	const cJSON *item;

	if (list->sandboxes == NULL || list->watching)
		read_sandboxes(list);
	cJSON_ArrayForEach(item, asb_json_member(list->sandboxes, "items"))
	{
		if (asb_same_text(asb_json_string(item, "metadata/name"), name) &&
		    asb_same_text(asb_json_string(item, "metadata/namespace"), namespace_))
			return item;
	}
	return NULL;
}

static void add_row(struct list *list, const cJSON *root)
{
	int64_t now = asb_http_now_ms(list->cluster.http);
	const cJSON *sandbox = asb_root_kind(root) == ASB_ROOT_CLAIM ? claimed(list, root) : root;
	const cJSON *pod = asb_root_pod_spec(root, sandbox);
	const cJSON *ready = asb_json_find(root, "status/conditions", "type", "Ready");
	char age[ASB_AGE_SIZE], end[ASB_AGE_SIZE];
	const char *const cells[] = {
		asb_json_string(root, "metadata/namespace"),
		asb_json_string(root, "metadata/name"),
		asb_root_status(root, sandbox),
		age_of(root, now, age),
		end_of(root, now, end),
		asb_root_image(root, sandbox),
		asb_root_pod(root, sandbox),
		asb_root_node(root, sandbox),
		asb_json_string(pod, "runtimeClassName"),
		asb_json_string(pod, "serviceAccountName"),
		asb_json_string(ready, "reason"),
	};

	asb_table_add(&list->table, cells + (list->everywhere ? 0 : 1));
}

/* --- the other formats --- */

static void print_yaml(struct list *list, const cJSON *object)
{
	ASB_TEXT text = asb_yaml_print(object);

	printf("%s%s", list->documents ? "---\n" : "", text);
	list->documents = true;
}

static void print_json(const cJSON *object)
{
	ASB_TEXT text = asb_json_print(object);

	puts(text);
}

/* As kubectl: noun, group unless it is the core's, name. */
static void print_name(const struct list *list, const cJSON *root)
{
	enum asb_root_kind kind = asb_root_kind(root);
	const char *group = asb_root_resource(list->cluster.api, kind)->group;
	const char *name = asb_json_string(root, "metadata/name");

	printf("%s%s%s/%s\n", asb_root_noun(kind), group[0] == '\0' ? "" : ".", group,
	       name == NULL ? "" : name);
}

/* As kubectl: who wrote which field is left out. */
static cJSON *without_managed_fields(const cJSON *object)
{
	cJSON *copy = cJSON_Duplicate(object, true);
	cJSON *metadata = cJSON_GetObjectItemCaseSensitive(copy, "metadata");
	cJSON *item;

	if (copy == NULL)
		asb_out_of_memory();
	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "managedFields");
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(copy, "items"))
	{
		metadata = cJSON_GetObjectItemCaseSensitive(item, "metadata");
		cJSON_DeleteItemFromObjectCaseSensitive(metadata, "managedFields");
	}
	return copy;
}

/* A root, or the list of them. */
static void show_object(struct list *list, const cJSON *object)
{
	ASB_JSON shown = without_managed_fields(object);

	if (list->format == JSON)
		print_json(shown);
	else
		print_yaml(list, shown);
}

static void show_one(struct list *list, const cJSON *root)
{
	switch (list->format) {
	case COLUMNS:
	case WIDE:
		add_row(list, root);
		return;
	case JSON:
	case YAML:
		show_object(list, root);
		return;
	case NAME:
		print_name(list, root);
		return;
	}
}

static void say_nothing_found(const struct list *list)
{
	if (list->everywhere)
		fputs("No resources found\n", stderr);
	else
		fprintf(stderr, "No resources found in %s namespace.\n", list->cluster.namespace_);
}

static void show_list(struct list *list, const cJSON *all)
{
	bool columns = list->format == COLUMNS || list->format == WIDE;
	const cJSON *item;

	if (list->format == JSON || list->format == YAML) {
		show_object(list, all);
		return;
	}
	cJSON_ArrayForEach(item, asb_json_member(all, "items"))
	{
		show_one(list, item);
	}
	if (columns && asb_json_at(all, "items/0") == NULL)
		say_nothing_found(list);
	else if (columns)
		asb_table_print(&list->table, stdout);
}

/* --- as they change --- */

static void on_change(void *context, enum asb_watch_event event, const cJSON *object)
{
	(void)event; /* a deleted one shows in its state, as with kubectl */
	if (asb_root_kind(object) == ASB_ROOT_POD && !asb_root_is_plain_pod(object))
		return;
	/* what a claim has got shows as the claim */
	if (asb_root_owner(object, "SandboxClaim") == NULL)
		show_one(context, object);
}

static int start_watches(struct list *list, const struct asb_inventory_scope *scope,
			 char *const *versions, struct asb_watch **watches, struct asb_error *err)
{
	for (int kind = 0; kind < ASB_ROOT_KINDS; kind++) {
		ASB_TEXT path = asb_roots_path(list->cluster.api, (enum asb_root_kind)kind, scope);

		if (versions[kind] == NULL) /* it can't be listed */
			continue;
		watches[kind] = asb_watch_start(list->cluster.http, path, NULL, versions[kind],
						on_change, list, err);
		if (watches[kind] == NULL)
			return -1;
	}
	return 0;
}

static int step_watches(const struct list *list, struct asb_watch **watches, struct asb_error *err)
{
	int timeout = -1;
	int rc;

	for (int kind = 0; kind < ASB_ROOT_KINDS; kind++) {
		if (watches[kind] != NULL)
			timeout = asb_nearer_timeout(timeout, asb_watch_timeout(watches[kind]));
	}
	rc = asb_http_poll(list->cluster.http, NULL, 0, timeout, err);
	for (int kind = 0; kind < ASB_ROOT_KINDS && rc == 0; kind++) {
		if (watches[kind] != NULL)
			rc = asb_watch_step(watches[kind], err);
	}
	return rc;
}

static int follow(struct list *list, const struct asb_inventory_scope *scope, char *const *versions,
		  struct asb_error *err)
{
	struct asb_watch *watches[ASB_ROOT_KINDS] = {NULL};
	int rc = start_watches(list, scope, versions, watches, err);

	while (rc == 0) {
		if (list->format == COLUMNS || list->format == WIDE)
			asb_table_print(&list->table, stdout);
		/* whoever reads has gone */
		if (fflush(stdout) != 0)
			break;
		rc = step_watches(list, watches, err);
	}
	for (int kind = 0; kind < ASB_ROOT_KINDS; kind++)
		asb_watch_free(watches[kind]);
	return rc;
}

static int watch(struct list *list, const struct asb_inventory_scope *scope, const cJSON *all,
		 char *const *versions, struct asb_error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, asb_json_member(all, "items"))
	{
		show_one(list, item);
	}
	return follow(list, scope, versions, err);
}

static int show(struct list *list, const struct values *values, struct asb_error *err)
{
	const struct asb_inventory_scope scope = {
		.namespace_ = values->everywhere ? NULL : list->cluster.namespace_,
		.selector = values->selector,
		.foreign = values->foreign,
	};
	char *versions[ASB_ROOT_KINDS] = {NULL};
	ASB_JSON all = asb_roots_list(list->cluster.http, list->cluster.api, &scope, versions, err);
	int rc = all == NULL ? asb_cluster_explain(&list->cluster, err) : 0;

	if (rc == 0 && values->watch)
		rc = watch(list, &scope, all, versions, err);
	else if (rc == 0)
		show_list(list, all);
	for (int kind = 0; kind < ASB_ROOT_KINDS; kind++)
		free(versions[kind]);
	return rc;
}

static int run_list(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *own = values;
	struct list list = {.everywhere = own->everywhere, .watching = own->watch};
	int rc;

	if (operands->count > 0)
		return asb_fail_usage(err, "list takes no operands");
	if (parse_format(own->output, &list.format, err) != 0)
		return -1;
	start_table(&list);
	rc = asb_cluster_open_roots(&list.cluster, context, err);
	if (rc == 0)
		rc = show(&list, own, err);
	asb_cluster_close(&list.cluster);
	cJSON_Delete(list.sandboxes);
	asb_table_release(&list.table);
	return rc;
}

const struct asb_command asb_command_list = {
	.name = "list",
	.summary = "Shows the sandboxes there are",
	.usage = "list [-A] [-l SELECTOR] [--all] [-w] [-o wide|json|yaml|name]",
	.description =
		"Shows the sandboxes that this plugin has made in the namespace, whoever called "
		"it: those of runs under way, and those that stay until their end. One from a warm "
		"pool is listed once, as the claim under whose name it was made.\n"
		"ENDS says in what time the cluster deletes the sandbox. That of a run under way "
		"is its lease, which is renewed again and again; of others \"extend\" moves it.",
	.examples = "list\n"
		    "list -A -o wide\n"
		    "list -o json",
	.options = options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = run_list,
};
