/* SPDX-License-Identifier: Apache-2.0 */
/* config_cluster.h - a subcommand of `config`. */
#ifndef ASB_CONFIG_CLUSTER_H
#define ASB_CONFIG_CLUSTER_H

#include "plugin/commands/command.h"

extern const struct asb_command asb_command_config_cluster;

#endif
