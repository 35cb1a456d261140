/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/rights.h"

#include "plugin/sandbox/spec.h"

static const struct right {
	const char *group, *resource, *subresource, *verb;
	bool optional;
} table[ASB_RIGHTS] = {
	[ASB_RIGHT_SANDBOX_CREATE] = {ASB_SANDBOX_GROUP, "sandboxes", NULL, "create", false},
	[ASB_RIGHT_SANDBOX_DELETE] = {ASB_SANDBOX_GROUP, "sandboxes", NULL, "delete", false},
	[ASB_RIGHT_SANDBOX_WATCH] = {ASB_SANDBOX_GROUP, "sandboxes", NULL, "watch", false},
	[ASB_RIGHT_SANDBOX_GET] = {ASB_SANDBOX_GROUP, "sandboxes", NULL, "get", true},
	[ASB_RIGHT_SANDBOX_LIST] = {ASB_SANDBOX_GROUP, "sandboxes", NULL, "list", true},
	[ASB_RIGHT_SANDBOX_PATCH] = {ASB_SANDBOX_GROUP, "sandboxes", NULL, "patch", true},
	[ASB_RIGHT_POD_GET] = {"", "pods", NULL, "get", false},
	[ASB_RIGHT_POD_LIST] = {"", "pods", NULL, "list", true},
	[ASB_RIGHT_POD_WATCH] = {"", "pods", NULL, "watch", true},
	[ASB_RIGHT_EXEC_CREATE] = {"", "pods", "exec", "create", false},
	[ASB_RIGHT_EXEC_GET] = {"", "pods", "exec", "get", false},
	[ASB_RIGHT_CONFIGMAP_CREATE] = {"", "configmaps", NULL, "create", false},
	[ASB_RIGHT_CONFIGMAP_GET] = {"", "configmaps", NULL, "get", true},
	[ASB_RIGHT_CONFIGMAP_DELETE] = {"", "configmaps", NULL, "delete", true},
	[ASB_RIGHT_EVENT_LIST] = {"", "events", NULL, "list", true},
	[ASB_RIGHT_EVENT_WATCH] = {"", "events", NULL, "watch", true},
};

void asb_rights_init(struct asb_rights *rights, const char *namespace_)
{
	rights->namespace_ = namespace_;
	for (size_t i = 0; i < ASB_RIGHTS; i++) {
		rights->items[i] = (struct asb_access){
			.group = table[i].group,
			.resource = table[i].resource,
			.subresource = table[i].subresource,
			.verb = table[i].verb,
			.namespace_ = namespace_,
			.optional = table[i].optional,
		};
	}
}

int asb_rights_review(struct asb_rights *rights, struct asb_http *http, struct asb_error *err)
{
	if (asb_access_review(http, rights->items, ASB_RIGHTS, err) == 0)
		return 0;
	if (err->http != 403)
		return -1;
	asb_error_clear(err);
	for (size_t i = 0; i < ASB_RIGHTS; i++)
		rights->items[i].allowed = true;
	return 0;
}

int asb_rights_require(struct asb_rights *rights, struct asb_error *err)
{
	/* Reading a sandbox again and again does instead of watching it. */
	rights->items[ASB_RIGHT_SANDBOX_WATCH].optional =
		rights->items[ASB_RIGHT_SANDBOX_GET].allowed;
	return asb_access_require(rights->items, ASB_RIGHTS, rights->namespace_, err);
}

bool asb_rights_allow(const struct asb_rights *rights, enum asb_right right)
{
	return rights->items[right].allowed;
}
