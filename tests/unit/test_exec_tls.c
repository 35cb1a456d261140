/* SPDX-License-Identifier: Apache-2.0 */
/* Exec streams over TLS: whom they trust, what they ask for and what they show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "tests/unit/exec_common.h"
#include "tests/unit/fake_tls.h"

/* --- TLS -------------------------------------------------------------------------------------- */

struct vault {
	struct fake_identity ca, other, middle, server, client;
	struct asb_buffer ca_pem, other_pem, bundle_pem, client_pem, key_pem;
};

static int open_vault(void **state)
{
	struct vault *vault = asb_calloc(1, sizeof(*vault));

	vault->ca = identity_make("the authority", NULL, NULL);
	vault->other = identity_make("another authority", NULL, NULL);
	vault->middle = identity_make("in between", &vault->ca, NULL);
	vault->server = identity_make("server", &vault->ca, "DNS:kube.test,IP:127.0.0.1,IP:::1");
	vault->client = identity_make("client", &vault->middle, "DNS:me");
	asb_buffer_init(&vault->ca_pem);
	asb_buffer_init(&vault->other_pem);
	asb_buffer_init(&vault->bundle_pem);
	asb_buffer_init(&vault->client_pem);
	asb_buffer_init(&vault->key_pem);
	certificate_pem(&vault->ca, &vault->ca_pem);
	certificate_pem(&vault->other, &vault->other_pem);
	certificate_pem(&vault->other, &vault->bundle_pem);
	certificate_pem(&vault->ca, &vault->bundle_pem);
	certificate_pem(&vault->client, &vault->client_pem);
	certificate_pem(&vault->middle, &vault->client_pem);
	key_pem(&vault->client, &vault->key_pem);
	*state = vault;
	return 0;
}

static int close_vault(void **state)
{
	struct vault *vault = *state;

	identity_free(&vault->ca);
	identity_free(&vault->other);
	identity_free(&vault->middle);
	identity_free(&vault->server);
	identity_free(&vault->client);
	asb_buffer_release(&vault->ca_pem);
	asb_buffer_release(&vault->other_pem);
	asb_buffer_release(&vault->bundle_pem);
	asb_buffer_release(&vault->client_pem);
	asb_buffer_release(&vault->key_pem);
	free(vault);
	return 0;
}

/* Returns the stream's result. */
static int visit(struct fake_tls *server, struct asb_kubeconfig *kubeconfig, struct asb_error *err)
{
	struct asb_buffer out = ASB_BUFFER_INIT;
	struct asb_exec *exec;
	int rc;

	forget_proxies();
	kubeconfig->server = server->url;
	exec = asb_exec_open(kubeconfig, &TARGET, err);
	rc = -1;
	if (exec != NULL) {
		converse(exec, &out, NULL, 0);
		rc = asb_exec_result(exec, err);
	}
	if (rc == 0)
		assert_string_equal(out.data, "over TLS");
	else
		assert_int_equal(out.length, 0);
	asb_exec_close(exec);
	fake_tls_stop(server);
	assert_int_equal(server->served, rc == 0);
	asb_buffer_release(&out);
	return rc;
}

static void verifies_the_server(void **state)
{
	struct vault *vault = *state;
	struct {
		const char *ca, *name;
		bool insecure;
		const char *words; /* NULL: it is trusted */
		const char *seen;  /* server name of the handshake */
	} cases[] = {
		{vault->ca_pem.data, NULL, false, NULL, ""},
		{vault->ca_pem.data, "kube.test", false, NULL, "kube.test"},
		{vault->bundle_pem.data, NULL, false, NULL, ""},
		{vault->ca_pem.data, "other.test", false, "target host name 'other.test'", NULL},
		{vault->ca_pem.data, "127.0.0.2", false, "target host name '127.0.0.2'", NULL},
		{vault->other_pem.data, NULL, false, "certificate", NULL},
		{NULL, NULL, false, "certificate", NULL},
		{NULL, "other.test", true, NULL, "other.test"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_tls server = {.listener = -1};
		struct asb_kubeconfig kubeconfig = {
			.ca_pem = (char *)cases[i].ca,
			.tls_server_name = (char *)cases[i].name,
			.insecure_skip_tls_verify = cases[i].insecure,
		};
		struct asb_error err = ASB_ERROR_INIT;

		assert_true(fake_tls_start(&server, &vault->server, AF_INET));
		assert_int_equal(visit(&server, &kubeconfig, &err),
				 cases[i].words == NULL ? 0 : -1);
		if (cases[i].words == NULL) {
			assert_string_equal(server.server_name, cases[i].seen);
			assert_string_equal(server.host, server.url + strlen("https://"));
		} else if (strstr(err.message, cases[i].words) == NULL ||
			   strstr(err.message, "TLS verification of https://") == NULL) {
			fail_msg("\"%s\" does not hold \"%s\"", err.message, cases[i].words);
		}
	}
}

static void verifies_an_ipv6_address(void **state)
{
	struct vault *vault = *state;
	struct fake_identity stranger = identity_make("x", &vault->ca, "DNS:x.test,IP:127.0.0.1");

	for (int i = 0; i < 2; i++) {
		struct fake_tls server = {.listener = -1};
		struct asb_kubeconfig kubeconfig = {.ca_pem = vault->ca_pem.data};
		struct asb_error err = ASB_ERROR_INIT;

		if (!fake_tls_start(&server, i == 0 ? &vault->server : &stranger, AF_INET6)) {
			print_message("no IPv6 on this machine\n");
			identity_free(&stranger);
			skip();
		}
		assert_int_equal(visit(&server, &kubeconfig, &err), i == 0 ? 0 : -1);
		if (i == 1)
			assert_non_null(strstr(err.message, "target host name '::1'"));
	}
	identity_free(&stranger);
}

static void shows_its_certificates(void **state)
{
	struct vault *vault = *state;
	struct fake_tls server = {.listener = -1, .wants_client = true};
	struct asb_kubeconfig kubeconfig = {
		.ca_pem = vault->ca_pem.data,
		.client_certificate_pem = vault->client_pem.data,
		.client_key_pem = vault->key_pem.data,
	};
	struct asb_error err = ASB_ERROR_INIT;

	assert_true(fake_tls_start(&server, &vault->server, AF_INET));
	assert_int_equal(visit(&server, &kubeconfig, &err), 0);
	assert_int_equal(server.client_chain, 2);
}

static void goes_through_a_proxy(void **state)
{
	struct vault *vault = *state;
	struct fake_tls server = {.listener = -1, .is_proxy = true};
	struct asb_kubeconfig kubeconfig = {.ca_pem = vault->ca_pem.data};
	struct asb_error err = ASB_ERROR_INIT;
	ASB_TEXT proxy = NULL;

	assert_true(fake_tls_start(&server, &vault->server, AF_INET));
	proxy = asb_strf("http://me:secret@%s/", server.url + strlen("https://"));
	kubeconfig.proxy_url = proxy;
	snprintf(server.url, sizeof(server.url), "https://kube.test:6443");
	assert_int_equal(visit(&server, &kubeconfig, &err), 0);
	assert_memory_equal(server.connect, "CONNECT kube.test:6443 HTTP/1.1\r\n", 33);
	assert_non_null(
		strcasestr(server.connect, "\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"));
	assert_string_equal(server.server_name, "kube.test");
}

static void refuses_broken_pem(void **state)
{
	struct vault *vault = *state;
	struct asb_kubeconfig cases[] = {
		{.ca_pem = (char *)"nothing"},
		{.ca_pem =
			 (char *)"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
		{.client_certificate_pem = (char *)"nothing",
		 .client_key_pem = vault->key_pem.data},
		{.client_certificate_pem = vault->client_pem.data,
		 .client_key_pem = (char *)"nothing"},
		{.client_certificate_pem = vault->ca_pem.data,
		 .client_key_pem = vault->key_pem.data},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_tls server = {.listener = -1};
		struct asb_error err = ASB_ERROR_INIT;

		cases[i].insecure_skip_tls_verify = cases[i].ca_pem == NULL;
		assert_true(fake_tls_start(&server, &vault->server, AF_INET));
		assert_int_equal(visit(&server, &cases[i], &err), -1);
		if (strstr(err.message, cases[i].ca_pem != NULL ? "certificate" : "client ") ==
		    NULL)
			fail_msg("%s", err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(verifies_the_server, open_vault, close_vault),
		cmocka_unit_test_setup_teardown(verifies_an_ipv6_address, open_vault, close_vault),
		cmocka_unit_test_setup_teardown(shows_its_certificates, open_vault, close_vault),
		cmocka_unit_test_setup_teardown(goes_through_a_proxy, open_vault, close_vault),
		cmocka_unit_test_setup_teardown(refuses_broken_pem, open_vault, close_vault),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL's, where the test's server writes to who has left */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
