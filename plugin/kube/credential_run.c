/* SPDX-License-Identifier: Apache-2.0 */
/* credential_run.c - the plugin as a child process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/kube/credential_parts.h"

#define OUTPUT_LIMIT (1u << 20)

extern char **environ;

int asb_credential_interactive(const struct asb_credential_plugin *plugin, bool *interactive,
			       struct asb_error *err)
{
	bool terminal = isatty(STDIN_FILENO) == 1;

	*interactive = plugin->mode != ASB_INTERACTIVE_NEVER && terminal;
	if (plugin->mode != ASB_INTERACTIVE_ALWAYS || terminal)
		return 0;
	return asb_fail(err, "exec plugin cannot support interactive mode: standard input is not a "
			     "terminal");
}

/* --- what it is told -------------------------------------------------------------------------- */

static char *exec_info(const struct asb_credential_plugin *plugin, bool interactive)
{
	ASB_JSON info = cJSON_CreateObject();
	ASB_TEXT text = NULL;

	asb_json_set_string(info, "kind", "ExecCredential");
	asb_json_set_string(info, "apiVersion", plugin->api_version);
	if (plugin->cluster != NULL)
		asb_json_set(info, "spec/cluster", cJSON_Duplicate(plugin->cluster, true));
	asb_json_set_bool(info, "spec/interactive", interactive);
	text = asb_json_print(info);
	return asb_strf("KUBERNETES_EXEC_INFO=%s", text);
}

struct environment {
	const char **items; /* NULL-ended, borrowed */
	size_t count;
};

static void put(struct environment *env, const char *item)
{
	size_t n = strcspn(item, "=");

	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->items[i], item, n) == 0 && env->items[i][n] == '=') {
			env->items[i] = item;
			return;
		}
	}
	env->items = asb_realloc(env->items, (env->count + 2) * sizeof(env->items[0]));
	env->items[env->count++] = item;
	env->items[env->count] = NULL;
}

/* --- the program ------------------------------------------------------------------------------ */

static int check_program(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno;
	return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : EACCES;
}

/* A path, or a name in $PATH; there folders count that are absolute, so that nothing lying about
 * where we happen to be is run. 0 or an errno; *path is heap. */
static int find_program(const char *command, char **path)
{
	const char *list = getenv("PATH");
	int code = ENOENT;

	*path = NULL;
	if (strchr(command, '/') != NULL) {
		*path = asb_strdup(command);
		return check_program(command);
	}
	while (list != NULL && code != 0) {
		size_t n = strcspn(list, ":");
		ASB_TEXT candidate = asb_strf("%.*s/%s", (int)n, list, command);
		int found = list[0] == '/' ? check_program(candidate) : ENOENT;

		if (found == 0)
			*path = asb_strdup(candidate);
		if (found != ENOENT && found != ENOTDIR)
			code = found;
		list = list[n] == '\0' ? NULL : list + n + 1;
	}
	return code;
}

/* --- the child -------------------------------------------------------------------------------- */

static int not_started(const struct asb_credential_plugin *plugin, int code, struct asb_error *err)
{
	if (code != ENOENT)
		return asb_fail(err, "exec: executable %s can't be started: %s", plugin->command,
				strerror(code));
	asb_fail(err, "exec: executable %s not found", plugin->command);
	if (plugin->install_hint != NULL)
		return asb_hint(err, "%s", plugin->install_hint);
	return asb_hint(err, "the kubeconfig gets its credentials from that program: install it, "
			     "or choose another user with --user or --context");
}

/* No signal of ours is blocked or ignored in it, and it holds no descriptor of ours but these. */
static int start(const struct asb_credential_plugin *plugin, const char *path, char *const *env,
		 bool interactive, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int code;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!interactive)
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	code = posix_spawn(pid, path, &actions, &attributes, plugin->argv, env);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return code;
}

/* Reads to the end; -1 when it is too much. */
static int take_output(int fd, struct asb_buffer *out)
{
	char chunk[4096];
	int rc = 0;

	out->limit = OUTPUT_LIMIT;
	while (rc == 0) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		rc = asb_buffer_add(out, chunk, (size_t)n);
	}
	asb_wipe(chunk, sizeof(chunk));
	return rc;
}

static int wait_for(const struct asb_credential_plugin *plugin, pid_t pid, struct asb_error *err)
{
	int status = 0;
	pid_t ended;

	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended < 0)
		return asb_fail_errno(err, "exec: executable %s can't be waited for",
				      plugin->command);
	if (WIFSIGNALED(status))
		return asb_fail(err, "exec: executable %s was killed by signal %d (%s)",
				plugin->command, WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == 0)
		return 0;
	return asb_fail(err, "exec: executable %s failed with exit code %d", plugin->command,
			WEXITSTATUS(status));
}

static int run(const struct asb_credential_plugin *plugin, char *const *env, bool interactive,
	       struct asb_buffer *out, struct asb_error *err)
{
	ASB_TEXT path = NULL;
	int fds[2];
	pid_t pid;
	int code = find_program(plugin->command, &path), taken;

	if (code != 0)
		return not_started(plugin, code, err);
	if (pipe(fds) != 0)
		return asb_fail_errno(err, "cannot make a pipe");
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	code = start(plugin, path, env, interactive, fds[1], &pid);
	close(fds[1]);
	if (code != 0) {
		close(fds[0]);
		return not_started(plugin, code, err);
	}
	taken = take_output(fds[0], out);
	close(fds[0]);
	if (taken != 0)
		kill(pid, SIGKILL);
	if (wait_for(plugin, pid, err) == 0 && taken == 0)
		return 0;
	if (taken == 0)
		return -1;
	return asb_fail(err, "exec: executable %s prints more than %u KiB", plugin->command,
			OUTPUT_LIMIT >> 10);
}

int asb_credential_run(const struct asb_credential_plugin *plugin, bool interactive,
		       struct asb_buffer *out, struct asb_error *err)
{
	ASB_TEXT info = exec_info(plugin, interactive);
	struct environment env = {0};
	int rc;

	for (char **item = environ; *item != NULL; item++)
		put(&env, *item);
	for (char **item = plugin->env; *item != NULL; item++)
		put(&env, *item);
	put(&env, info);
	/* execve takes its vectors without const. */
	rc = run(plugin, (char *const *)env.items, interactive, out, err);
	free(env.items);
	return rc;
}
