/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/spec.h"

#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/inner_config.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/overlay.h"
#include "plugin/sandbox/quantity.h"

#define DEFAULT_USER 1001 /* that of bitnami/kubectl; any user but 0 would do */
#define DEFAULT_CPU "1"
#define DEFAULT_MEMORY "1Gi"
#define REQUEST_SHARE 10		  /* a request is a tenth of its limit ... */
#define LEAST_REQUEST_MEMORY (32.0 * MIB) /* ... but enough memory for a shell */
#define MIB 1048576.0
#define LEAST_MEMORY (8.0 * MIB)
#define EXECUTABLE_SHIM 0111
#define READABLE_SHIM 0555	  /* and executable; see placement.h */
#define LARGEST_USER 2147483647.0 /* apimachinery validation.IsValidUserID */

/* There is no fsGroup: it would add a right to read the shim. */
static const char pod_skeleton[] =
	"{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":true,"
	"\"enableServiceLinks\":false,\"terminationGracePeriodSeconds\":2,"
	"\"securityContext\":{\"seccompProfile\":{\"type\":\"RuntimeDefault\"}},"
	"\"volumes\":["
	"{\"name\":\"shim\",\"configMap\":{}},"
	"{\"name\":\"config\",\"configMap\":{\"defaultMode\":292,\"optional\":false}},"
	"{\"name\":\"home\",\"emptyDir\":{\"sizeLimit\":\"1Gi\"}},"
	"{\"name\":\"work\",\"emptyDir\":{\"sizeLimit\":\"2Gi\"}},"
	"{\"name\":\"tmp\",\"emptyDir\":{\"sizeLimit\":\"1Gi\"}}]}";

/* No PATH: it is the image's. */
static const char container_skeleton[] =
	"{\"name\":\"" ASB_CONTAINER "\",\"terminationMessagePolicy\":\"FallbackToLogsOnError\","
	"\"command\":[\"" ASB_SHIM_PROGRAM "\",\"init\"],"
	"\"workingDir\":\"" ASB_WORK "\",\"env\":["
	"{\"name\":\"HOME\",\"value\":\"" ASB_HOME "\"},"
	"{\"name\":\"KUBECONFIG\",\"value\":\"" ASB_CONFIG_MOUNT "/" ASB_INNER_CONFIG_KEY "\"},"
	"{\"name\":\"KUBECACHEDIR\",\"value\":\"" ASB_HOME "/.kube/cache\"}],"
	"\"securityContext\":{\"allowPrivilegeEscalation\":false,\"privileged\":false,"
	"\"readOnlyRootFilesystem\":true,\"capabilities\":{\"drop\":[\"ALL\"]}},"
	"\"resources\":{\"limits\":{\"ephemeral-storage\":\"4Gi\"},"
	"\"requests\":{\"ephemeral-storage\":\"64Mi\"}},"
	"\"volumeMounts\":["
	"{\"name\":\"shim\",\"mountPath\":\"" ASB_SHIM_MOUNT "\",\"readOnly\":true},"
	"{\"name\":\"config\",\"mountPath\":\"" ASB_CONFIG_MOUNT "\",\"readOnly\":true},"
	"{\"name\":\"home\",\"mountPath\":\"" ASB_HOME "\"},"
	"{\"name\":\"work\",\"mountPath\":\"" ASB_WORK "\"},"
	"{\"name\":\"tmp\",\"mountPath\":\"/tmp\"}]}";

/* A uid, or below 0. */
static double parse_user(const char *text)
{
	double uid = 0;

	if (*text == '\0' || strlen(text) > 10)
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		uid = uid * 10 + (*text - '0');
	}
	return uid <= LARGEST_USER ? uid : -1;
}

static int check_name(const char *option, const char *value, struct asb_error *err)
{
	if (value == NULL || asb_is_dns_label(value))
		return 0;
	asb_fail_usage(err, "%s \"%s\" is no valid name", option, value);
	return asb_hint(err, "use up to 63 lower case letters, digits and '-', "
			     "with a letter or digit at both ends");
}

static int check_resources(const struct asb_sandbox_options *options, struct asb_error *err)
{
	double memory;

	if (options->cpu != NULL && asb_quantity_parse(options->cpu) < 0.001) {
		asb_fail_usage(err, "--cpu \"%s\" is no amount of CPU", options->cpu);
		return asb_hint(err, "use a number of cores such as 2 or 500m");
	}
	if (options->memory == NULL)
		return 0;
	memory = asb_quantity_parse(options->memory);
	if (memory <= 0)
		asb_fail_usage(err, "--memory \"%s\" is no amount of memory", options->memory);
	else if (memory < LEAST_MEMORY)
		asb_fail_usage(err, "--memory \"%s\" is less than 8Mi", options->memory);
	else
		return 0;
	return asb_hint(err,
			"use an amount such as 512Mi or 2Gi ('m' would be thousandths of a byte)");
}

static bool is_pull_policy(const char *text)
{
	return strcmp(text, "Always") == 0 || strcmp(text, "IfNotPresent") == 0 ||
	       strcmp(text, "Never") == 0;
}

static int check_image(const struct asb_sandbox_options *options, struct asb_error *err)
{
	const char *image = options->image;

	if (image == NULL || *image == '\0')
		return asb_fail_usage(err, "--image is empty");
	/* What a reference may look like is the container runtime's to say; a blank never may. */
	for (; *image != '\0'; image++) {
		if ((unsigned char)*image <= ' ' || *image == 0x7f)
			return asb_fail_usage(err, "--image holds a blank or control character");
	}
	if (options->image_pull_policy != NULL && !is_pull_policy(options->image_pull_policy)) {
		asb_fail_usage(err, "--image-pull-policy \"%s\" is unknown",
			       options->image_pull_policy);
		return asb_hint(err, "use Always, IfNotPresent or Never");
	}
	return 0;
}

static int check_user(const char *user, struct asb_error *err)
{
	if (user == NULL || strcmp(user, "image") == 0 || parse_user(user) >= 0)
		return 0;
	asb_fail_usage(err, "--user \"%s\" is no numeric user id", user);
	return asb_hint(err, "use a number such as 1001, or \"image\" for the image's own user");
}

int asb_spec_check(const struct asb_sandbox_options *options, struct asb_error *err)
{
	if (check_name("--namespace", options->namespace_, err) < 0 ||
	    check_name("--name", options->name, err) < 0 || check_image(options, err) < 0 ||
	    check_resources(options, err) < 0)
		return -1;
	return check_user(options->user, err);
}

/*
 * Agents wait more than they compute, so requests are small. They follow the limits all the same: a
 * pod that asks for more than a node has is to be refused, not placed.
 */
static void set_resources(cJSON *container, const struct asb_sandbox_options *options)
{
	const char *cpu = options->cpu != NULL ? options->cpu : DEFAULT_CPU;
	const char *memory = options->memory != NULL ? options->memory : DEFAULT_MEMORY;
	double millis = asb_quantity_parse(cpu) * 1000 / REQUEST_SHARE;
	double limit = asb_quantity_parse(memory), bytes = limit / REQUEST_SHARE;
	ASB_TEXT cpu_request = asb_strf("%.0fm", millis < 1 ? 1 : millis);
	ASB_TEXT memory_request = NULL;

	if (bytes < LEAST_REQUEST_MEMORY)
		bytes = limit < LEAST_REQUEST_MEMORY ? limit : LEAST_REQUEST_MEMORY;
	memory_request = asb_strf("%lldMi", (long long)(bytes / MIB));
	asb_json_set_string(container, "resources/limits/cpu", cpu);
	asb_json_set_string(container, "resources/limits/memory", memory);
	asb_json_set_string(container, "resources/requests/cpu", cpu_request);
	asb_json_set_string(container, "resources/requests/memory", memory_request);
}

/* Root only for who asks for user 0. An image whose own user is root doesn't start with "image":
 * the kubelet refuses it because of runAsNonRoot, which "restricted" demands. */
static void set_user(cJSON *pod, const char *user)
{
	double uid = user == NULL ? DEFAULT_USER : parse_user(user);

	if (uid >= 0) {
		asb_json_set_number(pod, "securityContext/runAsUser", uid);
		asb_json_set_number(pod, "securityContext/runAsGroup", uid);
	}
	if (uid != 0)
		asb_json_set_bool(pod, "securityContext/runAsNonRoot", true);
}

/* Names of nodes' labels hold a '/', which paths can't express. */
static void set_node_selector(cJSON *pod, const char *arch)
{
	cJSON *selector = cJSON_AddObjectToObject(pod, "nodeSelector");

	if (selector == NULL)
		asb_out_of_memory();
	cJSON_AddStringToObject(selector, "kubernetes.io/os", "linux");
	cJSON_AddStringToObject(selector, ASB_ARCH_LABEL, arch);
}

static void set_volumes(cJSON *pod, const struct asb_spec *spec)
{
	cJSON *volumes = cJSON_GetObjectItemCaseSensitive(pod, "volumes");
	cJSON *shim = cJSON_GetArrayItem(volumes, 0);
	cJSON *config = cJSON_GetArrayItem(volumes, 1);
	cJSON *item = asb_json_literal("{\"path\":\"shim\"}");

	asb_json_set_string(item, "key", spec->placement.shim->arch);
	asb_json_append(shim, "configMap/items", item);
	asb_json_set_string(shim, "configMap/name", spec->placement.shim->configmap);
	asb_json_set_number(shim, "configMap/defaultMode",
			    spec->placement.readable_shim ? READABLE_SHIM : EXECUTABLE_SHIM);
	asb_json_set_string(config, "configMap/name", spec->name);
}

static cJSON *build_pod(const struct asb_sandbox_options *options, const struct asb_spec *spec)
{
	cJSON *pod = asb_json_literal(pod_skeleton);
	cJSON *container = asb_json_literal(container_skeleton);

	asb_json_set_string(container, "image", options->image);
	asb_json_set_string(container, "imagePullPolicy", options->image_pull_policy);
	set_resources(container, options);
	asb_json_append(pod, "containers", container);
	asb_json_set_string(pod, "serviceAccountName", options->service_account);
	asb_json_set_string(pod, "runtimeClassName", options->runtime_class);
	set_user(pod, options->user);
	set_node_selector(pod, spec->placement.shim->arch);
	set_volumes(pod, spec);
	return pod;
}

cJSON *asb_spec_template(const struct asb_sandbox_options *options, const struct asb_spec *spec)
{
	cJSON *template = asb_json_literal("{\"metadata\":{}}");

	asb_labels_set(template, "metadata", "sandbox", spec->instance);
	asb_json_set(template, "spec", build_pod(options, spec));
	return template;
}

cJSON *asb_spec_build(const struct asb_sandbox_options *options, const struct asb_spec *spec)
{
	cJSON *sandbox = asb_json_literal("{\"apiVersion\":\"" ASB_SANDBOX_API_VERSION
					  "\",\"kind\":\"Sandbox\",\"metadata\":{},\"spec\":{"
					  "\"shutdownPolicy\":\"Delete\"}}");

	asb_json_set_string(sandbox, "apiVersion", spec->api_version);
	asb_json_set_string(sandbox, "metadata/name", spec->name);
	asb_labels_set(sandbox, "metadata", "sandbox", spec->instance);
	asb_json_set_string(sandbox, "spec/shutdownTime", spec->shutdown_time);
	asb_json_set(sandbox, "spec/podTemplate", asb_spec_template(options, spec));
	if (options->base != NULL)
		asb_overlay_apply(sandbox, options->base);
	return sandbox;
}

cJSON *asb_spec_build_pod(const struct asb_sandbox_options *options, const struct asb_spec *spec)
{
	cJSON *pod = asb_json_literal("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{}}");
	cJSON *pod_spec = build_pod(options, spec);
	int64_t seconds = (spec->deadline_ms + 999) / 1000;

	asb_json_set_string(pod, "metadata/name", spec->name);
	asb_labels_set(pod, "metadata", "sandbox", spec->instance);
	asb_json_set_number(pod_spec, "activeDeadlineSeconds", (double)seconds);
	asb_json_set(pod, "spec", pod_spec);
	return pod;
}
