/* SPDX-License-Identifier: Apache-2.0 */
/* setup.c - `setup`: what an administrator puts into a cluster once, and away with it. */
#include <string.h>

#include "plugin/base/yaml.h"
#include "plugin/commands/cluster.h"
#include "plugin/sandbox/installation.h"
#include "plugin/sandbox/served.h"

struct values {
	bool print, uninstall, force, force_conflicts;
	const char *dry_run;
	struct asb_strings users, groups;
};

struct setup {
	const struct values *values;
	const char *namespace_;
	bool dry_run;
	struct asb_cluster cluster;
};

static const struct asb_command_option options[] = {
	{"print", 0, ASB_OPTION_FLAG, offsetof(struct values, print), NULL,
	 "print the objects as YAML instead, without asking the cluster"},
	{"bind-user", 0, ASB_OPTION_LIST, offsetof(struct values, users), "NAME",
	 "let this user use it too, as `kubectl auth whoami` names them; may be repeated"},
	{"bind-group", 0, ASB_OPTION_LIST, offsetof(struct values, groups), "NAME",
	 "let this group use it too; may be repeated"},
	{"dry-run", 0, ASB_OPTION_STRING, offsetof(struct values, dry_run), "MODE",
	 "\"server\": the server checks everything and stores nothing"},
	{"force-conflicts", 0, ASB_OPTION_FLAG, offsetof(struct values, force_conflicts), NULL,
	 "take over what others manage: fields, and a namespace that was there before"},
	{"uninstall", 0, ASB_OPTION_FLAG, offsetof(struct values, uninstall), NULL,
	 "delete what setup has made"},
	{"force", 0, ASB_OPTION_FLAG, offsetof(struct values, force), NULL,
	 "with --uninstall: even while sandboxes live, which stay until their end"},
	{0},
};

static int check(const struct values *values, const struct asb_operands *operands,
		 struct asb_error *err)
{
	bool binds = values->users.count + values->groups.count > 0;

	if (operands->count > 0)
		return asb_fail_usage(err, "setup takes no operands");
	if (values->dry_run != NULL && strcmp(values->dry_run, "server") != 0) {
		asb_fail_usage(err, "--dry-run: unknown mode \"%s\"", values->dry_run);
		return asb_hint(err, "use --dry-run=server, or --print");
	}
	if (values->uninstall && (values->print || binds || values->force_conflicts))
		return asb_fail_usage(err, "--uninstall goes with --dry-run and --force only");
	if (values->force && !values->uninstall) {
		asb_fail_usage(err, "--force is for --uninstall");
		return asb_hint(err, "--force-conflicts takes over what others manage");
	}
	if (values->print && (values->dry_run != NULL || values->force_conflicts))
		return asb_fail_usage(err, "--print asks no cluster, so that --dry-run and "
					   "--force-conflicts mean nothing");
	return 0;
}

/* Pods there would have to be "restricted", those of the cluster itself too. */
static int check_namespace(const char *namespace_, struct asb_error *err)
{
	if (asb_cluster_check_name("--namespace", namespace_, err) != 0)
		return -1;
	if (strcmp(namespace_, "default") != 0 && strncmp(namespace_, "kube-", 5) != 0)
		return 0;
	asb_fail_usage(err, "namespace \"%s\" is the cluster's own", namespace_);
	return asb_hint(err, "sandboxes live in a namespace of their own: choose another with -n");
}

/* --- the objects --- */

static int add_bindings(const struct setup *setup, const char *kind,
			const struct asb_strings *names, cJSON *objects, struct asb_error *err)
{
	for (size_t i = 0; i < names->count; i++) {
		if (names->items[i][0] == '\0')
			return asb_fail_usage(err, "the name of a %s is empty",
					      strcmp(kind, "User") == 0 ? "user" : "group");
		cJSON_AddItemToArray(objects, asb_installation_binding(setup->namespace_, kind,
								       names->items[i]));
	}
	return 0;
}

/* NULL: err. */
static cJSON *make_objects(const struct setup *setup, struct asb_error *err)
{
	cJSON *objects = asb_installation_objects(setup->namespace_);

	if (add_bindings(setup, "User", &setup->values->users, objects, err) == 0 &&
	    add_bindings(setup, "Group", &setup->values->groups, objects, err) == 0)
		return objects;
	cJSON_Delete(objects);
	return NULL;
}

static void print(const cJSON *objects)
{
	const cJSON *object;

	puts("# kubectl agentsandbox " ASB_VERSION ", setup --print");
	cJSON_ArrayForEach(object, objects)
	{
		ASB_TEXT text = asb_yaml_print(object);

		printf("---\n%s", text);
	}
}

/* --- applying --- */

static void tell_change(const struct setup *setup, const cJSON *object,
			enum asb_installation_change change)
{
	static const char *const words[] = {
		[ASB_INSTALLATION_APPLIED] = "serverside-applied",
		[ASB_INSTALLATION_UNCHANGED] = "unchanged",
		[ASB_INSTALLATION_NOT_TRIED] = "not tried, as its namespace does not exist yet",
	};
	ASB_TEXT name = asb_installation_name(object);

	printf("%s %s%s\n", name, words[change], setup->dry_run ? " (server dry run)" : "");
	fflush(stdout); /* what is done is to be seen, whatever comes next */
}

/* What setup can't do for anybody. */
static void warn_of_missing_controller(const struct setup *setup)
{
	struct asb_error missing = ASB_ERROR_INIT;

	if (setup->cluster.api != NULL || asb_served(setup->cluster.http, &missing) != NULL)
		return;
	fputs("warning: ", stderr);
	asb_print_safely(stderr, missing.message);
	fputs("\nhint: ", stderr);
	asb_print_safely(stderr, missing.hint);
	fputs("; until then there are plain pods: run --sandbox k8s\n", stderr);
}

static int apply(const struct setup *setup, const cJSON *objects, struct asb_error *err)
{
	const struct asb_installation_mode mode = {setup->dry_run, setup->values->force_conflicts};
	const cJSON *object;

	if (asb_installation_require(setup->cluster.http, setup->namespace_, err) != 0)
		return -1;
	cJSON_ArrayForEach(object, objects)
	{
		enum asb_installation_change change;

		if (asb_installation_apply(setup->cluster.http, object, &mode, &change, err) != 0)
			return -1;
		tell_change(setup, object, change);
	}
	warn_of_missing_controller(setup);
	return 0;
}

/* --- uninstalling --- */

static int check_living(const struct setup *setup, struct asb_error *err)
{
	ASB_JSON living = asb_installation_living(setup->cluster.http, setup->cluster.api,
						  setup->namespace_, err);
	struct asb_buffer names = ASB_BUFFER_INIT;
	const cJSON *name;

	if (living == NULL)
		return -1;
	cJSON_ArrayForEach(name, living)
	{
		asb_buffer_addf(&names, "%s%s", names.length > 0 ? ", " : "", name->valuestring);
	}
	if (names.length > 0) {
		asb_fail(err, "sandboxes still live in namespace \"%s\": %s", setup->namespace_,
			 names.data);
		asb_hint(
			err,
			"kubectl agentsandbox -n %s delete --all (pools: pool delete NAME) deletes "
			"them; --force leaves them to their end",
			setup->namespace_);
	}
	asb_buffer_release(&names);
	return asb_failed(err) ? -1 : 0;
}

static int remove_one(const struct setup *setup, const cJSON *object, struct asb_error *err)
{
	ASB_TEXT name = asb_installation_name(object);
	struct asb_buffer why = ASB_BUFFER_INIT;
	int rc = asb_installation_delete(setup->cluster.http, object, setup->dry_run, &why, err);

	if (rc == 0)
		printf("%s deleted%s\n", name, setup->dry_run ? " (server dry run)" : "");
	else if (rc > 0) {
		printf("%s stays: ", name);
		asb_print_safely(stdout, why.data);
		putchar('\n');
	}
	fflush(stdout);
	asb_buffer_release(&why);
	return rc < 0 ? -1 : 0;
}

static int uninstall(const struct setup *setup, struct asb_error *err)
{
	ASB_JSON present = NULL;
	const cJSON *object;

	if (!setup->values->force && check_living(setup, err) != 0)
		return -1;
	present = asb_installation_present(setup->cluster.http, setup->namespace_, err);
	if (present == NULL)
		return -1;
	if (present->child == NULL)
		fprintf(stderr, "Nothing of setup is there for namespace %s.\n", setup->namespace_);
	cJSON_ArrayForEach(object, present)
	{
		if (remove_one(setup, object, err) != 0)
			return -1;
	}
	return 0;
}

/* --- the command --- */

static int run_setup(const struct asb_context *context, const void *values,
		     const struct asb_operands *operands, struct asb_error *err)
{
	const struct values *own = values;
	struct setup setup = {
		.values = own,
		.namespace_ = context->namespace_,
		.dry_run = own->dry_run != NULL,
	};
	ASB_JSON objects = NULL;
	int rc = -1;

	if (check(own, operands, err) != 0 || check_namespace(setup.namespace_, err) != 0)
		return -1;
	objects = make_objects(&setup, err);
	if (objects == NULL)
		return -1;
	if (own->print) {
		print(objects);
		return 0;
	}
	if (asb_cluster_open_any(&setup.cluster, context, err) == 0)
		rc = own->uninstall ? uninstall(&setup, err) : apply(&setup, objects, err);
	asb_cluster_close(&setup.cluster);
	return rc;
}

const struct asb_command asb_command_setup = {
	.name = "setup",
	.summary = "Prepares a cluster: namespace, rights of users and of sandboxes",
	.usage = "setup [--bind-user NAME] [--dry-run=server] [--force-conflicts]\n"
		 "setup --print\n"
		 "setup --uninstall [--force]",
	.description =
		"For administrators, once per cluster: applies the namespace of the sandboxes, the "
		"ServiceAccount that commands inside have, with the right to read everything but "
		"Secrets, and the Role that users need, bound to the group \"agentsandbox:users\". "
		"Applying it again changes nothing. agent-sandbox itself is not part of it.\n"
		"With -n everything is for that namespace, beside what others have.\n"
		"--uninstall deletes what setup has made, and the namespace if nothing else is in "
		"it. It refuses while sandboxes live.",
	.examples = "setup --bind-user alice@example.com\n"
		    "setup --print > agentsandbox.yaml\n"
		    "-n team-a setup --dry-run=server",
	.options = options,
	.values_size = sizeof(struct values),
	.settings = true,
	.run = run_setup,
};
