/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the body of an answer (the first two choose its status), and as the Status that ends
 * an exec stream: an error with words, whose text steers no terminal, or a tree.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/api.h"
#include "plugin/kube/exec_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
	if (!truth)
		abort();
}

static void answer(int status, const char *bytes, size_t n)
{
	struct asb_http_request request;
	struct asb_error err = ASB_ERROR_INIT;
	cJSON *body;

	asb_http_request_init(&request, "GET", "/api");
	request.done = true;
	request.status = status;
	asb_buffer_add(&request.response, bytes, n);
	body = asb_api_result(&request, &err);
	require((body == NULL) == (err.message[0] != '\0'));
	if (status / 100 != 2) {
		require(body == NULL);
		require(err.http == status);
		require(strnlen(err.reason, sizeof(err.reason)) < sizeof(err.reason));
	}
	cJSON_Delete(body);
	asb_http_request_release(&request);
}

static void end_of_stream(const char *bytes, size_t n)
{
	struct asb_exec_status status = asb_exec_status_read(bytes, n);

	require(strnlen(status.message, sizeof(status.message)) < sizeof(status.message));
	require(!status.success || status.valid);
	require(status.exit_code >= -1 && status.exit_code <= 255);
	require(!status.success || status.exit_code <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int status;

	if (size < 2)
		return 0;
	status = 100 + (data[0] << 8 | data[1]) % 500;
	answer(status, (const char *)data + 2, size - 2);
	end_of_stream((const char *)data, size);
	return 0;
}
