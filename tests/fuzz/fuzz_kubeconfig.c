/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as one or two configuration files (cut at the first NUL): refused with words, or an
 * answer that keeps its promises. Files they name are not read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/kubeconfig_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
	if (!truth)
		abort();
}

static int no_file(const char *path, size_t limit, struct asb_buffer *out, struct asb_error *err)
{
	(void)limit;
	(void)err;
	require(path != NULL);
	return asb_buffer_addstr(out, "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n");
}

static void check(const struct asb_kubeconfig *got)
{
	size_t n = strlen(got->server);

	require(strncmp(got->server, "https://", 8) == 0 || got->token == NULL);
	require(strncmp(got->server, "http", 4) == 0 && got->server[n - 1] != '/');
	require(strpbrk(got->server, " \r\n?#") == NULL);
	require(got->token == NULL || strpbrk(got->token, "\r\n") == NULL);
	require(got->token == NULL || got->username == NULL);
	require(got->client_certificate_pem == NULL || got->client_key_pem != NULL);
	for (size_t i = 0; i < got->header_count; i++)
		require(strpbrk(got->headers[i], "\r\n") == NULL);
	require(got->ca_pem == NULL || !got->insecure_skip_tls_verify);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct asb_kubeconfig_flags flags[] = {
		{0},
		{.context = "c"},
		{.cluster = "c", .user = "u"},
		{.server = "https://h", .token = "t", .as = "a"}};
	static const struct asb_kubeconfig_env env;
	struct asb_kubeconfig_files files = {.read = no_file};
	struct asb_error err = ASB_ERROR_INIT;
	struct asb_kubeconfig got;
	const uint8_t *cut = memchr(data, '\0', size);
	size_t first = cut == NULL ? size : (size_t)(cut - data);
	int rc = asb_kubeconfig_files_add_text(&files, "/a", (const char *)data, first, &err);

	if (rc == 0 && cut != NULL)
		rc = asb_kubeconfig_files_add_text(&files, "/b", (const char *)cut + 1,
						   size - first - 1, &err);
	require(rc == 0 || err.message[0] != '\0');
	for (size_t i = 0; rc == 0 && i < sizeof(flags) / sizeof(flags[0]); i++) {
		asb_error_clear(&err);
		if (asb_kubeconfig_resolve(&files, &flags[i], &env, &got, &err) == 0)
			check(&got);
		else
			require(err.message[0] != '\0' && got.server == NULL);
		asb_kubeconfig_release(&got);
	}
	asb_kubeconfig_files_release(&files);
	return 0;
}
