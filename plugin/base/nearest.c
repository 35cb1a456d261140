/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/base/nearest.h"

#include <string.h>

#define LONGEST 64 /* longer words are not compared */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1];
	size_t n = strlen(a), m = strlen(b);
	size_t i, j;

	for (j = 0; j <= m; j++)
		rows[0][j] = j;
	for (i = 1; i <= n; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];

		row[0] = i;
		for (j = 1; j <= m; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two[j - 2] + 1 < row[j])
				row[j] = two[j - 2] + 1;
		}
	}
	return rows[n % 3][m];
}

void asb_nearest_init(struct asb_nearest *nearest, const char *word)
{
	*nearest = (struct asb_nearest){.word = word};
}

void asb_nearest_offer(struct asb_nearest *nearest, const char *known)
{
	size_t typed = strlen(nearest->word), length = strlen(known);
	size_t allowed = typed < 4 ? 1 : typed < 8 ? 2 : 3;
	size_t d;

	if (typed == 0 || typed > LONGEST || length > LONGEST)
		return;
	d = distance(nearest->word, known);
	if (typed >= 2 && strncmp(known, nearest->word, typed) == 0)
		d = 1; /* cut off: as good as one typing error */
	if (d > allowed || d >= length || (nearest->found != NULL && d >= nearest->distance))
		return;
	nearest->found = known;
	nearest->distance = d;
}
