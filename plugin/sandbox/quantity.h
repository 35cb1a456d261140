/* SPDX-License-Identifier: Apache-2.0 */
/* quantity.h - Kubernetes resource quantities: "500m", "1.5Gi", "2e3" (apimachinery
 * api/resource). */
#ifndef ASB_QUANTITY_H
#define ASB_QUANTITY_H

/* The value, e.g. 0.5 for "500m", 1073741824 for "1Gi". Below 0 for anything that is no quantity;
 * signs are refused, as no resource is negative. */
double asb_quantity_parse(const char *text);

#endif
