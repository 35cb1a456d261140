/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup.c - `cleanup`: what crashed clients and stopped controllers have left. */
#include "plugin/sandbox/cleanup.h"

#include "plugin/base/age.h"
#include "plugin/commands/cluster.h"

#define DEFAULT_OLDER_MS (10 * 60 * 1000)

struct values {
	bool everywhere, dry_run;
	int64_t older_ms;
};

static const struct asb_command_option options[] = {
	{"all-namespaces", 'A', ASB_OPTION_FLAG, offsetof(struct values, everywhere), NULL,
	 "in all namespaces"},
	{"dry-run", 0, ASB_OPTION_FLAG, offsetof(struct values, dry_run), NULL,
	 "only say what would be deleted, and why"},
	{"older-than", 0, ASB_OPTION_DURATION, offsetof(struct values, older_ms), "DURATION",
	 "only what has been left for so long (default 10m)"},
	{0},
};

static const struct values defaults = {.older_ms = DEFAULT_OLDER_MS};

struct report {
	const struct values *values;
	size_t count;
};

static void on_deleted(void *context, const char *noun, const cJSON *object, const char *reason,
		       int64_t for_ms)
{
	struct report *report = context;
	char age[ASB_AGE_SIZE];

	printf("%s/%s deleted", noun, asb_json_string(object, "metadata/name"));
	if (report->values->everywhere)
		printf(" from %s namespace", asb_json_string(object, "metadata/namespace"));
	if (report->values->dry_run)
		printf(" (dry run): %s (%s)", reason, asb_age_format(for_ms, age));
	putchar('\n');
	fflush(stdout); /* what is done is to be seen, whatever comes next */
	report->count++;
}

static void on_note(void *context, const char *text)
{
	(void)context;
	fputs("note: ", stderr);
	asb_print_safely(stderr, text);
	putc('\n', stderr);
}

static void warn_of_unseen(const struct asb_error *unseen)
{
	if (!asb_failed(unseen))
		return;
	fputs("warning: not everything could be looked at: ", stderr);
	asb_print_safely(stderr, unseen->message);
	fputs("\nhint: ", stderr);
	asb_print_safely(stderr, unseen->hint);
	putc('\n', stderr);
}

static int clean(const struct asb_cluster *cluster, const struct values *values,
		 struct asb_error *err)
{
	const struct asb_cleanup_options wish = {
		.namespace_ = values->everywhere ? NULL : cluster->namespace_,
		.older_ms = values->older_ms,
		.dry_run = values->dry_run,
	};
	struct report report = {.values = values};
	const struct asb_cleanup_hooks hooks = {on_deleted, on_note, &report};
	struct asb_error unseen = ASB_ERROR_INIT;
	int rc = asb_cleanup_run(cluster->http, cluster->api, &wish, &hooks, &unseen, err);

	warn_of_unseen(&unseen);
	if (rc == 0 && report.count == 0 && values->everywhere)
		fputs("Nothing is left behind.\n", stderr);
	else if (rc == 0 && report.count == 0)
		fprintf(stderr, "Nothing is left behind in %s namespace.\n", cluster->namespace_);
	return rc;
}

static int run_cleanup(const struct asb_context *context, const void *values,
		       const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_cluster cluster = {0};
	int rc;

	if (operands->count > 0) {
		asb_fail_usage(err, "cleanup takes no operands");
		return asb_hint(err, "\"delete\" deletes sandboxes by name");
	}
	rc = asb_cluster_open_any(&cluster, context, err);
	if (rc == 0)
		rc = clean(&cluster, values, err);
	asb_cluster_close(&cluster);
	return rc;
}

const struct asb_command asb_command_cleanup = {
	.name = "cleanup",
	.summary = "Deletes what crashed clients have left",
	.usage = "cleanup [-A] [--dry-run] [--older-than DURATION]",
	.description =
		"Sandboxes end by themselves. What is left all the same, because a client crashed "
		"at the wrong moment or a controller stood still, is deleted: sandboxes and claims "
		"whose end has passed, plain pods that have ended, templates without a pool, and "
		"ConfigMaps that nothing uses. Nothing that lives is touched, nor anything that "
		"this plugin has not made.\n"
		"What is younger than --older-than is left alone, as it may belong to a run that "
		"is just starting.",
	.examples = "cleanup --dry-run\n"
		    "cleanup -A --older-than 1h",
	.options = options,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.settings = true,
	.run = run_cleanup,
};
