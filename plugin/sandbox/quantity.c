/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/quantity.h"

#include <stdbool.h>
#include <string.h>

static const struct suffix {
	const char *text;
	double factor;
} suffixes[] = {
	{"", 1},
	{"n", 1e-9},
	{"u", 1e-6},
	{"m", 1e-3},
	{"k", 1e3},
	{"M", 1e6},
	{"G", 1e9},
	{"T", 1e12},
	{"P", 1e15},
	{"E", 1e18},
	{"Ki", 1024.0},
	{"Mi", 1048576.0},
	{"Gi", 1073741824.0},
	{"Ti", 1099511627776.0},
	{"Pi", 1125899906842624.0},
	{"Ei", 1152921504606846976.0},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "e3", "E-2" -> factor; below 0 when it isn't an exponent. Two digits are more than any resource
 * needs. */
static double exponent_factor(const char *text)
{
	bool negative = text[1] == '-';
	const char *digits = text + 1 + (text[1] == '-' || text[1] == '+');
	size_t n = strlen(digits);
	double factor = 1;
	int exponent = 0;

	if ((text[0] != 'e' && text[0] != 'E') || n < 1 || n > 2)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(digits[i]))
			return -1;
		exponent = exponent * 10 + (digits[i] - '0');
	}
	for (int i = 0; i < exponent; i++)
		factor *= 10;
	return negative ? 1 / factor : factor;
}

static double suffix_factor(const char *text)
{
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strcmp(text, suffixes[i].text) == 0)
			return suffixes[i].factor;
	}
	return exponent_factor(text);
}

/* Not strtod: it follows the locale and takes "inf" and "0x10". */
double asb_quantity_parse(const char *text)
{
	double value = 0, place = 1, factor;
	bool digits = false, fraction = false;

	for (; is_digit(*text) || (*text == '.' && !fraction); text++) {
		if (*text == '.') {
			fraction = true;
			continue;
		}
		digits = true;
		if (fraction)
			place /= 10;
		value = fraction ? value + place * (*text - '0') : value * 10 + (*text - '0');
	}
	factor = suffix_factor(text);
	return !digits || factor < 0 ? -1 : value * factor;
}
