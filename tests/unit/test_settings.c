/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: where they come from, which counts, and what is said of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/base/file.h"
#include "plugin/commands/command.h"
#include "plugin/commands/run_options.h"
#include "plugin/commands/settings.h"

#define MAN_PAGE "docs/man/kubectl-agentsandbox-config.5"

/* A home of our own for each test. */
struct home {
	char dir[64];
	char *own, *kubectl_ai; /* the two files; they are not there yet */
	struct asb_settings settings;
	struct asb_error err;
};

static void forget_variables(void)
{
	const struct asb_setting *setting;

	for (setting = asb_setting_table; setting->key != NULL; setting++) {
		ASB_TEXT name = asb_setting_variable(setting);

		if (name != NULL)
			unsetenv(name);
	}
	unsetenv("AGENTSANDBOX_CONFIG");
}

static int set_up(void **state)
{
	struct home *home = asb_calloc(1, sizeof *home);
	ASB_TEXT own = NULL;
	ASB_TEXT kubectl_ai = NULL;

	snprintf(home->dir, sizeof home->dir, "/tmp/test_settings.XXXXXX");
	assert_non_null(mkdtemp(home->dir));
	own = asb_strf("%s/kubectl-agentsandbox", home->dir);
	kubectl_ai = asb_strf("%s/kubectl-ai", home->dir);
	assert_int_equal(mkdir(own, 0700), 0);
	assert_int_equal(mkdir(kubectl_ai, 0700), 0);
	home->own = asb_strf("%s/config.yaml", own);
	home->kubectl_ai = asb_strf("%s/config.yaml", kubectl_ai);
	forget_variables();
	setenv("XDG_CONFIG_HOME", home->dir, 1);
	*state = home;
	return 0;
}

static int tear_down(void **state)
{
	struct home *home = *state;

	asb_settings_release(&home->settings);
	unlink(home->own);
	unlink(home->kubectl_ai);
	*strrchr(home->own, '/') = '\0';
	*strrchr(home->kubectl_ai, '/') = '\0';
	rmdir(home->own);
	rmdir(home->kubectl_ai);
	assert_int_equal(rmdir(home->dir), 0);
	free(home->own);
	free(home->kubectl_ai);
	free(home);
	return 0;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int load(struct home *home)
{
	asb_settings_release(&home->settings);
	asb_error_clear(&home->err);
	return asb_settings_load(&home->settings, &home->err);
}

static void loads(struct home *home)
{
	if (load(home) != 0)
		fail_msg("%s", home->err.message);
}

/* `origin` of our two files begins with ":". */
static void is_set(const struct home *home, const char *key, const char *text,
		   enum asb_setting_source source, const char *origin)
{
	const struct asb_setting_value *value = asb_settings_value(&home->settings, key);
	const char *file = source == ASB_SETTING_FILE ? home->own : home->kubectl_ai;
	ASB_TEXT place = asb_strf("%s%s", origin[0] == ':' ? file : "", origin);

	assert_int_equal(value->source, source);
	assert_string_equal(value->origin, place);
	if (text == NULL)
		assert_null(asb_settings_text(&home->settings, key));
	else
		assert_string_equal(asb_settings_text(&home->settings, key), text);
}

/* --- the table --- */

static void test_one_name_for_all(void **state)
{
	static const struct {
		const char *key, *flag, *variable;
	} cases[] = {
		{"image", "image", "AGENTSANDBOX_IMAGE"},
		{"runtimeClass", "runtime-class", "AGENTSANDBOX_RUNTIME_CLASS"},
		{"arch", "arch", "AGENTSANDBOX_ARCH"},
		{"imagePullPolicy", "image-pull-policy", "AGENTSANDBOX_IMAGE_PULL_POLICY"},
		{"resources.cpu", "cpu", "AGENTSANDBOX_CPU"},
		{"readyTimeout", "ready-timeout", "AGENTSANDBOX_READY_TIMEOUT"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct asb_setting *setting = asb_setting_find(cases[i].key);
		ASB_TEXT variable = asb_setting_variable(setting);

		assert_string_equal(setting->flag, cases[i].flag);
		assert_string_equal(variable, cases[i].variable);
	}
	assert_null(asb_setting_find("resources"));
	assert_null(asb_setting_find("cpu"));
	assert_null(asb_setting_variable(asb_setting_find("env")));
	assert_null(asb_setting_table[ASB_SETTINGS].key);
	assert_non_null(asb_setting_table[ASB_SETTINGS - 1].key);
}

/* Without any configuration `run` is told what it would do anyway. */
static void test_defaults_are_those_of_run(void **state)
{
	static const struct asb_command run = {.options = asb_run_options};
	struct home *home = *state;
	struct asb_run_values values = {0};
	struct asb_option *table = asb_command_options(&run, (char *)&values);
	const struct asb_option *tables[] = {table, NULL};
	struct asb_operands operands;
	struct asb_texts words = {0};

	loads(home);
	asb_settings_words(&home->settings, table, &words);
	assert_int_equal(asb_options_parse(tables, (int)words.count, words.items, false, &operands,
					   &home->err),
			 0);
	assert_string_equal(values.image, asb_run_defaults.image);
	assert_string_equal(values.image_pull_policy, asb_run_defaults.image_pull_policy);
	assert_string_equal(values.service_account, asb_run_defaults.service_account);
	assert_string_equal(values.sandbox, asb_run_defaults.sandbox);
	assert_string_equal(values.cpu, asb_run_defaults.cpu);
	assert_string_equal(values.memory, asb_run_defaults.memory);
	assert_int_equal(values.lease_ms, asb_run_defaults.lease_ms);
	assert_int_equal(values.ready_timeout_ms, asb_run_defaults.ready_timeout_ms);
	assert_int_equal(values.timeout_ms, 0);
	assert_int_equal(values.quiet, asb_run_defaults.quiet);
	assert_null(values.runtime_class);
	assert_null(values.user);
	assert_null(values.workdir);
	assert_int_equal(values.env.count, 0);
	assert_string_equal(asb_settings_text(&home->settings, "namespace"), ASB_DEFAULT_NAMESPACE);
	assert_int_equal(asb_run_values_check(&values, NULL, &home->err), 0);
	asb_operands_release(&operands);
	asb_texts_release(&words);
	free(table);
}

/* The manual page has each setting's entry as the table has it. */
static void test_manual_follows_the_table(void **state)
{
	struct asb_buffer page = ASB_BUFFER_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	const struct asb_setting *setting;

	(void)state;
	assert_int_equal(asb_file_read(MAN_PAGE, 1u << 20, &page, &err), 0);
	for (setting = asb_setting_table; setting->key != NULL; setting++) {
		ASB_TEXT variable = asb_setting_variable(setting);
		struct asb_buffer entry = ASB_BUFFER_INIT;

		asb_buffer_addf(&entry, ".It Cm %s : Ar %s\n%s.\n", setting->key, setting->argument,
				setting->help);
		asb_buffer_addf(&entry, "Flag\n.Fl \\-%s", setting->flag);
		if (variable != NULL)
			asb_buffer_addf(&entry, " ,\nvariable\n.Ev %s", variable);
		if (setting->kubectl_ai != NULL)
			asb_buffer_addf(&entry, " ,\nkubectl-ai's\n.Cm %s", setting->kubectl_ai);
		if (setting->default_ != NULL)
			asb_buffer_addf(&entry, " ,\ndefault\n.Li %s", setting->default_);
		asb_buffer_addstr(&entry, " .\n");
		if (strstr(page.data, entry.data) == NULL)
			fail_msg("%s lacks:\n%s", MAN_PAGE, entry.data);
		asb_buffer_release(&entry);
	}
	asb_buffer_release(&page);
}

/* --- where values come from --- */

static void test_all_of_the_file(void **state)
{
	struct home *home = *state;

	write_file(home->own, "image: debian:12\n"
			      "imagePullPolicy: Always\n"
			      "runtimeClass: gvisor\n"
			      "namespace: agents\n"
			      "serviceAccount: reader\n"
			      "pool: warm\n"
			      "sandbox: k8s\n"
			      "ttl: 1h\n"
			      "lease: 90\n"
			      "timeout: 1m30s\n"
			      "readyTimeout: 10s\n"
			      "resources:\n"
			      "  cpu: 0.5\n"
			      "  memory: 2Gi\n"
			      "user: 4242\n"
			      "env:\n"
			      "  TEAM: blue\n"
			      "  EMPTY: \"\"\n"
			      "workdir: /srv\n"
			      "quiet: true\n");
	loads(home);
	is_set(home, "image", "debian:12", ASB_SETTING_FILE, ":1");
	is_set(home, "imagePullPolicy", "Always", ASB_SETTING_FILE, ":2");
	is_set(home, "runtimeClass", "gvisor", ASB_SETTING_FILE, ":3");
	is_set(home, "namespace", "agents", ASB_SETTING_FILE, ":4");
	is_set(home, "serviceAccount", "reader", ASB_SETTING_FILE, ":5");
	is_set(home, "pool", "warm", ASB_SETTING_FILE, ":6");
	is_set(home, "sandbox", "k8s", ASB_SETTING_FILE, ":7");
	is_set(home, "ttl", "1h", ASB_SETTING_FILE, ":8");
	is_set(home, "lease", "90", ASB_SETTING_FILE, ":9");
	is_set(home, "timeout", "1m30s", ASB_SETTING_FILE, ":10");
	is_set(home, "readyTimeout", "10s", ASB_SETTING_FILE, ":11");
	is_set(home, "resources.cpu", "0.5", ASB_SETTING_FILE, ":13");
	is_set(home, "resources.memory", "2Gi", ASB_SETTING_FILE, ":14");
	is_set(home, "user", "4242", ASB_SETTING_FILE, ":15");
	is_set(home, "env", "TEAM=blue", ASB_SETTING_FILE, ":16");
	assert_string_equal(asb_settings_value(&home->settings, "env")->texts.items[1], "EMPTY=");
	is_set(home, "workdir", "/srv", ASB_SETTING_FILE, ":19");
	is_set(home, "quiet", "true", ASB_SETTING_FILE, ":20");
	assert_int_equal(home->settings.notes.count, 0);
}

static void test_precedence(void **state)
{
	struct home *home = *state;

	loads(home);
	is_set(home, "image", "bitnami/kubectl:latest", ASB_SETTING_DEFAULT, "default");
	is_set(home, "runtimeClass", NULL, ASB_SETTING_DEFAULT, "default");

	write_file(home->kubectl_ai, "model: x\nsandboxImage: ai:1\nruntimeClass: kata\n"
				     "sandbox: agent-sandbox\nimage: none\n");
	loads(home);
	is_set(home, "image", "ai:1", ASB_SETTING_KUBECTL_AI, ":2");
	is_set(home, "runtimeClass", "kata", ASB_SETTING_KUBECTL_AI, ":3");
	is_set(home, "sandbox", "agent-sandbox", ASB_SETTING_KUBECTL_AI, ":4");

	write_file(home->own, "image: own:1\nsandbox:\nresources: ~\n");
	loads(home);
	is_set(home, "image", "own:1", ASB_SETTING_FILE, ":1");
	is_set(home, "runtimeClass", "kata", ASB_SETTING_KUBECTL_AI, ":3");
	is_set(home, "sandbox", "agent-sandbox", ASB_SETTING_KUBECTL_AI, ":4");

	setenv("AGENTSANDBOX_IMAGE", "env:1", 1);
	setenv("AGENTSANDBOX_RUNTIME_CLASS", "", 1);
	loads(home);
	is_set(home, "image", "env:1", ASB_SETTING_ENVIRONMENT, "AGENTSANDBOX_IMAGE");
	is_set(home, "runtimeClass", "kata", ASB_SETTING_KUBECTL_AI, ":3");
}

static void test_where_the_file_is(void **state)
{
	struct home *home = *state;
	ASB_TEXT path = NULL;
	ASB_TEXT home_path = NULL;
	ASB_TEXT named = NULL;

	path = asb_settings_path();
	assert_string_equal(path, home->own);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	setenv("HOME", "/nowhere", 1);
	home_path = asb_settings_path();
	assert_string_equal(home_path, "/nowhere/.config/kubectl-agentsandbox/config.yaml");
	loads(home);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	assert_null(asb_settings_path());
	loads(home);

	setenv("AGENTSANDBOX_CONFIG", home->own, 1);
	named = asb_settings_path();
	assert_string_equal(named, home->own);
	assert_int_equal(load(home), -1);
	assert_int_equal(home->err.status, ASB_STATUS_USAGE);
	assert_non_null(strstr(home->err.message, home->own));
	assert_non_null(strstr(home->err.hint, "AGENTSANDBOX_CONFIG"));
	write_file(home->own, "image: own:1\n");
	loads(home);
	is_set(home, "image", "own:1", ASB_SETTING_FILE, ":1");
}

static void test_files_without_settings(void **state)
{
	static const char *const files[] = {"", "# nothing\n", "---\n", "{}\n",
					    "image:\nenv: {}\n"};
	struct home *home = *state;
	size_t i;

	for (i = 0; i < sizeof files / sizeof files[0]; i++) {
		write_file(home->own, files[i]);
		loads(home);
		is_set(home, "image", "bitnami/kubectl:latest", ASB_SETTING_DEFAULT, "default");
	}
}

/* --- mistakes --- */

/* What follows the file's name, or the whole message when it begins with a letter. */
static void refuses(struct home *home, const char *message, const char *hint)
{
	ASB_TEXT whole = asb_strf("%s%s", message[0] == ':' ? home->own : "", message);

	if (load(home) == 0)
		fail_msg("accepted instead of: %s", message);
	assert_int_equal(home->err.status, ASB_STATUS_USAGE);
	assert_string_equal(home->err.message, whole);
	if (strstr(home->err.hint, hint) == NULL)
		fail_msg("\"%s\" is not in the hint \"%s\"", hint, home->err.hint);
}

static void test_mistakes_in_the_file(void **state)
{
	static const struct {
		const char *yaml, *message, *hint;
	} cases[] = {
		{"\nimag: x\n", ":2: unknown key \"imag\"", "did you mean \"image\"?"},
		{"runtimeclass: x\n", ":1: unknown key \"runtimeclass\"", "\"runtimeClass\""},
		{"runtime-class: x\n", ":1: unknown key \"runtime-class\"", "\"runtimeClass\""},
		{"sandboxImage: x\n", ":1: unknown key \"sandboxImage\"", "\"image\""},
		{"cpu: 1\n", ":1: unknown key \"cpu\"", "\"resources: {cpu: VALUE}\""},
		{"resources:\n  cpus: 1\n", ":2: unknown key \"resources.cpus\"",
		 "resources: {cpu: VALUE}"},
		{"resources.cpu: 1\n", ":1: unknown key \"resources.cpu\"", "{cpu: VALUE}"},
		{"zzzzzz: x\n", ":1: unknown key \"zzzzzz\"", "the keys are: image, "},
		{"imag:\n", ":1: unknown key \"imag\"", "image"},
		{"image: 12\n", ":1: image is a number, not a text", "image: \"...\""},
		{"image: yes\n", ":1: image is true or false, not a text", "image: \"...\""},
		{"image: [a]\n", ":1: image is a list, not a text", "image: VALUE"},
		{"image: {a: b}\n", ":1: image is a mapping, not a text", "image: VALUE"},
		{"quiet: \"yes\"\n", ":1: quiet is a text, not true or false", "quiet: VALUE"},
		{"resources: 1\n", ":1: resources is a number, not a mapping", "{NAME: VALUE}"},
		{"env: [A=1]\n", ":1: env is a list, not a mapping", "env: {NAME: VALUE}"},
		{"env:\n  PORT: 8080\n", ":2: env.PORT is a number, not a text", "PORT: \"...\""},
		{"env: {A: ~}\n", ":1: env.A is nothing, not a text", "A: VALUE"},
		{"env: {'': x}\n", ":1: \"\" can't be the name of a variable", "env: {NAME"},
		{"env: {A=B: x}\n", ":1: \"A=B\" can't be the name of a variable", "env: {NAME"},
		{"image: ''\n", ":1: image is empty", "IMAGE"},
		{"\n\nlease: 2s\n", ":3: lease is shorter than 10s", "2m"},
		{"timeout: soon\n", ":1: timeout: \"soon\" is not a duration", "90s"},
		{"timeout: -1\n", ":1: timeout: \"-1\" is not a duration", "90s"},
		{"ttl: soon\n", ":1: ttl: \"soon\" is not a duration", "90s"},
		{"namespace: A\n", ":1: namespace \"A\" is no valid name", "lower case"},
		{"pool: A\n", ":1: pool \"A\" is no valid name", "lower case"},
		{"sandbox: docker\n", ":1: sandbox \"docker\" is unknown", "agent-sandbox"},
		{"workdir: src\n", ":1: workdir \"src\" is not absolute", "/workspace/src"},
		{"user: nobody\n", ":1: user \"nobody\" is no numeric user id", "1001"},
		{"imagePullPolicy: X\n", ":1: imagePullPolicy \"X\" is unknown", "IfNotPresent"},
		{"resources: {\n memory: 12Q}\n",
		 ":2: resources.memory \"12Q\" is no amount of memory", "512Mi"},
		{"- image\n", ": holds no settings, as KEY: VALUE", "correct"},
		{"image: [\n", ": line 2, column 1: did not find expected node content", "correct"},
		{"image: a\nimage: b\n", ": line 2, column 1: key \"image\" is there twice", ""},
	};
	struct home *home = *state;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		write_file(home->own, cases[i].yaml);
		refuses(home, cases[i].message, cases[i].hint);
	}
}

static void test_mistakes_in_the_environment(void **state)
{
	struct home *home = *state;

	setenv("AGENTSANDBOX_LEASE", "2s", 1);
	refuses(home, "AGENTSANDBOX_LEASE is shorter than 10s", "2m");
	unsetenv("AGENTSANDBOX_LEASE");
	setenv("AGENTSANDBOX_QUIET", "1", 1);
	refuses(home, "AGENTSANDBOX_QUIET: \"1\" is neither true nor false", "quiet");
}

static void notes(struct home *home, const char *yaml, const char *what, const char *message)
{
	ASB_TEXT note = asb_strf("kubectl-ai's %s not used: %s%s", what, home->kubectl_ai, message);

	write_file(home->kubectl_ai, yaml);
	loads(home);
	assert_int_equal(home->settings.notes.count, 1);
	assert_string_equal(home->settings.notes.items[0], note);
}

/* It is not our file: whatever is in it, we go on. */
static void test_mistakes_of_kubectl_ai(void **state)
{
	struct home *home = *state;

	notes(home, "sandbox: [\n", "settings are",
	      ": line 2, column 1: did not find expected node content");
	notes(home, "just a text\n", "settings are", ": holds no settings, as KEY: VALUE");
	notes(home, "sandbox: seatbelt\nsandboxImage: a:1\n", "sandbox is",
	      ":1: sandbox \"seatbelt\" is unknown");
	is_set(home, "image", "a:1", ASB_SETTING_KUBECTL_AI, ":2");
	is_set(home, "sandbox", "agent-sandbox", ASB_SETTING_DEFAULT, "default");
	notes(home, "sandboxImage: 1\n", "sandboxImage is",
	      ":1: sandboxImage is a number, not a text");
	/* what counts anyway is no note's worth */
	setenv("AGENTSANDBOX_IMAGE", "x", 1);
	loads(home);
	assert_int_equal(home->settings.notes.count, 0);
}

/* --- commands --- */

struct values {
	const char *image, *other;
	struct asb_strings env;
	int64_t timeout_ms;
};

static const struct asb_command_option options[] = {
	{"image", 0, ASB_OPTION_STRING, offsetof(struct values, image), "X", "x"},
	{"other", 0, ASB_OPTION_STRING, offsetof(struct values, other), "X", "x"},
	{"env", 0, ASB_OPTION_LIST, offsetof(struct values, env), "X", "x"},
	{"timeout", 0, ASB_OPTION_DURATION, offsetof(struct values, timeout_ms), "X", "x"},
	{0},
};

static struct {
	struct values values;
	char image[32], namespace_[32], env[64];
	int runs;
} seen;

/* Texts live as long as the invocation. */
static int see(const struct asb_context *context, const void *values,
	       const struct asb_operands *operands, struct asb_error *err)
{
	size_t i;

	(void)operands;
	(void)err;
	assert_non_null(context->settings);
	seen.values = *(const struct values *)values;
	seen.runs++;
	seen.env[0] = '\0';
	snprintf(seen.image, sizeof seen.image, "%s", seen.values.image);
	snprintf(seen.namespace_, sizeof seen.namespace_, "%s", context->namespace_);
	for (i = 0; i < seen.values.env.count; i++) {
		size_t n = strlen(seen.env);

		snprintf(seen.env + n, sizeof seen.env - n, "%s ", seen.values.env.items[i]);
	}
	return ASB_STATUS_OK;
}

static const struct asb_command command = {
	.name = "see",
	.summary = "Sees",
	.usage = "see",
	.description = "Sees.",
	.examples = "see",
	.options = options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = see,
};

static int invoke(struct home *home, struct asb_context *context, int argc, char **argv, bool help)
{
	static const struct asb_option none[] = {{0}};

	context->program = "kubectl agentsandbox";
	context->global_options = none;
	asb_error_clear(&home->err);
	return asb_command_invoke(context, &command, argc, argv, &help, &home->err);
}

static void test_commands_start_from_settings(void **state)
{
	char image[] = "--image=flag:1", env[] = "--env=C=3";
	struct asb_context context = {0};
	struct home *home = *state;
	char *argv[] = {image, env};

	write_file(home->own, "image: own:1\nnamespace: agents\nworkdir: /srv\ntimeout: 90\n"
			      "env: {A: '1', B: '2'}\n");
	assert_int_equal(invoke(home, &context, 0, NULL, false), 0);
	assert_string_equal(seen.image, "own:1");
	assert_string_equal(seen.namespace_, "agents");
	assert_string_equal(seen.env, "A=1 B=2 ");
	assert_int_equal(seen.values.timeout_ms, 90000);
	assert_null(seen.values.other);

	context.namespace_ = "given";
	assert_int_equal(invoke(home, &context, 2, argv, false), 0);
	assert_string_equal(seen.image, "flag:1");
	assert_string_equal(seen.namespace_, "given");
	assert_string_equal(seen.env, "A=1 B=2 C=3 ");
}

static void test_help_works_with_a_broken_file(void **state)
{
	struct asb_context context = {0};
	struct home *home = *state;
	int runs = seen.runs;

	write_file(home->own, "imag: x\n");
	assert_int_equal(invoke(home, &context, 0, NULL, true), 0);
	assert_int_equal(invoke(home, &context, 0, NULL, false), -1);
	assert_int_equal(home->err.status, ASB_STATUS_USAGE);
	assert_string_equal(home->err.hint, "did you mean \"image\"?");
	assert_int_equal(seen.runs, runs);
}

#define AT_HOME(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_name_for_all),
		AT_HOME(test_defaults_are_those_of_run),
		cmocka_unit_test(test_manual_follows_the_table),
		AT_HOME(test_all_of_the_file),
		AT_HOME(test_precedence),
		AT_HOME(test_where_the_file_is),
		AT_HOME(test_files_without_settings),
		AT_HOME(test_mistakes_in_the_file),
		AT_HOME(test_mistakes_in_the_environment),
		AT_HOME(test_mistakes_of_kubectl_ai),
		AT_HOME(test_commands_start_from_settings),
		AT_HOME(test_help_works_with_a_broken_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
