/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - what the user has decided once, for all commands.
 *
 * A setting is said by a flag, the environment, the configuration file, kubectl-ai's file, or, when
 * by none of them, by its default: the first in this order counts. One table describes each
 * setting; `config keys`, `config view` and the manual page follow it. Flags are not known here: a
 * command that has `settings` parses what asb_settings_words gives it before its own command line.
 *
 * The file is $AGENTSANDBOX_CONFIG (which must exist then), else config.yaml in the folder
 * kubectl-agentsandbox of $XDG_CONFIG_HOME or ~/.config. kubectl-ai's is config.yaml in the folder
 * kubectl-ai there. An empty variable is as none.
 *
 * A setting of ours that can't be understood is a usage error which names file and line, or the
 * variable; whether its value makes sense is for the flag's own checks to say. kubectl-ai's file is
 * somebody else's: what can't be used of it is a note. No error or note shows a value of `env`.
 */
#ifndef ASB_SETTINGS_H
#define ASB_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/base/error.h"
#include "plugin/base/options.h"

enum asb_setting_kind { /* what it is in YAML */
			ASB_SETTING_TEXT,
			ASB_SETTING_AMOUNT, /* a number, or a text: 2, "500m", "90s" */
			ASB_SETTING_FLAG,   /* true or false */
			ASB_SETTING_MAP, /* texts by their names; for the flag each is NAME=VALUE */
};

struct asb_setting {
	const char *key;	/* "resources.cpu": cpu in the mapping resources; NULL ends */
	const char *kubectl_ai; /* its key in kubectl-ai's file, NULL: none */
	const char *flag;	/* without "--" */
	enum asb_setting_kind kind;
	const char *default_; /* as behind the flag; NULL: none */
	const char *argument; /* what a value is called */
	const char *help;     /* one sentence, lower case start, no full stop */
};

#define ASB_SETTINGS 18
extern const struct asb_setting asb_setting_table[ASB_SETTINGS + 1];

/* NULL: there is no such key. */
const struct asb_setting *asb_setting_find(const char *key);

/* The flag's name in capitals behind AGENTSANDBOX_, heap. NULL: a map has no variable. */
char *asb_setting_variable(const struct asb_setting *setting);

enum asb_setting_source {
	ASB_SETTING_DEFAULT,
	ASB_SETTING_KUBECTL_AI,
	ASB_SETTING_FILE,
	ASB_SETTING_ENVIRONMENT,
};

struct asb_texts { /* owned */
	char **items;
	size_t count;
};

struct asb_setting_value {
	struct asb_texts texts; /* as behind the flag: none, one, or many of a map */
	enum asb_setting_source source;
	char *origin; /* owned: "default", "FILE:LINE", the variable's name */
};

struct asb_settings {
	struct asb_setting_value values[ASB_SETTINGS]; /* in the order of the table */
	char *path;				       /* asb_settings_path() */
	struct asb_texts notes;			       /* for the user to read */
};

/* Where our file is or would be, heap. NULL: there is no home directory. */
char *asb_settings_path(void);

/* Reads everything. Release in any case. */
int asb_settings_load(struct asb_settings *settings, struct asb_error *err);
void asb_settings_release(struct asb_settings *settings);

/* The value of a key of the table; its text, NULL when it has none. */
const struct asb_setting_value *asb_settings_value(const struct asb_settings *settings,
						   const char *key);
const char *asb_settings_text(const struct asb_settings *settings, const char *key);

/* "--image=debian:12" for each option of the table (no other) that is the flag of a setting which
 * has a value. Options keep pointers into the words. */
void asb_settings_words(const struct asb_settings *settings, const struct asb_option *options,
			struct asb_texts *words);

/* Takes ownership of `text`. */
void asb_texts_add(struct asb_texts *texts, char *text);
void asb_texts_release(struct asb_texts *texts);

#endif
