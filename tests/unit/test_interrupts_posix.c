/* SPDX-License-Identifier: Apache-2.0 */
/* The same tests with the signals as systems other than Linux receive them. */
#define ASB_POSIX_INTERRUPTS 1
#define asb_interrupts_open posix_interrupts_open
#define asb_interrupts_take posix_interrupts_take
#define asb_interrupts_last_steps posix_interrupts_last_steps
#define asb_interrupts_close posix_interrupts_close

#include "plugin/commands/interrupts.c"
#include "tests/unit/test_interrupts.c"
