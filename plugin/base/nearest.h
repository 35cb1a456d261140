/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.h - "did you mean ...?" */
#ifndef ASB_NEAREST_H
#define ASB_NEAREST_H

#include <stddef.h>

struct asb_nearest {
	const char *word;  /* what was typed */
	const char *found; /* borrowed: the best so far, NULL when none is close enough */
	size_t distance;   /* of found */
};

void asb_nearest_init(struct asb_nearest *nearest, const char *word);

/* Offers one known word. It is taken when it begins with what was typed or differs from it by few
 * letters (swapped neighbours count once), and by fewer than the best so far. */
void asb_nearest_offer(struct asb_nearest *nearest, const char *known);

#endif
