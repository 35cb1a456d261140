/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/access.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/api.h"

#define REVIEWS "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
#define TIMEOUT_MS 30000

/* ---- asking ---- */

static char *question(const struct asb_access *right)
{
	ASB_JSON review = asb_json_literal("{\"apiVersion\":\"authorization.k8s.io/v1\","
					   "\"kind\":\"SelfSubjectAccessReview\"}");

	asb_json_set_string(review, "spec/resourceAttributes/verb", right->verb);
	asb_json_set_string(review, "spec/resourceAttributes/group", right->group);
	asb_json_set_string(review, "spec/resourceAttributes/resource", right->resource);
	asb_json_set_string(review, "spec/resourceAttributes/subresource", right->subresource);
	asb_json_set_string(review, "spec/resourceAttributes/namespace", right->namespace_);
	return asb_json_print(review);
}

static int take_answer(const struct asb_http_request *request, struct asb_access *right,
		       struct asb_error *err)
{
	ASB_JSON review = asb_api_result(request, err);

	if (review == NULL)
		return asb_wrap(err, "can't check rights");
	right->allowed = asb_json_bool(review, "status/allowed", false);
	return 0;
}

/* With bad credentials one question is refused (401) and the connection of all the others is
 * closed: the refusal is what counts. NULL: nothing was refused so. */
static const struct asb_http_request *refusal(const struct asb_http_request *requests, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (requests[i].status == 401)
			return &requests[i];
	}
	return NULL;
}

int asb_access_review(struct asb_http *http, struct asb_access *rights, size_t n,
		      struct asb_error *err)
{
	struct asb_http_request *requests = asb_calloc(n + 1, sizeof(*requests));
	struct asb_http_request **list = asb_calloc(n + 1, sizeof(struct asb_http_request *));
	int rc;

	for (size_t i = 0; i < n; i++) {
		char *body = question(&rights[i]);

		asb_http_request_init(&requests[i], "POST", REVIEWS);
		requests[i].body = body;
		requests[i].body_length = strlen(body);
		requests[i].timeout_ms = TIMEOUT_MS;
		requests[i].context = body; /* ours: to be freed */
		rights[i].allowed = false;
		list[i] = &requests[i];
	}
	rc = asb_api_run(http, list, (unsigned)n, err);
	if (rc == 0 && refusal(requests, n) != NULL)
		rc = take_answer(refusal(requests, n), &rights[0], err);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			rc = take_answer(&requests[i], &rights[i], err);
		free(requests[i].context);
		asb_http_request_release(&requests[i]);
	}
	free(list);
	free(requests);
	return rc;
}

/* ---- telling what is missing ---- */

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_missing(const struct asb_access *right)
{
	return !right->allowed && !right->optional;
}

/* "pods/exec", as RBAC and kubectl write it. */
static bool same_resource(const struct asb_access *a, const struct asb_access *b)
{
	return same_text(a->group, b->group) && same_text(a->resource, b->resource) &&
	       same_text(a->subresource, b->subresource);
}

static void add_resource(struct asb_buffer *out, const struct asb_access *right, bool with_group)
{
	asb_buffer_addstr(out, right->resource);
	if (with_group && right->group != NULL && right->group[0] != '\0')
		asb_buffer_addf(out, ".%s", right->group);
	if (right->subresource != NULL)
		asb_buffer_addf(out, "/%s", right->subresource);
}

/* True when an earlier missing right is for the same resource (and verb) in the same place. */
static bool seen_before(const struct asb_access *rights, size_t at, bool verb_too)
{
	for (size_t i = 0; i < at; i++) {
		if (is_missing(&rights[i]) &&
		    same_text(rights[i].namespace_, rights[at].namespace_) &&
		    same_resource(&rights[i], &rights[at]) &&
		    (!verb_too || same_text(rights[i].verb, rights[at].verb)))
			return true;
	}
	return false;
}

/* One rule for the resource of right `at`, with all its missing verbs. */
static void add_rule(struct asb_buffer *out, const struct asb_access *rights, size_t n, size_t at)
{
	const char *group = rights[at].group == NULL ? "" : rights[at].group;
	const char *comma = "";

	asb_buffer_addf(out, "- apiGroups: [\"%s\"]\n  resources: [\"", group);
	add_resource(out, &rights[at], false);
	asb_buffer_addstr(out, "\"]\n  verbs: [");
	for (size_t i = at; i < n; i++) {
		if (!is_missing(&rights[i]) || seen_before(rights, i, true) ||
		    !same_text(rights[i].namespace_, rights[at].namespace_) ||
		    !same_resource(&rights[i], &rights[at]))
			continue;
		asb_buffer_addf(out, "%s\"%s\"", comma, rights[i].verb);
		comma = ", ";
	}
	asb_buffer_addstr(out, "]\n");
}

/* A name that is the same for the same rules only, so that granting these never takes away what an
 * earlier Role of ours has granted; or for the same rules and the same user. */
static char *role_name(const char *rules, const char *subject)
{
	const char *const texts[] = {rules, subject};
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < 2; i++) {
		for (const char *p = texts[i]; *p != '\0'; p++)
			hash = (hash ^ (unsigned char)*p) * 16777619u;
	}
	return asb_strf("agentsandbox-%08" PRIx32, hash);
}

/* Role or ClusterRole and its binding for what is missing where right `at` is missing. subject
 * NULL: the reader fills it in. */
static void add_role(struct asb_buffer *out, const struct asb_access *rights, size_t n, size_t at,
		     const char *subject)
{
	const char *namespace_ = rights[at].namespace_;
	struct asb_buffer rules = ASB_BUFFER_INIT;
	ASB_TEXT name = NULL;
	ASB_TEXT binding = NULL;

	for (size_t i = at; i < n; i++) {
		if (is_missing(&rights[i]) && same_text(rights[i].namespace_, namespace_) &&
		    !seen_before(rights, i, false))
			add_rule(&rules, rights, n, i);
	}
	name = role_name(rules.data, "");
	binding = role_name(rules.data, subject != NULL ? subject : "");
	if (subject == NULL)
		subject = "--user=USER";
	asb_buffer_addf(out,
			"\nkubectl apply -f - <<'EOF'\n"
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata:\n"
			"  name: %s\n",
			namespace_ == NULL ? "ClusterRole" : "Role", name);
	if (namespace_ != NULL)
		asb_buffer_addf(out, "  namespace: %s\n", namespace_);
	asb_buffer_addf(out, "rules:\n%sEOF\n", rules.data);
	if (namespace_ == NULL)
		asb_buffer_addf(out,
				"kubectl create clusterrolebinding %s --clusterrole=%s "
				"%s",
				binding, name, subject);
	else
		asb_buffer_addf(out,
				"kubectl create rolebinding %s --namespace=%s --role=%s "
				"%s",
				binding, namespace_, name, subject);
	asb_buffer_release(&rules);
}

static bool first_of_namespace(const struct asb_access *rights, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (is_missing(&rights[i]) &&
		    same_text(rights[i].namespace_, rights[at].namespace_))
			return false;
	}
	return true;
}

static void list_missing(struct asb_buffer *out, const struct asb_access *rights, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_missing(&rights[i]) || seen_before(rights, i, true))
			continue;
		asb_buffer_addf(out, "%s%s ", out->length == 0 ? "" : ", ", rights[i].verb);
		add_resource(out, &rights[i], true);
		if (rights[i].namespace_ == NULL)
			asb_buffer_addstr(out, " (cluster-wide)");
	}
}

static void add_roles(struct asb_buffer *out, const struct asb_access *rights, size_t n,
		      const char *subject)
{
	for (size_t i = 0; i < n; i++) {
		if (is_missing(&rights[i]) && first_of_namespace(rights, i))
			add_role(out, rights, n, i, subject);
	}
}

char *asb_access_grant(const struct asb_access *rights, size_t n, const char *subject)
{
	struct asb_buffer roles = ASB_BUFFER_INIT;

	add_roles(&roles, rights, n, subject);
	if (roles.length == 0)
		return NULL;
	asb_buffer_drop(&roles, 1); /* the line end it begins with */
	return asb_buffer_steal(&roles);
}

char *asb_access_missing(const struct asb_access *rights, size_t n)
{
	struct asb_buffer missing = ASB_BUFFER_INIT;

	list_missing(&missing, rights, n);
	return asb_buffer_steal(&missing);
}

int asb_access_require(const struct asb_access *rights, size_t n, const char *namespace_,
		       struct asb_error *err)
{
	struct asb_buffer missing = ASB_BUFFER_INIT;
	struct asb_buffer roles = ASB_BUFFER_INIT;
	int rc = 0;

	list_missing(&missing, rights, n);
	add_roles(&roles, rights, n, NULL);
	if (missing.length > 0) {
		rc = asb_fail(err, "missing rights in namespace \"%s\": %s", namespace_,
			      missing.data);
		asb_hint(err,
			 "someone who administers the cluster can grant them (USER is what "
			 "`kubectl auth whoami` prints):%s",
			 roles.data);
	}
	asb_buffer_release(&missing);
	asb_buffer_release(&roles);
	return rc;
}
