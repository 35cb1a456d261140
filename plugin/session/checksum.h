/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/protocol/checksum.h" // IWYU pragma: export
