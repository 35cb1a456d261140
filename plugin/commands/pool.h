/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - the subcommands of `pool` that have files of their own. */
#ifndef ASB_COMMANDS_POOL_H
#define ASB_COMMANDS_POOL_H

#include "plugin/commands/command.h"

extern const struct asb_command asb_command_pool_create;

#endif
