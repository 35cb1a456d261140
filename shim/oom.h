/* SPDX-License-Identifier: Apache-2.0 */
/* oom.h - how often the kernel killed in this container for lack of memory. */
#ifndef ASB_OOM_H
#define ASB_OOM_H

#include <stdint.h>

/*
 * The container's oom_kill counter: memory.oom_control of cgroup v1 (Linux 4.13), else
 * memory.events of v2. 0 when neither can be read, which compares as "no kill". With
 * memory.oom.group set (cgroup v2, kubelet) PID 1 dies too and nobody asks.
 */
uint64_t asb_oom_kills(void);

#endif
