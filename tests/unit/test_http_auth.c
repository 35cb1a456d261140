/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as whom the kubeconfig says: impersonation, credential plugins and refusals, flags about
 * requests, and what -v tells of it all. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cmocka.h>

#include "plugin/base/clock.h"
#include "plugin/kube/api.h"
#include "plugin/kube/credential_parts.h"
#include "tests/unit/fake_server.h"

static char dir[64];

static char *in_dir(const char *name)
{
	return asb_strf("%s/%s", dir, name);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	ASB_TEXT path = in_dir(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Tokens t1, t2 ..., a new one for each run. */
static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/asb-http-auth-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	write_file("plugin",
		   "#!/bin/sh\ncd \"$(dirname \"$0\")\"; echo >>runs; [ ! -e broken ] || exit 4\n"
		   "echo \"{\\\"kind\\\":\\\"ExecCredential\\\",\\\"apiVersion\\\":"
		   "\\\"client.authentication.k8s.io/v1\\\",\\\"status\\\":{\\\"token\\\":"
		   "\\\"t$(wc -l <runs)\\\"}}\"\n",
		   0700);
	return 0;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"plugin", "runs", "broken", "stderr"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ASB_TEXT path = in_dir(names[i]);

		unlink(path);
	}
	return rmdir(dir);
}

/* --- a server that accepts one token ---------------------------------------------------------- */

struct world {
	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	const char *accepted; /* the value of Authorization */
	int64_t pause_ms;     /* before an answer */
	bool hangs_up;	      /* on all that is refused but the first */
	unsigned refused;
};

static bool serve(void *context, const struct fake_request *request)
{
	static const char *const names[] = {"Accept-Encoding", "Impersonate-User",
					    "Impersonate-Uid", "Impersonate-Group",
					    "Impersonate-Extra-a%20b"};
	struct world *world = context;
	ASB_TEXT authorization = fake_header(request, "Authorization");
	struct asb_buffer text = ASB_BUFFER_INIT;

	if (world->pause_ms > 0)
		poll(NULL, 0, (int)world->pause_ms);
	if (world->accepted != NULL &&
	    (authorization == NULL || strcmp(authorization, world->accepted) != 0)) {
		if (world->hangs_up && world->refused++ > 0)
			return false;
		fake_answer(request, 401, "", "{\"kind\":\"Status\"}");
		return true;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ASB_TEXT value = fake_header(request, names[i]);

		asb_buffer_addf(&text, "%s=%s\n", names[i], value == NULL ? "(none)" : value);
	}
	asb_buffer_add(&text, request->body, request->body_length);
	fake_answer(request, 200, "Set-Cookie: hush-cookie\r\n", text.data);
	asb_buffer_release(&text);
	return true;
}

#define CONFIG(user)                                                                            \
	"current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: " \
	"[{name: c, cluster: {server: 'https://h'}}]\nusers: [{name: u, user: " user "}]\n"
#define PLUGIN                                                                            \
	CONFIG("{exec: {command: ./plugin, apiVersion: client.authentication.k8s.io/v1, " \
	       "interactiveMode: Never}}")

/* The configuration is for a server with TLS; ours has none, so it takes its place afterwards. */
static void open_world(struct world *world, const char *config,
		       const struct asb_kubeconfig_flags *flags)
{
	static const struct asb_kubeconfig_env env;
	struct asb_kubeconfig_files files = {0};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT path = in_dir("config");

	memset(world, 0, sizeof(*world));
	if (asb_kubeconfig_files_add_text(&files, path, config, strlen(config), &err) != 0 ||
	    asb_kubeconfig_resolve(&files, flags, &env, &world->kubeconfig, &err) != 0)
		fail_msg("%s", err.message);
	asb_kubeconfig_files_release(&files);
	fake_start(&world->server, serve, world);
	free(world->kubeconfig.server);
	world->kubeconfig.server = asb_strdup(world->server.url);
	world->http = asb_http_new(&world->kubeconfig, &err);
	assert_non_null(world->http);
}

static void close_world(struct world *world)
{
	asb_http_free(world->http);
	asb_kubeconfig_release(&world->kubeconfig);
	fake_stop(&world->server);
}

static void run(struct world *world, struct asb_http_request *request)
{
	struct asb_error err = ASB_ERROR_INIT;

	if (asb_http_start(world->http, request, &err) != 0 ||
	    asb_http_wait(world->http, &request, 1, &err) != 0)
		fail_msg("%s", err.message);
	assert_true(request->done);
	assert_null(request->transfer);
}

static size_t plugin_runs(void)
{
	ASB_TEXT path = in_dir("runs");
	struct stat status;

	return stat(path, &status) == 0 ? (size_t)status.st_size : 0;
}

static const struct asb_kubeconfig_flags plain = {.no_credential_cache = true};

static void impersonation_is_sent(void **state)
{
	static const char *extra[] = {"a b=c"};
	static const char *groups[] = {"g1"};
	static const struct asb_kubeconfig_flags flags = {.as = "jane",
							  .as_uid = "7",
							  .as_group = {groups, 1},
							  .as_user_extra = {extra, 1},
							  .disable_compression = true};
	struct asb_http_request request;
	struct world world;

	(void)state;
	open_world(&world, CONFIG("{token: t}"), &flags);
	asb_http_request_init(&request, "GET", "/x");
	run(&world, &request);
	assert_string_equal(request.response.data,
			    "Accept-Encoding=(none)\nImpersonate-User=jane\nImpersonate-Uid=7\n"
			    "Impersonate-Group=g1\nImpersonate-Extra-a%20b=c\n");
	asb_http_request_release(&request);
	close_world(&world);
}

static void a_refusal_is_asked_again_with_new_credentials(void **state)
{
	struct asb_http_request request;
	struct world world;

	(void)state;
	open_world(&world, PLUGIN, &plain);
	world.accepted = "Bearer t2";
	asb_http_request_init(&request, "POST", "/x");
	request.body = "{}";
	request.body_length = 2;
	run(&world, &request);
	assert_int_equal(request.status, 200);
	assert_non_null(strstr(request.response.data, "{}"));
	assert_int_equal(plugin_runs(), 2);
	run(&world, &request); /* and they are kept */
	assert_int_equal(request.status, 200);
	assert_int_equal(plugin_runs(), 2);
	/* Once: what is refused then is refused. */
	world.accepted = "Bearer nobody has it";
	run(&world, &request);
	assert_int_equal(request.status, 401);
	assert_int_equal(plugin_runs(), 3);
	asb_http_request_release(&request);
	close_world(&world);
}

static void refusals_side_by_side(bool hangs_up)
{
	struct asb_http_request requests[5];
	struct asb_http_request *list[5];
	struct asb_error err = ASB_ERROR_INIT;
	struct world world;

	open_world(&world, PLUGIN, &plain);
	world.accepted = "Bearer t2";
	world.hangs_up = hangs_up;
	for (size_t i = 0; i < 5; i++) {
		list[i] = &requests[i];
		asb_http_request_init(&requests[i], "GET", "/x");
		assert_int_equal(asb_http_start(world.http, &requests[i], &err), 0);
	}
	assert_int_equal(asb_http_wait(world.http, list, 5, &err), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(requests[i].status, 200);
		asb_http_request_release(&requests[i]);
	}
	assert_int_equal(plugin_runs(), 2);
	close_world(&world);
}

static void refusals_side_by_side_have_the_plugin_run_once(void **state)
{
	(void)state;
	refusals_side_by_side(false);
}

/* As an API server does that closes the connection on which it saw bad credentials. */
static void what_is_lost_with_refused_credentials_is_asked_again(void **state)
{
	(void)state;
	refusals_side_by_side(true);
}

static void a_plugin_that_fails_is_the_error(void **state)
{
	struct asb_http_request request;
	struct asb_error err = ASB_ERROR_INIT;
	struct world world;

	(void)state;
	open_world(&world, PLUGIN, &plain);
	world.accepted = "Bearer t9";
	asb_http_request_init(&request, "GET", "/x");
	assert_int_equal(asb_http_start(world.http, &request, &err), 0); /* runs it */
	write_file("broken", "", 0600);
	assert_int_equal(
		asb_http_wait(world.http, (struct asb_http_request *[]){&request}, 1, &err), 0);
	assert_int_equal(request.status, 0);
	assert_int_equal(asb_api_check(&request, &err), -1);
	assert_non_null(strstr(err.message, "getting credentials: exec: executable "));
	assert_non_null(strstr(err.message, "failed with exit code 4"));
	asb_http_request_release(&request);
	close_world(&world);

	open_world(&world, PLUGIN, &plain);
	asb_http_request_init(&request, "GET", "/x");
	assert_int_equal(asb_http_start(world.http, &request, &err), -1);
	assert_non_null(strstr(err.message, "failed with exit code 4"));
	asb_http_request_release(&request);
	close_world(&world);
}

static int ignore(void *context, const char *bytes, size_t n)
{
	(void)context;
	(void)bytes;
	(void)n;
	return 0;
}

static void the_timeout_is_for_requests_and_not_for_watches(void **state)
{
	static const struct asb_kubeconfig_flags flags = {.request_timeout = "100ms"};
	struct asb_http_request request;
	struct world world;

	(void)state;
	open_world(&world, CONFIG("{token: t}"), &flags);
	world.pause_ms = 500;
	asb_http_request_init(&request, "GET", "/x");
	request.timeout_ms = 30000;
	run(&world, &request);
	assert_int_equal(request.status, 0);
	assert_non_null(strstr(request.error.message, "within 100ms"));
	asb_http_request_release(&request);
	asb_http_request_init(&request, "GET", "/watch");
	request.on_data = ignore;
	run(&world, &request);
	assert_int_equal(request.status, 200);
	asb_http_request_release(&request);
	close_world(&world);
}

/* --- -v --------------------------------------------------------------------------------------- */

/* What one request writes on stderr; heap. */
static char *told(const char *config, int verbosity)
{
	struct asb_kubeconfig_flags flags = {.verbosity = verbosity, .no_credential_cache = true};
	ASB_TEXT path = in_dir("stderr");
	struct asb_buffer text = ASB_BUFFER_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_http_request request;
	struct world world;
	int saved = dup(STDERR_FILENO);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(saved >= 0 && fd >= 0);
	open_world(&world, config, &flags);
	asb_http_request_init(&request, "POST", "/some/path?q=1");
	request.body = "{\"token\":\"hush-other\",\"x\":\"hush-token\",\"key\":\"value\"}";
	request.body_length = strlen(request.body);
	dup2(fd, STDERR_FILENO);
	run(&world, &request);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	asb_http_request_release(&request);
	close_world(&world);
	close(saved);
	close(fd);
	assert_int_equal(asb_file_read(path, 1 << 20, &text, &err), 0);
	return asb_buffer_steal(&text);
}

static void levels_tell_more_and_never_secrets(void **state)
{
	static const struct {
		int verbosity;
		const char *part; /* told from that level on, and not below */
	} parts[] = {
		{6, "/some/path?q=1 200 in "},
		{7, "> Authorization: <masked>\n"},
		{7, "> Content-Type: application/json\n"},
		{7, "< Set-Cookie: <masked>\n"},
		{8,
		 "request body: {\"token\":\"**********\",\"x\":\"<masked>\",\"key\":\"value\"}"},
		{8, "response body: Accept-Encoding=gzip\n"},
	};

	(void)state;
	for (int level = 0; level <= 10; level++) {
		ASB_TEXT text = told(CONFIG("{token: hush-token}"), level);

		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			if ((strstr(text, parts[i].part) != NULL) != (level >= parts[i].verbosity))
				fail_msg("level %d: \"%s\" in: %s", level, parts[i].part, text);
		}
		assert_null(strstr(text, "hush"));
		assert_true(level >= 6 || text[0] == '\0');
	}
}

static void passwords_and_plugins_tokens_are_masked_too(void **state)
{
	ASB_TEXT basic = told(CONFIG("{username: joe, password: hush-token}"), 10);
	ASB_TEXT plugin = told(PLUGIN, 10);

	(void)state;
	assert_null(strstr(basic, "hush"));
	assert_non_null(strstr(basic, "> Authorization: <masked>"));
	assert_null(strstr(plugin, "t1"));
	assert_non_null(strstr(plugin, "> Authorization: <masked>"));
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impersonation_is_sent),
		IN_DIR(a_refusal_is_asked_again_with_new_credentials),
		IN_DIR(refusals_side_by_side_have_the_plugin_run_once),
		IN_DIR(what_is_lost_with_refused_credentials_is_asked_again),
		IN_DIR(a_plugin_that_fails_is_the_error),
		cmocka_unit_test(the_timeout_is_for_requests_and_not_for_watches),
		IN_DIR(levels_tell_more_and_never_secrets),
		IN_DIR(passwords_and_plugins_tokens_are_masked_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
