/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/age.h"

#include <stdio.h>
#include <time.h>

#define DAY 86400

/* Reads exactly n digits and moves on; -1 when there are fewer. */
static int take_digits(const char **text, int n)
{
	int value = 0;

	for (; n > 0; n--, (*text)++) {
		if (**text < '0' || **text > '9')
			return -1;
		value = value * 10 + (**text - '0');
	}
	return value;
}

static int take_digits_after(const char **text, char before, int n)
{
	if (**text != before)
		return -1;
	(*text)++;
	return take_digits(text, n);
}

/* Thousandths of a second; further digits are dropped. */
static int take_fraction(const char **text)
{
	int value = 0, unit = 100;

	if (**text != '.')
		return 0;
	for ((*text)++; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
		value += (**text - '0') * unit;
	return value;
}

/* Seconds east of UTC, or 100000 for what is no offset. */
static int take_offset(const char **text)
{
	int sign = **text == '-' ? -1 : 1;
	int hours, minutes;

	if (**text == 'Z') {
		(*text)++;
		return 0;
	}
	hours = take_digits_after(text, sign < 0 ? '-' : '+', 2);
	minutes = hours < 0 ? -1 : take_digits_after(text, ':', 2);
	return minutes < 0 ? 100000 : sign * (hours * 3600 + minutes * 60);
}

int64_t asb_time_parse(const char *text)
{
	struct tm tm = {0};
	int fraction, offset;

	if (text == NULL)
		return -1;
	tm.tm_year = take_digits(&text, 4) - 1900;
	tm.tm_mon = take_digits_after(&text, '-', 2) - 1;
	tm.tm_mday = take_digits_after(&text, '-', 2);
	tm.tm_hour = take_digits_after(&text, 'T', 2);
	tm.tm_min = take_digits_after(&text, ':', 2);
	tm.tm_sec = take_digits_after(&text, ':', 2);
	if (tm.tm_year < 0 || tm.tm_mon < 0 || tm.tm_mday < 1 || tm.tm_hour < 0 || tm.tm_min < 0 ||
	    tm.tm_sec < 0)
		return -1;
	fraction = take_fraction(&text);
	offset = take_offset(&text);
	if (offset == 100000 || *text != '\0')
		return -1;
	return ((int64_t)timegm(&tm) - offset) * 1000 + fraction;
}

const char *asb_age_format(int64_t ms, char out[ASB_AGE_SIZE])
{
	/* Below `until` seconds: so many of the large unit, and, unless it is 0, of the small one.
	 */
	static const struct {
		int64_t until;
		int large, small;
		const char *large_name, *small_name;
	} steps[] = {
		{120, 1, 0, "s", ""},	      {600, 60, 1, "m", "s"},
		{3 * 3600, 60, 0, "m", ""},   {8 * 3600, 3600, 60, "h", "m"},
		{2 * DAY, 3600, 0, "h", ""},  {8 * DAY, DAY, 3600, "d", "h"},
		{INT64_MAX, DAY, 0, "d", ""},
	};
	int64_t seconds = ms < 0 ? 0 : ms / 1000;
	int64_t rest;
	int i = 0;

	while (seconds >= steps[i].until)
		i++;
	rest = steps[i].small == 0 ? 0 : seconds % steps[i].large / steps[i].small;
	if (rest == 0)
		snprintf(out, ASB_AGE_SIZE, "%lld%s", (long long)(seconds / steps[i].large),
			 steps[i].large_name);
	else
		snprintf(out, ASB_AGE_SIZE, "%lld%s%lld%s", (long long)(seconds / steps[i].large),
			 steps[i].large_name, (long long)rest, steps[i].small_name);
	return out;
}
