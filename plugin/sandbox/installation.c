/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/installation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/base/yaml.h"
#include "plugin/kube/access.h"
#include "plugin/sandbox/installation_parts.h"
#include "plugin/sandbox/labels.h"

#define RBAC "rbac.authorization.k8s.io"
#define USER_ROLE "kubectl-agentsandbox-user"
#define BARE                                                   \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789-._@:"

static const struct asb_installation_kind kinds[] = {
	{"Namespace", {"", "v1", "namespaces"}, false},
	{"ServiceAccount", {"", "v1", "serviceaccounts"}, true},
	{"Role", {RBAC, "v1", "roles"}, true},
	{"RoleBinding", {RBAC, "v1", "rolebindings"}, true},
	{"ClusterRole", {RBAC, "v1", "clusterroles"}, false},
	{"ClusterRoleBinding", {RBAC, "v1", "clusterrolebindings"}, false},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const struct asb_installation_kind *asb_installation_kind(const cJSON *object)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (asb_same_text(asb_json_string(object, "kind"), kinds[i].kind))
			return &kinds[i];
	}
	abort(); /* a manifest of a kind that nobody has entered above: a test finds it */
}

char *asb_installation_path(const cJSON *object)
{
	return asb_api_path(&asb_installation_kind(object)->resource,
			    asb_json_string(object, "metadata/namespace"),
			    asb_json_string(object, "metadata/name"), NULL);
}

char *asb_installation_name(const cJSON *object)
{
	const struct asb_installation_kind *kind = asb_installation_kind(object);
	const char *group = kind->resource.group;
	char *name = asb_strf("%s%s%s/%s", kind->kind, group[0] == '\0' ? "" : ".", group,
			      asb_json_string(object, "metadata/name"));

	for (char *p = name; *p != '.' && *p != '/'; p++)
		*p |= 0x20; /* ASCII letters only */
	return name;
}

/* --- the objects --- */

static void rename_namespace(cJSON *object, const char *path, const char *namespace_)
{
	if (asb_same_text(asb_json_string(object, path), ASB_INSTALLATION_NAMESPACE))
		asb_json_set_string(object, path, namespace_);
}

static void rename_cluster_wide(cJSON *object, const char *path, const char *namespace_)
{
	ASB_TEXT name = asb_strf("%s-%s", asb_json_string(object, path), namespace_);

	asb_json_set_string(object, path, name);
}

static void move_object(cJSON *object, const char *namespace_)
{
	bool namespaced = asb_installation_kind(object)->namespaced;
	cJSON *subject;

	if (strcmp(namespace_, ASB_INSTALLATION_NAMESPACE) == 0)
		return;
	rename_namespace(object, "metadata/namespace", namespace_);
	cJSON_ArrayForEach(subject, cJSON_GetObjectItemCaseSensitive(object, "subjects"))
	{
		rename_namespace(subject, "namespace", namespace_);
	}
	if (asb_same_text(asb_json_string(object, "kind"), "Namespace"))
		rename_namespace(object, "metadata/name", namespace_);
	else if (!namespaced)
		rename_cluster_wide(object, "metadata/name", namespace_);
	if (asb_same_text(asb_json_string(object, "roleRef/kind"), "ClusterRole"))
		rename_cluster_wide(object, "roleRef/name", namespace_);
}

/* The next document, and *text moved behind it; NULL at the end. */
static cJSON *next_object(const char **text)
{
	static const char separator[] = "\n---\n";
	struct asb_error err = ASB_ERROR_INIT;
	const char *start = *text, *end;
	cJSON *object;

	if (*start == '\0')
		return NULL;
	end = strstr(start, separator);
	*text = end == NULL ? start + strlen(start) : end + strlen(separator);
	object = asb_yaml_parse(start, (size_t)((end == NULL ? *text : end + 1) - start),
				"manifests", &err);
	if (object == NULL)
		abort(); /* the manifests are part of the program */
	return object;
}

cJSON *asb_installation_objects(const char *namespace_)
{
	const char *text = asb_manifests + strlen("---\n");
	cJSON *objects = asb_json_literal("[]");
	cJSON *object;

	for (object = next_object(&text); object != NULL; object = next_object(&text)) {
		move_object(object, namespace_);
		cJSON_AddItemToArray(objects, object);
	}
	return objects;
}

/* What may stand in the name of an object stays; a name that had anything else is told from others
 * by a hash (FNV-1a). */
static char *binding_name(const char *kind, const char *name)
{
	bool user = strcmp(kind, "User") == 0;
	char *text = asb_strf("kubectl-agentsandbox-%s-%s", user ? "user" : "group", name);
	uint32_t hash = 2166136261u;
	char *result;

	if (text[strspn(text, BARE)] == '\0')
		return text;
	for (char *p = text; *p != '\0'; p++) {
		hash = (hash ^ (unsigned char)*p) * 16777619u;
		if (strchr(BARE, *p) == NULL)
			*p = '_';
	}
	result = asb_strf("%s-%08" PRIx32, text, hash);
	free(text);
	return result;
}

cJSON *asb_installation_binding(const char *namespace_, const char *kind, const char *name)
{
	cJSON *object = asb_json_literal("{\"apiVersion\":\"" RBAC
					 "/v1\",\"kind\":\"RoleBinding\",\"metadata\":{},"
					 "\"roleRef\":{\"apiGroup\":\"" RBAC
					 "\",\"kind\":\"Role\",\"name\":\"" USER_ROLE "\"}}");
	cJSON *subject = asb_json_literal("{\"apiGroup\":\"" RBAC "\"}");
	cJSON *labels = asb_json_literal("{}");
	ASB_TEXT own = binding_name(kind, name);

	asb_json_set_string(object, "metadata/name", own);
	asb_json_set_string(object, "metadata/namespace", namespace_);
	cJSON_AddStringToObject(labels, ASB_PART_OF_LABEL, ASB_MANAGED_BY);
	asb_json_set(object, "metadata/labels", labels);
	asb_json_set_string(subject, "kind", kind);
	asb_json_set_string(subject, "name", name);
	asb_json_append(object, "subjects", subject);
	return object;
}

bool asb_installation_is_part(const cJSON *object)
{
	const cJSON *labels = asb_json_at(object, "metadata/labels");

	return asb_same_text(cJSON_GetStringValue(asb_json_member(labels, ASB_PART_OF_LABEL)),
			     ASB_MANAGED_BY);
}

/* --- applying --- */

int asb_installation_require(struct asb_http *http, const char *namespace_, struct asb_error *err)
{
	static const char *const verbs[] = {"create", "patch"};
	struct asb_access rights[2 * KINDS];
	size_t n = 0;

	for (; n < 2 * KINDS; n++) {
		const struct asb_installation_kind *kind = &kinds[n / 2];

		rights[n] = (struct asb_access){
			.group = kind->resource.group,
			.resource = kind->resource.plural,
			.verb = verbs[n % 2],
			.namespace_ = kind->namespaced ? namespace_ : NULL,
		};
	}
	if (asb_access_review(http, rights, n, err) != 0)
		return -1;
	if (asb_access_require(rights, n, namespace_, err) == 0)
		return 0;
	return asb_hint(err,
			"someone who administers the cluster can do it for you; this prints what "
			"is to be applied: kubectl agentsandbox -n %s setup --print",
			namespace_);
}

/* What the server keeps books about is no change. */
static cJSON *without_books(const cJSON *object)
{
	static const char *const books[] = {"managedFields", "resourceVersion", "generation"};
	cJSON *copy = cJSON_Duplicate(object, true);
	cJSON *metadata = cJSON_GetObjectItemCaseSensitive(copy, "metadata");

	if (copy == NULL)
		asb_out_of_memory();
	for (size_t i = 0; i < sizeof(books) / sizeof(books[0]); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(metadata, books[i]);
	return copy;
}

static bool is_same(const cJSON *before, const cJSON *after)
{
	ASB_JSON a = before == NULL ? NULL : without_books(before);
	ASB_JSON b = without_books(after);

	return a != NULL && cJSON_Compare(a, b, true);
}

static int explain(const cJSON *object, struct asb_error *err)
{
	ASB_TEXT name = asb_installation_name(object);
	bool conflict = err->http == 409;

	asb_wrap(err, "%s", name);
	if (!conflict)
		return -1;
	return asb_hint(err,
			"somebody else manages these fields: --force-conflicts takes them over; or "
			"apply what fits of `setup --print` yourself");
}

static int refuse_namespace(const cJSON *object, struct asb_error *err)
{
	asb_fail(err, "namespace \"%s\" is there already and was not made by setup",
		 asb_json_string(object, "metadata/name"));
	return asb_hint(err, "all its pods would have to pass PodSecurity \"restricted\" from then "
			     "on; if that is what you want, add --force-conflicts, or choose "
			     "another one with -n");
}

int asb_installation_apply(struct asb_http *http, const cJSON *object,
			   const struct asb_installation_mode *mode,
			   enum asb_installation_change *change, struct asb_error *err)
{
	bool namespaced = asb_installation_kind(object)->namespaced;
	bool is_namespace = asb_same_text(asb_json_string(object, "kind"), "Namespace");
	ASB_TEXT path = asb_installation_path(object);
	ASB_TEXT query =
		asb_strf("%s?fieldManager=" ASB_FIELD_MANAGER "&force=%s%s", path,
			 mode->force ? "true" : "false", mode->dry_run ? "&dryRun=All" : "");
	ASB_JSON before = asb_api_get(http, path, err);
	ASB_JSON after = NULL;

	if (before == NULL && err->http != 404)
		return explain(object, err);
	asb_error_clear(err);
	if (is_namespace && before != NULL && !asb_installation_is_part(before) && !mode->force)
		return refuse_namespace(object, err);
	after = asb_api_apply(http, query, object, err);
	if (after == NULL && mode->dry_run && namespaced && before == NULL && err->http == 404) {
		asb_error_clear(err);
		*change = ASB_INSTALLATION_NOT_TRIED;
		return 0;
	}
	if (after == NULL)
		return explain(object, err);
	*change = is_same(before, after) ? ASB_INSTALLATION_UNCHANGED : ASB_INSTALLATION_APPLIED;
	return 0;
}
