/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - `pool`: sandboxes that run before anybody asks for one; pool_create.c makes them. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin/base/age.h"
#include "plugin/commands/cluster.h"
#include "plugin/commands/pool.h"
#include "plugin/sandbox/pool.h"
#include "plugin/sandbox/pool_autoscaler.h"
#include "plugin/term/table.h"

static int take_name(const char *command, size_t more, const struct asb_operands *operands,
		     struct asb_error *err)
{
	if (operands->count == 1 + more)
		return asb_cluster_check_name("pool", operands->items[0], err);
	return asb_fail_usage(err, "pool %s takes the name of one pool%s", command,
			      more == 0 ? "" : " and a number");
}

/* --- pool list, pool status --- */

static double ready_of(const cJSON *pool)
{
	return asb_json_number(pool, "status/readyReplicas", 0);
}

static double desired_of(const cJSON *pool)
{
	return asb_json_number(pool, "spec/replicas", 1);
}

static void start_table(struct asb_table *table)
{
	static const char *const headings[] = {"NAME", "READY", "DESIRED", "TEMPLATE", "AGE", NULL};

	asb_table_init(table, headings);
}

static void add_row(struct asb_table *table, const cJSON *pool, int64_t now)
{
	int64_t made = asb_time_parse(asb_json_string(pool, "metadata/creationTimestamp"));
	ASB_TEXT ready = asb_strf("%.0f", ready_of(pool));
	ASB_TEXT desired = asb_strf("%.0f", desired_of(pool));
	char age[ASB_AGE_SIZE];
	const char *const cells[] = {
		asb_json_string(pool, "metadata/name"),
		ready,
		desired,
		asb_json_string(pool, "spec/sandboxTemplateRef/name"),
		made < 0 ? "<unknown>" : asb_age_format(now - made, age),
	};

	asb_table_add(table, cells);
}

static void print_list(const struct asb_cluster *cluster, const cJSON *list)
{
	int64_t now = asb_http_now_ms(cluster->http);
	struct asb_table table;
	const cJSON *pool;

	if (cJSON_GetArraySize(asb_json_member(list, "items")) == 0) {
		fprintf(stderr, "No resources found in %s namespace.\n", cluster->namespace_);
		return;
	}
	start_table(&table);
	cJSON_ArrayForEach(pool, asb_json_member(list, "items")) add_row(&table, pool, now);
	asb_table_print(&table, stdout);
	asb_table_release(&table);
}

static int run_list(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_cluster cluster = {0};
	ASB_JSON list = NULL;

	(void)values;
	if (operands->count > 0)
		return asb_fail_usage(err, "pool list takes no operands");
	if (asb_cluster_open(&cluster, context, err) == 0)
		list = asb_pool_list(cluster.http, cluster.api, cluster.namespace_, err);
	if (list != NULL)
		print_list(&cluster, list);
	asb_cluster_close(&cluster);
	return list != NULL ? 0 : -1;
}

static const struct asb_command list = {
	.name = "list",
	.summary = "Shows the warm pools",
	.usage = "pool list",
	.description = "READY of DESIRED sandboxes wait to be claimed.",
	.examples = "pool list",
	.settings = true,
	.run = run_list,
};

static void print_status(const struct asb_cluster *cluster, const cJSON *pool,
			 const cJSON *autoscaler)
{
	struct asb_table table;

	start_table(&table);
	add_row(&table, pool, asb_http_now_ms(cluster->http));
	asb_table_print(&table, stdout);
	asb_table_release(&table);
	if (autoscaler != NULL) {
		ASB_TEXT text = asb_autoscaler_describe(autoscaler);

		fputs("autoscaler: ", stdout);
		asb_print_safely(stdout, text);
		putchar('\n');
	}
}

static int run_status(const struct asb_context *context, const void *values,
		      const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_cluster cluster = {0};
	ASB_JSON pool = NULL;
	ASB_JSON autoscaler = NULL;

	(void)values;
	if (take_name("status", 0, operands, err) != 0)
		return -1;
	if (asb_cluster_open(&cluster, context, err) == 0)
		pool = asb_pool_get(cluster.http, cluster.api, cluster.namespace_,
				    operands->items[0], err);
	if (pool != NULL)
		autoscaler = asb_autoscaler_get(cluster.http, cluster.namespace_,
						operands->items[0], err);
	if (!asb_failed(err))
		print_status(&cluster, pool, autoscaler);
	asb_cluster_close(&cluster);
	if (asb_failed(err))
		return -1;
	return ready_of(pool) >= desired_of(pool) ? ASB_STATUS_OK : ASB_STATUS_PROBLEMS;
}

static const struct asb_command status = {
	.name = "status",
	.summary = "Shows one warm pool; fails when it is not full",
	.usage = "pool status NAME",
	.description = "With --max it also shows whether the autoscaler works, and why not. Exit "
		       "status: 0 when all desired sandboxes are ready, 1 when not, 125 when that "
		       "can't be found out.",
	.examples = "pool status tools",
	.settings = true,
	.run = run_status,
};

/* --- pool scale, pool delete --- */

/* A number without sign, -1: it is none. */
static int64_t parse_size(const char *text)
{
	char *end;
	long value;

	if (*text < '0' || *text > '9' || strlen(text) > 9)
		return -1;
	value = strtol(text, &end, 10);
	return *end == '\0' ? value : -1;
}

static int run_scale(const struct asb_context *context, const void *values,
		     const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_cluster cluster = {0};
	int64_t size;
	int rc = -1;

	(void)values;
	if (take_name("scale", 1, operands, err) != 0)
		return -1;
	size = parse_size(operands->items[1]);
	if (size < 0) {
		asb_fail_usage(err, "\"%s\" is no size of a pool", operands->items[1]);
		return asb_hint(err, "say how many sandboxes are to be kept ready, such as 3");
	}
	if (asb_cluster_open(&cluster, context, err) == 0)
		rc = asb_pool_scale(cluster.http, cluster.api, cluster.namespace_,
				    operands->items[0], size, err);
	if (rc == 0)
		printf("pool \"%s\" scaled: %lld to be kept ready\n", operands->items[0],
		       (long long)size);
	asb_cluster_close(&cluster);
	return rc;
}

static const struct asb_command scale = {
	.name = "scale",
	.summary = "Changes how many sandboxes a pool keeps ready",
	.usage = "pool scale NAME N",
	.description = "With 0 the pool stays, and each claim starts a sandbox of its own. Of a "
		       "pool with --max it moves the lower end.",
	.examples = "pool scale tools 10",
	.settings = true,
	.run = run_scale,
};

static int run_delete(const struct asb_context *context, const void *values,
		      const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_cluster cluster = {0};
	int rc = -1;

	(void)values;
	if (take_name("delete", 0, operands, err) != 0)
		return -1;
	if (asb_cluster_open(&cluster, context, err) == 0)
		rc = asb_pool_delete(cluster.http, cluster.api, cluster.namespace_,
				     operands->items[0], err);
	if (rc == 0)
		printf("pool \"%s\" deleted\n", operands->items[0]);
	asb_cluster_close(&cluster);
	return rc;
}

static const struct asb_command delete = {
	.name = "delete",
	.summary = "Deletes a warm pool with its template and the sandboxes that wait",
	.usage = "pool delete NAME",
	.description = "Sandboxes that were claimed stay until their own end.",
	.examples = "pool delete tools",
	.settings = true,
	.run = run_delete,
};

/* --- pool --- */

static const struct asb_command *const subcommands[] = {
	&asb_command_pool_create, &list, &status, &scale, &delete, NULL};

const struct asb_command asb_command_pool = {
	.name = "pool",
	.summary = "Keeps sandboxes ready, so that `run --pool` need not wait",
	.usage = "pool create|list|status|scale|delete",
	.description = "A warm pool is a template and a number: so many sandboxes run before "
		       "anybody asks for one.",
	.examples = "pool create tools --size 3\n"
		    "run --pool tools -- kubectl get nodes\n"
		    "pool delete tools",
	.subcommands = subcommands,
};
