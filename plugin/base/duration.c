/* SPDX-License-Identifier: Apache-2.0 */
/* duration.c - "1m30s" and back. */
#include <stdio.h>
#include <string.h>

#include "plugin/base/options.h"

#define LONGEST_MS (INT64_C(1000) * 3600 * 24 * 365 * 100)

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	{"ms", 1}, /* before "m", which it begins with */
	{"h", 3600000},
	{"m", 60000},
	{"s", 1000},
};

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes a number with up to three decimals, in thousandths. -1 when there is none or it is too
 * large. */
static int64_t take_thousandths(const char **text)
{
	const char *p = *text;
	int64_t value = 0;
	int decimals = 0;

	if (!digit(*p))
		return -1;
	for (; digit(*p); p++) {
		value = value * 10 + (*p - '0');
		if (value > LONGEST_MS)
			return -1;
	}
	if (*p == '.') {
		for (p++; digit(*p) && decimals < 3; p++, decimals++)
			value = value * 10 + (*p - '0');
		if (decimals == 0 || digit(*p))
			return -1;
	}
	for (; decimals < 3; decimals++)
		value *= 10;
	*text = p;
	return value;
}

static const struct unit *take_unit(const char **text)
{
	size_t i;

	for (i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(*text, units[i].name, n) == 0) {
			*text += n;
			return &units[i];
		}
	}
	return NULL;
}

int64_t asb_duration_parse(const char *text)
{
	const char *p = text;
	int64_t total = 0;

	if (*p == '\0')
		return -1;
	while (*p != '\0') {
		bool first = p == text;
		int64_t thousandths = take_thousandths(&p);
		const struct unit *unit;

		if (thousandths < 0)
			return -1;
		if (first && *p == '\0')
			return thousandths; /* a plain number counts seconds */
		unit = take_unit(&p);
		if (unit == NULL || thousandths > LONGEST_MS / unit->ms * 1000)
			return -1;
		total += thousandths * unit->ms / 1000;
		if (total > LONGEST_MS)
			return -1;
	}
	return total;
}

const char *asb_duration_format(int64_t ms, char out[32])
{
	int64_t hours = ms / 3600000;
	int64_t minutes = ms / 60000 % 60;
	int64_t seconds = ms / 1000 % 60;
	int64_t rest = ms % 1000;
	int n = 0;

	out[0] = '\0';
	if (ms == 0)
		snprintf(out, 32, "0s");
	if (hours > 0)
		n += snprintf(out + n, 32 - (size_t)n, "%lldh", (long long)hours);
	if (minutes > 0)
		n += snprintf(out + n, 32 - (size_t)n, "%lldm", (long long)minutes);
	if (seconds > 0 && rest > 0)
		snprintf(out + n, 32 - (size_t)n, "%lld.%03llds", (long long)seconds,
			 (long long)rest);
	else if (seconds > 0)
		snprintf(out + n, 32 - (size_t)n, "%llds", (long long)seconds);
	else if (rest > 0)
		snprintf(out + n, 32 - (size_t)n, "%lldms", (long long)rest);
	return out;
}
