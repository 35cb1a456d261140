/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/persist.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/digest.h"
#include "plugin/session/control.h"

#define VARIABLE "KUBECTL_AGENTSANDBOX_PERSIST"
#define NAME_DIGITS 24u
#define PROGRAM "/proc/self/exe" /* where there is no such thing, there is no holder */
#define WORDS_LIMIT 32768u	 /* what a pipe takes although nobody reads it yet */

extern char **environ;

int asb_persist_idle(int64_t *idle_ms, struct asb_error *err)
{
	const char *text = getenv(VARIABLE);

	*idle_ms = ASB_PERSIST_IDLE_MS;
	if (text == NULL || text[0] == '\0' || strcmp(text, "yes") == 0)
		return 0;
	*idle_ms = strcmp(text, "no") == 0 ? 0 : asb_duration_parse(text);
	if (*idle_ms >= 0)
		return 0;
	asb_fail_usage(err, "$" VARIABLE " is \"%s\"", text);
	return asb_hint(err, "set it to \"no\", or to how long the connection to a sandbox is "
			     "kept for the next command, such as 5m");
}

char *asb_persist_path(const struct asb_kubeconfig *kubeconfig, const char *namespace_,
		       const char *name, struct asb_error *err)
{
	struct asb_buffer all = ASB_BUFFER_INIT;
	char digest[ASB_SHA256_TEXT];

	asb_buffer_addf(&all, ASB_VERSION "\n%s\n%s\n", namespace_, name);
	asb_kubeconfig_identity(kubeconfig, &all);
	asb_sha256(all.data, all.length, digest);
	asb_buffer_release_secret(&all);
	digest[NAME_DIGITS] = '\0';
	return asb_control_path(digest, err);
}

/* --- starting one ----------------------------------------------------------------------------- */

static void add_word(struct asb_buffer *words, const struct asb_option *option, const char *value)
{
	if (value == NULL)
		asb_buffer_addf(words, "--%s", option->name);
	else
		asb_buffer_addf(words, "--%s=%s", option->name, value);
	asb_buffer_addch(words, '\0');
}

static void add_option(struct asb_buffer *words, const struct asb_option *option)
{
	const struct asb_strings *list = option->value;

	switch (option->kind) {
	case ASB_OPTION_STRING:
		if (*(const char *const *)option->value != NULL)
			add_word(words, option, *(const char *const *)option->value);
		break;
	case ASB_OPTION_LIST:
		for (size_t i = 0; i < list->count; i++)
			add_word(words, option, list->items[i]);
		break;
	case ASB_OPTION_FLAG:
		if (*(const bool *)option->value)
			add_word(words, option, NULL);
		break;
	default: /* what is said about progress: nobody would see it */
		break;
	}
}

/* Our global options, then the namespace, which may come from the settings, and the operands. */
static void make_words(const struct asb_context *context, const char *namespace_, const char *name,
		       int64_t idle_ms, struct asb_buffer *words)
{
	const struct asb_option *option = context->global_options;

	for (; option->name != NULL; option++)
		add_option(words, option);
	asb_buffer_addf(words, "--namespace=%s%c%s%c%lldms", namespace_, '\0', name, '\0',
			(long long)idle_ms);
	asb_buffer_addch(words, '\0');
}

static void spawn(int words)
{
	const char *const argv[] = {"kubectl-agentsandbox", "hold", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	pid_t pid;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGINT);
	sigaddset(&defaults, SIGTERM);
	sigaddset(&defaults, SIGHUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, words, STDIN_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	/* execve takes its vectors without const */
	if (posix_spawn(&pid, PROGRAM, &actions, &attributes, (char *const *)argv, environ) != 0)
		pid = -1; /* as if it had ended at once */
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
}

/* All of it or nothing is written before anybody reads, so that nobody waits for the other. */
static bool fill(int fd, const struct asb_buffer *words)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return words->length <= WORDS_LIMIT &&
	       write(fd, words->data, words->length) == (ssize_t)words->length;
}

void asb_persist_start(const struct asb_context *context, const char *namespace_, const char *name,
		       int64_t idle_ms)
{
	struct asb_buffer words = ASB_BUFFER_INIT;
	int ends[2];

	if (pipe(ends) != 0)
		return;
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	make_words(context, namespace_, name, idle_ms, &words);
	if (fill(ends[1], &words))
		spawn(ends[0]);
	asb_buffer_release_secret(&words);
	close(ends[0]);
	close(ends[1]);
}
