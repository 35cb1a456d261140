/* SPDX-License-Identifier: Apache-2.0 */
/* extend.c - `extend`: another end for a sandbox that stays. */
#include "plugin/commands/cluster.h"
#include "plugin/sandbox/operate.h"
#include "plugin/sandbox/roots.h"

#define LEAST_TTL_MS 1000

struct values {
	int64_t ttl_ms;
};

static const struct asb_command_option options[] = {
	{"ttl", 0, ASB_OPTION_DURATION, offsetof(struct values, ttl_ms), "DURATION",
	 "how long it stays from now on (required)"},
	{0},
};

static const struct values defaults = {.ttl_ms = -1};

static int check(const struct values *values, const struct asb_operands *operands,
		 struct asb_error *err)
{
	if (operands->count != 1)
		return asb_fail_usage(err, "extend takes the name of one sandbox");
	if (asb_cluster_check_name("sandbox", operands->items[0], err) != 0)
		return -1;
	if (values->ttl_ms == -1) {
		asb_fail_usage(err, "--ttl is missing");
		return asb_hint(err, "say how long it is to stay from now on, such as --ttl 2h");
	}
	if (values->ttl_ms >= LEAST_TTL_MS)
		return 0;
	asb_fail_usage(err, "--ttl is shorter than 1s");
	return asb_hint(err, "\"delete\" ends a sandbox at once");
}

/* Returns the new end, heap; NULL: err. */
static char *extend(const struct asb_cluster *cluster, const char *name, int64_t ttl_ms,
		    struct asb_error *err)
{
	ASB_JSON root = asb_roots_get(cluster->http, cluster->api, cluster->namespace_, name, err);

	if (root == NULL) {
		asb_cluster_explain(cluster, err);
		return NULL;
	}
	return asb_operate_extend(cluster->http, cluster->api, root, ttl_ms, err);
}

static int run_extend(const struct asb_context *context, const void *values,
		      const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *own = values;
	struct asb_cluster cluster = {0};
	ASB_TEXT end = NULL;

	if (check(own, operands, err) != 0)
		return -1;
	if (asb_cluster_open_roots(&cluster, context, err) == 0)
		end = extend(&cluster, operands->items[0], own->ttl_ms, err);
	if (end != NULL)
		printf("sandbox \"%s\" stays until %s\n", operands->items[0], end);
	asb_cluster_close(&cluster);
	return end == NULL ? -1 : 0;
}

const struct asb_command asb_command_extend = {
	.name = "extend",
	.summary = "Moves the end of a sandbox",
	.usage = "extend NAME --ttl DURATION",
	.description = "The sandbox ends that long after now, by the clock of the cluster, "
		       "whether that is later than before or earlier. Suspended sandboxes end at "
		       "their time too.",
	.examples = "extend box --ttl 8h",
	.options = options,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.settings = true,
	.run = run_extend,
};
