/* SPDX-License-Identifier: Apache-2.0 */
/* create.c - `create`: a sandbox that stays. */
#include <string.h>

#include "plugin/base/file.h"
#include "plugin/base/yaml.h"
#include "plugin/commands/cluster.h"
#include "plugin/commands/run.h"
#include "plugin/commands/run_rows.h"
#include "plugin/sandbox/overlay.h"

#define LARGEST_FILE (1u << 20)
#define LEAST_TTL_MS 10000

struct values {
	struct asb_run_values run; /* first: the rows of run_rows.h are for it */
	const char *file;
	int64_t ttl_ms;
	bool wait;
};

static const struct asb_command_option options[] = {
	{"ttl", 0, ASB_OPTION_DURATION, offsetof(struct values, ttl_ms), "DURATION",
	 "how long it stays, unless it is extended (default 1h)"},
	{"file", 'f', ASB_OPTION_STRING, offsetof(struct values, file), "FILE",
	 "Sandbox object to start from (YAML or JSON; \"-\": stdin); what it says comes before "
	 "these options"},
	{"wait", 0, ASB_OPTION_FLAG, offsetof(struct values, wait), NULL,
	 "wait until commands can be run in it (default true)"},
	ASB_KIND_OPTIONS,
	ASB_SANDBOX_OPTIONS,
	ASB_READY_OPTION,
	ASB_QUIET_OPTION,
	{0},
};

static const struct values defaults = {
	.run = ASB_RUN_DEFAULTS,
	.ttl_ms = 60 * 60 * 1000,
	.wait = true,
};

static cJSON *read_file(const char *path, struct asb_error *err)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	const char *name = strcmp(path, "-") == 0 ? "stdin" : path;
	cJSON *own = NULL;

	if (asb_file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, LARGEST_FILE, &text, err) ==
	    0)
		own = asb_yaml_parse(text.data, text.length, name, err);
	asb_buffer_release(&text);
	if (own != NULL && asb_overlay_check(own, err) != 0) {
		asb_wrap(err, "%s", name);
		cJSON_Delete(own);
		return NULL;
	}
	return own;
}

static int check_namespace(const cJSON *own, const char *namespace_, struct asb_error *err)
{
	const char *other = asb_json_string(own, "metadata/namespace");

	if (other == NULL || strcmp(other, namespace_) == 0)
		return 0;
	asb_fail_usage(err, "the Sandbox of the file is one for namespace \"%s\", not \"%s\"",
		       other, namespace_);
	return asb_hint(err, "say which one: -n %s", other);
}

static int plan(struct asb_run *run, const struct asb_context *context, const struct values *values,
		const struct asb_operands *operands, const cJSON *own, struct asb_error *err)
{
	const char *class = asb_json_string(own, "spec/podTemplate/spec/runtimeClassName");
	const char *name =
		operands->count > 0 ? operands->items[0] : asb_json_string(own, "metadata/name");

	if (operands->count > 1)
		return asb_fail_usage(err, "create takes one name, not %zu", operands->count);
	if (name != NULL && asb_cluster_check_name("sandbox", name, err) != 0)
		return -1;
	if (values->ttl_ms < LEAST_TTL_MS)
		return asb_fail_usage(err, "--ttl is shorter than 10s");
	if (check_namespace(own, context->namespace_, err) != 0 ||
	    asb_create_plan_init(&run->plan, context, &values->run, operands, err) != 0)
		return -1;
	run->plan.sandbox.name = name;
	run->plan.sandbox.ttl_ms = values->ttl_ms;
	run->plan.sandbox.base = own;
	if (class != NULL) /* it says how the shim is mounted */
		run->plan.sandbox.runtime_class = class;
	return 0;
}

static int go_through(struct asb_run *run, const struct asb_context *context, bool wait,
		      struct asb_error *err)
{
	const struct asb_sandbox_hooks hooks = asb_run_hooks(run);

	if (asb_run_open(run, context, err) != 0)
		return -1;
	run->sandbox = asb_sandbox_new(run->http, &run->plan.sandbox, &hooks);
	return asb_run_start(run, wait ? ASB_SANDBOX_RUNNING : ASB_SANDBOX_SCHEDULING, err);
}

static int create(struct asb_run *run, const struct asb_context *context, bool wait,
		  struct asb_error *err)
{
	int rc = go_through(run, context, wait, err);

	if (rc != 0) {
		asb_run_clean_up(run);
	} else {
		asb_progress_clear(&run->progress);
		puts(asb_sandbox_name(run->sandbox));
	}
	return asb_run_conclude(run, rc, err);
}

static int run_create(const struct asb_context *context, const void *values,
		      const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *own = values;
	struct asb_run run = {.interrupts.fd = -1};
	ASB_JSON base = NULL;
	int rc = -1;

	if (own->file != NULL)
		base = read_file(own->file, err);
	if (own->file != NULL && base == NULL)
		return -1;
	if (plan(&run, context, own, operands, base, err) == 0)
		rc = create(&run, context, own->wait, err);
	asb_run_release(&run);
	return rc;
}

const struct asb_command asb_command_create = {
	.name = "create",
	.summary = "Makes a sandbox that stays",
	.usage = "create [NAME] [options]\n"
		 "create -f FILE [options]",
	.description =
		"Makes a Sandbox, waits until commands can be run in it and prints its name on "
		"stdout. It stays until its time is over, whatever becomes of this program; "
		"\"exec\" runs commands in it, \"extend\" moves its end. Nothing is left of one "
		"that does not start.\n"
		"With -f it is made from a Sandbox object of your own, such as one with volumes or "
		"further containers. Commands run in its container \"main\", which must have "
		"neither command nor args: the first process there is the plugin's. What the "
		"plugin needs is added, and what the file leaves open is as the options say.",
	.examples = "create box --ttl 8h --memory 2Gi\n"
		    "create -f sandbox.yaml",
	.options = options,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.settings = true,
	.run = run_create,
};
