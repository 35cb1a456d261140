/* SPDX-License-Identifier: Apache-2.0 */
/* run_kind.c - a Sandbox, one from a warm pool, or a plain pod: what was typed counts more than
 * what the settings say. */
#include <string.h>

#include "plugin/commands/run_options.h"

/* The first typed option that says what the sandbox is like, which is a pool's to say. */
static const char *typed_wish(const struct asb_operands *operands)
{
	static const char *const options[] = {"image",
					      "image-pull-policy",
					      "runtime-class",
					      "arch",
					      "service-account",
					      "cpu",
					      "memory",
					      "user",
					      "file"};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (asb_operands_gave(operands, options[i]))
			return options[i];
	}
	return NULL;
}

static int fail_both(struct asb_error *err)
{
	asb_fail_usage(err, "--pool with --sandbox k8s");
	return asb_hint(err, "a warm pool holds Sandboxes: leave one of the two out");
}

static int fail_cold(struct asb_error *err)
{
	asb_fail_usage(err, "--cold without --pool");
	return asb_hint(err, "only a warm pool can be without a ready sandbox");
}

static int fail_file(struct asb_error *err)
{
	asb_fail_usage(err, "--file with --sandbox k8s");
	return asb_hint(err, "the file holds a Sandbox: leave one of the two out");
}

static int fail_wish(const char *wish, struct asb_error *err)
{
	asb_fail_usage(err, "--%s with --pool: the sandboxes of a pool run already", wish);
	if (strcmp(wish, "file") == 0)
		return asb_hint(err, "leave one of the two out");
	return asb_hint(err,
			"leave it out, or make a pool whose sandboxes are like that: kubectl "
			"agentsandbox pool create NAME --%s ...",
			wish);
}

int asb_run_choose_kind(struct asb_sandbox_options *sandbox, const struct asb_operands *operands,
			struct asb_error *err)
{
	bool typed_pool = asb_operands_gave(operands, "pool");
	bool typed_kind = asb_operands_gave(operands, "sandbox");
	const char *wish = typed_wish(operands);

	if (asb_operands_gave(operands, "file") && !typed_kind)
		sandbox->mode = ASB_MODE_SANDBOX; /* that is what the file holds */
	if (sandbox->pool == NULL) {
		if (asb_operands_gave(operands, "cold"))
			return fail_cold(err);
		return sandbox->mode == ASB_MODE_POD && asb_operands_gave(operands, "file")
			       ? fail_file(err)
			       : 0;
	}
	if (typed_pool && !typed_kind)
		sandbox->mode = ASB_MODE_SANDBOX;
	if (!typed_pool && (wish != NULL || (typed_kind && sandbox->mode == ASB_MODE_POD))) {
		sandbox->pool = NULL; /* that of the settings can't be meant */
		return 0;
	}
	if (sandbox->mode == ASB_MODE_POD)
		return fail_both(err);
	return wish == NULL ? 0 : fail_wish(wish, err);
}
