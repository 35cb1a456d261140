/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/placement.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/kube/api.h"

static const struct asb_resource runtime_classes = {"node.k8s.io", "v1", "runtimeclasses"};

/* --- the choice --- */

static const char *selected_arch(const cJSON *object, const char *selector)
{
	return cJSON_GetStringValue(asb_json_member(asb_json_at(object, selector), ASB_ARCH_LABEL));
}

/* What the user says; NULL: nothing. */
static const char *wanted_arch(const struct asb_sandbox_options *options)
{
	const char *own = selected_arch(options->base, "spec/podTemplate/spec/nodeSelector");

	return own != NULL ? own : options->arch;
}

static const struct asb_shim *find(const struct asb_placement_facts *facts, const char *arch)
{
	for (unsigned long i = 0; i < facts->shim_count; i++) {
		if (strcmp(facts->shims[i].arch, arch) == 0)
			return &facts->shims[i];
	}
	return NULL;
}

static int fail_arch(const struct asb_placement_facts *facts, const char *arch,
		     struct asb_error *err)
{
	struct asb_buffer list = ASB_BUFFER_INIT;

	for (unsigned long i = 0; i < facts->shim_count; i++)
		asb_buffer_addf(&list, "%s%s", i == 0 ? "" : ", ", facts->shims[i].arch);
	asb_fail(err, "this build of the plugin can't run sandboxes on %s nodes, only on %s", arch,
		 list.data);
	asb_buffer_release(&list);
	return asb_hint(err, "a release, or what `make dist` builds, runs on amd64 and arm64");
}

/* Whether a list is empty, and is all there is. */
static bool is_none(const cJSON *nodes)
{
	const cJSON *items = asb_json_at(nodes, "items");
	const char *more = asb_json_string(nodes, "metadata/continue");

	return (cJSON_IsArray(items) || cJSON_IsNull(items)) && cJSON_GetArraySize(items) == 0 &&
	       (more == NULL || *more == '\0');
}

static const struct asb_shim *shim_for_nodes(const struct asb_placement_facts *facts)
{
	return &facts->shims[facts->shim_count > 1 && is_none(facts->nodes) ? 1 : 0];
}

/* The usual names under which containerd and CRI-O have runtimes that make processes of the node's
 * kernel. */
static bool shares_kernel(const char *handler)
{
	static const char *const handlers[] = {"runc", "crun", "youki", "nvidia"};

	for (size_t i = 0; handler != NULL && i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (strcmp(handler, handlers[i]) == 0)
			return true;
	}
	return false;
}

int asb_placement_choose(const struct asb_sandbox_options *options,
			 const struct asb_placement_facts *facts, struct asb_placement *out,
			 struct asb_error *err)
{
	const char *arch = wanted_arch(options);

	if (arch == NULL)
		arch = selected_arch(facts->runtime_class, "scheduling/nodeSelector");
	out->readable_shim = options->runtime_class != NULL &&
			     !shares_kernel(asb_json_string(facts->runtime_class, "handler"));
	out->shim = arch != NULL ? find(facts, arch) : shim_for_nodes(facts);
	return out->shim != NULL ? 0 : fail_arch(facts, arch, err);
}

/* --- what it goes by --- */

struct questions {
	struct asb_http_request **requests;
	const char **paths;
	int n;
};

static void ask(struct questions *questions, struct asb_http_request *request, const char *path)
{
	questions->requests[questions->n] = request;
	questions->paths[questions->n++] = path;
}

static void ask_shims(struct asb_survey *survey, const char *arch, struct questions *questions)
{
	for (unsigned long i = 0; i < asb_shim_count; i++) {
		if (arch != NULL && strcmp(arch, asb_shims[i].arch) != 0)
			continue;
		survey->shim_paths[i] = asb_api_path(&asb_configmaps, survey->options->namespace_,
						     asb_shims[i].configmap, NULL);
		ask(questions, &survey->shims[i], survey->shim_paths[i]);
	}
}

/* One node is enough to know that there are some. */
static void ask_nodes(struct asb_survey *survey, struct questions *questions)
{
	survey->nodes_path = asb_strf("/api/v1/nodes?limit=1&labelSelector=kubernetes.io%%2Fos%%3D"
				      "linux%%2Ckubernetes.io%%2Farch%%3D%s",
				      asb_shims[0].arch);
	ask(questions, &survey->nodes, survey->nodes_path);
}

int asb_survey_init(struct asb_survey *survey, const struct asb_sandbox_options *options,
		    struct asb_http_request **requests, const char **paths, struct asb_error *err)
{
	const struct asb_placement_facts facts = {asb_shims, asb_shim_count, NULL, NULL};
	struct questions questions = {requests, paths, 0};
	const char *arch = wanted_arch(options);

	*survey = (struct asb_survey){.options = options};
	if (arch != NULL && find(&facts, arch) == NULL)
		return fail_arch(&facts, arch, err);
	ask_shims(survey, arch, &questions);
	if (options->runtime_class != NULL) {
		survey->class_path =
			asb_api_path(&runtime_classes, NULL, options->runtime_class, NULL);
		ask(&questions, &survey->runtime_class, survey->class_path);
	}
	if (arch == NULL && asb_shim_count > 1)
		ask_nodes(survey, &questions);
	return questions.n;
}

static cJSON *answer(const struct asb_http_request *request, const char *path)
{
	struct asb_error ignored = ASB_ERROR_INIT;

	return path != NULL ? asb_api_result(request, &ignored) : NULL;
}

int asb_survey_conclude(const struct asb_survey *survey, struct asb_placement *out,
			struct asb_error *err)
{
	ASB_JSON class = answer(&survey->runtime_class, survey->class_path);
	ASB_JSON nodes = answer(&survey->nodes, survey->nodes_path);
	const struct asb_placement_facts facts = {asb_shims, asb_shim_count, class, nodes};

	return asb_placement_choose(survey->options, &facts, out, err);
}

const struct asb_http_request *asb_survey_configmap(const struct asb_survey *survey,
						    const struct asb_placement *placement)
{
	return &survey->shims[placement->shim - asb_shims];
}

void asb_survey_release(struct asb_survey *survey)
{
	for (size_t i = 0; i < ASB_SHIMS_MOST; i++)
		free(survey->shim_paths[i]);
	free(survey->class_path);
	free(survey->nodes_path);
	*survey = (struct asb_survey){0};
}
