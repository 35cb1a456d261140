/* SPDX-License-Identifier: Apache-2.0 */
/* settings_parts.h - between the files of settings.h. */
#ifndef ASB_SETTINGS_PARTS_H
#define ASB_SETTINGS_PARTS_H

#include "plugin/commands/settings.h"

/* Whether the flag would take the text. The usage error calls the setting `name` ("FILE:3: lease",
 * "AGENTSANDBOX_LEASE"). */
int asb_setting_check(const struct asb_setting *setting, const char *text, const char *name,
		      struct asb_error *err);

/* Whether a stronger source has spoken. */
bool asb_settings_said(const struct asb_settings *settings, const struct asb_setting *setting);

/* Sets a value unless a stronger source has; takes ownership of texts and origin in any case. */
void asb_settings_put(struct asb_settings *settings, const struct asb_setting *setting,
		      struct asb_texts texts, enum asb_setting_source source, char *origin);

/* Our file; `named`: it must exist. */
int asb_settings_read_file(struct asb_settings *settings, const char *path, bool named,
			   struct asb_error *err);

/* kubectl-ai's: never fails. */
void asb_settings_read_kubectl_ai(struct asb_settings *settings, const char *path);

#endif
