/* SPDX-License-Identifier: Apache-2.0 */
/* signame.h - signals by name on the wire: their numbers differ between architectures. */
#ifndef ASB_SIGNAME_H
#define ASB_SIGNAME_H

#include <stddef.h>
#include <stdint.h>

/* "INT" -> SIGINT; 0 when there is no such signal. `name` has no terminator. */
int asb_signal_number(const uint8_t *name, size_t n);

/* SIGINT -> "INT"; NULL for real-time signals and other numbers without a name. */
const char *asb_signal_name(int number);

#endif
