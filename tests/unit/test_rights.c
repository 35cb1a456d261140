/* SPDX-License-Identifier: Apache-2.0 */
/* Which rights a run needs, which it can do without, and what it says when one is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/rights.h"

struct grant {
	const char *resource; /* "pods/exec" */
	const char *verbs;    /* " create get " */
};

/* The rules of the guide the project grew from, plus pods/exec. */
static const struct grant seed[] = {
	{"sandboxes", " create get list delete watch "},
	{"pods", " get list "},
	{"configmaps", " create delete "},
	{"pods/exec", " create get "},
	{NULL, NULL},
};

static void allow(struct asb_rights *rights, const struct grant *grants)
{
	asb_rights_init(rights, "computer", ASB_PURPOSE_MAKE);
	for (size_t i = 0; i < ASB_RIGHTS; i++) {
		struct asb_access *right = &rights->items[i];
		const char *sub = right->subresource;
		ASB_TEXT resource = asb_strf("%s%s%s", right->resource, sub != NULL ? "/" : "",
					     sub != NULL ? sub : "");
		ASB_TEXT verb = asb_strf(" %s ", right->verb);

		for (const struct grant *grant = grants; grant->resource != NULL; grant++) {
			if (strcmp(grant->resource, resource) == 0 &&
			    strstr(grant->verbs, verb) != NULL)
				right->allowed = true;
		}
	}
}

static void the_seed_suffices(void **state)
{
	struct asb_rights rights;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	allow(&rights, seed);
	assert_int_equal(asb_rights_require(&rights, &err), 0);
	assert_false(asb_failed(&err));
	assert_false(asb_rights_allow(&rights, ASB_RIGHT_SANDBOX_PATCH));
	assert_false(asb_rights_allow(&rights, ASB_RIGHT_POD_WATCH));
	assert_true(asb_rights_allow(&rights, ASB_RIGHT_POD_LIST));
	assert_true(asb_rights_allow(&rights, ASB_RIGHT_CONFIGMAP_DELETE));
}

static void the_least_suffices(void **state)
{
	static const struct grant by_watch[] = {{"sandboxes", " create delete watch "},
						{"pods", " get "},
						{"configmaps", " create "},
						{"pods/exec", " create get "},
						{NULL, NULL}};
	static const struct grant by_get[] = {{"sandboxes", " create delete get "},
					      {"pods", " get "},
					      {"configmaps", " create "},
					      {"pods/exec", " create get "},
					      {NULL, NULL}};
	struct asb_rights rights;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	allow(&rights, by_watch);
	assert_int_equal(asb_rights_require(&rights, &err), 0);
	allow(&rights, by_get);
	assert_int_equal(asb_rights_require(&rights, &err), 0);
}

/* Taking away any of these makes it impossible, and the error says which. */
static void each_required_right_is_named(void **state)
{
	static const struct {
		enum asb_right right;
		const char *verb, *resource;
	} required[] = {
		{ASB_RIGHT_SANDBOX_CREATE, "create", "sandboxes.agents.x-k8s.io"},
		{ASB_RIGHT_SANDBOX_DELETE, "delete", "sandboxes.agents.x-k8s.io"},
		{ASB_RIGHT_POD_GET, "get", "pods"},
		{ASB_RIGHT_EXEC_CREATE, "create", "pods/exec"},
		{ASB_RIGHT_EXEC_GET, "get", "pods/exec"},
		{ASB_RIGHT_CONFIGMAP_CREATE, "create", "configmaps"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		struct asb_rights rights;
		struct asb_error err = ASB_ERROR_INIT;
		ASB_TEXT missing = asb_strf("%s %s", required[i].verb, required[i].resource);
		ASB_TEXT verbs = asb_strf("verbs: [\"%s\"]", required[i].verb);

		allow(&rights, seed);
		rights.items[required[i].right].allowed = false;
		assert_int_equal(asb_rights_require(&rights, &err), -1);
		assert_int_equal(err.status, ASB_STATUS_PLUGIN);
		if (strstr(err.message, missing) == NULL)
			fail_msg("\"%s\" does not name %s", err.message, missing);
		assert_non_null(strstr(err.hint, "kind: Role\n"));
		assert_non_null(strstr(err.hint, "namespace: computer"));
		assert_non_null(strstr(err.hint, verbs));
	}
}

static void neither_watch_nor_get(void **state)
{
	struct asb_rights rights;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	allow(&rights, seed);
	rights.items[ASB_RIGHT_SANDBOX_WATCH].allowed = false;
	rights.items[ASB_RIGHT_SANDBOX_GET].allowed = false;
	assert_int_equal(asb_rights_require(&rights, &err), -1);
	assert_non_null(strstr(err.message, "watch sandboxes.agents.x-k8s.io"));
}

static void nothing_at_all_is_one_list(void **state)
{
	static const char *const named[] = {"create sandboxes.agents.x-k8s.io", "get pods",
					    "create pods/exec", "create configmaps"};
	struct asb_rights rights;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	asb_rights_init(&rights, "computer", ASB_PURPOSE_MAKE);
	assert_int_equal(asb_rights_require(&rights, &err), -1);
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		assert_non_null(strstr(err.message, named[i]));
	/* what is optional would only frighten */
	assert_null(strstr(err.message, "events"));
	assert_null(strstr(err.message, "patch"));
}

/* Every right is asked for in the namespace of the run, once. */
static void the_questions(void **state)
{
	struct asb_rights rights;

	(void)state;
	asb_rights_init(&rights, "elsewhere", ASB_PURPOSE_MAKE);
	for (size_t i = 0; i < ASB_RIGHTS; i++) {
		assert_string_equal(rights.items[i].namespace_, "elsewhere");
		assert_non_null(rights.items[i].verb);
		for (size_t k = i + 1; k < ASB_RIGHTS; k++) {
			const struct asb_access *a = &rights.items[i], *b = &rights.items[k];

			assert_false(strcmp(a->verb, b->verb) == 0 &&
				     strcmp(a->resource, b->resource) == 0 &&
				     (a->subresource == NULL) == (b->subresource == NULL));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_seed_suffices),
		cmocka_unit_test(the_least_suffices),
		cmocka_unit_test(each_required_right_is_named),
		cmocka_unit_test(neither_watch_nor_get),
		cmocka_unit_test(nothing_at_all_is_one_list),
		cmocka_unit_test(the_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
