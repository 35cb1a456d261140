/* SPDX-License-Identifier: Apache-2.0 */
/* options_help.c - the help text of an option table. */
#include <string.h>

#include "plugin/base/options.h"
#include "plugin/base/wrap.h"

#define WIDTH 100u
#define WIDEST_NAME 34u /* a longer name gets a line of its own */

/* "  -n, --namespace NAME" */
static void add_name(const struct asb_option *option, struct asb_buffer *out)
{
	if (option->letter != 0)
		asb_buffer_addf(out, "  -%c, --%s", option->letter, option->name);
	else
		asb_buffer_addf(out, "      --%s", option->name);
	if (option->argument != NULL && option->kind == ASB_OPTION_LEVEL)
		asb_buffer_addf(out, "[=%s]", option->argument);
	else if (option->argument != NULL)
		asb_buffer_addf(out, " %s", option->argument);
}

static size_t name_width(const struct asb_option *option)
{
	size_t n = strlen("      --") + strlen(option->name);

	if (option->argument == NULL)
		return n;
	return n + strlen(option->argument) + (option->kind == ASB_OPTION_LEVEL ? 3 : 1);
}

void asb_options_help(const struct asb_option *table, struct asb_buffer *out)
{
	const struct asb_option *option;
	size_t column = 0;

	for (option = table; option->name != NULL; option++) {
		size_t n = name_width(option);

		if (option->help != NULL && n <= WIDEST_NAME && n + 2 > column)
			column = n + 2;
	}
	for (option = table; option->name != NULL; option++) {
		if (option->help == NULL)
			continue;
		add_name(option, out);
		asb_wrap_text(out, option->help, name_width(option), column, WIDTH);
	}
}
