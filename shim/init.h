/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init.h - PID 1 of the container. After start-up it never leaves because of an error: only the
 * signal to stop makes it end its jobs, tell their clients and leave with 143 (128 + SIGTERM).
 */
#ifndef ASB_INIT_H
#define ASB_INIT_H

/* `environment` is what all commands inherit. Returns an exit code, only when it can't start. */
int asb_init(char **environment);

#endif
