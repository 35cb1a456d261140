/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - `config`: what is set, where it was said, and what can be set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/json.h"
#include "plugin/base/wrap.h"
#include "plugin/base/yaml.h"
#include "plugin/commands/command.h"
#include "plugin/commands/config_cluster.h"
#include "plugin/commands/settings.h"

#define GAP 3u /* between columns */
#define WIDTH 100u
#define HELP_COLUMN 4u

static int no_operands(const char *command, const struct asb_operands *operands,
		       struct asb_error *err)
{
	return operands->count == 0 ? 0
				    : asb_fail_usage(err, "config %s takes no operands", command);
}

/* --- config view --- */

struct view_values {
	const char *output;
};

static const struct asb_command_option view_options[] = {
	{"output", 'o', ASB_OPTION_STRING, offsetof(struct view_values, output), "FORMAT",
	 "\"json\" or \"yaml\": one object instead of a table"},
	{0},
};

static const char *source_name(enum asb_setting_source source)
{
	static const char *const names[] = {
		[ASB_SETTING_DEFAULT] = "default",
		[ASB_SETTING_KUBECTL_AI] = "kubectl-ai",
		[ASB_SETTING_FILE] = "file",
		[ASB_SETTING_ENVIRONMENT] = "environment",
	};

	return names[source];
}

/* Of a map the names only: values of variables may be secrets. */
static size_t shown_length(const struct asb_setting *setting, const char *text)
{
	return setting->kind == ASB_SETTING_MAP ? strcspn(text, "=") : strlen(text);
}

/* "-" for none. Heap. */
static char *shown_value(const struct asb_setting *setting, const struct asb_setting_value *value)
{
	struct asb_buffer out = ASB_BUFFER_INIT;
	size_t i;

	for (i = 0; i < value->texts.count; i++) {
		const char *text = value->texts.items[i];

		asb_buffer_addf(&out, "%s%.*s", i == 0 ? "" : ",", (int)shown_length(setting, text),
				text);
	}
	if (out.length == 0)
		asb_buffer_addstr(&out, value->texts.count == 0 ? "-" : "\"\"");
	return asb_buffer_steal(&out);
}

static size_t key_width(void)
{
	const struct asb_setting *setting;
	size_t width = strlen("KEY");

	for (setting = asb_setting_table; setting->key != NULL; setting++)
		width = strlen(setting->key) > width ? strlen(setting->key) : width;
	return width;
}

static void print_table(const struct asb_settings *settings)
{
	char *values[ASB_SETTINGS];
	size_t width = strlen("VALUE"), keys = key_width(), i;
	struct asb_buffer out = ASB_BUFFER_INIT;

	for (i = 0; i < ASB_SETTINGS; i++) {
		values[i] = shown_value(&asb_setting_table[i], &settings->values[i]);
		width = strlen(values[i]) > width ? strlen(values[i]) : width;
	}
	asb_buffer_addf(&out, "%-*s%-*s%s\n", (int)(keys + GAP), "KEY", (int)(width + GAP), "VALUE",
			"FROM");
	for (i = 0; i < ASB_SETTINGS; i++) {
		asb_buffer_addf(&out, "%-*s%-*s%s\n", (int)(keys + GAP), asb_setting_table[i].key,
				(int)(width + GAP), values[i], settings->values[i].origin);
		free(values[i]);
	}
	asb_print_safely(stdout, out.data);
	asb_buffer_release(&out);
}

static cJSON *value_json(const struct asb_setting *setting, const struct asb_setting_value *value)
{
	const struct asb_texts *texts = &value->texts;
	cJSON *names;
	size_t i;

	if (setting->kind != ASB_SETTING_MAP && texts->count == 0)
		return cJSON_CreateNull();
	if (setting->kind == ASB_SETTING_FLAG)
		return cJSON_CreateBool(strcmp(texts->items[0], "true") == 0);
	if (setting->kind != ASB_SETTING_MAP)
		return cJSON_CreateString(texts->items[0]);
	names = cJSON_CreateArray();
	for (i = 0; i < texts->count; i++) {
		ASB_TEXT name =
			asb_strndup(texts->items[i], shown_length(setting, texts->items[i]));

		cJSON_AddItemToArray(names, cJSON_CreateString(name));
	}
	return names;
}

static cJSON *view_json(const struct asb_settings *settings)
{
	cJSON *json = cJSON_CreateObject(), *all = cJSON_CreateObject();
	size_t i;

	asb_json_set_string(json, "file", settings->path);
	for (i = 0; i < ASB_SETTINGS; i++) {
		const struct asb_setting_value *value = &settings->values[i];
		cJSON *one = cJSON_CreateObject();

		asb_json_set(one, "value", value_json(&asb_setting_table[i], value));
		asb_json_set_string(one, "source", source_name(value->source));
		asb_json_set_string(one, "origin", value->origin);
		cJSON_AddItemToObject(all, asb_setting_table[i].key, one);
	}
	asb_json_set(json, "settings", all);
	return json;
}

static void print_view(const struct asb_settings *settings, const char *output)
{
	ASB_JSON json = NULL;
	ASB_TEXT text = NULL;

	if (output == NULL) {
		print_table(settings);
		return;
	}
	json = view_json(settings);
	if (strcmp(output, "yaml") == 0) {
		text = asb_yaml_print(json);
		fputs(text, stdout);
	} else {
		text = asb_json_print(json);
		puts(text);
	}
}

static int run_view(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	const struct view_values *own = values;

	if (no_operands("view", operands, err) != 0)
		return -1;
	if (own->output != NULL && strcmp(own->output, "json") != 0 &&
	    strcmp(own->output, "yaml") != 0) {
		asb_fail_usage(err, "--output: unknown format \"%s\"", own->output);
		return asb_hint(err, "%s config view -o yaml", context->program);
	}
	print_view(context->settings, own->output);
	return ASB_STATUS_OK;
}

static const struct asb_command view = {
	.name = "view",
	.summary = "Shows every setting's value and where it comes from",
	.usage = "config view [-o json|yaml]",
	.description =
		"A value comes from a variable of the environment, from our file, from "
		"kubectl-ai's "
		"file, or is the default: the first of these that has one. Flags of a command come "
		"before all of them. Of `env` the names are shown, not the values.",
	.examples = "config view\n"
		    "config view -o json | jq -r .settings.image.value",
	.options = view_options,
	.values_size = sizeof(struct view_values),
	.settings = true,
	.run = run_view,
};

/* --- config keys --- */

static void explain_setting(const struct asb_setting *setting, struct asb_buffer *out)
{
	ASB_TEXT variable = asb_setting_variable(setting);

	asb_buffer_addf(out, "%s: %s\n    ", setting->key, setting->argument);
	asb_wrap_text(out, setting->help, HELP_COLUMN, HELP_COLUMN, WIDTH);
	asb_buffer_addf(out, "    flag --%s", setting->flag);
	if (variable != NULL)
		asb_buffer_addf(out, ", variable %s", variable);
	if (setting->kubectl_ai != NULL)
		asb_buffer_addf(out, ", kubectl-ai's %s", setting->kubectl_ai);
	if (setting->default_ != NULL)
		asb_buffer_addf(out, ", default %s", setting->default_);
	asb_buffer_addch(out, '\n');
}

static int run_keys(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_buffer out = ASB_BUFFER_INIT;
	const struct asb_setting *setting;

	(void)context;
	(void)values;
	if (no_operands("keys", operands, err) != 0)
		return -1;
	for (setting = asb_setting_table; setting->key != NULL; setting++)
		explain_setting(setting, &out);
	fputs(out.data, stdout);
	asb_buffer_release(&out);
	return ASB_STATUS_OK;
}

static const struct asb_command keys = {
	.name = "keys",
	.summary = "Explains every setting: its key, flag, variable and default",
	.usage = "config keys",
	.description = "A key with a dot, such as resources.cpu, is one in a mapping: "
		       "\"resources: {cpu: 2}\".",
	.examples = "config keys",
	.run = run_keys,
};

/* --- config path --- */

/* A file with mistakes in it has a path too: the one that is to be edited. */
static int run_path(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	ASB_TEXT path = asb_settings_path();

	(void)context;
	(void)values;
	if (no_operands("path", operands, err) != 0)
		return -1;
	if (path == NULL) {
		asb_fail(err, "there is no configuration file: HOME is not set");
		return asb_hint(err, "AGENTSANDBOX_CONFIG=FILE names one");
	}
	puts(path);
	return ASB_STATUS_OK;
}

static const struct asb_command path = {
	.name = "path",
	.summary = "Prints where the configuration file is, or would be",
	.usage = "config path",
	.description = "$AGENTSANDBOX_CONFIG, else kubectl-agentsandbox/config.yaml in "
		       "$XDG_CONFIG_HOME or ~/.config.",
	.examples = "config path",
	.run = run_path,
};

/* --- config --- */

static const struct asb_command *const subcommands[] = {&view, &keys, &path,
							&asb_command_config_cluster, NULL};

const struct asb_command asb_command_config = {
	.name = "config",
	.summary = "Shows what is set by files and variables",
	.usage = "config view|keys|path|cluster",
	.description =
		"What you would give with every command can stand in a file, in YAML: \"image: "
		"debian:12\". It counts where no flag and no variable (AGENTSANDBOX_IMAGE) says "
		"otherwise; kubectl-ai's sandbox, sandboxImage and runtimeClass count after it.",
	.examples = "config view\n"
		    "config keys",
	.subcommands = subcommands,
};
