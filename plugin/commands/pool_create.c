/* SPDX-License-Identifier: Apache-2.0 */
/* pool_create.c - `pool create`: from options, or from manifests. */
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/base/file.h"
#include "plugin/commands/cluster.h"
#include "plugin/commands/pool.h"
#include "plugin/commands/run_options.h"
#include "plugin/sandbox/pool_autoscaler.h"
#include "plugin/sandbox/pool_file.h"
#include "plugin/term/progress.h"

#define DEFAULT_SIZE 1
#define LARGEST_FILE (1u << 20)

struct values {
	const char *image, *image_pull_policy, *runtime_class, *service_account;
	const char *cpu, *memory, *user, *arch, *file;
	int64_t size, most;
	bool quiet;
};

#define AT(field) offsetof(struct values, field)

static const struct asb_command_option options[] = {
	{"size", 0, ASB_OPTION_INT, AT(size), "N", "how many sandboxes are kept ready (default 1)"},
	{"max", 0, ASB_OPTION_INT, AT(most), "M",
	 "let a HorizontalPodAutoscaler keep up to so many ready when claims come often; it needs "
	 "the metric " ASB_POOL_METRIC " from an adapter (default none)"},
	{"file", 'f', ASB_OPTION_STRING, AT(file), "FILE",
	 "SandboxWarmPool, with its template, to start from (YAML or JSON; \"-\": stdin); what it "
	 "says comes before these options"},
	{"image", 0, ASB_OPTION_STRING, AT(image), "IMAGE",
	 "container image, any one (default " ASB_DEFAULT_IMAGE ")"},
	{"image-pull-policy", 0, ASB_OPTION_STRING, AT(image_pull_policy), "POLICY",
	 "Always, IfNotPresent or Never (default " ASB_DEFAULT_IMAGE_PULL_POLICY ")"},
	{"runtime-class", 0, ASB_OPTION_STRING, AT(runtime_class), "NAME",
	 "RuntimeClass of a stronger wall, such as gvisor or kata (default none)"},
	{"arch", 0, ASB_OPTION_STRING, AT(arch), "ARCH",
	 "architecture of the nodes, amd64 or arm64 (default what the RuntimeClass and the nodes "
	 "tell, else amd64)"},
	{"service-account", 0, ASB_OPTION_STRING, AT(service_account), "NAME",
	 "what commands may do in the cluster (default " ASB_DEFAULT_SERVICE_ACCOUNT ")"},
	{"cpu", 0, ASB_OPTION_STRING, AT(cpu), "QUANTITY",
	 "most CPU each may use, such as 2 or 500m (default " ASB_DEFAULT_CPU ")"},
	{"memory", 0, ASB_OPTION_STRING, AT(memory), "QUANTITY",
	 "most memory each may use, such as 2Gi (default " ASB_DEFAULT_MEMORY ")"},
	{"user", 0, ASB_OPTION_STRING, AT(user), "UID",
	 "numeric user inside, or \"image\" for the image's own (default 1001)"},
	{"quiet", 'q', ASB_OPTION_FLAG, AT(quiet), NULL, "no notes on stderr, only errors"},
	{0},
};

static const struct values defaults = {
	.image = ASB_DEFAULT_IMAGE,
	.image_pull_policy = ASB_DEFAULT_IMAGE_PULL_POLICY,
	.service_account = ASB_DEFAULT_SERVICE_ACCOUNT,
	.cpu = ASB_DEFAULT_CPU,
	.memory = ASB_DEFAULT_MEMORY,
	.size = DEFAULT_SIZE,
};

/* --- the wish --- */

static struct asb_pool_options pool_options(const struct values *values, const char *name)
{
	return (struct asb_pool_options){
		.name = name,
		.size = values->size,
		.most = values->most,
		.sandbox =
			{
				.image = values->image,
				.image_pull_policy = values->image_pull_policy,
				.runtime_class = asb_given_text(values->runtime_class),
				.arch = asb_given_text(values->arch),
				.service_account = values->service_account,
				.cpu = values->cpu,
				.memory = values->memory,
				.user = values->user,
			},
	};
}

/* Who types a number means it: it isn't dropped in silence. */
static int check_typed(const struct asb_pool_file *file, const struct values *values,
		       const struct asb_operands *operands, struct asb_error *err)
{
	bool size = asb_operands_gave(operands, "size") && file->size >= 0;
	bool most = asb_operands_gave(operands, "max") && file->most >= 0;

	if ((!size || file->size == values->size) && (!most || file->most == values->most))
		return 0;
	asb_fail_usage(err, "--%s differs from what %s says",
		       size && file->size != values->size ? "size" : "max", file->path);
	return asb_hint(err, "leave one of the two out");
}

static int check_namespace(const struct asb_pool_file *file, const char *namespace_,
			   struct asb_error *err)
{
	const char *other = asb_json_string(file->pool, "metadata/namespace");

	if (other == NULL || strcmp(other, namespace_) == 0)
		return 0;
	asb_fail_usage(err, "the pool of %s is one for namespace \"%s\", not \"%s\"", file->path,
		       other, namespace_);
	return asb_hint(err, "say which one: -n %s", other);
}

static int read_file(struct asb_pool_file *file, const char *path, struct asb_error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct asb_buffer text = ASB_BUFFER_INIT;
	int rc = asb_file_read(is_stdin ? "/dev/stdin" : path, LARGEST_FILE, &text, err);

	if (rc == 0)
		rc = asb_pool_file_parse(file, text.data, text.length, is_stdin ? "stdin" : path,
					 err);
	asb_buffer_release(&text);
	return rc;
}

/* What the file says comes first. */
static void take_file(struct asb_pool_options *wish, const struct asb_pool_file *file,
		      const struct asb_operands *operands)
{
	const char *class = asb_json_string(file->base, "spec/podTemplate/spec/runtimeClassName");

	if (operands->count == 0)
		wish->name = file->name;
	if (file->size >= 0)
		wish->size = file->size;
	if (file->most >= 0)
		wish->most = file->most;
	if (class != NULL) /* it says how the shim is mounted */
		wish->sandbox.runtime_class = class;
	wish->sandbox.base = file->base;
	wish->update_strategy = file->update_strategy;
}

static int plan(struct asb_pool_options *wish, struct asb_pool_file *file,
		const struct asb_context *context, const struct values *values,
		const struct asb_operands *operands, struct asb_error *err)
{
	if (operands->count > 1 || (operands->count == 0 && values->file == NULL))
		return asb_fail_usage(err, "pool create takes the name of one pool");
	*wish = pool_options(values, operands->count == 0 ? NULL : operands->items[0]);
	if (values->file != NULL) {
		if (read_file(file, values->file, err) != 0 ||
		    check_typed(file, values, operands, err) != 0 ||
		    check_namespace(file, context->namespace_, err) != 0)
			return -1;
		take_file(wish, file, operands);
		file->name = wish->name;
	}
	if (asb_check_object_name("--runtime-class", wish->sandbox.runtime_class, err) != 0 ||
	    asb_check_object_name("--service-account", values->service_account, err) != 0 ||
	    asb_check_arch(wish->sandbox.arch, err) != 0)
		return -1;
	return asb_pool_check(wish, err);
}

/* --- its fulfilment --- */

static void tell(const char *text, bool quiet)
{
	struct asb_progress progress;

	asb_progress_init(&progress, stderr, false, false, quiet);
	asb_progress_note(&progress, "note", text);
}

static void tell_notes(const struct asb_pool_file *file, bool quiet)
{
	const cJSON *note;

	cJSON_ArrayForEach(note, file->notes)
	{
		tell(note->valuestring, quiet);
	}
}

static int prepare_file(struct asb_pool_file *file, const struct asb_cluster *cluster, bool quiet)
{
	if (asb_pool_file_check(file, cluster->http, cluster->api, cluster->namespace_) != 0 ||
	    asb_pool_file_adapt(file, cluster->api) != 0)
		return -1;
	tell_notes(file, quiet);
	return 0;
}

static void say_created(const struct asb_pool_options *wish, struct asb_cluster *cluster,
			bool quiet)
{
	if (wish->most == 0)
		printf("pool \"%s\" created: %lld to be kept ready\n", wish->name,
		       (long long)wish->size);
	else
		printf("pool \"%s\" created: %lld to be kept ready, at most %lld\n", wish->name,
		       (long long)wish->size, (long long)wish->most);
	if (wish->most != 0 && !asb_autoscaler_fed(cluster->http))
		tell("the pool stays at its size: nothing in this cluster serves external metrics, "
		     "and the autoscaler needs " ASB_POOL_METRIC,
		     quiet);
}

static int create(const struct asb_context *context, const struct values *values,
		  struct asb_pool_options *wish, struct asb_pool_file *file, struct asb_error *err)
{
	struct asb_cluster cluster = {0};
	int rc = asb_cluster_open(&cluster, context, err);

	if (rc == 0 && values->file != NULL)
		rc = prepare_file(file, &cluster, values->quiet);
	if (rc == 0) {
		wish->sandbox.namespace_ = cluster.namespace_;
		wish->sandbox.inner_namespace = cluster.kubeconfig.namespace_;
		rc = asb_pool_create(cluster.http, cluster.api, wish, err);
	}
	if (rc == 0)
		say_created(wish, &cluster, values->quiet);
	asb_cluster_close(&cluster);
	return rc;
}

static int run_create(const struct asb_context *context, const void *values,
		      const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_pool_options wish = {0};
	struct asb_pool_file file = {0};
	int rc = plan(&wish, &file, context, values, operands, err);

	if (rc == 0)
		rc = create(context, values, &wish, &file, err);
	asb_pool_file_release(&file);
	return rc;
}

const struct asb_command asb_command_pool_create = {
	.name = "create",
	.summary = "Makes a warm pool",
	.usage = "pool create NAME [options]\n"
		 "pool create -f FILE [options]",
	.description =
		"The cluster then keeps that many sandboxes running, and makes a new one for each "
		"that is claimed by \"run --pool NAME\". They cost what running sandboxes cost. "
		"kubectl inside works in the namespace that your context has now, whoever claims "
		"one.\n"
		"With -f it is made from a SandboxWarmPool of your own: with an inline template, "
		"minSize and maxSize, or with replicas and a SandboxTemplate in the same file. "
		"Notes say what was made of it; commands run in its container \"main\".",
	.examples = "pool create tools --size 3\n"
		    "run --pool tools -- kubectl get pods -A\n"
		    "pool create -f pool.yaml",
	.options = options,
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.settings = true,
	.run = run_create,
};
