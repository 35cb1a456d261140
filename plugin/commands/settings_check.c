/* SPDX-License-Identifier: Apache-2.0 */
/* settings_check.c - settings are checked by typing them, so to say, as flags of `run`. */
#include <stdlib.h>
#include <string.h>

#include "plugin/commands/run_options.h"
#include "plugin/commands/settings_parts.h"

/* Flags that `run` has not. */
struct others {
	const char *namespace_;
	int64_t ttl_ms;
};

static int check_word(const char *word, struct asb_error *err)
{
	static const struct asb_command run = {.options = asb_run_options};
	struct asb_run_values values = asb_run_defaults;
	struct others others = {0};
	struct asb_option *table = asb_command_options(&run, (char *)&values);
	const struct asb_option rest[] = {
		{"namespace", 0, ASB_OPTION_STRING, &others.namespace_, NULL, NULL},
		{"ttl", 0, ASB_OPTION_DURATION, &others.ttl_ms, NULL, NULL},
		{0},
	};
	const struct asb_option *tables[] = {table, rest, NULL};
	char *argv[] = {(char *)(uintptr_t)word}; /* of a type for getopt; it is not changed */
	struct asb_operands operands;
	int rc = asb_options_parse(tables, 1, argv, false, &operands, err);

	if (rc == 0)
		rc = asb_run_values_check(&values, others.namespace_, err);
	asb_operands_release(&operands);
	asb_strings_release(&values.env);
	free(table);
	return rc;
}

/* "--lease is shorter ..." -> "FILE:3: lease is shorter ...": the user has written no flag. */
static void rename_flag(const struct asb_setting *setting, const char *name, struct asb_error *err)
{
	struct asb_error said = *err;
	ASB_TEXT flag = asb_strf("--%s", setting->flag);
	size_t n = strlen(flag);

	if (strncmp(said.message, flag, n) == 0)
		asb_fail_usage(err, "%s%s", name, said.message + n);
	else
		asb_fail_usage(err, "%s: %s", name, said.message);
	if (said.hint[0] != '\0')
		asb_hint(err, "%s", said.hint);
	else
		asb_hint(err, "it is %s %s: %s", setting->key, setting->argument, setting->help);
}

int asb_setting_check(const struct asb_setting *setting, const char *text, const char *name,
		      struct asb_error *err)
{
	ASB_TEXT word = asb_strf("--%s=%s", setting->flag, text);

	if (check_word(word, err) == 0)
		return 0;
	rename_flag(setting, name, err);
	return -1;
}
