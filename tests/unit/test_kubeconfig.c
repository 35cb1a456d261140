/* SPDX-License-Identifier: Apache-2.0 */
/* Kubeconfig: what is found, what wins, what is refused, and in which words. */
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

#include "plugin/kube/kubeconfig_parts.h"

#define CERT "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
#define KEY "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n"
#define CERT64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
#define KEY64 \
	"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCk1IY0MKLS0tLS1FTkQgRUMgUFJJVkFURSBLRVktLS0tLQo="

static char dir[64];

static char *in_dir(const char *name)
{
	return asb_strf("%s/%s", dir, name);
}

static void write_file(const char *name, const char *text)
{
	ASB_TEXT path = in_dir(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/asb-kubeconfig-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {
		"a",	      "b",     "ca.crt", "token",	 "namespace", "sub/c",
		"sub/ca.pem", "sub/t", "sub",	 ".kube/config", ".kube"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ASB_TEXT path = in_dir(names[i]);

		remove(path);
	}
	return rmdir(dir);
}

/* Resolves one text with flags. */
static int load_text(const char *text, const struct asb_kubeconfig_flags *flags,
		     struct asb_kubeconfig *out, struct asb_error *err)
{
	static const struct asb_kubeconfig_flags none;
	static const struct asb_kubeconfig_env env;
	struct asb_kubeconfig_files files = {0};
	int rc;

	asb_error_clear(err);
	rc = asb_kubeconfig_files_add_text(&files, "/etc/kube", text, strlen(text), err);
	if (rc == 0)
		rc = asb_kubeconfig_resolve(&files, flags == NULL ? &none : flags, &env, out, err);
	asb_kubeconfig_files_release(&files);
	return rc;
}

#define TWO                                                                                       \
	"apiVersion: v1\nkind: Config\ncurrent-context: one\n"                                    \
	"clusters:\n"                                                                             \
	"- name: c1\n  cluster: {server: 'https://h1:6443/', certificate-authority-data: " CERT64 \
	", tls-server-name: kube}\n"                                                              \
	"- name: c2\n  cluster: {server: 'HTTPS://h2/k8s/clusters/x//', "                         \
	"insecure-skip-tls-verify: true, proxy-url: 'socks5://p:1'}\n"                            \
	"- name: plain\n  cluster: {server: 'http://h3:8080'}\n"                                  \
	"contexts:\n"                                                                             \
	"- name: one\n  context: {cluster: c1, user: u1, namespace: n1}\n"                        \
	"- name: two\n  context: {cluster: c2, user: u2}\n"                                       \
	"- name: plain\n  context: {cluster: plain, user: u1}\n"                                  \
	"- name: nobody\n  context: {cluster: c1}\n"                                              \
	"users:\n"                                                                                \
	"- name: u1\n  user: {token: s3cret}\n"                                                   \
	"- name: u2\n  user: {client-certificate-data: " CERT64 ", client-key-data: " KEY64 "}\n" \
	"- name: u3\n  user: {username: joe, password: pw}\n"

static void the_current_context_is_taken(void **state)
{
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(load_text(TWO, NULL, &got, &err), 0);
	assert_string_equal(got.context, "one");
	assert_string_equal(got.cluster, "c1");
	assert_string_equal(got.user, "u1");
	assert_string_equal(got.namespace_, "n1");
	assert_string_equal(got.server, "https://h1:6443");
	assert_string_equal(got.tls_server_name, "kube");
	assert_string_equal(got.ca_pem, CERT);
	assert_string_equal(got.token, "s3cret");
	assert_null(got.username);
	assert_null(got.proxy_url);
	assert_null(got.client_certificate_pem);
	assert_false(got.insecure_skip_tls_verify);
	asb_kubeconfig_release(&got);
	assert_null(got.token);
}

static void flags_override_context_cluster_and_user(void **state)
{
	static const struct asb_kubeconfig_flags two = {.context = "two"};
	static const struct asb_kubeconfig_flags mixed = {
		.context = "two", .cluster = "c1", .user = "u3"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(load_text(TWO, &two, &got, &err), 0);
	assert_string_equal(got.server, "https://h2/k8s/clusters/x");
	assert_true(got.insecure_skip_tls_verify);
	assert_string_equal(got.proxy_url, "socks5://p:1");
	assert_string_equal(got.client_certificate_pem, CERT);
	assert_string_equal(got.client_key_pem, KEY);
	assert_null(got.token);
	assert_null(got.namespace_);
	asb_kubeconfig_release(&got);

	assert_int_equal(load_text(TWO, &mixed, &got, &err), 0);
	assert_string_equal(got.server, "https://h1:6443");
	assert_string_equal(got.username, "joe");
	assert_string_equal(got.password, "pw");
	asb_kubeconfig_release(&got);
}

static void plain_http_carries_no_credentials(void **state)
{
	static const struct asb_kubeconfig_flags plain = {.context = "plain"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(load_text(TWO, &plain, &got, &err), 0);
	assert_string_equal(got.server, "http://h3:8080");
	assert_null(got.token);
	asb_kubeconfig_release(&got);
}

static void a_context_is_not_needed_with_cluster_and_user(void **state)
{
	static const struct asb_kubeconfig_flags flags = {.cluster = "c", .user = "u"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(load_text("clusters: [{name: c, cluster: {server: 'https://h'}}]\n"
				   "users: [{name: u, user: {token: t}}]\n",
				   &flags, &got, &err),
			 0);
	assert_null(got.context);
	assert_string_equal(got.server, "https://h");
	assert_string_equal(got.token, "t");
	asb_kubeconfig_release(&got);
}

#define ONE(cluster, user)                                                            \
	"current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n" \
	"clusters:\n- name: c\n  cluster: " cluster "\nusers:\n- name: u\n  user: " user "\n"
#define SERVER "{server: 'https://h'}"

struct refusal {
	const char *text;
	const char *message; /* part of it */
	const char *hint;    /* part of it */
	struct asb_kubeconfig_flags flags;
};

#define REFUSED(the_text, the_message, ...)                                       \
	{                                                                         \
		.text = (the_text), .message = (the_message), .hint = __VA_ARGS__ \
	}
static const struct refusal refusals[] = {
	REFUSED("a: b: c", "error loading config file: /etc/kube: line 1", ""),
	REFUSED("clusters:\n- name: c\n cluster: {}", "line 3", ""),
	REFUSED("[1]", "/etc/kube: line 1: expected a mapping with clusters, users and contexts",
		""),
	REFUSED("\nkind: Pod", "/etc/kube: line 2: kind: expected \"Config\"", ""),
	REFUSED("current-context: [a]", "current-context: expected a text", ""),
	REFUSED("a: b\nclusters: {}", "line 2: clusters: expected a list", ""),
	REFUSED("clusters: [a]", "clusters[0]: expected a mapping with name and cluster", ""),
	REFUSED("users: [{user: {}}]", "users[0].name: expected a text", ""),
	REFUSED("users: [{name: 1}]", "users[0].name: expected a text", ""),
	REFUSED("users: [{name: u, user: x}]", "users[0].user: expected a mapping", ""),
	REFUSED("users: [{name: u}, {name: u}]", "line 1: duplicate name \"u\" in list users", ""),

	REFUSED(TWO, "context \"nope\" does not exist", "one, two, plain, nobody",
		.flags.context = "nope"),
	REFUSED(TWO, "cluster \"nope\" does not exist", "c1, c2, plain", .flags.cluster = "nope"),
	REFUSED(TWO, "auth info \"nope\" does not exist", "u1, u2, u3", .flags.user = "nope"),
	REFUSED("current-context: gone", "context was not found for specified context: gone",
		"names no context"),
	REFUSED("contexts: [{name: a}]", "current-context is not set", "--context: a"),
	REFUSED("current-context: a\ncontexts: [{name: a}]", "context \"a\" names no cluster", ""),

	REFUSED(ONE("{}", "{}"), "no server found for cluster \"c\"", ""),
	REFUSED(ONE("{server: 12}", "{}"),
		"/etc/kube: line 5: clusters[0].cluster.server: expected a text, found a number",
		""),
	REFUSED(ONE("{server: 'ftp://h:6443'}", "{}"), "must start with https:// or http://",
		"/etc/kube"),
	REFUSED(ONE("{server: 'h:6443/x'}", "{}"), "must start with https:// or http://",
		"/etc/kube"),
	REFUSED(ONE("{server: 'https://'}", "{}"), "is not a usable URL", ""),
	REFUSED(ONE("{server: 'https:///x'}", "{}"), "is not a usable URL", ""),
	REFUSED(ONE("{server: 'https://:6443'}", "{}"), "is not a usable URL", ""),
	REFUSED(ONE("{server: 'https://a:b@h'}", "{}"), "is not a usable URL", ""),
	REFUSED(ONE("{server: 'https://h x'}", "{}"), "is not a usable URL", ""),
	REFUSED(ONE("{server: 'https://h?x=1'}", "{}"), "is not a usable URL", ""),
	REFUSED(ONE("{server: \"https://h\\r\\nX: y\"}", "{}"), "is not a usable URL", ""),
	REFUSED(ONE("{server: 'https://h', insecure-skip-tls-verify: 'true'}", "{}"),
		"line 5: clusters[0].cluster.insecure-skip-tls-verify: expected true or false, "
		"found a text",
		""),
	REFUSED(ONE("{server: 'https://h', insecure-skip-tls-verify: true, "
		    "certificate-authority-data: " CERT64 "}",
		    "{}"),
		"only one is allowed", ""),
	REFUSED(ONE("{server: 'https://h', certificate-authority-data: '*'}", "{}"),
		"certificate-authority-data: expected base64", ""),
	REFUSED(ONE("{server: 'https://h', certificate-authority-data: " KEY64 "}", "{}"),
		"no PEM block \"CERTIFICATE\"", ""),
	REFUSED(ONE("{server: 'https://h', certificate-authority: /nonexistent/ca}", "{}"),
		"unable to read certificate-authority of cluster \"c\": /nonexistent/ca: No such "
		"file",
		""),
	REFUSED(ONE("{server: 'https://h', certificate-authority: x, "
		    "certificate-authority-data: " CERT64 "}",
		    "{}"),
		"certificate-authority-data and certificate-authority are both specified", ""),
	REFUSED(ONE("{server: 'https://h', proxy-url: 'ftp://u:hush@p'}", "{}"),
		"invalid proxy-url", ""),

	REFUSED(ONE(SERVER, "{token: 123}"),
		"line 8: users[0].user.token: expected a text, found a number", ""),
	REFUSED(ONE(SERVER, "{token: \"a\\nb\"}"), "holds control characters", ""),
	REFUSED(ONE(SERVER, "{token: a, username: b}"), "more than one authentication method", ""),
	REFUSED(ONE(SERVER, "{tokenFile: /nonexistent/t}"),
		"unable to read tokenFile of user \"u\"", ""),
	REFUSED(ONE(SERVER, "{client-certificate-data: " CERT64 "}"),
		"client-key-data or client-key must be specified", ""),
	REFUSED(ONE(SERVER, "{client-certificate-data: " CERT64 ", client-key-data: " CERT64 "}"),
		"no PEM block \"PRIVATE KEY\"", ""),
	REFUSED(ONE(SERVER, "{token: t, as-groups: [g]}"),
		"requesting uid, groups or user-extra for u without impersonating a user", "--as"),
	REFUSED(ONE(SERVER, "{token: t, as: jane, as-groups: g}"),
		"user \"u\": as-groups: expected a list of texts", ""),
	REFUSED(ONE(SERVER, "{token: t, as: jane, as-user-extra: {a: b}}"),
		"user \"u\": as-user-extra: expected a list of texts", ""),
	REFUSED(ONE(SERVER, "{token: t, as: \"a\\r\\nX: y\"}"), "holds control characters", ""),
	REFUSED(TWO, "no user is chosen", "--token", .flags.context = "nobody"),
	REFUSED(ONE(SERVER, "{}"), "user \"u\" has no credentials", "/etc/kube"),
	REFUSED("current-context: x\ncontexts: [{name: x, context: {cluster: c, user: gone}}]\n"
		"clusters: [{name: c, cluster: {server: 'https://h'}}]",
		"auth info \"gone\" does not exist", ""),
	REFUSED(ONE(SERVER, "{token: a}"), "found for user \"u\": token and username", "",
		.flags.username = "b"),
	REFUSED(TWO, "invalid --request-timeout \"soon\"", "1s, 2m, 3h",
		.flags.request_timeout = "soon"),
	REFUSED(TWO, "invalid --request-timeout \"-1\"", "", .flags.request_timeout = "-1"),
	REFUSED("", "no configuration has been provided", "--kubeconfig"),
};

static void what_is_wrong_is_refused_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		struct asb_error err = ASB_ERROR_INIT;
		struct asb_kubeconfig got = {0};

		if (load_text(r->text, &r->flags, &got, &err) == 0)
			fail_msg("case %zu was accepted: %s", i, r->message);
		if (strstr(err.message, r->message) == NULL)
			fail_msg("case %zu: \"%s\" lacks \"%s\"", i, err.message, r->message);
		if (strstr(err.hint, r->hint) == NULL)
			fail_msg("case %zu: hint \"%s\" lacks \"%s\"", i, err.hint, r->hint);
		assert_null(strstr(err.message, "hush"));
		assert_null(got.server);
		assert_null(got.token);
	}
}

static void flags_stand_over_the_entries(void **state)
{
	static const struct asb_kubeconfig_flags flags = {
		.server = "https://other:1/",
		.token = "mine",
		.insecure_skip_tls_verify = true,
		.disable_compression = true,
		.request_timeout = "3",
		.proxy_url = "http://p:1",
		.verbosity = 7,
	};
	static const struct asb_kubeconfig_flags named = {.server = "h:1", .tls_server_name = "n"};
	static const struct asb_kubeconfig_flags one = {.tls_server_name = "n"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(load_text(TWO, &flags, &got, &err), 0);
	assert_string_equal(got.server, "https://other:1");
	assert_string_equal(got.token, "mine");
	assert_string_equal(got.proxy_url, "http://p:1");
	assert_null(got.tls_server_name); /* it was for the server of the entry */
	assert_null(got.ca_pem);
	assert_true(got.insecure_skip_tls_verify);
	assert_true(got.disable_compression);
	assert_int_equal(got.request_timeout_ms, 3000);
	assert_int_equal(got.verbosity, 7);
	asb_kubeconfig_release(&got);

	assert_int_equal(load_text(TWO, &named, &got, &err), 0);
	assert_string_equal(got.server, "http://h:1");
	assert_string_equal(got.tls_server_name, "n");
	asb_kubeconfig_release(&got);
	assert_int_equal(load_text(TWO, &one, &got, &err), 0);
	assert_string_equal(got.server, "https://h1:6443");
	assert_string_equal(got.tls_server_name, "n");
	assert_string_equal(got.ca_pem, CERT);
	asb_kubeconfig_release(&got);
}

static void a_server_and_a_token_are_enough(void **state)
{
	static const struct asb_kubeconfig_flags flags = {.server = "https://h", .token = "t"};
	static const char *const texts[] = {
		"",
		"current-context: x\ncontexts: [{name: x, context: {cluster: gone, user: gone}}]"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		if (load_text(texts[i], &flags, &got, &err) != 0)
			fail_msg("case %zu: %s", i, err.message);
		assert_string_equal(got.server, "https://h");
		assert_string_equal(got.token, "t");
		assert_string_equal(got.kind, "token");
		asb_kubeconfig_release(&got);
	}
}

static void impersonation_becomes_headers(void **state)
{
	static const char *groups[] = {"g1", "g2"};
	static const char *extra[] = {"a b/c=1", "k=v=w", "no value", "k=x", "old=new"};
	static const struct asb_kubeconfig_flags flags = {.as_group = {groups, 2},
							  .as_user_extra = {extra, 5}};
	static const char *const expected[] = {
		"Impersonate-User: jane",     "Impersonate-Uid: 7",
		"Impersonate-Group: g1",      "Impersonate-Group: g2",
		"Impersonate-Extra-keep: y",  "Impersonate-Extra-a%20b%2Fc: 1",
		"Impersonate-Extra-k: v=w",   "Impersonate-Extra-k: x",
		"Impersonate-Extra-old: new",
	};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(load_text(ONE(SERVER, "{token: t, as: jane, as-uid: '7', as-groups: [g], "
					       "as-user-extra: {old: [x], keep: ['y']}}"),
				   &flags, &got, &err),
			 0);
	assert_string_equal(got.impersonate, "jane");
	assert_int_equal(got.header_count, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < got.header_count; i++)
		assert_string_equal(got.headers[i], expected[i]);
	asb_kubeconfig_release(&got);
}

static void a_flags_file_takes_the_place_of_data(void **state)
{
	ASB_TEXT ca = in_dir("ca.crt");
	ASB_TEXT cert = in_dir("a");
	ASB_TEXT key = in_dir("b");
	struct asb_kubeconfig_flags flags = {.certificate_authority = ca,
					     .client_certificate = cert,
					     .client_key = key,
					     .context = "two"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	write_file("ca.crt", CERT "# ca\n");
	write_file("a", CERT "# mine\n");
	write_file("b", KEY "# mine\n");
	assert_int_equal(load_text(TWO, &flags, &got, &err), 0);
	assert_string_equal(got.ca_pem, CERT "# ca\n");
	assert_false(got.insecure_skip_tls_verify); /* of the entry */
	assert_string_equal(got.client_certificate_pem, CERT "# mine\n");
	assert_string_equal(got.client_key_pem, KEY "# mine\n");
	asb_kubeconfig_release(&got);
	/* From where we are, not from the kubeconfig's folder. */
	flags.certificate_authority = "ca.crt";
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(load_text(TWO, &flags, &got, &err), 0);
	assert_int_equal(chdir("/"), 0);
	assert_string_equal(got.ca_pem, CERT "# ca\n");
	asb_kubeconfig_release(&got);
}

static void the_master_stands_in_for_a_server(void **state)
{
	static const struct asb_kubeconfig_flags none;
	struct asb_kubeconfig_env env = {.home = "/nonexistent", .master = "http://m:8080"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), 0);
	assert_string_equal(got.server, "http://m:8080");
	asb_kubeconfig_release(&got);
}

#define A                                                              \
	"clusters: [{name: c, cluster: {server: 'https://from-a'}}]\n" \
	"contexts: [{name: x, context: {cluster: c, user: u}}]\n"
#define B                                                                                  \
	"current-context: x\n"                                                             \
	"clusters: [{name: c, cluster: {server: 'https://from-b', tls-server-name: b}}]\n" \
	"contexts: [{name: x, context: {cluster: other}}]\n"                               \
	"users: [{name: u, user: {token: from-b}}]\n"

static void the_first_file_wins_for_the_whole_entry(void **state)
{
	static const struct asb_kubeconfig_flags none;
	ASB_TEXT list = asb_strf(":%s/gone:%s/a:%s/a:%s/b:", dir, dir, dir, dir);
	struct asb_kubeconfig_env env = {.kubeconfig = list, .home = "/nonexistent"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	write_file("a", A);
	write_file("b", B);
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), 0);
	assert_string_equal(got.context, "x");
	assert_string_equal(got.server, "https://from-a");
	assert_null(got.tls_server_name);
	assert_string_equal(got.token, "from-b");
	asb_kubeconfig_release(&got);
}

static void a_broken_file_of_the_list_is_an_error(void **state)
{
	static const struct asb_kubeconfig_flags none;
	ASB_TEXT list = asb_strf("%s/a:%s/b", dir, dir);
	struct asb_kubeconfig_env env = {.kubeconfig = list};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	write_file("a", B A);
	write_file("b", B);
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), -1);
	assert_non_null(strstr(err.message, "/a: line 5, column 1: key \"clusters\""));
}

static void the_flag_stands_alone_and_must_exist(void **state)
{
	ASB_TEXT a = in_dir("a");
	ASB_TEXT b = in_dir("b");
	ASB_TEXT gone = in_dir("gone");
	struct asb_kubeconfig_flags flags = {.kubeconfig = b, .context = "x"};
	struct asb_kubeconfig_env env = {.kubeconfig = a};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	write_file("a", A);
	write_file("b", B);
	assert_int_equal(asb_kubeconfig_load_env(&flags, &env, &got, &err), -1);
	assert_string_equal(err.message, "cluster \"other\" does not exist");
	flags.kubeconfig = gone;
	assert_int_equal(asb_kubeconfig_load_env(&flags, &env, &got, &err), -1);
	assert_non_null(strstr(err.message, "gone: No such file or directory"));
}

static void home_is_used_without_the_variable(void **state)
{
	static const struct asb_kubeconfig_flags none;
	struct asb_kubeconfig_env env = {.kubeconfig = "", .home = dir};
	ASB_TEXT kube = in_dir(".kube");
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(mkdir(kube, 0700), 0);
	write_file(".kube/config", A);
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), -1);
	assert_non_null(strstr(err.message, "current-context is not set"));
	write_file(".kube/config", TWO);
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), 0);
	assert_string_equal(got.context, "one");
	asb_kubeconfig_release(&got);
}

static void paths_are_relative_to_the_file_that_names_them(void **state)
{
	ASB_TEXT sub = in_dir("sub");
	ASB_TEXT config = in_dir("sub/c");
	struct asb_kubeconfig_flags flags = {.kubeconfig = config};
	struct asb_kubeconfig_env env = {0};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_buffer token = ASB_BUFFER_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(mkdir(sub, 0700), 0);
	write_file("sub/c", ONE("{server: 'https://h', certificate-authority: ca.pem}",
				"{tokenFile: ../sub/t, token: old}"));
	write_file("sub/ca.pem", CERT);
	write_file("sub/t", "\n fresh \n");
	assert_int_equal(asb_kubeconfig_load_env(&flags, &env, &got, &err), 0);
	assert_string_equal(got.ca_pem, CERT);
	assert_string_equal(got.token, "fresh");

	write_file("sub/t", "fresher\n");
	asb_kubeconfig_token(&got, &token);
	assert_string_equal(token.data, "fresher");
	write_file("sub/t", ""); /* half written: what we have stays in use */
	asb_buffer_reset(&token);
	asb_kubeconfig_token(&got, &token);
	assert_string_equal(token.data, "fresh");
	asb_buffer_release_secret(&token);
	asb_kubeconfig_release(&got);

	/* The text stands in for a file that can't be read. */
	assert_int_equal(asb_kubeconfig_load_env(&flags, &env, &got, &err), 0);
	assert_string_equal(got.token, "old");
	assert_false(asb_failed(&err));
	asb_kubeconfig_release(&got);
}

static void a_pod_uses_its_service_account(void **state)
{
	static const struct asb_kubeconfig_flags none;
	struct asb_kubeconfig_env env = {.home = "/nonexistent",
					 .service_account = dir,
					 .service_host = "192.0.2.1",
					 .service_port = "443"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), -1);
	assert_non_null(strstr(err.message, "no configuration has been provided"));

	write_file("token", "abc\n");
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), -1);
	assert_non_null(strstr(err.message, "unable to read the cluster's CA certificate"));
	assert_null(got.token);
	write_file("ca.crt", CERT);
	write_file("namespace", "team\n");
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), 0);
	assert_null(got.context);
	assert_string_equal(got.server, "https://192.0.2.1:443");
	assert_string_equal(got.token, "abc");
	assert_string_equal(got.namespace_, "team");
	assert_string_equal(got.ca_pem, CERT);
	asb_kubeconfig_release(&got);

	env.pod_namespace = "other";
	env.service_host = "2001:db8::1";
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), 0);
	assert_string_equal(got.server, "https://[2001:db8::1]:443");
	assert_string_equal(got.namespace_, "other");
	assert_true(got.in_cluster);
	asb_kubeconfig_release(&got);
}

static void a_pod_takes_token_ca_and_user_from_flags(void **state)
{
	ASB_TEXT ca = in_dir("a");
	struct asb_kubeconfig_flags flags = {.token = "mine",
					     .certificate_authority = ca,
					     .as = "jane",
					     .request_timeout = "2s"};
	struct asb_kubeconfig_env env = {
		.service_account = dir, .service_host = "192.0.2.1", .service_port = "443"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	write_file("token", "abc\n");
	write_file("a", CERT "# mine\n");
	assert_int_equal(asb_kubeconfig_load_env(&flags, &env, &got, &err), 0);
	assert_string_equal(got.token, "mine");
	assert_null(got.token_file);
	assert_string_equal(got.ca_pem, CERT "# mine\n");
	assert_string_equal(got.headers[0], "Impersonate-User: jane");
	assert_int_equal(got.request_timeout_ms, 2000);
	asb_kubeconfig_release(&got);
	/* With a server of its own the pod's is out, but for the namespace. */
	flags.server = "https://other";
	write_file("namespace", "team");
	assert_int_equal(asb_kubeconfig_load_env(&flags, &env, &got, &err), 0);
	assert_string_equal(got.server, "https://other");
	assert_false(got.in_cluster);
	assert_string_equal(got.namespace_, "team");
	asb_kubeconfig_release(&got);
}

static void a_configuration_or_a_flag_keeps_the_pod_out(void **state)
{
	static const struct asb_kubeconfig_flags flags = {.context = "x"};
	static const struct asb_kubeconfig_flags none;
	ASB_TEXT a = in_dir("a");
	struct asb_kubeconfig_env env = {
		.service_account = dir, .service_host = "192.0.2.1", .service_port = "443"};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;

	(void)state;
	write_file("token", "abc\n");
	write_file("ca.crt", CERT);
	assert_int_equal(asb_kubeconfig_load_env(&flags, &env, &got, &err), -1);
	assert_string_equal(err.message, "context \"x\" does not exist");
	write_file("a", "current-context: z");
	env.kubeconfig = a;
	assert_int_equal(asb_kubeconfig_load_env(&none, &env, &got, &err), -1);
	assert_non_null(strstr(err.message, "specified context: z"));
}

static void base64_is_decoded_or_refused(void **state)
{
	static const struct {
		const char *text, *bytes; /* NULL: refused */
	} cases[] = {
		{"", ""},
		{"YQ==", "a"},
		{"YWI=", "ab"},
		{"YWJj", "abc"},
		{"YW\nJj \n", "abc"},
		{"YWJjZA==", "abcd"},
		{"+/+/", "\xfb\xff\xbf"},
		{"Y", NULL},
		{"YQ", NULL},
		{"YQ=", NULL},
		{"YQ===", NULL},
		{"=", NULL},
		{"YQ==YQ==", NULL},
		{"Y===", NULL},
		{"YW-j", NULL},
		{"YWJj====", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_buffer out = ASB_BUFFER_INIT;
		int rc = asb_base64_decode(cases[i].text, &out);

		if ((rc == 0) != (cases[i].bytes != NULL))
			fail_msg("\"%s\" gave %d", cases[i].text, rc);
		if (rc == 0)
			assert_string_equal(out.data, cases[i].bytes);
		asb_buffer_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_current_context_is_taken),
		cmocka_unit_test(flags_override_context_cluster_and_user),
		cmocka_unit_test(plain_http_carries_no_credentials),
		cmocka_unit_test(a_context_is_not_needed_with_cluster_and_user),
		cmocka_unit_test(what_is_wrong_is_refused_in_words),
		cmocka_unit_test(flags_stand_over_the_entries),
		cmocka_unit_test(a_server_and_a_token_are_enough),
		cmocka_unit_test(impersonation_becomes_headers),
		cmocka_unit_test_setup_teardown(a_flags_file_takes_the_place_of_data, make_dir,
						remove_dir),
		cmocka_unit_test(the_master_stands_in_for_a_server),
		cmocka_unit_test_setup_teardown(the_first_file_wins_for_the_whole_entry, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_broken_file_of_the_list_is_an_error, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(the_flag_stands_alone_and_must_exist, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(home_is_used_without_the_variable, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(paths_are_relative_to_the_file_that_names_them,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_pod_uses_its_service_account, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_pod_takes_token_ca_and_user_from_flags, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_configuration_or_a_flag_keeps_the_pod_out,
						make_dir, remove_dir),
		cmocka_unit_test(base64_is_decoded_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
