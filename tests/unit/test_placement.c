/* SPDX-License-Identifier: Apache-2.0 */
/* Which shim a pod gets and how it is mounted, from what is known of the cluster; and what is asked
 * for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/sandbox/placement.h"
#include "tests/unit/fake_api.h"

#define SELECTS(arch)                                                               \
	"{\"handler\":\"runc\",\"scheduling\":{\"nodeSelector\":{\"disk\":\"ssd\"," \
	"\"kubernetes.io/arch\":\"" arch "\"}}}"
#define OWN(arch)                                                                   \
	"{\"spec\":{\"podTemplate\":{\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"," \
	"\"kubernetes.io/arch\":\"" arch "\"}}}}}"
#define NONE "{\"kind\":\"NodeList\",\"items\":[]}"

static const struct asb_shim both[] = {
	{"amd64", NULL, 0, "aaaaaaaaaaaa", "agentsandbox-shim-aaaaaaaaaaaa"},
	{"arm64", NULL, 0, "bbbbbbbbbbbb", "agentsandbox-shim-bbbbbbbbbbbb"},
};

static cJSON *parse(const char *text)
{
	return text != NULL ? asb_json_literal(text) : NULL;
}

static void the_first_that_says_one(void **state)
{
	static const struct {
		const char *own, *arch, *class, *nodes, *chosen;
	} cases[] = {
		{.chosen = "amd64"},
		{.nodes = NONE, .chosen = "arm64"},
		{.nodes = "{\"items\":null}", .chosen = "arm64"}, /* as Go writes an empty list */
		{.nodes = "{\"items\":[{}]}", .chosen = "amd64"},
		{.nodes = "{\"metadata\":{\"continue\":\"x\"},\"items\":[]}", .chosen = "amd64"},
		{.nodes = "{\"kind\":\"Status\"}", .chosen = "amd64"},
		{.class = SELECTS("arm64"), .chosen = "arm64"},
		{.class = SELECTS("amd64"), .nodes = NONE, .chosen = "amd64"},
		{.class = "{\"handler\":\"runc\"}", .nodes = NONE, .chosen = "arm64"},
		{.arch = "amd64", .class = SELECTS("arm64"), .nodes = NONE, .chosen = "amd64"},
		{.arch = "arm64", .chosen = "arm64"},
		{.own = OWN("arm64"),
		 .arch = "amd64",
		 .class = SELECTS("amd64"),
		 .chosen = "arm64"},
		{.own = "{\"spec\":{}}", .arch = "arm64", .chosen = "arm64"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON own = parse(cases[i].own);
		ASB_JSON class = parse(cases[i].class);
		ASB_JSON nodes = parse(cases[i].nodes);
		const struct asb_placement_facts facts = {both, 2, class, nodes};
		const struct asb_sandbox_options options = {
			.base = own, .arch = cases[i].arch, .runtime_class = class ? "c" : NULL};
		struct asb_placement placement;
		struct asb_error err = ASB_ERROR_INIT;

		assert_int_equal(asb_placement_choose(&options, &facts, &placement, &err), 0);
		if (strcmp(placement.shim->arch, cases[i].chosen) != 0)
			fail_msg("case %zu: %s", i, placement.shim->arch);
	}
}

/* A plugin with one shim has no choice, and says so rather than start a pod that can't run. */
static void no_shim_for_it(void **state)
{
	ASB_JSON class = parse(SELECTS("arm64"));
	ASB_JSON own = parse(OWN("s390x"));
	ASB_JSON none = parse(NONE);
	const struct asb_placement_facts facts = {both, 1, class, none};
	const struct asb_placement_facts plain = {both, 1, NULL, none};
	const struct asb_placement_facts all = {both, 2, NULL, NULL};
	const struct asb_sandbox_options by_class = {.runtime_class = "c"}, nothing = {0};
	const struct asb_sandbox_options wanted = {.arch = "arm64"}, odd = {.base = own};
	struct asb_placement placement;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(asb_placement_choose(&by_class, &facts, &placement, &err), -1);
	assert_string_equal(err.message, "this build of the plugin can't run sandboxes on arm64 "
					 "nodes, only on amd64");
	assert_non_null(strstr(err.hint, "make dist"));
	assert_int_equal(err.status, ASB_STATUS_PLUGIN);
	asb_error_clear(&err);
	assert_int_equal(asb_placement_choose(&wanted, &plain, &placement, &err), -1);
	asb_error_clear(&err);
	assert_int_equal(asb_placement_choose(&odd, &all, &placement, &err), -1);
	assert_non_null(strstr(err.message, "on s390x nodes, only on amd64, arm64"));
	asb_error_clear(&err);
	assert_int_equal(asb_placement_choose(&nothing, &plain, &placement, &err), 0);
	assert_ptr_equal(placement.shim, &both[0]);
}

/* What can't be shown to be runc's like may be gVisor, which must read what it executes. */
static void who_may_read_the_shim(void **state)
{
	static const struct {
		const char *class, *object;
		bool readable;
	} cases[] = {
		{NULL, NULL, false},
		{"gvisor", "{\"handler\":\"runsc\"}", true},
		{"gvisor", NULL, true},
		{"kata", "{\"handler\":\"kata-qemu\"}", true},
		{"fast", NULL, true},
		{"fast", "{\"handler\":\"crun\"}", false},
		{"gvisor", "{\"handler\":\"runc\"}", false},
		{"gpu", "{\"handler\":\"nvidia\"}", false},
		{"odd", "{}", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_JSON class = parse(cases[i].object);
		const struct asb_placement_facts facts = {both, 2, class, NULL};
		const struct asb_sandbox_options options = {.runtime_class = cases[i].class};
		struct asb_placement placement;
		struct asb_error err = ASB_ERROR_INIT;

		assert_int_equal(asb_placement_choose(&options, &facts, &placement, &err), 0);
		if (placement.readable_shim != cases[i].readable)
			fail_msg("case %zu", i);
	}
}

/* --- what is asked --- */

struct inquiry {
	struct asb_http_request *requests[ASB_SURVEY_MOST];
	const char *paths[ASB_SURVEY_MOST];
	struct asb_survey survey;
	struct asb_placement placement;
	int n;
};

static int inquire(struct inquiry *inquiry, struct fake_api *api,
		   const struct asb_sandbox_options *options, struct asb_error *err)
{
	int rc;

	inquiry->n =
		asb_survey_init(&inquiry->survey, options, inquiry->requests, inquiry->paths, err);
	for (int i = 0; i < inquiry->n; i++) {
		asb_http_request_init(inquiry->requests[i], "GET", inquiry->paths[i]);
		assert_int_equal(asb_http_start(api->http, inquiry->requests[i], err), 0);
	}
	if (inquiry->n < 0)
		return -1;
	assert_int_equal(asb_http_wait(api->http, inquiry->requests, (unsigned)inquiry->n, err), 0);
	rc = asb_survey_conclude(&inquiry->survey, &inquiry->placement, err);
	return rc;
}

static void forget(struct inquiry *inquiry)
{
	for (int i = 0; i < inquiry->n; i++)
		asb_http_request_release(inquiry->requests[i]);
	asb_survey_release(&inquiry->survey);
}

static bool asks(const struct inquiry *inquiry, const char *what)
{
	for (int i = 0; i < inquiry->n; i++) {
		if (strstr(inquiry->paths[i], what) != NULL)
			return true;
	}
	return false;
}

/* Once the architecture is said, nothing is left to ask but whether its shim is there. */
static void asks_no_more_than_needed(void **state)
{
	const struct asb_sandbox_options options = {.namespace_ = "computer",
						    .arch = asb_shims[0].arch};
	struct fake_api api = {0};
	struct inquiry inquiry;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	fake_api_start(&api);
	assert_int_equal(inquire(&inquiry, &api, &options, &err), 0);
	assert_int_equal(inquiry.n, 1);
	assert_true(asks(&inquiry, asb_shims[0].configmap));
	assert_ptr_equal(inquiry.placement.shim, &asb_shims[0]);
	assert_int_equal(asb_survey_configmap(&inquiry.survey, &inquiry.placement)->status, 404);
	forget(&inquiry);
	fake_api_stop(&api);
}

static void reads_the_runtime_class(void **state)
{
	const struct asb_sandbox_options options = {.namespace_ = "computer",
						    .runtime_class = "fast"};
	struct fake_api api = {0};
	struct inquiry inquiry;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	fake_api_start(&api);
	/* it is not there, or may not be read */
	assert_int_equal(inquire(&inquiry, &api, &options, &err), 0);
	assert_true(asks(&inquiry, "/apis/node.k8s.io/v1/runtimeclasses/fast"));
	assert_int_equal(asks(&inquiry, "/nodes"), asb_shim_count > 1);
	assert_true(inquiry.placement.readable_shim);
	forget(&inquiry);
	fake_put(&api, "/apis/node.k8s.io/v1/runtimeclasses/fast", "{\"handler\":\"crun\"}");
	assert_int_equal(inquire(&inquiry, &api, &options, &err), 0);
	assert_false(inquiry.placement.readable_shim);
	forget(&inquiry);
	fake_put(&api, "/apis/node.k8s.io/v1/runtimeclasses/fast", SELECTS("s390x"));
	assert_int_equal(inquire(&inquiry, &api, &options, &err), -1);
	assert_non_null(strstr(err.message, "s390x"));
	forget(&inquiry);
	fake_api_stop(&api);
}

static void refuses_before_it_asks(void **state)
{
	ASB_JSON own = parse(OWN("s390x"));
	const struct asb_sandbox_options options = {.namespace_ = "computer", .base = own};
	struct inquiry inquiry;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_int_equal(inquire(&inquiry, NULL, &options, &err), -1);
	assert_int_equal(inquiry.n, -1);
	forget(&inquiry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_says_one),
		cmocka_unit_test(no_shim_for_it),
		cmocka_unit_test(who_may_read_the_shim),
		cmocka_unit_test(asks_no_more_than_needed),
		cmocka_unit_test(reads_the_runtime_class),
		cmocka_unit_test(refuses_before_it_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
