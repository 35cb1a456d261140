/* SPDX-License-Identifier: Apache-2.0 */
/* Credential plugins: how they are configured, started, believed, kept and asked again. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/kube/credential_parts.h"
#include "plugin/kube/keypair.h"
#include "tests/unit/fake_tls.h"

#define V1 "client.authentication.k8s.io/v1"
#define V1BETA1 "client.authentication.k8s.io/v1beta1"

/* --- a folder with a plugin in it ------------------------------------------------------------- */

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

static char *read_file(const char *name)
{
	ASB_TEXT path = in_dir(name);
	struct asb_buffer text = ASB_BUFFER_INIT;
	struct asb_error err = ASB_ERROR_INIT;

	asb_file_read(path, 1 << 20, &text, &err);
	return asb_buffer_steal(&text);
}

static int make_dir(void **state)
{
	ASB_TEXT cache = NULL;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/asb-credential-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	cache = in_dir("cache");
	return setenv("XDG_CACHE_HOME", cache, 1);
}

static int remove_dir(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	unsetenv("XDG_CACHE_HOME");
	if (pid == 0) {
		execlp("rm", "rm", "-rf", dir, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* The plugin counts its runs in "runs" and prints the file "answer". */
static void make_plugin(const char *extra)
{
	ASB_TEXT text =
		asb_strf("#!/bin/sh\necho run >>'%s/runs'\n%s\ncat '%s/answer'\n", dir, extra, dir);

	write_file("plugin", text, 0700);
}

static size_t runs(void)
{
	ASB_TEXT text = read_file("runs");

	return strlen(text) / strlen("run\n");
}

static void make_answer(const char *token, int seconds)
{
	time_t then = time(NULL) + seconds;
	char expiry[32];
	struct tm tm;
	ASB_TEXT text = NULL;

	gmtime_r(&then, &tm);
	strftime(expiry, sizeof(expiry), "%Y-%m-%dT%H:%M:%SZ", &tm);
	text = asb_strf("{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":"
			"{\"token\":\"%s\",\"expirationTimestamp\":\"%s\"}}",
			token, expiry);
	write_file("answer", text, 0600);
}

/* --- configurations --------------------------------------------------------------------------- */

#define CONFIG(user)                                                                         \
	"current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"        \
	"clusters:\n- name: c\n  cluster:\n    server: https://h/prefix/\n    extensions:\n" \
	"    - {name: other, extension: {a: b}}\n"                                           \
	"    - {name: client.authentication.k8s.io/exec, extension: {audience: me}}\n"       \
	"users:\n- name: u\n  user:\n    " user "\n"

#define EXEC(members) CONFIG("exec: {command: ./plugin, interactiveMode: Never" members "}")
#define PLUGIN EXEC(", apiVersion: " V1)

static int load(const char *text, const struct asb_kubeconfig_flags *flags,
		struct asb_kubeconfig *out, struct asb_error *err)
{
	static const struct asb_kubeconfig_flags none;
	static const struct asb_kubeconfig_env env;
	struct asb_kubeconfig_files files = {0};
	ASB_TEXT path = in_dir("config");
	int rc;

	asb_error_clear(err);
	rc = asb_kubeconfig_files_add_text(&files, path, text, strlen(text), err);
	if (rc == 0)
		rc = asb_kubeconfig_resolve(&files, flags == NULL ? &none : flags, &env, out, err);
	asb_kubeconfig_files_release(&files);
	return rc;
}

static char *token_of(const struct asb_kubeconfig *kubeconfig)
{
	struct asb_buffer token = ASB_BUFFER_INIT;

	asb_kubeconfig_token(kubeconfig, &token);
	return asb_buffer_steal(&token);
}

static void assert_token(const struct asb_kubeconfig *kubeconfig, const char *expected)
{
	ASB_TEXT token = token_of(kubeconfig);

	assert_string_equal(token, expected);
}

static void configurations_are_checked_as_kubectl_does(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{CONFIG("exec: 1"), "user \"u\": exec: expected a mapping"},
		{CONFIG("exec: {apiVersion: " V1 ", interactiveMode: Never}"),
		 "command must be specified for u to use exec authentication plugin"},
		{EXEC(""), "apiVersion must be specified for u to use exec authentication plugin"},
		{CONFIG("exec: {command: a, apiVersion: " V1 "}"),
		 "interactiveMode must be specified for u to use exec authentication plugin"},
		{CONFIG("exec: {command: a, apiVersion: " V1 ", interactiveMode: Sometimes}"),
		 "invalid interactiveMode for u: \"Sometimes\""},
		{EXEC(", apiVersion: client.authentication.k8s.io/v1alpha1"),
		 "exec plugin: invalid apiVersion \"client.authentication.k8s.io/v1alpha1\""},
		{EXEC(", apiVersion: " V1 ", args: [a, 1]"), "exec.args: expected a list of texts"},
		{EXEC(", apiVersion: " V1 ", args: a"), "exec.args: expected a list"},
		{EXEC(", apiVersion: " V1 ", env: [{value: a}]"),
		 "env variable name must be specified for u to use exec authentication plugin"},
		{EXEC(", apiVersion: " V1 ", env: [{name: a, value: 1}]"),
		 "exec.value: expected a text"},
		{CONFIG("{exec: {command: a}, auth-provider: {name: oidc}}"),
		 "authProvider cannot be provided in combination with an exec plugin for u"},
		{CONFIG("{token: t, exec: {command: a}}"), "apiVersion must be specified for u"},
		{CONFIG("auth-provider: {name: gcp}"), "the gcp auth plugin has been removed"},
		{CONFIG("auth-provider: {name: azure}"), "the azure auth plugin has been removed"},
		{CONFIG("{token: t, auth-provider: {name: gcp}}"),
		 "the gcp auth plugin has been removed"},
		{CONFIG("auth-provider: {name: mine}"), "no Auth Provider found for name \"mine\""},
		{CONFIG("auth-provider: {name: oidc, config: {client-id: c}}"),
		 "must provide idp-issuer-url"},
		{CONFIG("auth-provider: {name: oidc, config: {idp-issuer-url: i, client-id: c}}"),
		 "the id-token of user \"u\" has expired"},
		{CONFIG("auth-provider: {name: oidc, config: {idp-issuer-url: i, client-id: c, "
			"id-token: hush}}"),
		 "the id-token of user \"u\" is no JSON Web Token"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_error err = ASB_ERROR_INIT;
		struct asb_kubeconfig got;

		if (load(cases[i].text, NULL, &got, &err) == 0)
			fail_msg("case %zu was accepted: %s", i, cases[i].message);
		if (strstr(err.message, cases[i].message) == NULL)
			fail_msg("case %zu: \"%s\" lacks \"%s\"", i, err.message, cases[i].message);
		assert_null(strstr(err.message, "hush"));
		assert_null(got.credential);
	}
}

static void what_is_written_down_comes_first(void **state)
{
	static const struct asb_kubeconfig_flags flags = {.token = "flag"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(load(CONFIG("{token: t, exec: {command: a, apiVersion: " V1BETA1 "}}"),
			      NULL, &got, &err),
			 0);
	assert_null(got.credential);
	assert_string_equal(got.kind, "token");
	asb_kubeconfig_release(&got);
	assert_int_equal(load(PLUGIN, &flags, &got, &err), 0);
	assert_null(got.credential);
	assert_token(&got, "flag");
	asb_kubeconfig_release(&got);
}

/* --- running ---------------------------------------------------------------------------------- */

static void a_plugin_is_told_what_it_wants_to_know(void **state)
{
	static const char *const parts[] = {
		"\"kind\":\"ExecCredential\"",
		"\"apiVersion\":\"" V1 "\"",
		"\"interactive\":false",
		"\"cluster\":{\"server\":\"https://h/prefix\",\"config\":{\"audience\":\"me\"}}",
	};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;
	ASB_TEXT seen = NULL;

	(void)state;
	setenv("ASB_TEST_KEPT", "kept", 1);
	setenv("ASB_TEST_OVER", "ours", 1);
	make_plugin("printf '%s|' \"$KUBERNETES_EXEC_INFO\" \"$ASB_TEST_KEPT\" \"$ASB_TEST_OVER\" "
		    "\"$0\" \"$@\" >\"$(dirname \"$0\")/seen\"; cat >>\"$(dirname \"$0\")/seen\"");
	make_answer("t0ken", 3600);
	assert_int_equal(load(EXEC(", apiVersion: " V1 ", provideClusterInfo: true, "
				   "args: ['a b', '$(id)', ''], env: [{name: ASB_TEST_OVER, "
				   "value: theirs}]"),
			      NULL, &got, &err),
			 0);
	assert_string_equal(got.kind, "exec plugin");
	assert_token(&got, "");
	assert_int_equal(asb_kubeconfig_authenticate(&got, &err), 0);
	assert_token(&got, "t0ken");
	asb_kubeconfig_release(&got);
	seen = read_file("seen");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strstr(seen, parts[i]) == NULL)
			fail_msg("\"%s\" lacks %s", seen, parts[i]);
	}
	assert_non_null(strstr(seen, "|kept|theirs|"));
	assert_non_null(strstr(seen, "/plugin|a b|$(id)||"));
	unsetenv("ASB_TEST_KEPT");
	unsetenv("ASB_TEST_OVER");
}

/* Fails with a message that has `part`, and with a hint that has `hint`. */
static void assert_fails(const char *config, const char *part, const char *hint)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	if (load(config, NULL, &got, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(asb_kubeconfig_authenticate(&got, &err), -1);
	if (strstr(err.message, part) == NULL || strstr(err.hint, hint) == NULL)
		fail_msg("\"%s\", \"%s\" lacks \"%s\", \"%s\"", err.message, err.hint, part, hint);
	assert_null(strstr(err.message, "hush"));
	asb_kubeconfig_release(&got);
}

static bool under_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

static void a_plugin_that_fails_says_how(void **state)
{
	(void)state;
	assert_fails(CONFIG("exec: {command: asb-no-such, apiVersion: " V1BETA1
			    ", installHint: \"get it\\nthere\"}"),
		     "getting credentials: exec: executable asb-no-such not found", "get it");
	assert_fails(CONFIG("exec: {command: asb-no-such, apiVersion: " V1BETA1 "}"), "not found",
		     "--user");
	assert_fails(PLUGIN, "/plugin not found", "");
	write_file("plugin", "echo without a first line\n", 0700);
	/* Not even by a shell. Under valgrind a child that can't exec ends with 127. */
	assert_fails(PLUGIN,
		     !under_valgrind() ? "can't be started: Exec format error"
				       : "failed with exit code 127",
		     "");
	write_file("plugin", "#!/bin/sh\n", 0600);
	assert_fails(PLUGIN, "can't be started: Permission denied", "");
	write_file("plugin", "#!/bin/sh\necho hush\nexit 3\n", 0700);
	assert_fails(PLUGIN, "/plugin failed with exit code 3", "");
	write_file("plugin", "#!/bin/sh\nkill -9 $$\n", 0700);
	assert_fails(PLUGIN, "was killed by signal 9", "");
	write_file("plugin", "#!/bin/sh\necho hush\n", 0700);
	assert_fails(PLUGIN, "is no ExecCredential in JSON", "");
	write_file("plugin", "#!/bin/sh\nexec yes hush\n", 0700);
	assert_fails(PLUGIN, "prints more than 1024 KiB", "");
	assert_fails(
		CONFIG("exec: {command: ./plugin, apiVersion: " V1 ", interactiveMode: Always}"),
		"standard input is not a terminal", "");
}

/* --- answers ---------------------------------------------------------------------------------- */

#define ANSWER(status) \
	"{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":" status "}"

static void answers_are_believed_or_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "not of kind ExecCredential"},
		{"{", "no ExecCredential in JSON"},
		{"[]", "no ExecCredential in JSON"},
		{"{}", "not of kind ExecCredential"},
		{"{\"kind\":\"Status\"}", "not of kind ExecCredential"},
		{"{\"kind\":\"ExecCredential\"}", "returned another version"},
		{"{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1BETA1
		 "\",\"status\":{\"token\":\"hush\"}}",
		 "configured to use API version " V1 ", and returned another version"},
		{"{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\"}",
		 "didn't return a status field"},
		{ANSWER("{}"), "didn't return a token or cert/key pair"},
		{ANSWER("{\"token\":\"\"}"), "didn't return a token or cert/key pair"},
		{ANSWER("{\"token\":1}"), "status.token: expected a text"},
		{ANSWER("{\"token\":\"hush\\nX: y\"}"), "its token holds control characters"},
		{ANSWER("{\"clientKeyData\":\"hush\"}"), "only certificate or key, not both"},
		{ANSWER("{\"clientCertificateData\":\"x\"}"), "only certificate or key, not both"},
		{ANSWER("{\"clientCertificateData\":\"x\",\"clientKeyData\":\"hush\"}"),
		 "the client certificate can't be read"},
		{ANSWER("{\"token\":\"hush\",\"expirationTimestamp\":\"soon\"}"),
		 "status.expirationTimestamp: expected a time"},
		{ANSWER("{\"token\":\"hush\",\"expirationTimestamp\":5}"),
		 "status.expirationTimestamp: expected a time"},
	};
	static const char *const fine[] = {
		ANSWER("{\"token\":\"t\",\"expirationTimestamp\":null,\"more\":1}"),
		"kind: ExecCredential\napiVersion: " V1 "\nstatus: {token: t}\n",
		"\n" ANSWER("{\"token\":\"t\",\"clientKeyData\":\"\"}") "\n",
	};
	struct asb_credential_parts parts;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		asb_error_clear(&err);
		if (asb_credential_answer(cases[i].text, strlen(cases[i].text), V1, &parts, &err) ==
			    0 ||
		    strstr(err.message, cases[i].message) == NULL)
			fail_msg("case %zu: \"%s\" lacks \"%s\"", i, err.message, cases[i].message);
		assert_null(strstr(err.message, "hush"));
		assert_null(parts.token);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		asb_error_clear(&err);
		if (asb_credential_answer(fine[i], strlen(fine[i]), V1, &parts, &err) != 0)
			fail_msg("case %zu: %s", i, err.message);
		assert_string_equal(parts.token, "t");
		assert_int_equal(parts.expires_ms, -1);
		asb_credential_parts_release(&parts);
	}
}

/* --- key pairs -------------------------------------------------------------------------------- */

static char *encrypted_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct asb_buffer out = ASB_BUFFER_INIT;

	PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "pw", 2, NULL, NULL);
	pem_text(bio, &out);
	return asb_buffer_steal(&out);
}

static void key_pairs_are_checked(void **state)
{
	struct fake_identity one = identity_make("one", NULL, "DNS:one");
	struct fake_identity other = identity_make("other", NULL, "DNS:other");
	struct asb_buffer certificate = ASB_BUFFER_INIT, key = ASB_BUFFER_INIT;
	struct asb_buffer wrong = ASB_BUFFER_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT locked = encrypted_pem(one.key);

	(void)state;
	certificate_pem(&one, &certificate);
	certificate_pem(&other, &certificate); /* a chain */
	key_pem(&one, &key);
	key_pem(&other, &wrong);
	assert_int_equal(asb_keypair_check(certificate.data, key.data, &err), 0);
	assert_int_equal(asb_keypair_check(certificate.data, wrong.data, &err), -1);
	assert_string_equal(err.message,
			    "the client key does not belong to the client certificate");
	assert_int_equal(asb_keypair_check(certificate.data, locked, &err), -1);
	assert_non_null(strstr(err.message, "the client key is encrypted"));
	assert_non_null(strstr(err.hint, "openssl pkey"));
	assert_int_equal(asb_keypair_check("nothing", key.data, &err), -1);
	assert_non_null(strstr(err.message, "the client certificate can't be read"));
	asb_buffer_release(&certificate);
	asb_buffer_release(&key);
	asb_buffer_release(&wrong);
	identity_free(&one);
	identity_free(&other);
}

/* --- keeping ---------------------------------------------------------------------------------- */

/* One call of the program: returns the token it would send; heap. */
static char *call(const char *config, const struct asb_kubeconfig_flags *flags)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;
	char *token;

	if (load(config, flags, &got, &err) != 0 || asb_kubeconfig_authenticate(&got, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(asb_kubeconfig_authenticate(&got, &err), 0);
	token = token_of(&got);
	asb_kubeconfig_release(&got);
	return token;
}

static void assert_call(const char *config, const struct asb_kubeconfig_flags *flags,
			const char *token, size_t expected_runs)
{
	ASB_TEXT got = call(config, flags);

	assert_string_equal(got, token);
	assert_int_equal(runs(), expected_runs);
}

static void credentials_are_kept_for_the_next_call(void **state)
{
	static const struct asb_kubeconfig_flags not_kept = {.no_credential_cache = true};
	static const struct asb_kubeconfig_flags other = {.server = "https://other"};

	(void)state;
	make_plugin("");
	make_answer("one", 3600);
	assert_call(PLUGIN, NULL, "one", 1);
	make_answer("two", 3600);
	assert_call(PLUGIN, NULL, "one", 1);
	assert_call(PLUGIN, &not_kept, "two", 2);
	assert_call(PLUGIN, &other, "two", 3); /* another cluster */
	assert_call(EXEC(", apiVersion: " V1 ", args: [x]"), NULL, "two", 4);
	setenv("ASB_TEST_PROFILE", "other", 1); /* the plugin may heed it */
	assert_call(PLUGIN, NULL, "two", 5);
	unsetenv("ASB_TEST_PROFILE");
	assert_call(PLUGIN, NULL, "one", 5);
}

static void what_expires_soon_or_never_is_not_kept(void **state)
{
	(void)state;
	make_plugin("");
	make_answer("one", 50);
	assert_call(PLUGIN, NULL, "one", 1);
	assert_call(PLUGIN, NULL, "one", 2);
	write_file("answer", ANSWER("{\"token\":\"for ever\"}"), 0600);
	assert_call(PLUGIN, NULL, "for ever", 3);
	assert_call(PLUGIN, NULL, "for ever", 4);
}

static char *kept_path(void)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;
	char *path;

	assert_int_equal(load(PLUGIN, NULL, &got, &err), 0);
	path = asb_strdup(got.credential->cache_path);
	asb_kubeconfig_release(&got);
	return path;
}

static void what_is_kept_is_ours_alone(void **state)
{
	ASB_TEXT path = kept_path();
	ASB_TEXT folder = in_dir("cache/kubectl-agentsandbox");
	struct stat status;

	(void)state;
	make_plugin("");
	make_answer("one", 3600);
	assert_call(PLUGIN, NULL, "one", 1);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(stat(folder, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	/* What others could have written or read is not believed, nor is what is broken. */
	make_answer("two", 3600);
	assert_int_equal(chmod(path, 0640), 0);
	assert_call(PLUGIN, NULL, "two", 2);
	assert_int_equal(truncate(path, 20), 0);
	assert_call(PLUGIN, NULL, "two", 3);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_call(PLUGIN, NULL, "two", 4);
	/* A folder of others gets no secrets. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_call(PLUGIN, NULL, "two", 5);
	assert_int_equal(access(path, F_OK), -1);
}

static void what_is_old_is_swept_away(void **state)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - 25 * 3600},
				    {.tv_sec = time(NULL) - 25 * 3600}};
	ASB_TEXT old = kept_path();
	ASB_TEXT other = in_dir("cache/kubectl-agentsandbox/something");

	(void)state;
	make_plugin("");
	make_answer("one", 3600);
	assert_call(PLUGIN, NULL, "one", 1);
	write_file("cache/kubectl-agentsandbox/something", "", 0600);
	assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, other, times, 0), 0);
	assert_call(EXEC(", apiVersion: " V1 ", args: [x]"), NULL, "one", 2);
	assert_int_equal(access(old, F_OK), -1);
	assert_int_equal(access(other, F_OK), 0);
}

static void a_refusal_has_the_plugin_run_once_more(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;
	unsigned generation;

	(void)state;
	make_plugin("");
	make_answer("one", 3600);
	assert_call(PLUGIN, NULL, "one", 1);
	make_answer("two", 3600);
	assert_int_equal(load(PLUGIN, NULL, &got, &err), 0);
	assert_int_equal(asb_kubeconfig_authenticate(&got, &err), 0);
	generation = asb_kubeconfig_generation(&got);
	assert_token(&got, "one");
	assert_true(asb_kubeconfig_renew(&got, generation, &err));
	assert_token(&got, "two");
	assert_true(asb_kubeconfig_renew(&got, generation, &err)); /* a request side by side */
	assert_int_equal(runs(), 2);
	assert_call(PLUGIN, NULL, "two", 2); /* the refused one is forgotten */
	write_file("plugin", "#!/bin/sh\nexit 1\n", 0700);
	assert_false(asb_kubeconfig_renew(&got, asb_kubeconfig_generation(&got), &err));
	assert_non_null(strstr(err.message, "failed with exit code 1"));
	asb_kubeconfig_release(&got);
}

static void certificates_are_handed_out_too(void **state)
{
	struct fake_identity one = identity_make("one", NULL, "DNS:one");
	struct asb_buffer certificate = ASB_BUFFER_INIT, key = ASB_BUFFER_INIT;
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;
	cJSON *answer = asb_json_literal(ANSWER("{}"));
	ASB_TEXT text = NULL;

	(void)state;
	certificate_pem(&one, &certificate);
	key_pem(&one, &key);
	asb_json_set_string(answer, "status/clientCertificateData", certificate.data);
	asb_json_set_string(answer, "status/clientKeyData", key.data);
	asb_json_set_string(answer, "status/expirationTimestamp", "2999-01-01T00:00:00Z");
	text = asb_json_print(answer);
	cJSON_Delete(answer);
	make_plugin("");
	write_file("answer", text, 0600);
	for (int i = 0; i < 2; i++) { /* run, and from what is kept */
		assert_int_equal(load(PLUGIN, NULL, &got, &err), 0);
		assert_null(asb_kubeconfig_certificate(&got));
		assert_int_equal(asb_kubeconfig_authenticate(&got, &err), 0);
		assert_string_equal(asb_kubeconfig_certificate(&got), certificate.data);
		assert_string_equal(asb_kubeconfig_key(&got), key.data);
		assert_token(&got, "");
		asb_kubeconfig_release(&got);
	}
	assert_int_equal(runs(), 1);
	asb_buffer_release(&certificate);
	asb_buffer_release(&key);
	identity_free(&one);
}

/* --- oidc ------------------------------------------------------------------------------------- */

/* {"exp":<seconds>} between two dots, as base64url without padding; heap. */
static char *id_token(long long expires)
{
	ASB_TEXT claims = asb_strf("{\"sub\":\"~?~?~?\",\"exp\":%lld}", expires);
	char encoded[128];
	int n = EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)claims,
				(int)strlen(claims));

	for (char *p = encoded; *p != '\0'; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	encoded[strcspn(encoded, "=")] = '\0';
	assert_true(n > 0);
	return asb_strf("eyJ9.%s.sig", encoded);
}

static void an_id_token_is_used_while_it_is_valid(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	for (int i = 0; i < 4; i++) { /* all lengths modulo 3, and one that has expired */
		ASB_TEXT token = id_token(i == 3 ? time(NULL) + 5
						 : 4102444800LL * (i == 0   ? 1
								   : i == 1 ? 10
									    : 100));
		ASB_TEXT text =
			asb_strf(CONFIG("auth-provider: {name: oidc, config: {client-id: c, "
					"idp-issuer-url: i, id-token: %s}}"),
				 token);
		int rc = load(text, NULL, &got, &err);

		assert_int_equal(rc, i == 3 ? -1 : 0);
		if (rc == 0) {
			assert_string_equal(got.kind, "oidc token");
			assert_token(&got, token);
		}
		asb_kubeconfig_release(&got);
	}
	assert_non_null(strstr(err.hint, "kubectl auth whoami"));
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configurations_are_checked_as_kubectl_does),
		cmocka_unit_test(what_is_written_down_comes_first),
		IN_DIR(a_plugin_is_told_what_it_wants_to_know),
		IN_DIR(a_plugin_that_fails_says_how),
		cmocka_unit_test(answers_are_believed_or_refused),
		cmocka_unit_test(key_pairs_are_checked),
		IN_DIR(credentials_are_kept_for_the_next_call),
		IN_DIR(what_expires_soon_or_never_is_not_kept),
		IN_DIR(what_is_kept_is_ours_alone),
		IN_DIR(what_is_old_is_swept_away),
		IN_DIR(a_refusal_has_the_plugin_run_once_more),
		IN_DIR(certificates_are_handed_out_too),
		cmocka_unit_test(an_id_token_is_used_while_it_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
