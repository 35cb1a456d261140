/* SPDX-License-Identifier: Apache-2.0 */
/* settings_values.c - what was said: the first source counts. */
#include <stdlib.h>

#include "plugin/commands/settings_parts.h"

void asb_texts_add(struct asb_texts *texts, char *text)
{
	texts->items = asb_realloc(texts->items, (texts->count + 1) * sizeof texts->items[0]);
	texts->items[texts->count++] = text;
}

void asb_texts_release(struct asb_texts *texts)
{
	while (texts->count > 0)
		free(texts->items[--texts->count]);
	free(texts->items);
	*texts = (struct asb_texts){0};
}

static size_t index_of(const struct asb_setting *setting)
{
	return (size_t)(setting - asb_setting_table);
}

bool asb_settings_said(const struct asb_settings *settings, const struct asb_setting *setting)
{
	return settings->values[index_of(setting)].origin != NULL;
}

void asb_settings_put(struct asb_settings *settings, const struct asb_setting *setting,
		      struct asb_texts texts, enum asb_setting_source source, char *origin)
{
	if (asb_settings_said(settings, setting)) {
		asb_texts_release(&texts);
		free(origin);
		return;
	}
	settings->values[index_of(setting)] =
		(struct asb_setting_value){.texts = texts, .source = source, .origin = origin};
}

const struct asb_setting_value *asb_settings_value(const struct asb_settings *settings,
						   const char *key)
{
	return &settings->values[index_of(asb_setting_find(key))];
}

const char *asb_settings_text(const struct asb_settings *settings, const char *key)
{
	const struct asb_setting_value *value = asb_settings_value(settings, key);

	return value->texts.count == 0 ? NULL : value->texts.items[0];
}
