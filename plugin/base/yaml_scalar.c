/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plugin/base/buffer.h"

#define TAG_PREFIX "tag:yaml.org,2002:"
#define LONGEST_NUMBER 64u

enum word { WORD_NONE, WORD_NULL, WORD_TRUE, WORD_FALSE };

/* Each word counts in lower case, UPPER CASE and Capitalized, in no other mixture. */
static bool is_word(const char *text, const char *word)
{
	size_t n = strlen(word);
	bool lower_rest, upper_rest;
	size_t i;

	if (strcasecmp(text, word) != 0)
		return false;
	lower_rest = upper_rest = true;
	for (i = 1; i < n; i++) {
		if (text[i] >= 'a' && text[i] <= 'z')
			upper_rest = false;
		else
			lower_rest = false;
	}
	return lower_rest || (upper_rest && text[0] >= 'A' && text[0] <= 'Z');
}

static enum word word_of(const char *text)
{
	static const struct {
		const char *text;
		enum word word;
	} words[] = {
		{"null", WORD_NULL}, {"true", WORD_TRUE}, {"yes", WORD_TRUE},
		{"on", WORD_TRUE},   {"y", WORD_TRUE},	  {"false", WORD_FALSE},
		{"no", WORD_FALSE},  {"off", WORD_FALSE}, {"n", WORD_FALSE},
	};
	size_t i;

	if (text[0] == '\0' || strcmp(text, "~") == 0)
		return WORD_NULL;
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (is_word(text, words[i].text))
			return words[i].word;
	return WORD_NONE;
}

/* Copies without '_'; false when the text is too long for a number. */
static bool without_underscores(const char *text, char out[LONGEST_NUMBER])
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == '_')
			continue;
		if (n + 1 == LONGEST_NUMBER)
			return false;
		out[n++] = *text;
	}
	out[n] = '\0';
	return n > 0;
}

/* "0x1f", "0b11", "0o17", "017", "-5": base and first digit. */
static int base_of(const char *digits, const char **first)
{
	*first = digits + 2;
	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		return 16;
	if (digits[0] == '0' && digits[1] == 'b')
		return 2;
	if (digits[0] == '0' && digits[1] == 'o')
		return 8;
	*first = digits;
	return digits[0] == '0' && digits[1] != '\0' ? 8 : 10;
}

static bool integer(const char *text, double *out)
{
	bool negative = text[0] == '-';
	const char *digits = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
	const char *first;
	char *end;
	unsigned long long value;
	int base = base_of(digits, &first);

	/* strtoull would take blanks and a second sign. */
	if (first[0] == '\0' || strchr("+- \t", first[0]) != NULL)
		return false;
	errno = 0;
	value = strtoull(first, &end, base);
	if (*end != '\0' || errno != 0 ||
	    (base == 16 && strchr("xX", first[1]) != NULL && first[1] != '\0'))
		return false;
	*out = negative ? -(double)value : (double)value;
	return true;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool real(const char *text, double *out)
{
	const char *p = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
	size_t whole = strspn(p, "0123456789");
	size_t decimals = 0;

	p += whole;
	if (*p == '.') {
		decimals = strspn(p + 1, "0123456789");
		p += 1 + decimals;
	}
	if (whole + decimals == 0)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '-' || *p == '+' ? 1 : 0;
		if (strspn(p, "0123456789") == 0)
			return false;
		p += strspn(p, "0123456789");
	}
	if (*p != '\0')
		return false;
	*out = strtod(text, NULL);
	return isfinite(*out);
}

static bool number(const char *text, double *out)
{
	char clean[LONGEST_NUMBER];

	if (strchr("+-.0123456789", text[0]) == NULL || text[0] == '\0')
		return false;
	if (!without_underscores(text, clean))
		return false;
	return integer(clean, out) || real(clean, out);
}

static cJSON *resolve(const char *text)
{
	double value;

	switch (word_of(text)) {
	case WORD_NULL:
		return cJSON_CreateNull();
	case WORD_TRUE:
		return cJSON_CreateTrue();
	case WORD_FALSE:
		return cJSON_CreateFalse();
	case WORD_NONE:
		break;
	}
	return number(text, &value) ? cJSON_CreateNumber(value) : cJSON_CreateString(text);
}

static cJSON *refuse(cJSON *node, const char **problem, const char *what)
{
	cJSON_Delete(node);
	*problem = what;
	return NULL;
}

static bool whole(double value)
{
	return value > -1e18 && value < 1e18 && (double)(long long)value == value;
}

/* With an explicit tag the text must be what the tag says. */
static cJSON *tagged(const struct asb_yaml_scalar *scalar, const char **problem)
{
	const char *kind = scalar->tag + strlen(TAG_PREFIX);
	cJSON *node = resolve(scalar->text);
	bool fits;

	if (strcmp(kind, "int") == 0)
		fits = cJSON_IsNumber(node) && whole(node->valuedouble);
	else if (strcmp(kind, "float") == 0)
		fits = cJSON_IsNumber(node);
	else if (strcmp(kind, "bool") == 0)
		fits = cJSON_IsBool(node);
	else if (strcmp(kind, "null") == 0)
		fits = cJSON_IsNull(node);
	else
		return refuse(node, problem, "unknown tag");
	return fits ? node : refuse(node, problem, "the value does not fit its tag");
}

cJSON *asb_yaml_scalar_value(const struct asb_yaml_scalar *scalar, const char **problem)
{
	if (strlen(scalar->text) != scalar->length)
		return refuse(NULL, problem, "a text with a NUL in it");
	if (scalar->tag == NULL)
		return scalar->plain ? resolve(scalar->text) : cJSON_CreateString(scalar->text);
	if (strcmp(scalar->tag, "!") == 0 || strcmp(scalar->tag, TAG_PREFIX "str") == 0)
		return cJSON_CreateString(scalar->text);
	if (strncmp(scalar->tag, TAG_PREFIX, strlen(TAG_PREFIX)) == 0)
		return tagged(scalar, problem);
	return refuse(NULL, problem, "unknown tag");
}

char *asb_yaml_scalar_key(const struct asb_yaml_scalar *scalar, const char **problem)
{
	ASB_JSON value = asb_yaml_scalar_value(scalar, problem);

	if (value == NULL)
		return NULL;
	if (cJSON_IsString(value))
		return asb_strdup(value->valuestring);
	if (!cJSON_IsNull(value))
		return asb_json_print(value);
	*problem = "a key must not be null";
	return NULL;
}

bool asb_yaml_scalar_is_merge(const struct asb_yaml_scalar *scalar)
{
	return scalar->plain && scalar->tag == NULL && strcmp(scalar->text, "<<") == 0;
}
