/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/access_rules.h"

#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/kube/api.h"

#define REVIEWS "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

static bool has(const cJSON *list, const char *value)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (asb_same_text(item->valuestring, "*") ||
		    asb_same_text(item->valuestring, value))
			return true;
	}
	return false;
}

/* As RBAC matches them: "*" is everything, "pods/exec" that subresource, "*" + "/exec" it of every
 * resource. */
static bool has_resource(const cJSON *list, const struct asb_access *right)
{
	ASB_TEXT whole = NULL;
	ASB_TEXT any = NULL;

	if (right->subresource == NULL)
		return has(list, right->resource);
	whole = asb_strf("%s/%s", right->resource, right->subresource);
	any = asb_strf("*/%s", right->subresource);
	return has(list, whole) || has(list, any);
}

static bool grants(const cJSON *rule, const struct asb_access *right)
{
	return cJSON_GetArraySize(asb_json_at(rule, "resourceNames")) == 0 &&
	       has(asb_json_at(rule, "verbs"), right->verb) &&
	       has(asb_json_at(rule, "apiGroups"), right->group) &&
	       has_resource(asb_json_at(rule, "resources"), right);
}

static bool granted(const cJSON *rules, const struct asb_access *right)
{
	const cJSON *rule;

	cJSON_ArrayForEach(rule, rules)
	{
		if (grants(rule, right))
			return true;
	}
	return false;
}

/* A server that does not answer, or does not let us in, will not do so for other questions. */
static int no_answer(struct asb_error *err)
{
	if (err->http == 0 || err->http == 401)
		return asb_wrap(err, "can't check rights");
	asb_error_clear(err);
	return 0;
}

int asb_access_rules(struct asb_http *http, const char *namespace_, struct asb_access *rights,
		     size_t n, struct asb_error *err)
{
	ASB_JSON question = asb_json_literal("{\"apiVersion\":\"authorization.k8s.io/v1\","
					     "\"kind\":\"SelfSubjectRulesReview\"}");
	ASB_JSON answer = NULL;
	const cJSON *rules;

	asb_json_set_string(question, "spec/namespace", namespace_);
	answer = asb_api_create(http, REVIEWS, question, err);
	if (answer == NULL)
		return no_answer(err);
	rules = asb_json_at(answer, "status/resourceRules");
	if (!cJSON_IsArray(rules) || asb_json_bool(answer, "status/incomplete", true) ||
	    asb_json_string(answer, "status/evaluationError") != NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		rights[i].allowed = granted(rules, &rights[i]);
	return 1;
}
