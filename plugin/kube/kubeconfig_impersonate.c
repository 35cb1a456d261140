/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig_impersonate.c - acting as somebody else: the members as, as-uid, as-groups and
 * as-user-extra become header fields (client-go transport.impersonatingRoundTripper).
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/kubeconfig_parts.h"

bool asb_sendable(const char *text)
{
	for (; *text != '\0'; text++) {
		if (iscntrl((unsigned char)*text))
			return false;
	}
	return true;
}

static int add_header(struct asb_kubeconfig *out, const char *name, const char *value,
		      const struct asb_stanza *user, struct asb_error *err)
{
	if (!asb_sendable(value))
		return asb_fail(err, "%s of user \"%s\" holds control characters", name,
				user->name);
	out->headers = asb_realloc(out->headers, (out->header_count + 1) * sizeof(out->headers[0]));
	out->headers[out->header_count++] = asb_strf("%s: %s", name, value);
	return 0;
}

/* Of a header's name: tokens of RFC 7230 but for '%', the rest percent-encoded. */
static void add_escaped(struct asb_buffer *out, const char *key)
{
	for (; *key != '\0'; key++) {
		unsigned char c = (unsigned char)*key;

		if (isalnum(c) || strchr("!#$&'*+-.^_`|~", c) != NULL)
			asb_buffer_addch(out, *key);
		else
			asb_buffer_addf(out, "%%%02X", c);
	}
}

static int expected(const struct asb_stanza *user, const char *key, const char *what,
		    struct asb_error *err)
{
	return asb_fail(err, "%s: user \"%s\": %s: expected %s", user->file, user->name, key, what);
}

/* All texts of a list, as so many fields of that name. */
static int add_list(const struct asb_stanza *user, const char *key, const char *name,
		    const cJSON *list, struct asb_kubeconfig *out, struct asb_error *err)
{
	const cJSON *item;

	if (list == NULL || cJSON_IsNull(list))
		return 0;
	if (!cJSON_IsArray(list))
		return expected(user, key, "a list of texts", err);
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			return expected(user, key, "a list of texts", err);
		if (add_header(out, name, item->valuestring, user, err) != 0)
			return -1;
	}
	return 0;
}

static int add_extra(const struct asb_stanza *user, struct asb_kubeconfig *out,
		     struct asb_error *err)
{
	const cJSON *extra = asb_json_member(user->body, "as-user-extra");
	const cJSON *list;

	if (extra == NULL || cJSON_IsNull(extra))
		return 0;
	if (!cJSON_IsObject(extra))
		return expected(user, "as-user-extra", "a mapping of lists of texts", err);
	cJSON_ArrayForEach(list, extra)
	{
		struct asb_buffer name = ASB_BUFFER_INIT;
		int rc;

		asb_buffer_addstr(&name, "Impersonate-Extra-");
		add_escaped(&name, list->string);
		rc = add_list(user, "as-user-extra", name.data, list, out, err);
		asb_buffer_release(&name);
		if (rc != 0)
			return -1;
	}
	return 0;
}

int asb_kubeconfig_impersonation(const struct asb_stanza *user, struct asb_kubeconfig *out,
				 struct asb_error *err)
{
	const char *as, *uid;

	if (asb_stanza_text(user, "as", &as, err) != 0 ||
	    asb_stanza_text(user, "as-uid", &uid, err) != 0)
		return -1;
	if (as == NULL && (uid != NULL || asb_stanza_has(user, "as-groups") ||
			   asb_stanza_has(user, "as-user-extra"))) {
		asb_fail(err,
			 "requesting uid, groups or user-extra for %s without impersonating a user",
			 user->name);
		return asb_hint(err, "say as whom, with --as (or \"as\" in the kubeconfig)");
	}
	if (as == NULL)
		return 0;
	out->impersonate = asb_strdup(as);
	if (add_header(out, "Impersonate-User", as, user, err) != 0 ||
	    (uid != NULL && add_header(out, "Impersonate-Uid", uid, user, err) != 0))
		return -1;
	return add_list(user, "as-groups", "Impersonate-Group",
			asb_json_member(user->body, "as-groups"), out, err) != 0
		       ? -1
		       : add_extra(user, out, err);
}
