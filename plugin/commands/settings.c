/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - the layers: environment, our file, kubectl-ai's file, defaults. */
#include "plugin/commands/settings.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/commands/settings_parts.h"

#define FILE_VARIABLE "AGENTSANDBOX_CONFIG"

/* An empty variable is as none: shells can't easily take one back for one command. */
static const char *variable(const char *name)
{
	const char *text = getenv(name);

	return text == NULL || text[0] == '\0' ? NULL : text;
}

static int read_environment(struct asb_settings *settings, struct asb_error *err)
{
	const struct asb_setting *setting;

	for (setting = asb_setting_table; setting->key != NULL; setting++) {
		ASB_TEXT name = asb_setting_variable(setting);
		const char *text = name == NULL ? NULL : variable(name);
		struct asb_texts texts = {0};

		if (text == NULL)
			continue;
		if (asb_setting_check(setting, text, name, err) != 0)
			return -1;
		asb_texts_add(&texts, asb_strdup(text));
		asb_settings_put(settings, setting, texts, ASB_SETTING_ENVIRONMENT,
				 asb_strdup(name));
	}
	return 0;
}

static void put_defaults(struct asb_settings *settings)
{
	const struct asb_setting *setting;

	for (setting = asb_setting_table; setting->key != NULL; setting++) {
		struct asb_texts texts = {0};

		if (setting->default_ != NULL)
			asb_texts_add(&texts, asb_strdup(setting->default_));
		asb_settings_put(settings, setting, texts, ASB_SETTING_DEFAULT,
				 asb_strdup("default"));
	}
}

/* A file of the user's configuration folder (XDG Base Directory: a relative one is none). Heap;
 * NULL: there is no such folder. */
static char *in_config_home(const char *path)
{
	const char *config = variable("XDG_CONFIG_HOME"), *home = variable("HOME");

	if (config != NULL && config[0] == '/')
		return asb_strf("%s/%s", config, path);
	return home == NULL ? NULL : asb_strf("%s/.config/%s", home, path);
}

char *asb_settings_path(void)
{
	const char *named = variable(FILE_VARIABLE);

	return named != NULL ? asb_strdup(named)
			     : in_config_home("kubectl-agentsandbox/config.yaml");
}

int asb_settings_load(struct asb_settings *settings, struct asb_error *err)
{
	bool named = variable(FILE_VARIABLE) != NULL;
	ASB_TEXT kubectl_ai = in_config_home("kubectl-ai/config.yaml");

	*settings = (struct asb_settings){0};
	settings->path = asb_settings_path();
	if (read_environment(settings, err) != 0)
		return -1;
	if (settings->path != NULL &&
	    asb_settings_read_file(settings, settings->path, named, err) != 0)
		return -1;
	if (kubectl_ai != NULL)
		asb_settings_read_kubectl_ai(settings, kubectl_ai);
	put_defaults(settings);
	return 0;
}

void asb_settings_release(struct asb_settings *settings)
{
	size_t i;

	for (i = 0; i < ASB_SETTINGS; i++) {
		asb_texts_release(&settings->values[i].texts);
		free(settings->values[i].origin);
	}
	free(settings->path);
	asb_texts_release(&settings->notes);
	*settings = (struct asb_settings){0};
}

static bool has_option(const struct asb_option *options, const char *name)
{
	for (; options->name != NULL; options++)
		if (strcmp(options->name, name) == 0)
			return true;
	return false;
}

void asb_settings_words(const struct asb_settings *settings, const struct asb_option *options,
			struct asb_texts *words)
{
	const struct asb_setting *setting;

	for (setting = asb_setting_table; setting->key != NULL; setting++) {
		const struct asb_texts *texts = &asb_settings_value(settings, setting->key)->texts;
		size_t i;

		if (!has_option(options, setting->flag))
			continue;
		for (i = 0; i < texts->count; i++)
			asb_texts_add(words, asb_strf("--%s=%s", setting->flag, texts->items[i]));
	}
}
