/* SPDX-License-Identifier: Apache-2.0 */
/* globals.h - the options that every command has, before its name and behind it: kubectl's, by the
 * same names (`kubectl options`). A command's own option of that name comes first behind it. */
#ifndef ASB_GLOBALS_H
#define ASB_GLOBALS_H

#include "plugin/commands/command.h"

struct asb_globals {
	struct asb_context context;
	bool help;
	bool version;
};

/* Table with places inside `globals`; heap. */
struct asb_option *asb_globals_options(struct asb_globals *globals);
void asb_globals_release(struct asb_globals *globals);

#endif
