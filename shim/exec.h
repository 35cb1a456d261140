/* SPDX-License-Identifier: Apache-2.0 */
/* exec.h - turns the calling process into the program of a job description. */
#ifndef ASB_EXEC_H
#define ASB_EXEC_H

#include "shim/spec.h"

/*
 * Looks the program up in the PATH of the job's environment, like execvpe(3) but without its
 * fallback to a shell for files without #!: that is an error here (ENOEXEC). A LINE goes to bash,
 * else sh. Returns only on failure: an errno, for a LINE that of the last shell tried.
 */
int asb_exec(const struct asb_spec *spec);

#endif
