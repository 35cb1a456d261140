/* SPDX-License-Identifier: Apache-2.0 */
/* hold.c - `hold`: the process in the background that keeps an exec stream open and lets the
 * commands of others use it (persist.h). Started by `exec`, with its words on stdin. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/commands/cluster.h"
#include "plugin/commands/globals.h"
#include "plugin/commands/interrupts.h"
#include "plugin/commands/persist.h"
#include "plugin/kube/exec.h"
#include "plugin/sandbox/sandbox.h"
#include "plugin/session/control.h"
#include "plugin/session/mux.h"

#define WORDS_LIMIT 65536u
#define READY_MS 30000 /* for the shim to answer */
#define LAST_DESCRIPTOR 65535

struct holder {
	/* what was asked for; the texts lie in `words` */
	struct asb_buffer words;
	struct asb_globals globals;
	const char *namespace_, *name;
	int64_t idle_ms;

	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	struct asb_sandbox *sandbox;
	struct asb_exec *exec;
	struct asb_mux *mux;
	struct asb_control control;
	struct asb_interrupts interrupts;
	int64_t free_since_ms; /* monotonic: nobody has used it since; 0: somebody does */
	bool leaving;	       /* nobody finds us any more: who is here is served */
};

/* --- what to do ------------------------------------------------------------------------------- */

static int read_words(struct asb_buffer *words, struct asb_error *err)
{
	char chunk[4096];
	ssize_t n;

	words->limit = WORDS_LIMIT;
	do {
		n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n > 0 && asb_buffer_add(words, chunk, (size_t)n) != 0)
			return asb_fail_usage(err, "too many words on stdin");
	} while (n > 0 || (n < 0 && errno == EINTR));
	asb_wipe(chunk, sizeof(chunk));
	if (n < 0)
		return asb_fail_errno(err, "stdin can't be read");
	return 0;
}

static int take_operands(struct holder *holder, const struct asb_operands *operands,
			 struct asb_error *err)
{
	holder->namespace_ = holder->globals.context.namespace_;
	if (operands->count != 2 || holder->namespace_ == NULL)
		return asb_fail_usage(err, "this command is for `exec` to start");
	holder->name = operands->items[0];
	holder->idle_ms = asb_duration_parse(operands->items[1]);
	if (holder->idle_ms < 0)
		return asb_fail_usage(err, "this command is for `exec` to start");
	return 0;
}

static int parse_words(struct holder *holder, struct asb_error *err)
{
	struct asb_option *table = asb_globals_options(&holder->globals);
	const struct asb_option *tables[] = {table, NULL};
	struct asb_operands operands = {0};
	char **argv;
	size_t count = 0, at;
	int rc;

	for (at = 0; at < holder->words.length; at += strlen(holder->words.data + at) + 1)
		count++;
	argv = asb_calloc(count + 1, sizeof(*argv));
	count = 0;
	for (at = 0; at < holder->words.length; at += strlen(holder->words.data + at) + 1)
		argv[count++] = holder->words.data + at;
	rc = asb_options_parse(tables, (int)count, argv, false, &operands, err);
	if (rc == 0)
		rc = take_operands(holder, &operands, err);
	asb_operands_release(&operands);
	free(argv);
	free(table);
	return rc;
}

/* Nothing of whoever started us is kept: no terminal, no pipe that somebody waits for the end of,
 * no directory that can't be unmounted because of us. */
static void detach(void)
{
	long last = sysconf(_SC_OPEN_MAX);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	umask(077);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (last < 0 || last > LAST_DESCRIPTOR)
		last = LAST_DESCRIPTOR;
	for (int fd = STDERR_FILENO + 1; fd <= last; fd++)
		close(fd);
}

/* --- from nothing to a stream ----------------------------------------------------------------- */

static bool interrupted(const struct holder *holder)
{
	return asb_interrupts_take(&holder->interrupts) != 0;
}

/* The one holder, or not at all: before anything is asked of the server. 1: there is one. */
static int become_holder(struct holder *holder, struct asb_error *err)
{
	ASB_TEXT path = NULL;

	if (asb_interrupts_open(&holder->interrupts, err) != 0 ||
	    asb_cluster_kubeconfig(&holder->globals.context, &holder->kubeconfig, err) != 0)
		return -1;
	path = asb_persist_path(&holder->kubeconfig, holder->namespace_, holder->name, err);
	return path == NULL ? -1 : asb_control_lock(&holder->control, path, err);
}

static int open_sandbox(struct holder *holder, struct asb_error *err)
{
	holder->http = asb_http_new(&holder->kubeconfig, err);
	if (holder->http == NULL)
		return -1;
	asb_http_set_interrupt(holder->http, holder->interrupts.fd);
	holder->sandbox = asb_sandbox_open(holder->http, holder->namespace_, holder->name, NULL);
	asb_sandbox_rest(holder->sandbox, true);
	if (asb_sandbox_prepare(holder->sandbox, err) != 0 ||
	    asb_sandbox_create(holder->sandbox, err) != 0)
		return -1;
	while (asb_sandbox_phase(holder->sandbox) < ASB_SANDBOX_RUNNING) {
		struct pollfd fd = {.fd = holder->interrupts.fd, .events = POLLIN};

		if (asb_http_poll(holder->http, &fd, 1, asb_sandbox_timeout(holder->sandbox),
				  err) != 0 ||
		    asb_sandbox_step(holder->sandbox, err) != 0)
			return -1;
		if (interrupted(holder))
			return asb_fail(err, "interrupted");
	}
	return 0;
}

static int open_stream(struct holder *holder, struct asb_error *err)
{
	const char *const argv[] = {asb_sandbox_connect_argv(holder->sandbox)[0], "connect", "mux",
				    NULL};
	const struct asb_exec_target target = {
		.namespace_ = holder->namespace_,
		.pod = asb_sandbox_pod(holder->sandbox),
		.container = asb_sandbox_container(holder->sandbox),
		.argv = argv,
	};

	holder->exec = asb_exec_open(&holder->kubeconfig, &target, err);
	if (holder->exec == NULL)
		return -1;
	holder->mux = asb_mux_new(asb_exec_fd(holder->exec));
	return 0;
}

/* --- serving ---------------------------------------------------------------------------------- */

enum { SIGNALS, CALLERS, FIXED };

static int timeout(const struct holder *holder)
{
	int ms = asb_nearer_timeout(asb_mux_timeout(holder->mux),
				    asb_sandbox_timeout(holder->sandbox));

	if (holder->free_since_ms == 0)
		return ms;
	return asb_nearer_timeout(ms, asb_poll_timeout(holder->free_since_ms + holder->idle_ms));
}

/* One turn: waits, and moves what can be moved. */
static int turn(struct holder *holder, struct asb_error *err)
{
	struct pollfd fds[FIXED + ASB_MUX_FDS];
	unsigned n = FIXED + asb_mux_fds(holder->mux, fds + FIXED);

	fds[SIGNALS] = (struct pollfd){.fd = holder->interrupts.fd, .events = POLLIN};
	fds[CALLERS] = (struct pollfd){.fd = holder->control.fd, .events = POLLIN};
	if (asb_http_poll(holder->http, fds, n, timeout(holder), err) != 0)
		return -1;
	if (interrupted(holder))
		return asb_fail(err, "interrupted");
	if (asb_mux_step(holder->mux, fds + FIXED, err) != 0)
		return -1;
	return asb_sandbox_step(holder->sandbox, err);
}

static void take_callers(struct holder *holder)
{
	int fd = holder->control.fd < 0 ? -1 : asb_control_accept(&holder->control);

	for (; fd >= 0; fd = asb_control_accept(&holder->control))
		asb_mux_add(holder->mux, fd);
}

/* The sandbox lives on because of us only while somebody is here. */
static void note_use(struct holder *holder)
{
	bool used = asb_mux_count(holder->mux) > 0;

	asb_sandbox_rest(holder->sandbox, !used);
	if (used)
		holder->free_since_ms = 0;
	else if (holder->free_since_ms == 0)
		holder->free_since_ms = asb_monotonic_ms();
}

/* Whoever came while nobody knew yet that we leave is still served. */
static bool may_leave(struct holder *holder)
{
	if (holder->free_since_ms == 0 ||
	    asb_poll_timeout(holder->free_since_ms + holder->idle_ms) > 0)
		return false;
	holder->leaving = true;
	asb_control_hide(&holder->control);
	take_callers(holder);
	return asb_mux_count(holder->mux) == 0;
}

static int serve(struct holder *holder, struct asb_error *err)
{
	int64_t deadline = asb_monotonic_ms() + READY_MS;

	while (!asb_mux_ready(holder->mux)) {
		if (turn(holder, err) != 0)
			return -1;
		if (asb_poll_timeout(deadline) == 0)
			return asb_fail(err, "the shim did not answer within %d s",
					READY_MS / 1000);
	}
	if (asb_control_listen(&holder->control, err) != 0)
		return -1;
	for (;;) {
		note_use(holder);
		if (may_leave(holder) || (holder->leaving && asb_mux_count(holder->mux) == 0))
			return 0;
		if (turn(holder, err) != 0)
			return -1;
		take_callers(holder);
	}
}

static void release(struct holder *holder)
{
	/* First, so that who is told that we are gone doesn't find us again. */
	asb_control_release(&holder->control);
	asb_mux_free(holder->mux);
	if (holder->exec != NULL)
		asb_exec_close(holder->exec);
	asb_sandbox_free(holder->sandbox);
	asb_http_free(holder->http);
	asb_kubeconfig_release(&holder->kubeconfig);
	asb_interrupts_close(&holder->interrupts);
	asb_globals_release(&holder->globals);
	asb_buffer_release_secret(&holder->words);
}

static int hold(struct holder *holder, struct asb_error *err)
{
	int rc;

	if (read_words(&holder->words, err) != 0)
		return -1;
	detach();
	if (parse_words(holder, err) != 0)
		return -1;
	rc = become_holder(holder, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	/* Relative paths are the caller's: what the kubeconfig names has been read. */
	if (chdir("/") != 0 || open_sandbox(holder, err) != 0 || open_stream(holder, err) != 0)
		return -1;
	return serve(holder, err);
}

static int run_hold(const struct asb_context *context, const void *values,
		    const struct asb_operands *operands, struct asb_error *err)
{
	struct holder holder = {
		.words = ASB_BUFFER_INIT, .control = ASB_CONTROL_INIT, .interrupts.fd = -1};
	int rc;

	(void)context;
	(void)values;
	(void)operands;
	rc = hold(&holder, err);
	release(&holder);
	return rc;
}

const struct asb_command asb_command_hold = {
	.name = "hold",
	.summary = "Keeps the connection to a sandbox open for the next command",
	.usage = "hold",
	.description = "Is started by \"exec\" and reads what to do from stdin.",
	.examples = "exec box \"git status\"",
	.hidden = true,
	.run = run_hold,
};
