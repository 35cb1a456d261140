/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/run_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/buffer.h"
#include "plugin/commands/run_rows.h"
#include "plugin/sandbox/labels.h"
#include "plugin/sandbox/spec.h"

#define LEAST_LEASE_MS 10000
#define LEAST_READY_MS 1000
#define LONGEST_NAME 253u
#define LONGEST_SUGGESTION 200u /* a longer command line is not repeated in a hint */

const struct asb_command_option asb_run_options[] = {
	ASB_JOB_OPTIONS,
	ASB_KIND_OPTIONS,
	ASB_SANDBOX_OPTIONS,
	{"name", 0, ASB_OPTION_STRING, ASB_RUN_AT(name), "NAME",
	 "name of the sandbox (default run- and ten random characters)"},
	{"keep", 0, ASB_OPTION_FLAG, ASB_RUN_AT(keep), NULL,
	 "keep the sandbox for an hour after the end, to look at it"},
	{"lease", 0, ASB_OPTION_DURATION, ASB_RUN_AT(lease_ms), "DURATION",
	 "how long the sandbox outlives us when we vanish (default " ASB_DEFAULT_LEASE
	 ", at least 10s)"},
	ASB_READY_OPTION,
	ASB_OUTPUT_OPTIONS,
	ASB_QUIET_OPTION,
	{0},
};

const struct asb_command_option asb_exec_options[] = {
	ASB_JOB_OPTIONS,
	ASB_POOL_OPTIONS,
	{"detach", 'd', ASB_OPTION_FLAG, ASB_RUN_AT(detach), NULL,
	 "leave the command in the sandbox and print its id, for \"attach\", \"wait\", \"kill\" "
	 "and "
	 "\"jobs\""},
	{"no-persist", 0, ASB_OPTION_FLAG, ASB_RUN_AT(no_persist), NULL,
	 "open a connection for this command alone, and leave none for the next"},
	ASB_OUTPUT_OPTIONS,
	ASB_QUIET_OPTION,
	{0},
};

const struct asb_run_values asb_run_defaults = ASB_RUN_DEFAULTS;

/* --- what to run --- */

/* "run "a b"" and "run -- a b" for words that could mean either. */
static int too_many_operands(const struct asb_context *context, const char *verb,
			     const struct asb_operands *operands, struct asb_error *err)
{
	struct asb_buffer line = ASB_BUFFER_INIT;
	size_t i;

	for (i = 0; i < operands->count; i++)
		asb_buffer_addf(&line, "%s%s", i == 0 ? "" : " ", operands->items[i]);
	if (line.length > LONGEST_SUGGESTION || strpbrk(line.data, "\"$`\\\n") != NULL) {
		asb_buffer_reset(&line);
		asb_buffer_addstr(&line, "...");
	}
	asb_fail_usage(err, "%zu words where one command line belongs", operands->count);
	asb_hint(err,
		 "put a command line for the shell in quotes:    %s %s \"%s\"\n"
		 "or name a program and its arguments behind --:  %s %s -- %s",
		 context->program, verb, line.data, context->program, verb, line.data);
	asb_buffer_release(&line);
	return -1;
}

static int missing_command(const struct asb_context *context, const char *verb, const char *what,
			   struct asb_error *err)
{
	asb_fail_usage(err, "%s", what);
	return asb_hint(err,
			"%s %s \"kubectl get pods -A\"\n"
			"%s %s -- kubectl get pods -A",
			context->program, verb, context->program, verb);
}

/* `verb` is what stands before the command: "run", "exec NAME". */
static int plan_command(struct asb_run_plan *plan, const struct asb_context *context,
			const char *verb, const struct asb_operands *operands,
			struct asb_error *err)
{
	if (operands->count == 0)
		return missing_command(context, verb, "there is no command to run", err);
	if (operands->items[0][0] == '\0')
		return missing_command(context, verb, "the command is empty", err);
	if (operands->dashdash > 0)
		return missing_command(context, verb,
				       "a command line before -- and a program behind it", err);
	if (operands->dashdash < 0 && operands->count > 1)
		return too_many_operands(context, verb, operands, err);
	if (operands->dashdash < 0) {
		plan->job.line = operands->items[0];
		return 0;
	}
	plan->words = asb_calloc(operands->count + 1, sizeof *plan->words);
	memcpy(plan->words, operands->items, operands->count * sizeof *plan->words);
	plan->job.argv = plan->words;
	return 0;
}

/* --- how to run it --- */

static int check_env(const struct asb_strings *env, struct asb_error *err)
{
	size_t i;

	for (i = 0; i < env->count; i++) {
		const char *equals = strchr(env->items[i], '=');

		if (equals == NULL) {
			asb_fail_usage(err, "--env %s has no value", env->items[i]);
			return asb_hint(err,
					"local variables never reach the sandbox by themselves; "
					"say what to send: --env %s=VALUE",
					env->items[i]);
		}
		if (equals == env->items[i]) {
			asb_fail_usage(err, "--env \"%s\" has no name", env->items[i]);
			return asb_hint(err, "write it as --env NAME=VALUE");
		}
	}
	return 0;
}

static bool same_variable(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return n == strcspn(b, "=") && strncmp(a, b, n) == 0;
}

/* As kubectl has it: without a terminal on stdin there is none for the command. */
static void plan_tty(struct asb_run_plan *plan, bool wanted)
{
	const char *term = getenv("TERM");

	if (wanted && !plan->stdin_)
		plan->note = "-t has no effect without -i";
	else if (wanted && !isatty(STDIN_FILENO))
		plan->note = "unable to use a TTY: stdin is not a terminal";
	plan->job.tty = wanted && plan->note == NULL;
	if (plan->job.tty && term != NULL && term[0] != '\0')
		plan->term = asb_strf("TERM=%s", term);
}

static int check_tty(const struct asb_run_values *values, struct asb_error *err)
{
	if (!values->tty || values->output == NULL)
		return 0;
	asb_fail_usage(err, "-t with -o json");
	return asb_hint(err, "a terminal shows what the command says, json is for programs: leave "
			     "one of the two out");
}

/* What an environment with a name in it twice means is every program's own guess. */
static void plan_env(struct asb_run_plan *plan, const struct asb_strings *env)
{
	size_t count = 0, i, at;

	if (env->count == 0 && plan->term == NULL)
		return;
	plan->env = asb_calloc(env->count + 2, sizeof *plan->env);
	if (plan->term != NULL)
		plan->env[count++] = plan->term;
	for (i = 0; i < env->count; i++) {
		for (at = 0; at < count; at++)
			if (same_variable(plan->env[at], env->items[i]))
				break;
		plan->env[at] = env->items[i];
		count += at == count ? 1 : 0;
	}
	plan->job.env = plan->env;
}

static int check_workdir(const char *workdir, struct asb_error *err)
{
	if (workdir != NULL && workdir[0] != '/') {
		asb_fail_usage(err, "--workdir \"%s\" is not absolute", workdir);
		return asb_hint(err, "it is a directory inside the sandbox, such as /workspace/%s",
				workdir);
	}
	return 0;
}

/* A DNS subdomain (RFC 1123): labels separated by dots. */
static bool is_dns_name(const char *text)
{
	if (strlen(text) > LONGEST_NAME)
		return false;
	for (;;) {
		size_t n = strcspn(text, ".");
		ASB_TEXT label = asb_strndup(text, n);

		if (!asb_is_dns_label(label))
			return false;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}

int asb_check_object_name(const char *option, const char *value, struct asb_error *err)
{
	if (value == NULL || is_dns_name(value))
		return 0;
	asb_fail_usage(err, "%s \"%s\" is no valid name", option, value);
	return asb_hint(err, "use lower case letters, digits, '-' and '.', with a letter or digit "
			     "at both ends");
}

int asb_check_arch(const char *arch, struct asb_error *err)
{
	if (arch == NULL || strcmp(arch, "amd64") == 0 || strcmp(arch, "arm64") == 0)
		return 0;
	asb_fail_usage(err, "--arch \"%s\" is unknown", arch);
	return asb_hint(err, "use amd64 (x86_64) or arm64 (aarch64)");
}

static int check_detach(const struct asb_run_values *values, const struct asb_operands *operands,
			struct asb_error *err)
{
	bool streams = values->stdin_ || values->tty || values->output != NULL;

	if (!values->detach || (!streams && !asb_operands_gave(operands, "pool")))
		return 0;
	asb_fail_usage(err, "--detach with --stdin, --tty, --output or --pool");
	return asb_hint(err,
			"a command that is left there has no stdin; \"attach\" shows its output, "
			"\"jobs -o json\" how it ended");
}

static int check_sandbox(const char *kind, struct asb_error *err)
{
	if (strcmp(kind, "agent-sandbox") == 0 || strcmp(kind, "k8s") == 0)
		return 0;
	asb_fail_usage(err, "--sandbox \"%s\" is unknown", kind);
	return asb_hint(err, "use agent-sandbox or k8s");
}

static int check_cold(const char *cold, struct asb_error *err)
{
	if (cold == NULL || strcmp(cold, "allow") == 0 || strcmp(cold, "never") == 0)
		return 0;
	asb_fail_usage(err, "--cold \"%s\" is unknown", cold);
	return asb_hint(err, "use allow or never");
}

static int check_output(const char *output, struct asb_error *err)
{
	if (output == NULL || strcmp(output, "json") == 0)
		return 0;
	asb_fail_usage(err, "--output: unknown format \"%s\"", output);
	return asb_hint(err, "use -o json, or leave it out");
}

static int check_times(const struct asb_run_values *values, struct asb_error *err)
{
	if (values->lease_ms < LEAST_LEASE_MS) {
		asb_fail_usage(err, "--lease is shorter than 10s");
		return asb_hint(err, "the sandbox must outlive a slow answer of the API server; "
				     "the default is 2m");
	}
	if (values->ready_timeout_ms < LEAST_READY_MS) {
		asb_fail_usage(err, "--ready-timeout is shorter than 1s");
		return asb_hint(err, "a sandbox needs a few seconds to start; the default is 5m");
	}
	return 0;
}

static struct asb_sandbox_options sandbox_options(const struct asb_run_values *values,
						  const char *namespace_)
{
	return (struct asb_sandbox_options){
		.namespace_ = namespace_ == NULL ? ASB_DEFAULT_NAMESPACE : namespace_,
		.name = values->name,
		.image = values->image,
		.image_pull_policy = values->image_pull_policy,
		.runtime_class = asb_given_text(values->runtime_class),
		.arch = asb_given_text(values->arch),
		.service_account = values->service_account,
		.cpu = values->cpu,
		.memory = values->memory,
		.user = values->user,
		.ready_timeout_ms = values->ready_timeout_ms,
		.lease_ms = values->lease_ms,
		.run_timeout_ms = values->timeout_ms,
		.mode = strcmp(values->sandbox, "k8s") == 0 ? ASB_MODE_POD : ASB_MODE_SANDBOX,
		.pool = asb_given_text(values->pool),
		.cold = values->cold != NULL && strcmp(values->cold, "never") == 0 ? ASB_COLD_NEVER
										   : ASB_COLD_ALLOW,
		.keep = values->keep,
	};
}

int asb_run_values_check(const struct asb_run_values *values, const char *namespace_,
			 struct asb_error *err)
{
	struct asb_sandbox_options sandbox = sandbox_options(values, namespace_);

	if (check_env(&values->env, err) != 0 || check_workdir(values->workdir, err) != 0 ||
	    check_sandbox(values->sandbox, err) != 0 || check_cold(values->cold, err) != 0 ||
	    asb_check_object_name("--pool", asb_given_text(values->pool), err) != 0 ||
	    asb_check_object_name("--runtime-class", asb_given_text(values->runtime_class), err) !=
		    0 ||
	    asb_check_object_name("--service-account", values->service_account, err) != 0 ||
	    asb_check_arch(asb_given_text(values->arch), err) != 0 ||
	    check_output(values->output, err) != 0 || check_times(values, err) != 0)
		return -1;
	return asb_spec_check(&sandbox, err);
}

static int plan_init(struct asb_run_plan *plan, const struct asb_context *context,
		     const struct asb_run_values *values, const char *verb,
		     const struct asb_operands *operands, struct asb_error *err)
{
	*plan = (struct asb_run_plan){0};
	plan->json = values->output != NULL;
	plan->quiet = values->quiet;
	plan->stdin_ = values->stdin_;
	plan->persist = !values->no_persist;
	plan->job.has_stdin = values->stdin_;
	plan->job.timeout_ms = values->timeout_ms;
	plan->job.cwd = values->workdir;
	if (plan_command(plan, context, verb, operands, err) != 0 ||
	    asb_run_values_check(values, context->namespace_, err) != 0 ||
	    check_tty(values, err) != 0 || check_detach(values, operands, err) != 0)
		return -1;
	plan_tty(plan, values->tty);
	plan_env(plan, &values->env);
	plan->sandbox = sandbox_options(values, context->namespace_);
	return asb_run_choose_kind(&plan->sandbox, operands, err);
}

int asb_run_plan_init(struct asb_run_plan *plan, const struct asb_context *context,
		      const struct asb_run_values *values, const struct asb_operands *operands,
		      struct asb_error *err)
{
	return plan_init(plan, context, values, "run", operands, err);
}

/* The first operand is the sandbox. */
int asb_exec_plan_init(struct asb_run_plan *plan, const struct asb_context *context,
		       const struct asb_run_values *values, const struct asb_operands *operands,
		       struct asb_error *err)
{
	const char *name = operands->count == 0 ? NULL : operands->items[0];
	struct asb_operands command = *operands;
	ASB_TEXT verb = NULL;

	*plan = (struct asb_run_plan){0};
	if (name == NULL || operands->dashdash == 0) {
		asb_fail_usage(err, "there is no sandbox to run a command in");
		return asb_hint(err, "%s exec NAME \"kubectl get pods -A\"", context->program);
	}
	if (!asb_is_dns_label(name))
		return asb_fail_usage(err, "\"%s\" can't be the name of a sandbox", name);
	command.items++;
	command.count--;
	command.dashdash -= operands->dashdash < 0 ? 0 : 1;
	verb = asb_strf("exec %s", name);
	if (plan_init(plan, context, values, verb, &command, err) != 0)
		return -1;
	plan->sandbox = (struct asb_sandbox_options){
		.namespace_ = plan->sandbox.namespace_,
		.name = name,
		.ready_timeout_ms = values->ready_timeout_ms,
	};
	return 0;
}

int asb_create_plan_init(struct asb_run_plan *plan, const struct asb_context *context,
			 const struct asb_run_values *values, const struct asb_operands *operands,
			 struct asb_error *err)
{
	*plan = (struct asb_run_plan){0};
	plan->quiet = values->quiet;
	if (asb_run_values_check(values, context->namespace_, err) != 0)
		return -1;
	plan->sandbox = sandbox_options(values, context->namespace_);
	return asb_run_choose_kind(&plan->sandbox, operands, err);
}

void asb_run_plan_release(struct asb_run_plan *plan)
{
	free(plan->words);
	free(plan->env);
	free(plan->term);
	*plan = (struct asb_run_plan){0};
}
