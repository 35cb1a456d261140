/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/pool_autoscaler.h"

#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/labels.h"

const struct asb_resource asb_autoscalers = {"autoscaling", "v2", "horizontalpodautoscalers"};

/* averageValue: claims in a second for each sandbox that waits. */
static const char skeleton[] =
	"{\"apiVersion\":\"autoscaling/v2\",\"kind\":\"HorizontalPodAutoscaler\",\"metadata\":{},"
	"\"spec\":{\"metrics\":[{\"type\":\"External\",\"external\":{\"metric\":{\"name\":"
	"\"" ASB_POOL_METRIC "\",\"selector\":{\"matchLabels\":{}}},"
	"\"target\":{\"type\":\"AverageValue\",\"averageValue\":\"100m\"}}}]}}";

cJSON *asb_autoscaler_object(const cJSON *pool, int64_t most)
{
	cJSON *object = asb_json_literal(skeleton);
	cJSON *metric = cJSON_GetArrayItem(
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(object, "spec"),
						 "metrics"),
		0);
	cJSON *owner = asb_json_append(object, "metadata/ownerReferences",
				       asb_json_literal("{\"kind\":\"SandboxWarmPool\"}"));
	const char *version = asb_json_string(pool, "apiVersion");
	const char *name = asb_json_string(pool, "metadata/name");

	asb_labels_set(object, "metadata", "pool", NULL);
	asb_json_set_string(object, "metadata/name", name);
	asb_json_set_string(owner, "apiVersion", version);
	asb_json_set_string(owner, "name", name);
	asb_json_set_string(owner, "uid", asb_json_string(pool, "metadata/uid"));
	asb_json_set_string(object, "spec/scaleTargetRef/apiVersion", version);
	asb_json_set_string(object, "spec/scaleTargetRef/kind", "SandboxWarmPool");
	asb_json_set_string(object, "spec/scaleTargetRef/name", name);
	asb_json_set_number(object, "spec/minReplicas", asb_json_number(pool, "spec/replicas", 1));
	asb_json_set_number(object, "spec/maxReplicas", (double)most);
	asb_json_set_string(metric, "external/metric/selector/matchLabels/warmpool_name", name);
	return object;
}

static bool scales(const cJSON *autoscaler, const char *pool)
{
	const char *kind = asb_json_string(autoscaler, "spec/scaleTargetRef/kind");
	const char *name = asb_json_string(autoscaler, "spec/scaleTargetRef/name");

	return kind != NULL && name != NULL && strcmp(kind, "SandboxWarmPool") == 0 &&
	       strcmp(name, pool) == 0;
}

cJSON *asb_autoscaler_get(struct asb_http *http, const char *namespace_, const char *name,
			  struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&asb_autoscalers, namespace_, name, NULL);
	cJSON *found = asb_api_get(http, path, err);

	if (found != NULL && scales(found, name))
		return found;
	cJSON_Delete(found);
	if (err->http == 404 || err->http == 403)
		asb_error_clear(err);
	return NULL;
}

char *asb_autoscaler_describe(const cJSON *autoscaler)
{
	const cJSON *active =
		asb_json_find(autoscaler, "status/conditions", "type", "ScalingActive");
	const char *status = asb_json_string(active, "status");
	const char *reason = asb_json_string(active, "reason");
	const char *message = asb_json_string(active, "message");
	ASB_TEXT range =
		asb_strf("%.0f to %.0f", asb_json_number(autoscaler, "spec/minReplicas", 1),
			 asb_json_number(autoscaler, "spec/maxReplicas", 0));

	if (status == NULL)
		return asb_strf("%s, not looked at yet", range);
	if (strcmp(status, "True") == 0)
		return asb_strf("%s, active", range);
	return asb_strf("%s, not active: %s: %s", range, reason != NULL ? reason : "",
			message != NULL ? message : "");
}

static int fail_range(const cJSON *autoscaler, int64_t least, struct asb_error *err)
{
	const char *name = asb_json_string(autoscaler, "metadata/name");
	double most = asb_json_number(autoscaler, "spec/maxReplicas", 0);

	asb_fail_usage(err,
		       "%lld is no size for warm pool \"%s\", whose autoscaler goes up to %.0f",
		       (long long)least, name, most);
	if (least < 1)
		return asb_hint(err, "an autoscaler needs at least 1");
	return asb_hint(err,
			"move its upper end first: kubectl -n %s patch hpa %s --type merge -p "
			"'{\"spec\":{\"maxReplicas\":%lld}}'",
			asb_json_string(autoscaler, "metadata/namespace"), name, (long long)least);
}

int asb_autoscaler_raise(struct asb_http *http, const cJSON *autoscaler, int64_t least,
			 struct asb_error *err)
{
	ASB_TEXT path =
		asb_api_path(&asb_autoscalers, asb_json_string(autoscaler, "metadata/namespace"),
			     asb_json_string(autoscaler, "metadata/name"), NULL);
	ASB_JSON patch = asb_json_literal("{}");
	ASB_JSON answer = NULL;

	if (least < 1 || (double)least > asb_json_number(autoscaler, "spec/maxReplicas", 0))
		return fail_range(autoscaler, least, err);
	asb_json_set_number(patch, "spec/minReplicas", (double)least);
	answer = asb_api_merge_patch(http, path, patch, err);
	return answer != NULL ? 0 : asb_wrap(err, "scaling the pool's autoscaler");
}

bool asb_autoscaler_fed(struct asb_http *http)
{
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON group = asb_api_get(http, "/apis/external.metrics.k8s.io", &err);

	return group != NULL || err.http != 404;
}
