/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/nearest.h"

struct parser {
	const struct asb_option *const *tables;
	int argc;
	char *const *argv;
	int at; /* index of the word after the current one */
	struct asb_operands *operands;
	struct asb_error *err;
};

static void append(const char ***items, size_t *count, const char *item)
{
	*items = asb_realloc(*items, (*count + 1) * sizeof **items);
	(*items)[(*count)++] = item;
}

static const struct asb_option *find_name(const struct parser *parser, const char *name, size_t n)
{
	const struct asb_option *const *table;
	const struct asb_option *option;

	for (table = parser->tables; *table != NULL; table++)
		for (option = *table; option->name != NULL; option++)
			if (strncmp(option->name, name, n) == 0 && option->name[n] == '\0')
				return option;
	return NULL;
}

static const struct asb_option *find_letter(const struct parser *parser, char letter)
{
	const struct asb_option *const *table;
	const struct asb_option *option;

	for (table = parser->tables; *table != NULL; table++)
		for (option = *table; option->name != NULL; option++)
			if (option->letter != 0 && option->letter == letter)
				return option;
	return NULL;
}

static int unknown_name(struct parser *parser, const char *word, size_t n)
{
	const struct asb_option *const *table;
	const struct asb_option *option;
	ASB_TEXT name = asb_strndup(word, n);
	struct asb_nearest nearest;

	asb_nearest_init(&nearest, name);
	for (table = parser->tables; *table != NULL; table++)
		for (option = *table; option->name != NULL; option++)
			if (option->help != NULL)
				asb_nearest_offer(&nearest, option->name);
	asb_fail_usage(parser->err, "unknown option --%s", name);
	if (nearest.found != NULL)
		asb_hint(parser->err, "did you mean --%s?", nearest.found);
	return -1;
}

static int store_flag(const struct asb_option *option, const char *value, struct asb_error *err)
{
	bool *flag = option->value;

	if (value == NULL || strcmp(value, "true") == 0) {
		*flag = true;
		return 0;
	}
	if (strcmp(value, "false") == 0) {
		*flag = false;
		return 0;
	}
	return asb_fail_usage(err, "--%s: \"%s\" is neither true nor false", option->name, value);
}

static int store_duration(const struct asb_option *option, const char *value, struct asb_error *err)
{
	int64_t ms = asb_duration_parse(value);

	if (ms < 0) {
		asb_fail_usage(err, "--%s: \"%s\" is not a duration", option->name, value);
		return asb_hint(err, "write it as 90s, 1m30s or 500ms");
	}
	*(int64_t *)option->value = ms;
	return 0;
}

static int store_int(const struct asb_option *option, const char *value, struct asb_error *err)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (end == value || *end != '\0' || errno != 0 || strchr(" \t\n", value[0]) != NULL)
		return asb_fail_usage(err, "--%s: \"%s\" is not a whole number", option->name,
				      value);
	*(int64_t *)option->value = number;
	return 0;
}

/* Up to 99; more says no more. */
static int store_level(const struct asb_option *option, const char *value, struct asb_error *err)
{
	size_t n = value == NULL ? 0 : strlen(value);

	if (value != NULL && (n == 0 || n > 2 || strspn(value, "0123456789") != n))
		return asb_fail_usage(err, "--%s: \"%s\" is not a level from 0 to 99", option->name,
				      value);
	*(int *)option->value = value == NULL ? 1 : (int)strtol(value, NULL, 10);
	return 0;
}

/* Takes no word behind it for its value. */
static bool is_switch(const struct asb_option *option)
{
	return option->kind == ASB_OPTION_FLAG || option->kind == ASB_OPTION_LEVEL;
}

static int store(struct parser *parser, const struct asb_option *option, const char *value)
{
	struct asb_strings *given = &parser->operands->options;
	struct asb_error *err = parser->err;
	struct asb_strings *list;

	append(&given->items, &given->count, option->name);
	switch (option->kind) {
	case ASB_OPTION_FLAG:
		return store_flag(option, value, err);
	case ASB_OPTION_STRING:
		*(const char **)option->value = value;
		return 0;
	case ASB_OPTION_LIST:
		list = option->value;
		append(&list->items, &list->count, value);
		return 0;
	case ASB_OPTION_DURATION:
		return store_duration(option, value, err);
	case ASB_OPTION_INT:
		return store_int(option, value, err);
	case ASB_OPTION_LEVEL:
		return store_level(option, value, err);
	}
	return 0;
}

/* "-v 6" is kubectl's; nobody else's operand is a number of one or two digits. */
static bool level_follows(const struct parser *parser, const struct asb_option *option)
{
	const char *next = parser->at < parser->argc ? parser->argv[parser->at] : "";
	size_t n = strspn(next, "0123456789");

	return option->kind == ASB_OPTION_LEVEL && (n == 1 || n == 2) && next[n] == '\0';
}

/* The value of an option that none was attached to: the next word. */
static int store_next(struct parser *parser, const struct asb_option *option)
{
	if (is_switch(option) && !level_follows(parser, option))
		return store(parser, option, NULL);
	if (parser->at == parser->argc)
		return asb_fail_usage(parser->err, "--%s needs a value: --%s %s", option->name,
				      option->name,
				      option->argument == NULL ? "VALUE" : option->argument);
	return store(parser, option, parser->argv[parser->at++]);
}

/* "--name" or "--name=value"; `word` is behind the dashes. */
static int parse_long(struct parser *parser, const char *word)
{
	size_t n = strcspn(word, "=");
	const struct asb_option *option = find_name(parser, word, n);

	if (option == NULL)
		return unknown_name(parser, word, n);
	if (word[n] == '=')
		return store(parser, option, word + n + 1);
	return store_next(parser, option);
}

/* "-v6" and not "-vq" */
static bool is_level(const struct asb_option *option, char next)
{
	return option->kind == ASB_OPTION_LEVEL && next >= '0' && next <= '9';
}

/* "-iq", "-nvalue", "-n=value" or "-n value"; `word` is behind the dash. */
static int parse_letters(struct parser *parser, const char *word)
{
	for (; *word != '\0'; word++) {
		const struct asb_option *option = find_letter(parser, *word);

		if (option == NULL) {
			asb_fail_usage(parser->err, "unknown option -%c", *word);
			if (find_name(parser, word, strcspn(word, "=")) != NULL)
				asb_hint(parser->err, "did you mean --%s?", word);
			return -1;
		}
		if (word[1] == '=')
			return store(parser, option, word + 2);
		if (word[1] != '\0' && (!is_switch(option) || is_level(option, word[1])))
			return store(parser, option, word + 1);
		if (store_next(parser, option) != 0)
			return -1;
	}
	return 0;
}

static void take_rest(struct parser *parser)
{
	while (parser->at < parser->argc)
		append(&parser->operands->items, &parser->operands->count,
		       parser->argv[parser->at++]);
}

static int parse_word(struct parser *parser, const char *word, bool stop_at_operand)
{
	if (strcmp(word, "--") == 0) {
		parser->operands->dashdash = (int)parser->operands->count;
		take_rest(parser);
		return 0;
	}
	if (word[0] == '-' && word[1] == '-')
		return parse_long(parser, word + 2);
	if (word[0] == '-' && word[1] != '\0')
		return parse_letters(parser, word + 1);
	append(&parser->operands->items, &parser->operands->count, word);
	if (stop_at_operand)
		take_rest(parser);
	return 0;
}

int asb_options_parse(const struct asb_option *const *tables, int argc, char *const *argv,
		      bool stop_at_operand, struct asb_operands *operands, struct asb_error *err)
{
	struct parser parser = {
		.tables = tables, .argc = argc, .argv = argv, .operands = operands, .err = err};

	*operands = (struct asb_operands){.dashdash = -1};
	while (parser.at < argc) {
		const char *word = argv[parser.at++];

		if (parse_word(&parser, word, stop_at_operand) != 0)
			return -1;
	}
	return 0;
}

bool asb_operands_gave(const struct asb_operands *operands, const char *option)
{
	for (size_t i = 0; i < operands->options.count; i++) {
		if (strcmp(operands->options.items[i], option) == 0)
			return true;
	}
	return false;
}

void asb_operands_release(struct asb_operands *operands)
{
	asb_strings_release(&operands->options);
	free(operands->items);
	*operands = (struct asb_operands){.dashdash = -1};
}

void asb_strings_release(struct asb_strings *strings)
{
	free(strings->items);
	*strings = (struct asb_strings){0};
}
