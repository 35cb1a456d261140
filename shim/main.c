/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shim/connect.h"
#include "shim/connect_mux.h"
#include "shim/file.h"
#include "shim/forward.h"
#include "shim/init.h"
#include "shim/protocol/frame.h"
#include "shim/say.h"
#include "shim/text.h"

#define EXIT_USAGE 2

extern char **environ;

static int run_init(void)
{
	return asb_init(environ);
}

static int run_version(void)
{
	char line[128];
	struct asb_text text = {.bytes = line, .size = sizeof(line)};

	asb_text_addf(&text, "%s %s (protocol %d)\n", ASB_PROGRAM_NAME, ASB_VERSION,
		      ASB_PROTOCOL_VERSION);
	return write(STDOUT_FILENO, line, text.length) == (ssize_t)text.length ? 0 : 1;
}

/* Modes that are commands of the sandbox, run as jobs: what follows their name is theirs. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"put", asb_file_put},
	{"get", asb_file_get},
	{"forward", asb_forward},
};

static const struct {
	const char *name;
	int (*run)(void);
} modes[] = {
	{"init", run_init},
	{"connect", asb_connect},
	{"version", run_version},
};

int main(int argc, char **argv)
{
	/* Commands run with our uid: nobody may read our memory, trace us or use our descriptors.
	 */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) == 0)
			return modes[i].run();
	}
	for (size_t i = 0; argc >= 2 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	}
	if (argc == 3 && strcmp(argv[1], "connect") == 0 && strcmp(argv[2], "mux") == 0)
		return asb_connect_mux();
	asb_say("usage: " ASB_PROGRAM_NAME
		" init | connect [mux] | version | put ... | get ... | forward ...");
	return EXIT_USAGE;
}
