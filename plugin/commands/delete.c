/* SPDX-License-Identifier: Apache-2.0 */
/* delete.c - `delete`: sandboxes by name, by label, or all of ours. */
#include "plugin/commands/cluster.h"
#include "plugin/sandbox/operate.h"
#include "plugin/sandbox/roots.h"

struct values {
	bool all, ignore_not_found;
	const char *selector;
};

static const struct asb_command_option options[] = {
	{"all", 0, ASB_OPTION_FLAG, offsetof(struct values, all), NULL,
	 "every sandbox of the namespace that this plugin has made"},
	{"selector", 'l', ASB_OPTION_STRING, offsetof(struct values, selector), "SELECTOR",
	 "those of them with these labels, such as team=blue"},
	{"ignore-not-found", 0, ASB_OPTION_FLAG, offsetof(struct values, ignore_not_found), NULL,
	 "a sandbox that does not exist is no error"},
	{0},
};

static int check(const struct values *values, const struct asb_operands *operands,
		 struct asb_error *err)
{
	bool by_label = values->all || values->selector != NULL;

	if (operands->count > 0 && by_label)
		return asb_fail_usage(err, "names can't be combined with --all or --selector");
	if (operands->count == 0 && !by_label) {
		asb_fail_usage(err, "there is nothing to delete");
		return asb_hint(err, "give names, --all or -l SELECTOR");
	}
	for (size_t i = 0; i < operands->count; i++) {
		if (asb_cluster_check_name("sandbox", operands->items[i], err) != 0)
			return -1;
	}
	return 0;
}

static void on_deleted(void *context, const cJSON *sandbox)
{
	(void)context;
	printf("sandbox \"%s\" deleted\n", asb_json_string(sandbox, "metadata/name"));
	fflush(stdout); /* what is done is to be seen, whatever comes next */
}

/* Each kind has its own path. All are tried; err: of the first that failed. */
static int delete_all(const struct asb_cluster *cluster, cJSON *roots, struct asb_error *err)
{
	for (int i = 0; i < ASB_ROOT_KINDS; i++) {
		enum asb_root_kind kind = (enum asb_root_kind)i;
		const struct asb_resource *resource = asb_root_resource(cluster->api, kind);
		ASB_JSON some = cJSON_CreateArray();
		struct asb_error failure = ASB_ERROR_INIT;
		cJSON *root, *next;

		for (root = roots->child; root != NULL; root = next) {
			next = root->next;
			if (asb_root_kind(root) == kind)
				cJSON_AddItemToArray(some, cJSON_DetachItemViaPointer(roots, root));
		}
		if (asb_operate_delete(cluster->http, resource, some, on_deleted, NULL, &failure) !=
			    0 &&
		    !asb_failed(err))
			*err = failure;
	}
	return asb_failed(err) ? -1 : 0;
}

static int delete_named(const struct asb_cluster *cluster, const struct values *values,
			const struct asb_operands *operands, struct asb_error *err)
{
	ASB_JSON missing = asb_json_literal("[]");
	ASB_JSON found = asb_roots_find(cluster->http, cluster->api, cluster->namespace_,
					operands->items, operands->count, missing, err);

	if (found == NULL || delete_all(cluster, found, err) != 0)
		return -1;
	if (missing->child == NULL || values->ignore_not_found)
		return 0;
	asb_roots_fail_missing(missing, err);
	return asb_cluster_explain(cluster, err);
}

static int delete_labelled(const struct asb_cluster *cluster, const struct values *values,
			   struct asb_error *err)
{
	const struct asb_inventory_scope scope = {
		.namespace_ = cluster->namespace_,
		.selector = values->selector,
	};
	ASB_JSON list = asb_roots_list(cluster->http, cluster->api, &scope, NULL, err);
	cJSON *items = cJSON_GetObjectItemCaseSensitive(list, "items");

	if (list == NULL)
		return asb_cluster_explain(cluster, err);
	if (items == NULL || items->child == NULL) {
		fputs("No resources found\n", stderr);
		return 0;
	}
	return delete_all(cluster, items, err);
}

static int run_delete(const struct asb_context *context, const void *values,
		      const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *own = values;
	struct asb_cluster cluster = {0};
	int rc;

	if (check(own, operands, err) != 0)
		return -1;
	rc = asb_cluster_open_roots(&cluster, context, err);
	if (rc == 0)
		rc = operands->count > 0 ? delete_named(&cluster, own, operands, err)
					 : delete_labelled(&cluster, own, err);
	asb_cluster_close(&cluster);
	return rc;
}

const struct asb_command asb_command_delete = {
	.name = "delete",
	.summary = "Deletes sandboxes and what runs in them",
	.usage = "delete NAME... [--ignore-not-found]\n"
		 "delete --all\n"
		 "delete -l SELECTOR",
	.description =
		"Deletes the sandboxes with their pods and their files; commands that still "
		"run in them end. It says what is deleted and does not wait for it.\n"
		"--all and --selector take only what this plugin has made, a name takes any "
		"Sandbox. Of one from a warm pool the claim is deleted, and the Sandbox with "
		"it.",
	.examples = "delete box\n"
		    "delete --all",
	.options = options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = run_delete,
};
