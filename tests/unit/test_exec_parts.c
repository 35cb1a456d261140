/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of exec streams: the request, the proxy, channels and the Status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "plugin/kube/proxy.h"
#include "tests/unit/exec_common.h"

/* --- the request ------------------------------------------------------------------------------ */

static void understands_servers(void **state)
{
	static const struct {
		const char *server, *host, *header, *path;
		int port;
		bool tls;
	} cases[] = {
		{"https://kube", "kube", "kube:443", "/api/v1/", 443, true},
		{"https://kube:6443", "kube", "kube:6443", "/api/v1/", 6443, true},
		{"HTTPS://10.0.0.1:1", "10.0.0.1", "10.0.0.1:1", "/api/v1/", 1, true},
		{"https://[fd00::1]:6443", "fd00::1", "[fd00::1]:6443", "/api/v1/", 6443, true},
		{"https://[fd00::1]", "fd00::1", "[fd00::1]:443", "/api/v1/", 443, true},
		{"https://r.test/k8s/clusters/c-1", "r.test", "r.test:443",
		 "/k8s/clusters/c-1/api/v1/", 443, true},
		{"https://r.test/prefix//", "r.test", "r.test:443", "/prefix/api/v1/", 443, true},
		{"http://127.0.0.1:8001", "127.0.0.1", "127.0.0.1:8001", "/api/v1/", 8001, false},
		{"http://h", "h", "h:80", "/api/v1/", 80, false},
	};

	(void)state;
	forget_proxies();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_kubeconfig kubeconfig = {.server = (char *)cases[i].server};
		struct asb_exec_request request;
		struct asb_error err = ASB_ERROR_INIT;

		assert_int_equal(asb_exec_request_init(&request, &kubeconfig, &TARGET, &err), 0);
		assert_string_equal(request.host, cases[i].host);
		assert_string_equal(request.host_header, cases[i].header);
		assert_string_equal(request.server_name, cases[i].host);
		assert_int_equal(request.port, cases[i].port);
		assert_int_equal(request.tls, cases[i].tls);
		assert_memory_equal(request.path, cases[i].path, strlen(cases[i].path));
		assert_string_equal(request.api_path,
				    "/api/v1/namespaces/ns/pods/pod-1/exec?container=main"
				    "&command=%2Fx%2Fshim&command=connect%20it"
				    "&stdin=true&stdout=true&stderr=true");
		assert_null(request.authorization);
		assert_null(request.proxy);
		asb_exec_request_release(&request);
	}
}

static void refuses_other_servers(void **state)
{
	static const char *const cases[] = {
		"kube:6443",	     "ftp://kube",	"https://",	      "https://:443",
		"https://kube:",     "https://kube:0",	"https://kube:65536", "https://kube:12x",
		"https://[fd00::1",  "https://[]",	"https://[::1]x",     "https://user@kube",
		"https://kube: 443", "https://kube:+1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_kubeconfig kubeconfig = {.server = (char *)cases[i]};
		struct asb_exec_request request;
		struct asb_error err = ASB_ERROR_INIT;
		int rc = asb_exec_request_init(&request, &kubeconfig, &TARGET, &err);

		/* A trailing colon without a port is a URL's good right. */
		assert_int_equal(rc, strcmp(cases[i], "https://kube:") == 0 ? 0 : -1);
		assert_int_equal(asb_failed(&err), rc != 0);
		asb_exec_request_release(&request);
	}
}

static void takes_no_path_tricks(void **state)
{
	static const struct asb_exec_target targets[] = {
		{.namespace_ = "..", .pod = "p", .container = "c", .argv = COMMAND},
		{.namespace_ = "n", .pod = "", .container = "c", .argv = COMMAND},
		{.namespace_ = "n", .pod = ".", .container = "c", .argv = COMMAND},
	};
	struct asb_exec_target odd = TARGET;
	struct asb_kubeconfig kubeconfig = {.server = (char *)"https://kube"};
	struct asb_exec_request request;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		assert_int_equal(asb_exec_request_init(&request, &kubeconfig, &targets[i], &err),
				 -1);
		asb_exec_request_release(&request);
	}
	odd.container = "a/b?c&d";
	assert_int_equal(asb_exec_request_init(&request, &kubeconfig, &odd, &err), 0);
	assert_non_null(strstr(request.path, "container=a%2Fb%3Fc%26d&"));
	asb_exec_request_release(&request);
}

static void refuses_too_long_a_path(void **state)
{
	char argument[2000];
	const char *const argv[] = {argument, NULL};
	struct asb_exec_target target = TARGET;
	struct asb_kubeconfig kubeconfig = {.server = (char *)"https://kube"};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	memset(argument, 'x', sizeof(argument));
	argument[sizeof(argument) - 1] = '\0';
	target.argv = argv;
	assert_null(asb_exec_open(&kubeconfig, &target, &err));
	assert_non_null(strstr(err.message, "longer than 1900 bytes"));
}

static void takes_credentials_and_name(void **state)
{
	struct asb_kubeconfig kubeconfig = {.server = (char *)"https://10.0.0.1",
					    .tls_server_name = (char *)"kube.test",
					    .token = (char *)"t0ken"};
	struct asb_exec_request request;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	forget_proxies();
	assert_int_equal(asb_exec_request_init(&request, &kubeconfig, &TARGET, &err), 0);
	assert_string_equal(request.authorization, "Bearer t0ken");
	assert_string_equal(request.server_name, "kube.test");
	assert_string_equal(request.host_header, "10.0.0.1:443");
	asb_exec_request_release(&request);
	kubeconfig.token = NULL;
	kubeconfig.username = (char *)"me";
	kubeconfig.password = (char *)"secret";
	assert_int_equal(asb_exec_request_init(&request, &kubeconfig, &TARGET, &err), 0);
	assert_string_equal(request.authorization, "Basic bWU6c2VjcmV0");
	asb_exec_request_release(&request);
}

/* --- the proxy -------------------------------------------------------------------------------- */

static void knows_who_needs_no_proxy(void **state)
{
	static const struct {
		const char *list, *host;
		int port;
		bool found;
	} cases[] = {
		{"", "kube.test", 443, false},
		{"*", "kube.test", 443, true},
		{"kube.test", "kube.test", 443, true},
		{"KUBE.test", "kube.TEST", 443, true},
		{"test", "kube.test", 443, true},
		{"est", "kube.test", 443, false},
		{".test", "kube.test", 443, true},
		{".kube.test", "kube.test", 443, false},
		{"*.test", "kube.test", 443, true},
		{"a, b ,kube.test", "kube.test", 443, true},
		{"kube.test:443", "kube.test", 443, true},
		{"kube.test:80", "kube.test", 443, false},
		{"10.0.0.1", "10.0.0.1", 443, true},
		{"10.0.0.1", "10.0.0.10", 443, false},
		{"10.0.0.1:443", "10.0.0.1", 443, true},
		{"10.0.0.0/8", "10.255.0.1", 443, true},
		{"10.0.0.0/8", "11.0.0.1", 443, false},
		{"10.0.0.0/33", "10.0.0.1", 443, false},
		{"10.0.0.0/", "10.0.0.1", 443, false},
		{"10.128.0.0/9", "10.127.0.1", 443, false},
		{"fd00::/8", "fd12::1", 443, true},
		{"fd00::/8", "fe12::1", 443, false},
		{"0.0.0.0/0", "1.2.3.4", 443, true},
		{"0.0.0.0/0", "fd00::1", 443, false},
		{"a b,kube.test", "b", 443, false},
		{"kube.test:", "kube.test", 443, true},
		{",,kube.test,", "kube.test", 443, true},
		{"fd00::1", "fd00:0::1", 443, true},
		{"[fd00::1]:443", "fd00::1", 443, true},
		{"[fd00::1]:80", "fd00::1", 443, false},
		{"10.0.0.0/8", "kube.test", 443, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (asb_proxy_bypassed(cases[i].list, cases[i].host, cases[i].port) !=
		    cases[i].found)
			fail_msg("%s and %s", cases[i].list, cases[i].host);
	}
}

static char *proxy_of(const char *proxy_url, const char *server, struct asb_error *err)
{
	struct asb_kubeconfig kubeconfig = {.proxy_url = (char *)(uintptr_t)proxy_url,
					    .server = (char *)(uintptr_t)server};
	char *out = NULL;

	asb_proxy_choose(&kubeconfig, &out, err);
	return out;
}

static void assert_proxy(const char *proxy_url, const char *server, const char *expected)
{
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT proxy = proxy_of(proxy_url, server, &err);

	assert_false(asb_failed(&err));
	if (expected == NULL)
		assert_null(proxy);
	else
		assert_string_equal(proxy, expected);
}

static void chooses_a_proxy(void **state)
{
	(void)state;
	forget_proxies();
	assert_proxy(NULL, "https://kube.test", NULL);
	assert_proxy("http://p.test:3128", "https://kube.test", "http://p.test:3128");
	assert_proxy("http://me:pw@p.test/", "https://kube.test", "http://me:pw@p.test:80");
	assert_proxy("http://[fd00::1]", "https://kube.test", "http://[fd00::1]:80");
	assert_proxy("http://[fd00::1]:81", "https://kube.test", "http://[fd00::1]:81");
	assert_proxy("HTTPS://p.test", "https://kube.test", "https://p.test:443");
	assert_proxy("socks5://p.test", "https://kube.test", "socks5h://p.test:1080");
	setenv("https_proxy", "http://env.test:1", 1);
	assert_proxy(NULL, "https://kube.test/prefix", "http://env.test:1");
	assert_proxy(NULL, "http://kube.test", NULL);
	setenv("http_proxy", "socks5h://plain.test", 1);
	assert_proxy(NULL, "http://kube.test", "socks5h://plain.test:1080");
	setenv("HTTPS_PROXY", "upper.test:2", 1);
	assert_proxy(NULL, "https://kube.test", "http://upper.test:2");
	assert_proxy(NULL, "https://127.0.0.5:6443", NULL);
	assert_proxy(NULL, "https://localhost", NULL);
	assert_proxy(NULL, "https://[::1]:6443", NULL);
	assert_proxy("http://p.test:3128", "https://localhost", "http://p.test:3128");
	setenv("NO_PROXY", "kube.test:6443,[fd00::7]:443", 1);
	assert_proxy(NULL, "https://kube.test:6443/prefix", NULL);
	assert_proxy(NULL, "https://[fd00::7]", NULL);
	assert_proxy(NULL, "https://kube.test", "http://upper.test:2");
	assert_proxy("http://p.test:3128", "https://kube.test:6443", "http://p.test:3128");
	forget_proxies();
}

static void an_address_that_is_no_proxy_is_refused(void **state)
{
	static const char *const wrong[] = {"ftp://me:pw@p.test", "http://me:pw@", "http://:pw",
					    "http://p test:pw"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct asb_error err = ASB_ERROR_INIT;

		assert_null(proxy_of(wrong[i], "https://kube.test", &err));
		assert_string_equal(err.message, "proxy-url is not the address of a proxy");
	}
}

static void a_proxys_password_is_not_shown(void **state)
{
	struct asb_kubeconfig kubeconfig = {.proxy_url = (char *)(uintptr_t) "http://me:p@w@p.test",
					    .server = (char *)(uintptr_t) "https://kube.test"};
	ASB_TEXT shown = asb_proxy_shown(&kubeconfig);

	(void)state;
	assert_string_equal(shown, "http://p.test:80");
}

/* --- messages --------------------------------------------------------------------------------- */

struct heard {
	char text[256];
};

static void note(void *context, int channel, const void *bytes, size_t n)
{
	struct heard *heard = context;
	size_t at = strlen(heard->text);

	snprintf(heard->text + at, sizeof(heard->text) - at, "%d(%.*s)", channel, (int)n,
		 (const char *)bytes);
}

static void takes_the_channel_once(void **state)
{
	struct asb_exec_demux demux = {.channel = -1};
	struct heard heard = {""};

	(void)state;
	asb_exec_demux_feed(&demux, "\1abc", 4, 1, 0, note, &heard);
	asb_exec_demux_feed(&demux, "\2de", 3, 0, 0, note, &heard); /* a byte of the message */
	asb_exec_demux_feed(&demux, "", 0, 0, 1, note, &heard);
	asb_exec_demux_feed(&demux, "", 0, 1, 1, note, &heard);	  /* an empty message */
	asb_exec_demux_feed(&demux, "\1", 1, 1, 1, note, &heard); /* nothing but the channel */
	asb_exec_demux_feed(&demux, "", 0, 1, 0, note, &heard);
	asb_exec_demux_feed(&demux, "\2", 1, 0, 0, note, &heard);
	asb_exec_demux_feed(&demux, "x", 1, 0, 1, note, &heard);
	assert_string_equal(heard.text, "1(abc)1(\2de)2(x)");
}

static void reads_a_status(void **state)
{
	static const struct {
		const char *json;
		bool valid, success;
		int exit_code;
	} cases[] = {
		{OK_STATUS, true, true, 0},
		{"", false, false, -1},
		{"{}", false, false, -1},
		{"[1]", false, false, -1},
		{"not JSON", false, false, -1},
		{"{\"status\":\"Success\"", false, false, -1},
		{"{\"status\":\"Failure\",\"message\":\"m\"}", true, false, -1},
		{"{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"X\"},"
		 "{\"reason\":\"ExitCode\",\"message\":\"137\"}]}}",
		 true, false, 137},
		{"{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		 "\"message\":\"1x\"}]}}",
		 true, false, -1},
		{"{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		 "\"message\":\"256\"}]}}",
		 true, false, -1},
		{"{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		 "\"message\":\"\"}]}}",
		 true, false, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_exec_status status =
			asb_exec_status_read(cases[i].json, strlen(cases[i].json));

		assert_int_equal(status.valid, cases[i].valid);
		assert_int_equal(status.success, cases[i].success);
		assert_int_equal(status.exit_code, cases[i].exit_code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understands_servers),
		cmocka_unit_test(refuses_other_servers),
		cmocka_unit_test(takes_no_path_tricks),
		cmocka_unit_test(refuses_too_long_a_path),
		cmocka_unit_test(takes_credentials_and_name),
		cmocka_unit_test(knows_who_needs_no_proxy),
		cmocka_unit_test(chooses_a_proxy),
		cmocka_unit_test(an_address_that_is_no_proxy_is_refused),
		cmocka_unit_test(a_proxys_password_is_not_shown),
		cmocka_unit_test(takes_the_channel_once),
		cmocka_unit_test(reads_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
