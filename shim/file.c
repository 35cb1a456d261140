/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/file.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shim/fds.h"
#include "shim/protocol/archive_receive.h"
#include "shim/protocol/archive_send.h"
#include "shim/say.h"
#include "shim/text.h"

#define EXIT_PROBLEMS 1
#define EXIT_USAGE 2

/* Only one of them is used, and only where it is used its pages are there. */
static union {
	struct asb_archive_sender sender;
	struct asb_archive_receiver receiver;
} work;

/* --- problems --------------------------------------------------------------------------------- */

static void say(void *context, const char *path, const char *what, int error)
{
	static char line[ASB_ARCHIVE_PATH + 256];
	struct asb_text text = {.bytes = line, .size = sizeof(line) - 1};

	(void)context;
	asb_text_add(&text, path);
	for (size_t i = 0; i < text.length; i++) /* a line is a problem */
		if (line[i] == '\n')
			line[i] = '?';
	asb_text_addf(&text, "%s%s%s%s", path[0] == '\0' ? "" : ": ", what, error == 0 ? "" : ": ",
		      error == 0 ? "" : strerror(error));
	line[text.length] = '\n';
	(void)!write(STDERR_FILENO, line, text.length + 1);
}

static int conclude(const struct asb_archive_report *report, int rc)
{
	char line[64];
	struct asb_text text = {.bytes = line, .size = sizeof(line)};

	if (report->failures > report->said) {
		asb_text_addf(&text, "%llu more problems of this kind\n",
			      (unsigned long long)report->failures - report->said);
		(void)!write(STDERR_FILENO, line, text.length);
	}
	return rc == 0 && report->failures == 0 ? 0 : EXIT_PROBLEMS;
}

/* A descriptor for each directory of a deep tree. */
static void prepare(void)
{
	struct rlimit files;

	asb_fds_fill_stdio();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* --- put -------------------------------------------------------------------------------------- */

static void on_signal(int number)
{
	asb_archive_temp_abandon(&work.receiver.temp);
	_exit(128 + number);
}

static void tidy_on_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};

	work.receiver.temp.dir = -1;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaction(numbers[i], &action, NULL);
}

int asb_file_put(int argc, char **argv)
{
	struct asb_archive_report report = {.say = say};
	struct asb_archive_target target = {.preserve = true};
	int i = 0;
	int rc;

	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0' && argv[i][2] == '\0'; i++) {
		target.directory |= argv[i][1] == 'd';
		target.preserve &= argv[i][1] != 'n';
		if (argv[i][1] == '-') {
			i++;
			break;
		}
	}
	if (i != argc - 1) {
		asb_say("usage: put [-d] [-n] [--] TARGET");
		return EXIT_USAGE;
	}
	target.path = argv[i];
	prepare();
	tidy_on_signals();
	rc = asb_archive_receiver_init(&work.receiver, &target, &report);
	if (rc == 0)
		rc = asb_archive_receive(&work.receiver, STDIN_FILENO);
	asb_archive_receiver_release(&work.receiver);
	return conclude(&report, rc);
}

/* --- get -------------------------------------------------------------------------------------- */

int asb_file_get(int argc, char **argv)
{
	struct asb_archive_report report = {.say = say};
	int rc = 0;

	if (argc == 0) {
		asb_say("usage: get PATH...");
		return EXIT_USAGE;
	}
	prepare();
	asb_archive_sender_init(&work.sender, STDOUT_FILENO, &report);
	for (int i = 0; i < argc && rc == 0; i++)
		rc = asb_archive_sender_add(&work.sender, argv[i]);
	if (rc == 0)
		rc = asb_archive_sender_finish(&work.sender);
	return conclude(&report, rc);
}
