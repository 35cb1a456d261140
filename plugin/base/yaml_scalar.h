/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_scalar.h - what a YAML 1.1 scalar means (part of yaml.c; pure).
 *
 * As kubectl's parser (sigs.k8s.io/yaml over go-yaml 2) has it: y, yes, on, true and their
 * opposites are booleans, 0x, 0b, 0o and leading 0 are integers, '_' may separate digits, dates are
 * texts. Integers beyond 2^53 lose digits: JSON numbers are doubles here.
 */
#ifndef ASB_YAML_SCALAR_H
#define ASB_YAML_SCALAR_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/base/json.h"

struct asb_yaml_scalar {
	const char *text; /* NUL-terminated; `length` without the NUL */
	size_t length;
	const char *tag; /* NULL: none */
	bool plain;	 /* not quoted, not a block */
};

/* The value; NULL with `problem` set when the tag is unknown or doesn't fit. */
cJSON *asb_yaml_scalar_value(const struct asb_yaml_scalar *scalar, const char **problem);

/* The same as name of a member, on the heap: numbers and booleans are written as JSON does. NULL
 * for null. */
char *asb_yaml_scalar_key(const struct asb_yaml_scalar *scalar, const char **problem);

/* A plain "<<". */
bool asb_yaml_scalar_is_merge(const struct asb_yaml_scalar *scalar);

#endif
