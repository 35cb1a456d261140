/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/signame.h"

#include <signal.h>
#include <string.h>

static const struct {
	char name[8];
	int number;
} names[] = {
	{"HUP", SIGHUP},       {"INT", SIGINT},	      {"QUIT", SIGQUIT}, {"ILL", SIGILL},
	{"TRAP", SIGTRAP},     {"ABRT", SIGABRT},     {"BUS", SIGBUS},	 {"FPE", SIGFPE},
	{"KILL", SIGKILL},     {"USR1", SIGUSR1},     {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},
	{"PIPE", SIGPIPE},     {"ALRM", SIGALRM},     {"TERM", SIGTERM}, {"CHLD", SIGCHLD},
	{"CONT", SIGCONT},     {"STOP", SIGSTOP},     {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},
	{"TTOU", SIGTTOU},     {"URG", SIGURG},	      {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
	{"PROF", SIGPROF},     {"VTALRM", SIGVTALRM}, {"IO", SIGIO},	 {"WINCH", SIGWINCH},
	{"SYS", SIGSYS},
#ifdef SIGPWR
	{"PWR", SIGPWR},
#endif
#ifdef SIGSTKFLT
	{"STKFLT", SIGSTKFLT},
#endif
};

#define COUNT (sizeof(names) / sizeof(names[0]))

int asb_signal_number(const uint8_t *name, size_t n)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strlen(names[i].name) == n && memcmp(names[i].name, name, n) == 0)
			return names[i].number;
	}
	return 0;
}

const char *asb_signal_name(int number)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (names[i].number == number)
			return names[i].name;
	}
	return NULL;
}
