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
		const char *server, *host, *prefix;
	} cases[] = {
		{"https://kube", "kube:443", ""},
		{"https://kube:6443", "kube:6443", ""},
		{"HTTPS://10.0.0.1:1", "10.0.0.1:1", ""},
		{"https://[fd00::1]:6443", "[fd00::1]:6443", ""},
		{"https://[fd00::1]", "[fd00::1]:443", ""},
		{"https://r.test/k8s/clusters/c-1", "r.test:443", "/k8s/clusters/c-1"},
		{"https://r.test/prefix//", "r.test:443", "/prefix"},
		{"http://127.0.0.1:8001", "127.0.0.1:8001", ""},
		{"http://h", "h:80", ""},
		{"https://kube:", "kube:443", ""}, /* a URL's good right */
	};

	(void)state;
	forget_proxies();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_kubeconfig kubeconfig = {.server = (char *)cases[i].server};
		struct asb_error err = ASB_ERROR_INIT;
		struct asb_http_stream *stream = asb_http_stream_new(&kubeconfig, &err);

		assert_non_null(stream);
		assert_string_equal(asb_http_stream_host(stream), cases[i].host);
		assert_string_equal(asb_http_stream_prefix(stream), cases[i].prefix);
		asb_http_stream_free(stream);
	}
}

static void refuses_other_servers(void **state)
{
	static const char *const cases[] = {
		"https://",	    "https://:443",	 "https://kube:65536",
		"https://kube:12x", "https://[fd00::1",	 "https://[]",
		"https://[::1]x",   "https://kube: 443", "https://kube:+1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_kubeconfig kubeconfig = {.server = (char *)cases[i]};
		struct asb_error err = ASB_ERROR_INIT;

		if (asb_http_stream_new(&kubeconfig, &err) != NULL)
			fail_msg("%s is a server", cases[i]);
		assert_true(asb_failed(&err));
	}
}

static int ask_for(struct asb_exec_request *request, const struct asb_kubeconfig *kubeconfig,
		   const struct asb_exec_target *target)
{
	struct asb_error err = ASB_ERROR_INIT;

	*request = (struct asb_exec_request){.key = ""};
	return asb_exec_request_init(request, kubeconfig, target, "kube:443", "/prefix", &err);
}

static void asks_for_an_upgrade(void **state)
{
	struct asb_kubeconfig kubeconfig = {.server = (char *)"https://kube"};
	struct asb_exec_request request;
	ASB_TEXT expected = NULL;

	(void)state;
	assert_int_equal(ask_for(&request, &kubeconfig, &TARGET), 0);
	expected = asb_strf("GET /prefix/api/v1/namespaces/ns/pods/pod-1/exec?container=main"
			    "&command=%%2Fx%%2Fshim&command=connect%%20it"
			    "&stdin=true&stdout=true&stderr=true HTTP/1.1\r\nHost: kube:443\r\n"
			    "User-Agent: kubectl-agentsandbox/" ASB_VERSION "\r\n"
			    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
			    "Sec-WebSocket-Version: 13\r\n"
			    "Sec-WebSocket-Protocol: v5.channel.k8s.io,v4.channel.k8s.io\r\n\r\n",
			    request.key);
	assert_string_equal(request.text.data, expected);
	asb_exec_request_release(&request);
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

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		assert_int_equal(ask_for(&request, &kubeconfig, &targets[i]), -1);
		asb_exec_request_release(&request);
	}
	odd.container = "a/b?c&d";
	assert_int_equal(ask_for(&request, &kubeconfig, &odd), 0);
	assert_non_null(strstr(request.text.data, "container=a%2Fb%3Fc%26d&"));
	asb_exec_request_release(&request);
}

static void refuses_too_long_a_path(void **state)
{
	char argument[9000];
	const char *const argv[] = {argument, NULL};
	struct asb_exec_target target = TARGET;
	struct asb_kubeconfig kubeconfig = {.server = (char *)"https://kube"};
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	memset(argument, 'x', sizeof(argument));
	argument[sizeof(argument) - 1] = '\0';
	target.argv = argv;
	assert_null(asb_exec_open(&kubeconfig, &target, &err));
	assert_non_null(strstr(err.message, "longer than 8192 bytes"));
}

static void takes_credentials(void **state)
{
	char *headers[] = {(char *)"Impersonate-User: jane", (char *)"Impersonate-Group: dev"};
	struct asb_kubeconfig kubeconfig = {
		.server = (char *)"https://kube", .token = (char *)"t0ken", .headers = headers};
	struct asb_exec_request request;

	(void)state;
	kubeconfig.header_count = 2;
	assert_int_equal(ask_for(&request, &kubeconfig, &TARGET), 0);
	assert_non_null(strstr(request.text.data, "\r\nAuthorization: Bearer t0ken\r\n"
						  "Impersonate-User: jane\r\n"
						  "Impersonate-Group: dev\r\n\r\n"));
	asb_exec_request_release(&request);
	kubeconfig.token = NULL;
	kubeconfig.username = (char *)"me";
	kubeconfig.password = (char *)"secret";
	assert_int_equal(ask_for(&request, &kubeconfig, &TARGET), 0);
	assert_non_null(
		strstr(request.text.data, "\r\nAuthorization: Basic bWU6c2VjcmV0\r\nImpersonate"));
	asb_exec_request_release(&request);
}

/* --- the answer ------------------------------------------------------------------------------- */

/* What an answer is judged to be once it is whole, at each of its bytes. */
static void answers_are_judged_as_soon_as_they_can(void **state)
{
	static const struct {
		const char *bytes;
		enum asb_exec_verdict verdict;
		const char *text; /* body or problem */
		size_t more;	  /* bytes behind what is needed for it */
	} cases[] = {
		{"HTTP/1.1 403 F\r\nContent-Length: 3\r\n\r\nnot", ASB_EXEC_REFUSED, "not", 0},
		{"HTTP/1.1 403 F\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nno\r\n1;x\r\nt\r\n"
		 "0\r\n\r\n",
		 ASB_EXEC_REFUSED, "not", 2},
		{"HTTP/1.1 403 F\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ASB_EXEC_REFUSED, "",
		 0},
		{"HTTP/1.0 204 \r\nContent-Length: 0\r\n\r\n", ASB_EXEC_REFUSED, "", 0},
		{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n", ASB_EXEC_NO_ANSWER,
		 "not a WebSocket upgrade", 0},
		{"SSH-2.0-x\r\n\r\n", ASB_EXEC_NO_ANSWER, "not HTTP", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asb_exec_answer answer = {.status = 0};
		size_t n = strlen(cases[i].bytes);

		asb_buffer_init(&answer.body);
		for (size_t at = 0; at <= n; at++) {
			ASB_TEXT part = asb_strndup(cases[i].bytes, at);

			asb_exec_answer_read(&answer, part, at, false, "");
			assert_int_equal(answer.verdict,
					 at < n - cases[i].more ? ASB_EXEC_MORE : cases[i].verdict);
		}
		if (answer.verdict == ASB_EXEC_REFUSED)
			assert_string_equal(answer.body.data, cases[i].text);
		else
			assert_non_null(strstr(answer.problem, cases[i].text));
		asb_buffer_release(&answer.body);
	}
}

static void an_upgrade_must_be_in_order(void **state)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	static const struct {
		const char *headers, *problem;
	} cases[] = {
		{"upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\nSEC-WebSocket-Accept:\t"
		 "s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n",
		 NULL},
		{"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
		 "s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n",
		 "not a WebSocket upgrade"},
		{"Upgrade: SPDY/3.1\r\nConnection: Upgrade\r\n", "not a WebSocket upgrade"},
		{"Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Accept: "
		 "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
		 "not a WebSocket upgrade"},
		{"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
		 "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: x\r\n",
		 "not a WebSocket upgrade"},
		{"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
		 "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
		 "neither v5.channel.k8s.io nor v4"},
		{"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
		 "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io,v4.cha"
		 "nnel.k8s.io\r\n",
		 "subprotocol not asked for"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASB_TEXT text = asb_strf("HTTP/1.1 101 X\r\n%s\r\n\x82", cases[i].headers);
		struct asb_exec_answer answer = {.status = 0};

		asb_buffer_init(&answer.body);
		asb_exec_answer_read(&answer, text, strlen(text), false, key);
		if (cases[i].problem == NULL) {
			assert_int_equal(answer.verdict, ASB_EXEC_UPGRADED);
			assert_int_equal(answer.head, strlen(text) - 1);
		} else {
			assert_int_equal(answer.verdict, ASB_EXEC_NO_ANSWER);
			assert_non_null(strstr(answer.problem, cases[i].problem));
		}
		asb_buffer_release(&answer.body);
	}
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
		cmocka_unit_test(asks_for_an_upgrade),
		cmocka_unit_test(takes_no_path_tricks),
		cmocka_unit_test(refuses_too_long_a_path),
		cmocka_unit_test(takes_credentials),
		cmocka_unit_test(answers_are_judged_as_soon_as_they_can),
		cmocka_unit_test(an_upgrade_must_be_in_order),
		cmocka_unit_test(knows_who_needs_no_proxy),
		cmocka_unit_test(chooses_a_proxy),
		cmocka_unit_test(an_address_that_is_no_proxy_is_refused),
		cmocka_unit_test(a_proxys_password_is_not_shown),
		cmocka_unit_test(takes_the_channel_once),
		cmocka_unit_test(reads_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
