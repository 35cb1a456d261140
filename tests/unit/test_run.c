/* SPDX-License-Identifier: Apache-2.0 */
/* What surrounds a run and needs no cluster: options, help texts, exit status, JSON, progress. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/base/json.h"
#include "plugin/commands/connection.h"
#include "plugin/commands/outcome.h"
#include "plugin/commands/run_options.h"
#include "plugin/term/progress.h"

#define WORDS 16

static const struct asb_command *const commands[] = {&asb_command_run, &asb_command_version,
						     &asb_command_help, NULL};
static const struct asb_option globals[] = {
	{"namespace", 'n', ASB_OPTION_STRING, NULL, "NAME", "where"},
	{0},
};
static const struct asb_context context = {
	.program = "kubectl agentsandbox",
	.commands = commands,
	.global_options = globals,
};

/* --- options --- */

struct planned {
	struct asb_run_values values;
	struct asb_operands operands;
	struct asb_run_plan plan;
	struct asb_error err;
	int rc;
};

/* What the settings say before anything is typed. */
static struct asb_run_values settings = ASB_RUN_DEFAULTS;

typedef int plan_fn(struct asb_run_plan *plan, const struct asb_context *context,
		    const struct asb_run_values *values, const struct asb_operands *operands,
		    struct asb_error *err);

/* The command with these words, up to NULL. */
static void plan(struct planned *p, const struct asb_command *command, plan_fn *init,
		 const char *const *words)
{
	struct asb_option *table;
	const struct asb_option *tables[] = {NULL, NULL};
	char *argv[WORDS];
	int argc = 0;

	for (; words[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	*p = (struct planned){.values = settings};
	table = asb_command_options(command, (char *)&p->values);
	tables[0] = table;
	p->rc = asb_options_parse(tables, argc, argv, false, &p->operands, &p->err);
	if (p->rc == 0)
		p->rc = init(&p->plan, &context, &p->values, &p->operands, &p->err);
	free(table);
}

static void release(struct planned *p)
{
	asb_run_plan_release(&p->plan);
	asb_operands_release(&p->operands);
	asb_strings_release(&p->values.env);
}

#define PLAN(p, ...) \
	plan(p, &asb_command_run, asb_run_plan_init, (const char *const[]){__VA_ARGS__, NULL})
#define PLAN_EXEC(p, ...) \
	plan(p, &asb_command_exec, asb_exec_plan_init, (const char *const[]){__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
	struct planned p;

	(void)state;
	PLAN(&p, "kubectl get pods -A");
	assert_int_equal(p.rc, 0);
	assert_string_equal(p.plan.job.line, "kubectl get pods -A");
	assert_null(p.plan.job.argv);
	assert_null(p.plan.job.env);
	assert_false(p.plan.job.has_stdin);
	assert_int_equal(p.plan.job.timeout_ms, 0);
	assert_string_equal(p.plan.sandbox.namespace_, "computer");
	assert_string_equal(p.plan.sandbox.image, "bitnami/kubectl:latest");
	assert_string_equal(p.plan.sandbox.service_account, "normal-user");
	assert_string_equal(p.plan.sandbox.cpu, "1");
	assert_string_equal(p.plan.sandbox.memory, "512Mi");
	assert_null(p.plan.sandbox.name);
	assert_int_equal(p.plan.sandbox.lease_ms, 120000);
	assert_int_equal(p.plan.sandbox.ready_timeout_ms, 300000);
	assert_false(p.plan.sandbox.keep);
	release(&p);
}

static void test_program_and_options(void **state)
{
	struct planned p;

	(void)state;
	PLAN(&p, "-i", "--timeout", "90s", "--env", "A=1", "--env=B=", "--workdir=/tmp", "--keep",
	     "--", "printf", "-i", "");
	assert_int_equal(p.rc, 0);
	assert_null(p.plan.job.line);
	assert_string_equal(p.plan.job.argv[0], "printf");
	assert_string_equal(p.plan.job.argv[1], "-i");
	assert_string_equal(p.plan.job.argv[2], "");
	assert_null(p.plan.job.argv[3]);
	assert_string_equal(p.plan.job.env[0], "A=1");
	assert_string_equal(p.plan.job.env[1], "B=");
	assert_null(p.plan.job.env[2]);
	assert_string_equal(p.plan.job.cwd, "/tmp");
	assert_true(p.plan.job.has_stdin);
	assert_true(p.plan.sandbox.keep);
	assert_int_equal(p.plan.job.timeout_ms, 90000);
	assert_int_equal(p.plan.sandbox.run_timeout_ms, 90000);
	release(&p);
}

static void test_exec_takes_the_name_first(void **state)
{
	struct planned p;

	(void)state;
	PLAN_EXEC(&p, "box", "-eA=1", "ls -l");
	assert_int_equal(p.rc, 0);
	assert_string_equal(p.plan.sandbox.name, "box");
	assert_string_equal(p.plan.sandbox.namespace_, "computer");
	assert_null(p.plan.sandbox.image);
	assert_string_equal(p.plan.job.line, "ls -l");
	assert_string_equal(p.plan.job.env[0], "A=1");
	release(&p);
	PLAN_EXEC(&p, "box", "--", "ls", "-l");
	assert_int_equal(p.rc, 0);
	assert_null(p.plan.job.line);
	assert_string_equal(p.plan.job.argv[1], "-l");
	release(&p);
}

static void test_exec_mistakes(void **state)
{
	static const struct {
		const char *words[4], *says;
	} cases[] = {
		{{NULL}, "no sandbox"},		 {{"--", "ls"}, "no sandbox"},
		{{"box"}, "no command"},	 {{"box", "--"}, "no command"},
		{{"Box", "ls"}, "\"Box\""},	 {{"box", "ls", "-l"}, "unknown option"},
		{{"box", "ls", "x"}, "2 words"}, {{"box", "ls", "--", "x"}, "before --"},
	};
	struct planned p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *words[5] = {0};

		memcpy(words, cases[i].words, sizeof(cases[i].words));
		plan(&p, &asb_command_exec, asb_exec_plan_init, words);
		assert_int_equal(p.rc, -1);
		assert_int_equal(p.err.status, ASB_STATUS_USAGE);
		assert_non_null(strstr(p.err.message, cases[i].says));
		release(&p);
	}
	PLAN_EXEC(&p, "box", "ls", "x");
	assert_non_null(strstr(p.err.hint, "exec box \"ls x\""));
	release(&p);
}

static void test_last_of_a_variable_counts(void **state)
{
	struct planned p;

	(void)state;
	PLAN(&p, "-eA=1", "-eAB=2", "-eA=3", "-eB=4", "-eB=", "x");
	assert_int_equal(p.rc, 0);
	assert_string_equal(p.plan.job.env[0], "A=3");
	assert_string_equal(p.plan.job.env[1], "AB=2");
	assert_string_equal(p.plan.job.env[2], "B=");
	assert_null(p.plan.job.env[3]);
	release(&p);
}

static void test_runtime_class_can_be_taken_back(void **state)
{
	struct planned p;

	(void)state;
	PLAN(&p, "--runtime-class=gvisor", "--runtime-class=", "x");
	assert_int_equal(p.rc, 0);
	assert_null(p.plan.sandbox.runtime_class);
	release(&p);
}

static int stdin_becomes(int fd)
{
	int before = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);

	dup2(fd, STDIN_FILENO);
	close(fd);
	return before;
}

static void test_a_terminal_for_the_command(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct planned p;
	int before;

	(void)state;
	setenv("TERM", "vt52", 1);
	PLAN(&p, "-t", "x");
	assert_false(p.plan.job.tty);
	assert_non_null(strstr(p.plan.note, "without -i"));
	assert_null(p.plan.env);
	release(&p);

	before = stdin_becomes(open("/dev/null", O_RDONLY | O_CLOEXEC));
	PLAN(&p, "-it", "x");
	assert_false(p.plan.job.tty);
	assert_non_null(strstr(p.plan.note, "not a terminal"));
	assert_null(p.plan.env);
	release(&p);

	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	close(stdin_becomes(open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC)));
	PLAN(&p, "-it", "-eA=1", "x");
	assert_true(p.plan.job.tty);
	assert_null(p.plan.note);
	assert_string_equal(p.plan.job.env[0], "TERM=vt52");
	assert_string_equal(p.plan.job.env[1], "A=1");
	assert_null(p.plan.job.env[2]);
	release(&p);
	PLAN(&p, "-it", "-eTERM=dumb", "x");
	assert_string_equal(p.plan.job.env[0], "TERM=dumb");
	assert_null(p.plan.job.env[1]);
	release(&p);
	close(stdin_becomes(before));
	close(master);
}

/* Each is refused with status 2, a message that names the fault, and a hint. */
static void test_usage_errors(void **state)
{
	static const struct {
		const char *words[4];
		const char *message;
		const char *hint;
	} cases[] = {
		{{NULL}, "no command", "run \"kubectl get pods -A\""},
		{{""}, "empty", "run"},
		{{"--"}, "no command", "run"},
		{{"--", ""}, "empty", "run"},
		{{"a", "b c"}, "2 words", "run \"a b c\""},
		{{"a", "b"}, "2 words", "run -- a b"},
		{{"a", "b\""}, "2 words", "run -- ..."},
		{{"a", "--", "b"}, "before --", "run"},
		{{"--env", "HOME", "x"}, "--env HOME has no value", "--env HOME=VALUE"},
		{{"--env", "=1", "x"}, "no name", "NAME=VALUE"},
		{{"--workdir", "src", "x"}, "not absolute", "/workspace/src"},
		{{"--lease", "9s", "x"}, "--lease", "2m"},
		{{"--ready-timeout=0", "x"}, "--ready-timeout", "5m"},
		{{"--timeout", "soon", "x"}, "soon", "90s"},
		{{"-o", "yaml", "x"}, "yaml", "json"},
		{{"-it", "--output=json", "x"}, "-t with -o json", "leave one"},
		{{"--runtime-class", "gVisor", "x"}, "gVisor", "lower case"},
		{{"--arch", "x86_64", "x"}, "--arch \"x86_64\"", "amd64"},
		{{"--service-account", "a..b", "x"}, "a..b", "lower case"},
		{{"--name", "Not_A_Name", "x"}, "Not_A_Name", "lower case"},
		{{"--cpu", "lots", "x"}, "lots", "500m"},
		{{"--memory", "12Q", "x"}, "12Q", "512Mi"},
		{{"--memory", "512m", "x"}, "512m", "thousandths"},
		{{"--image-pull-policy", "Sometimes", "x"}, "Sometimes", "IfNotPresent"},
		{{"--pool", "a_b", "x"}, "--pool", "lower case"},
		{{"--pool=p", "--cold=maybe", "x"}, "maybe", "allow or never"},
		{{"--cold=never", "x"}, "--cold without --pool", ""},
		{{"--pool=p", "--sandbox=k8s", "x"}, "--pool with --sandbox k8s", ""},
		{{"--pool=p", "--image=i", "x"}, "--image with --pool", "pool create NAME --image"},
		{{"--memory=1Gi", "--pool=p", "x"}, "--memory with --pool", "pool create"},
		{{"--pool=p", "--user=7", "x"}, "--user with --pool", "pool create"},
		{{"--user", "nobody", "x"}, "nobody", "1001"},
		{{"--tiemout", "1s", "x"}, "--tiemout", "--timeout"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct planned p;

		plan(&p, &asb_command_run, asb_run_plan_init, cases[i].words);
		assert_int_equal(p.rc, -1);
		assert_int_equal(p.err.status, ASB_STATUS_USAGE);
		assert_non_null(strstr(p.err.message, cases[i].message));
		assert_non_null(strstr(p.err.hint, cases[i].hint));
		release(&p);
	}
}

/* A pool or kind of the settings gives way to what was typed. */
static void test_settings_give_way(void **state)
{
	static const struct {
		const char *words[4];
		const char *sandbox; /* of the settings */
		const char *pool;    /* what becomes of theirs */
		enum asb_mode mode;
	} cases[] = {
		{{"x"}, "agent-sandbox", "tools", ASB_MODE_SANDBOX},
		{{"--name=n", "x"}, "agent-sandbox", "tools", ASB_MODE_SANDBOX},
		{{"--image=i", "x"}, "agent-sandbox", NULL, ASB_MODE_SANDBOX},
		{{"--sandbox=k8s", "x"}, "agent-sandbox", NULL, ASB_MODE_POD},
		{{"--pool=other", "x"}, "k8s", "other", ASB_MODE_SANDBOX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct planned p;

		settings.sandbox = cases[i].sandbox;
		settings.pool = "tools";
		plan(&p, &asb_command_run, asb_run_plan_init, cases[i].words);
		assert_int_equal(p.rc, 0);
		assert_int_equal(p.plan.sandbox.mode, cases[i].mode);
		if (cases[i].pool == NULL)
			assert_null(p.plan.sandbox.pool);
		else
			assert_string_equal(p.plan.sandbox.pool, cases[i].pool);
		release(&p);
	}
	settings = (struct asb_run_values)ASB_RUN_DEFAULTS;
}

/* --- help and commands --- */

static void test_help_names_every_option(void **state)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	const struct asb_command *const *command;
	const struct asb_command_option *option;

	(void)state;
	asb_help_program(&context, &text);
	for (command = commands; *command != NULL; command++)
		assert_non_null(strstr(text.data, (*command)->summary));
	for (command = commands; *command != NULL; command++) {
		ASB_TEXT usage = NULL;

		asb_buffer_reset(&text);
		asb_help_command(&context, *command, &text);
		usage = asb_strndup((*command)->usage, strcspn((*command)->usage, "\n"));
		assert_non_null(strstr(text.data, usage));
		assert_non_null(strstr(text.data, "--namespace"));
		assert_non_null(strstr(text.data, "\nExample"));
		for (option = (*command)->options; option != NULL && option->name != NULL;
		     option++) {
			ASB_TEXT name = asb_strf("--%s", option->name);

			assert_non_null(strstr(text.data, name));
		}
	}
	asb_buffer_release(&text);
}

static void test_help_is_never_wider_than_a_screen(void **state)
{
	struct asb_buffer text = ASB_BUFFER_INIT;
	const char *line;

	(void)state;
	asb_help_command(&context, &asb_command_run, &text);
	for (line = text.data; *line != '\0'; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 100);
	asb_buffer_release(&text);
}

static void test_unknown_command(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	assert_ptr_equal(asb_command_find(&context, "run", &err), &asb_command_run);
	assert_null(asb_command_find(&context, "rum", &err));
	assert_int_equal(err.status, ASB_STATUS_USAGE);
	assert_string_equal(err.hint, "did you mean \"kubectl agentsandbox run\"?");
	assert_null(asb_command_find(&context, "frobnicate", &err));
	assert_string_equal(err.hint, "");
}

/* --- exit status --- */

static const struct asb_sandbox_options wish = {
	.namespace_ = "computer",
	.image = "img",
	.memory = "64Mi",
};

static int status_of(const struct asb_job_view *view, struct asb_error *err)
{
	static const char *const argv[] = {"xyz", NULL};
	const struct asb_job_spec job = {.argv = argv, .cwd = "/nowhere", .timeout_ms = 1000};

	return asb_outcome_of_job(view, &job, err);
}

static void test_status_of_ended_commands(void **state)
{
	struct asb_job_view view = {.state = ASB_JOB_ENDED};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	view.record = (struct asb_exit_record){.code = 7};
	assert_int_equal(status_of(&view, &err), 7);
	assert_false(asb_failed(&err));
	view.record = (struct asb_exit_record){.code = -1, .signal = 9};
	assert_int_equal(status_of(&view, &err), 137);
	assert_false(asb_failed(&err));
	view.record = (struct asb_exit_record){.code = -1, .signal = 15, .timed_out = true};
	assert_int_equal(status_of(&view, &err), 124);
	assert_int_equal(err.status, 124);
	assert_string_equal(err.message, "timed out after 1s (--timeout)");
	view.record = (struct asb_exit_record){.code = -1, .signal = 9, .oom_killed = true};
	assert_int_equal(status_of(&view, &err), 137);
	assert_string_equal(err.message, "the command was killed: out of memory");
	view.record = (struct asb_exit_record){.code = -1, .signal = 15, .shutdown = true};
	assert_int_equal(status_of(&view, &err), 143);
	assert_non_null(strstr(err.message, "stopped"));
}

static void test_status_of_refused_commands(void **state)
{
	static const struct {
		enum asb_failed_code code;
		int status;
		const char *message, *hint;
	} cases[] = {
		{ASB_FAILED_NOT_FOUND, 127, "xyz: not found in the sandbox's PATH", "--image"},
		{ASB_FAILED_NOT_EXECUTABLE, 126, "xyz: can't be executed", "x bit"},
		{ASB_FAILED_NO_SHELL, 127, "no shell", "-- PROGRAM ARG"},
		{ASB_FAILED_CWD, 125, "/nowhere", "--workdir"},
		{ASB_FAILED_SYSTEM, 125, "because", ""},
		{ASB_FAILED_BUSY, 125, "because", ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct asb_job_view view = {.state = ASB_JOB_REFUSED,
					    .failed = cases[i].code,
					    .failed_text = "because"};
		struct asb_error err = ASB_ERROR_INIT;

		assert_int_equal(status_of(&view, &err), cases[i].status);
		assert_int_equal(err.status, cases[i].status);
		assert_non_null(strstr(err.message, cases[i].message));
		assert_non_null(strstr(err.hint, cases[i].hint));
	}
}

static void test_json(void **state)
{
	struct asb_outcome outcome = {.status = 137,
				      .ended = true,
				      .record = {.code = -1, .signal = 9, .signal_name = "KILL"},
				      .bytes = {1, 2, 3},
				      .wire_sent = 4,
				      .wire_received = 5};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT text = NULL;
	ASB_TEXT failed = NULL;
	ASB_JSON json = NULL;

	(void)state;
	outcome.timeline.spent[ASB_RUN_CHECK] = 1234;
	outcome.timeline.spent[ASB_RUN_RUN] = 2000;
	text = asb_outcome_json(&outcome, &wish, "run-x", "pod-x", &err);
	assert_string_equal(
		text, "{\"sandbox\":\"run-x\",\"namespace\":\"computer\",\"pod\":\"pod-x\","
		      "\"image\":\"img\","
		      "\"exitCode\":137,\"signal\":\"KILL\",\"timedOut\":false,\"oomKilled\":false,"
		      "\"durations\":{\"check\":1.234,\"create\":0,\"schedule\":0,\"start\":0,"
		      "\"connect\":0,"
		      "\"run\":2,\"delete\":0,\"total\":3.234},"
		      "\"bytes\":{\"stdin\":1,\"stdout\":2,\"stderr\":3,\"wireSent\":4,"
		      "\"wireReceived\":5},\"reconnects\":0,"
		      "\"error\":null}");

	asb_fail(&err, "no \"way\"");
	outcome = (struct asb_outcome){.status = 125};
	failed = asb_outcome_json(&outcome, &wish, NULL, NULL, &err);
	json = asb_json_parse(failed, strlen(failed), &err);
	assert_string_equal(asb_json_string(json, "error"), "no \"way\"");
	assert_true(cJSON_IsNull(asb_json_at(json, "sandbox")));
	assert_true(cJSON_IsNull(asb_json_at(json, "signal")));
}

static void test_too_early(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	asb_fail(&err, "unable to upgrade connection: container not found (\"main\")");
	assert_true(asb_way_too_early(&err));
	asb_fail(&err, "container is in CONTAINER_CREATED state");
	assert_true(asb_way_too_early(&err));
	asb_fail(&err, "the server refused the stream with HTTP status 500");
	assert_false(asb_way_too_early(&err));
	err.http = 500;
	assert_true(asb_way_too_early(&err));
	asb_fail(&err, "pods \"x\" is forbidden: cannot create resource \"pods/exec\"");
	err.http = 403;
	assert_false(asb_way_too_early(&err));
}

static void test_timeline_adds_up(void **state)
{
	struct asb_timeline timeline = {0};
	int64_t start = asb_monotonic_ms(), end;

	(void)state;
	asb_timeline_enter(&timeline, ASB_RUN_CHECK);
	while (asb_monotonic_ms() < timeline.since + 3)
		;
	asb_timeline_enter(&timeline, ASB_RUN_RUN);
	asb_timeline_enter(&timeline, ASB_RUN_CHECK);
	asb_timeline_stop(&timeline);
	asb_timeline_stop(&timeline);
	end = asb_monotonic_ms();
	assert_true(timeline.spent[ASB_RUN_CHECK] >= 3);
	assert_true(asb_timeline_total(&timeline) <= end - start);
}

/* --- progress --- */

struct screen {
	char *text;
	size_t size;
	FILE *file;
	struct asb_progress progress;
};

static void open_screen(struct screen *screen, bool terminal, bool verbose, bool quiet)
{
	screen->file = open_memstream(&screen->text, &screen->size);
	assert_non_null(screen->file);
	asb_progress_init(&screen->progress, screen->file, terminal, verbose, quiet);
	asb_progress_show(&screen->progress, "one %d", 1);
	asb_progress_show(&screen->progress, "one 1");
	asb_progress_note(&screen->progress, "note", "a\033b");
	asb_progress_show(&screen->progress, "two");
	asb_progress_clear(&screen->progress);
	asb_progress_finish(&screen->progress);
	asb_progress_show(&screen->progress, "three");
	asb_progress_note(&screen->progress, "note", "end");
}

static void shows(bool terminal, bool verbose, bool quiet, const char *text)
{
	struct screen screen;

	open_screen(&screen, terminal, verbose, quiet);
	fclose(screen.file);
	assert_string_equal(screen.text, text);
	free(screen.text);
}

static void test_progress(void **state)
{
	(void)state;
	shows(true, false, false,
	      "\r\033[Kone 1\r\033[Knote: a?b\n\r\033[Kone 1\r\033[Ktwo\r\033[Knote: end\n");
	shows(false, false, false, "note: a?b\nnote: end\n");
	shows(true, true, false, "one 1\nnote: a?b\ntwo\nthree\nnote: end\n");
	shows(true, true, true, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_program_and_options),
		cmocka_unit_test(test_exec_takes_the_name_first),
		cmocka_unit_test(test_exec_mistakes),
		cmocka_unit_test(test_last_of_a_variable_counts),
		cmocka_unit_test(test_runtime_class_can_be_taken_back),
		cmocka_unit_test(test_a_terminal_for_the_command),
		cmocka_unit_test(test_usage_errors),
		cmocka_unit_test(test_settings_give_way),
		cmocka_unit_test(test_help_names_every_option),
		cmocka_unit_test(test_help_is_never_wider_than_a_screen),
		cmocka_unit_test(test_unknown_command),
		cmocka_unit_test(test_status_of_ended_commands),
		cmocka_unit_test(test_status_of_refused_commands),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_too_early),
		cmocka_unit_test(test_timeline_adds_up),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
