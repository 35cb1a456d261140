/* SPDX-License-Identifier: Apache-2.0 */
/* pool_file_parts.h - between the files of pool_file.h. */
#ifndef ASB_POOL_FILE_PARTS_H
#define ASB_POOL_FILE_PARTS_H

#include "plugin/sandbox/pool_file.h"

/* A usage error "FILE:LINE: ...", with the line of a member of the documents; NULL: none. -1. */
__attribute__((format(printf, 3, 4))) int
asb_pool_file_fail(const struct asb_pool_file *file, const cJSON *member, const char *format, ...);

#endif
