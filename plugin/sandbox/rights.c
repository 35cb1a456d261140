/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/rights.h"

#include "plugin/kube/access_rules.h"
#include "plugin/sandbox/resources.h"
#include "plugin/sandbox/spec.h"

enum need { NO, MAY, MUST };

static const struct right {
	const char *group, *resource, *subresource, *verb;
	enum need needs[ASB_PURPOSES]; /* to make, to open, to claim, for a pod */
} table[ASB_RIGHTS] = {
	[ASB_RIGHT_SANDBOX_CREATE] =
		{ASB_SANDBOX_GROUP, "sandboxes", NULL, "create", {MUST, NO, NO, NO}},
	[ASB_RIGHT_SANDBOX_DELETE] =
		{ASB_SANDBOX_GROUP, "sandboxes", NULL, "delete", {MUST, NO, NO, NO}},
	[ASB_RIGHT_SANDBOX_WATCH] =
		{ASB_SANDBOX_GROUP, "sandboxes", NULL, "watch", {MUST, MAY, MAY, NO}},
	[ASB_RIGHT_SANDBOX_GET] =
		{ASB_SANDBOX_GROUP, "sandboxes", NULL, "get", {MAY, MUST, MUST, NO}},
	[ASB_RIGHT_SANDBOX_LIST] =
		{ASB_SANDBOX_GROUP, "sandboxes", NULL, "list", {MAY, MAY, MAY, NO}},
	[ASB_RIGHT_SANDBOX_PATCH] =
		{ASB_SANDBOX_GROUP, "sandboxes", NULL, "patch", {MAY, MAY, NO, NO}},
	[ASB_RIGHT_CLAIM_CREATE] =
		{ASB_EXTENSIONS_GROUP, "sandboxclaims", NULL, "create", {NO, NO, MUST, NO}},
	[ASB_RIGHT_CLAIM_DELETE] =
		{ASB_EXTENSIONS_GROUP, "sandboxclaims", NULL, "delete", {NO, NO, MUST, NO}},
	[ASB_RIGHT_CLAIM_WATCH] =
		{ASB_EXTENSIONS_GROUP, "sandboxclaims", NULL, "watch", {NO, MAY, MUST, NO}},
	[ASB_RIGHT_CLAIM_GET] =
		{ASB_EXTENSIONS_GROUP, "sandboxclaims", NULL, "get", {NO, MAY, MAY, NO}},
	[ASB_RIGHT_CLAIM_PATCH] =
		{ASB_EXTENSIONS_GROUP, "sandboxclaims", NULL, "patch", {NO, MAY, MAY, NO}},
	[ASB_RIGHT_POD_CREATE] = {"", "pods", NULL, "create", {NO, NO, NO, MUST}},
	[ASB_RIGHT_POD_DELETE] = {"", "pods", NULL, "delete", {NO, NO, NO, MUST}},
	[ASB_RIGHT_POD_GET] = {"", "pods", NULL, "get", {MUST, MUST, MUST, MUST}},
	[ASB_RIGHT_POD_LIST] = {"", "pods", NULL, "list", {MAY, MAY, MAY, MAY}},
	[ASB_RIGHT_POD_WATCH] = {"", "pods", NULL, "watch", {MAY, MAY, MAY, MAY}},
	[ASB_RIGHT_EXEC_CREATE] = {"", "pods", "exec", "create", {MUST, MUST, MUST, MUST}},
	[ASB_RIGHT_EXEC_GET] = {"", "pods", "exec", "get", {MUST, MUST, MUST, MUST}},
	[ASB_RIGHT_CONFIGMAP_CREATE] = {"", "configmaps", NULL, "create", {MUST, NO, NO, MUST}},
	[ASB_RIGHT_CONFIGMAP_GET] = {"", "configmaps", NULL, "get", {MAY, NO, NO, MAY}},
	[ASB_RIGHT_CONFIGMAP_DELETE] = {"", "configmaps", NULL, "delete", {MAY, NO, NO, MAY}},
	[ASB_RIGHT_EVENT_LIST] = {"", "events", NULL, "list", {MAY, MAY, MAY, MAY}},
	[ASB_RIGHT_EVENT_WATCH] = {"", "events", NULL, "watch", {MAY, MAY, MAY, MAY}},
};

void asb_rights_init(struct asb_rights *rights, const char *namespace_, enum asb_purpose purpose)
{
	rights->namespace_ = namespace_;
	rights->purpose = purpose;
	for (size_t i = 0; i < ASB_RIGHTS; i++) {
		rights->items[i] = (struct asb_access){
			.group = table[i].group,
			.resource = table[i].resource,
			.subresource = table[i].subresource,
			.verb = table[i].verb,
			.namespace_ = namespace_,
			.optional = table[i].needs[purpose] != MUST,
		};
	}
}

static bool is_asked(const struct asb_rights *rights, size_t i)
{
	return table[i].needs[rights->purpose] != NO;
}

static bool all_there(const struct asb_access *asked, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!asked[i].allowed && !asked[i].optional)
			return false;
	}
	return true;
}

/* What is about to be called missing is asked for by itself before. */
static int ask(const struct asb_rights *rights, struct asb_http *http, struct asb_access *asked,
	       size_t n, struct asb_error *err)
{
	int known = asb_access_rules(http, rights->namespace_, asked, n, err);

	if (known < 0 || (known > 0 && all_there(asked, n)))
		return known < 0 ? -1 : 0;
	return asb_access_review(http, asked, n, err);
}

int asb_rights_review(struct asb_rights *rights, struct asb_http *http, struct asb_error *err)
{
	struct asb_access asked[ASB_RIGHTS];
	size_t n = 0;
	bool silent = false;

	for (size_t i = 0; i < ASB_RIGHTS; i++) {
		if (is_asked(rights, i))
			asked[n++] = rights->items[i];
	}
	if (ask(rights, http, asked, n, err) < 0) {
		if (err->http != 403)
			return -1;
		asb_error_clear(err);
		silent = true;
	}
	n = 0;
	for (size_t i = 0; i < ASB_RIGHTS; i++) {
		if (is_asked(rights, i))
			rights->items[i].allowed = asked[n++].allowed || silent;
	}
	return 0;
}

int asb_rights_require(struct asb_rights *rights, struct asb_error *err)
{
	/* Reading an object again and again does instead of watching it. */
	rights->items[ASB_RIGHT_SANDBOX_WATCH].optional |=
		rights->items[ASB_RIGHT_SANDBOX_GET].allowed;
	rights->items[ASB_RIGHT_CLAIM_WATCH].optional |= rights->items[ASB_RIGHT_CLAIM_GET].allowed;
	return asb_access_require(rights->items, ASB_RIGHTS, rights->namespace_, err);
}

bool asb_rights_allow(const struct asb_rights *rights, enum asb_right right)
{
	return rights->items[right].allowed;
}
