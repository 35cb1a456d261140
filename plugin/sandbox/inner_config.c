/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/inner_config.h"

#include "plugin/base/buffer.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/spec.h"

/* Where every pod with a ServiceAccount finds its credentials (admission plugin ServiceAccount). */
#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount/"

/* JSON is YAML: kubectl reads it, and the namespace needs no quoting rules of ours. */
static char *kubeconfig_text(const char *inner_namespace)
{
	ASB_JSON config = asb_json_literal(
		"{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"sandbox\","
		"\"clusters\":[{\"name\":\"cluster\",\"cluster\":{"
		"\"server\":\"https://kubernetes.default.svc\","
		"\"certificate-authority\":\"" ACCOUNT_DIR "ca.crt\"}}],"
		"\"users\":[{\"name\":\"serviceaccount\",\"user\":{"
		"\"tokenFile\":\"" ACCOUNT_DIR "token\"}}],"
		"\"contexts\":[{\"name\":\"sandbox\",\"context\":{"
		"\"cluster\":\"cluster\",\"user\":\"serviceaccount\"}}]}");
	cJSON *context =
		cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(config, "contexts"), 0);

	asb_json_set_string(context, "context/namespace",
			    inner_namespace != NULL ? inner_namespace : "default");
	return asb_json_print(config);
}

cJSON *asb_inner_config(const struct asb_owner *owner, const char *instance,
			const char *inner_namespace)
{
	ASB_TEXT text = kubeconfig_text(inner_namespace);
	cJSON *object = asb_json_literal("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
					 "\"metadata\":{},\"immutable\":true}");
	cJSON *reference = asb_json_literal("{}");

	asb_json_set_string(object, "metadata/name", owner->name);
	asb_labels_set(object, "metadata", "kubeconfig", instance);
	asb_json_set_string(reference, "apiVersion", owner->api_version);
	asb_json_set_string(reference, "kind", owner->kind);
	asb_json_set_string(reference, "name", owner->name);
	asb_json_set_string(reference, "uid", owner->uid);
	asb_json_append(object, "metadata/ownerReferences", reference);
	asb_json_set_string(object, "data/" ASB_INNER_CONFIG_KEY, text);
	return object;
}
