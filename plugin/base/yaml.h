/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.h - reads one YAML document into a JSON tree (the only user of libyaml).
 *
 * Scalars follow YAML 1.1 as kubectl's parser (sigs.k8s.io/yaml) does: plain null/~/empty,
 * true/false (also yes/no/on/off), integers and floats become JSON values, everything quoted is a
 * string. Aliases are refused beyond a bounded expansion (no "billion laughs"), nesting beyond 100
 * levels and input beyond 16 MiB are errors, a duplicate key is an error. Errors name line and
 * column: "line 3, column 7: did not find expected ':'".
 */
#ifndef ASB_YAML_H
#define ASB_YAML_H

#include "plugin/base/json.h"

/* `name` is the file's name for messages. An empty document gives an empty object. */
cJSON *asb_yaml_parse(const char *text, size_t n, const char *name, struct asb_error *err);

#endif
