/* SPDX-License-Identifier: Apache-2.0 */
/* keypair.h - can a client certificate and its key be used? Asked before the TLS libraries, which
 * would ask for a password on the terminal, or say little. */
#ifndef ASB_KEYPAIR_H
#define ASB_KEYPAIR_H

#include "plugin/base/error.h"

/* PEM texts: one certificate or more, the client's own first; a key (RSA, EC, Ed25519; PKCS#1, SEC1
 * or PKCS#8) that belongs to it and isn't encrypted. Blocks of other kinds are passed over. */
int asb_keypair_check(const char *certificate, const char *key, struct asb_error *err);

#endif
